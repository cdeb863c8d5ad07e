//! Many nodes in one thread: the production modules over a simulated network, clock and disk, all of it decided by a seed.
//!
//! # Place
//!
//! Above `mesh-node`, beside the lab with real processes (`chaos-tests/process`): that one has the real network, disk and scheduler and
//! no two equal runs; this one has thousands of runs, each of which can be had again.
//!
//! # What is real and what is not
//!
//! Each [`machine`] runs a node that [`mesh_node::assemble`] put together as in `meshd`: Raft, feeds, checkpoints, gossip, copies, tails,
//! TLS between nodes, gRPC. Simulated are
//!
//! | | by |
//! |---|---|
//! | clocks and randomness | [`os`], which answers in the system's place |
//! | threads | none: a runtime of one thread for each machine, each in its turn; what `meshd` gives to other threads runs in place |
//! | connections and datagrams | [`network`] |
//! | the database's disk | `mesh_store::MemDisk`, synced after a drawn time by the machine's disk task |
//!
//! Not simulated are the API port's sockets (clients call its services in place), the search index and the files beside the database
//! (they lie in a folder and lose nothing).
//!
//! # A run
//!
//! [`run`]: a mesh is founded, observers join, domains are admitted; [`clients`] work while [`fault`]s happen; everything is put right;
//! then all nodes have to get whole and every promise has to be kept. After each step [`world`] looks at every new leaf of every node
//! ([`ledger`]), and at what it says of itself; at the end the off-line verifier audits the ledger and the disks are read ([`finish`]).
//!
//! # Invariants
//!
//! - The same seed gives the same trace, in another process too. A process runs one seed.
//! - [`ledger`] and [`oracle`] call no production rule.
//! - A run in which fewer than three faults took effect has failed.

pub mod clients;
pub mod draw;
pub mod fault;
pub mod finish;
pub mod founding;
pub mod inflict;
pub mod job;
pub mod ledger;
pub mod machine;
pub mod network;
pub mod oracle;
pub mod orphans;
pub mod os;
pub mod panics;
pub mod run;
pub mod seven_days;
pub mod stale_peer;
pub mod world;
