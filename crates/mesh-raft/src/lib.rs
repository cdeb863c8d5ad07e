//! openraft glued to store, wire and governance: the ledger's order.
//!
//! # Place
//!
//! Row 4, below `mesh-node`. It is steps 4 (*order*) and 5 (*decide*) of the path of a publish, and the only crate that names openraft.
//!
//! ```text
//! Proposer -> Sequencer --leader--> openraft -> LogStore (raft log)      StateMachine -> ledger, state, applied record (one batch)
//!                  |                   |  ^                                  ^   |
//!                  |                   v  | Vote, AppendStream,              |   +-> Applied (subscribers)
//!                  +--follower--> Peer/Link ... RaftServer  <----------------+
//!                      Propose               InstallSnapshot
//! ```
//!
//! # Parts
//!
//! | type | does |
//! |---|---|
//! | [`RaftNode`] | starts, founds the mesh, tells how it does, stops; on an observer it only waits to be needed |
//! | [`Proposer`] | takes entries on any node, in a bounded queue; the task behind it batches, stamps, admits, or forwards |
//! | [`Dial`], [`PeerIdentity`] | how connections are made, and who is at their other end: the node's, so that all its connections are alike |
//! | `LaterMembers` | whom a node hears that was away while the members were replaced |
//! | `Gate` | what the node does not want to be ordered at present |
//! | [`LogStore`] | openraft's log over the store: readable at once, durable with the group's sync |
//! | [`StateMachine`] | runs of committed entries through `mesh_governance::apply`, one batch each |
//! | [`LedgerTail`] | on nodes outside Raft: takes leaves that a counting checkpoint covers and decides them again |
//! | `Applier` | writes what either of the two decided: ledger and state, one batch per run |
//! | [`StoreState`] | the applied state as governance reads it |
//! | [`RaftServer`] | what peers ask; `Link` is what openraft asks of them |
//! | `GivingWay` | on a leader whose clock is ahead: falls silent, so that another is elected |
//! | `voter_clocks` | how late a stamp may be that a quorum takes |
//! | `VoterFollower` | on the leader: brings Raft's membership to the voters that the ledger names |
//! | [`Refounding`] | after a lost quorum: Raft begins anew on a store that keeps its ledger |
//!
//! # Invariants
//!
//! - A caller is told that *nothing happened* only when the proposal was given up before it was handed to Raft or to the leader
//!   (`Ticket`: one atomic decides between the caller who gives up and the task that hands over). All else is *unknown*.
//! - Stamps never go back. A voter refuses one that is over 30 s ahead of its clock. So a leader whose clock is ahead stamps with the time
//!   that a quorum takes; one whose stamps are refused all the same gives way; and one over 30 s behind ledger time hands over to a voter
//!   that is not. Where nobody is, ledger time stands still until the clocks have caught up.
//! - Ledger, state, applied log id and membership change in one batch. It isn't synced: the raft log is durable before, and the store
//!   keeps the order of batches, so a restart applies again exactly what is lost.
//! - Who votes is decided in the ledger, and Raft follows it, never the other way round: by joint consensus, and only to nodes that are up
//!   to date. Who is set out goes on receiving the log, unless it was revoked.
//! - A node outside Raft applies nothing that no counting checkpoint covers, and nothing that its own rules don't give. When it is to
//!   vote, Raft begins with a snapshot, and has the only say from then on.
//! - No proposal is applied to a ledger without Genesis, which the first leader proposes.
//! - Frames name the voters whom the council recovered; nobody hears those of others. On a store that was refounded, the council's command
//!   is ordered before anything else.
//! - An approval that would set another protocol is ordered only while every voter says that it knows it, and one at a time.
//! - Who lost acknowledged raft bytes doesn't start.
//! - All that waits is bounded: places and bytes in the queue, bytes per message, requests per stream.
//!
//! # Snapshots
//!
//! A snapshot is a marker: it lets the raft log be shortened and copies nothing. When a follower needs one, the sender begins an *export*:
//! it reads the state page by page while entries go on being applied, and whoever changes a key that was not read yet leaves the old
//! value for it (bounded; beyond the bound the export is given up and begun again). So neither memory for a copy nor a pause is needed.
//! The receiver says how many leaves it has, takes the rest and the state into the generation that is not in use, checks root, size
//! and state digest, and switches by one key.
//!
//! # Runtimes
//!
//! [`TypeConfig`], [`LogStore`] and [`StateMachine`] are generic over openraft's `AsyncRuntime`, for simulation. Network, proposer and
//! [`RaftNode`] are on tokio.

mod applied;
mod applied_record;
mod applier;
mod contact;
mod dial;
mod export;
mod exports;
mod forward;
mod frame;
mod gate;
mod giving_way;
mod guess;
mod identity;
mod import;
mod later_members;
mod link;
mod log_store;
mod machine;
mod node;
mod offload;
mod options;
mod other_history;
mod peer;
mod peer_identity;
mod peers;
mod proposal;
mod propose_error;
mod proposer;
mod reads_only;
mod recent_entries;
mod refounding;
mod sealed;
mod sequencer;
mod server;
mod snapshot;
mod start_error;
mod state_machine;
mod status;
mod store_state;
mod tail;
mod ticket;
mod tokio_config;
mod type_config;
mod voter_clocks;
mod voter_follower;
mod waiting;

pub use applied::{Applied, LedgerEnd};
pub use dial::{Dial, Dialing, PlainDial};
pub use identity::{Identity, Mismatch};
pub use log_store::LogStore;
pub use node::RaftNode;
pub use offload::offload;
pub use options::{Clock, RaftOptions};
pub use other_history::OtherHistory;
pub use peer_identity::PeerIdentity;
pub use proposal::Proposal;
pub use propose_error::ProposeError;
pub use proposer::{ENTRY_BYTES, Proposer};
pub use refounding::{RefoundError, Refounding};
pub use sealed::{Sealed, SealedLeaf};
pub use server::RaftServer;
pub use snapshot::{SnapshotBuilder, SnapshotData};
pub use start_error::StartError;
pub use state_machine::{SharedJudge, SharedVerify, StateMachine};
pub use status::{RaftRole, RaftStatus, VoterHeard};
pub use store_state::{StateError, StoreState};
pub use tail::{LedgerTail, TailError, Target};
pub use type_config::TypeConfig;
