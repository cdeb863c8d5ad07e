//! Membership, failure detection and rumours between nodes, as a machine: packets, timers and answers go in, what to do comes
//! out. No sockets, clock, threads or randomness of its own.
//!
//! Row 2 of the workspace, pure: it knows signed heads and keys (`mesh-event`), and asks what the ledger says through
//! [`Directory`]. The shell in `mesh-node` has the socket.
//!
//! ```text
//!  datagram -> handle_packet -\                         /-> Send       datagrams
//!  timer    -> handle_timer   -> Gossip -> poll -> Output -> SetTimer   the machine's clock
//!  answer   -> handle_pull_*  -/    |                   \-> Pull, Push the peer channel
//!                                   foca (SWIM)          -> Event      up, down, a head, a clone ...
//! ```
//!
//! **Failure detection** is foca's SWIM: each node asks one other for a sign of life in each period, then three others to reach it,
//! then gives it time to defend itself. Around it:
//!
//! - every packet is signed for one receiver and one use ([`Header`], [`DropReason`]): a stranger's is dropped unread;
//! - a node is its number; a newer start or life of it wins ([`Identity`]); two processes with one key are noticed;
//! - whoever was admitted is greeted for ever, later and later, so long partitions heal by themselves. Nobody is ever removed: the
//!   ledger says who is a node;
//! - a node whose timers run late waits longer for others, and reads what it has before it judges them.
//!
//! **Heads** of feeds travel as rumours, for speed, and are compared with one other node in each period, for certainty
//! ([`PullRequest`]). A feed has one writer, so epoch, size, root and signature are all there is to compare. **Checkpoints** of the
//! ledger are judged by the ledger, so of these only a hint travels.
//!
//! Invariants kept here: nothing acts on bytes before their signature is checked, and each is checked once; memory is bounded by what
//! the ledger knows, never by what is received; the same seed and inputs give the same outputs.

mod clones;
mod config;
mod content;
mod directory;
mod drop_reason;
mod heads;
mod health;
mod identity;
mod machine;
mod output;
mod packet;
mod peers;
mod pull;
mod random;
mod rejoin;
mod replay;
mod retry;
mod rumour;
mod stats;
mod wire;

pub use config::{GossipConfig, GossipConfigError};
pub use directory::{Admitted, Directory, Writer};
pub use drop_reason::DropReason;
pub use heads::{BUCKETS, HEAD_BYTES, Heads, HeardHead, SignedHead, Taken};
pub use identity::{Claim, Identity};
pub use machine::{Gossip, Setup};
pub use output::{Event, Output, Timer};
pub use packet::{CONTENT_BYTES, HEADER_BYTES, Header, PACKET_BYTES, seal};
pub use peers::{Peer, PeerState};
pub use pull::{PAGE_HEADS, PullAnswer, PullRequest, Push};
pub use rumour::CHECKPOINT_BYTES;
pub use stats::GossipStats;
