//! The ledger of nodes outside Raft: tailed from any peer, believed for its checkpoints, decided again.
//!
//! ```text
//!  any node: server ---- checkpoint, handovers ----> session: counts by the voters that handovers lead to?
//!              |    ---- leaves, consistency -------> session: the beginning of the checkpoint's ledger? -> LedgerTail decides again
//!              |    ---- checkpoint of the same size: nothing changed until then
//! ```
//!
//! | part | does |
//! |---|---|
//! | [`server`] | sends leaves in batches that each prove themselves, so that a reader goes on anywhere after a break |
//! | [`TailSession`] | what one stream has said so far; nothing beyond a counting checkpoint is applied |
//! | [`upstream`] | whom a node tails: the load spreads, and nobody depends on one peer |
//! | `until` | a stream that is taken until its ledger shows something |
//! | [`follow`] | the task of an observer: one stream after the other, until Raft has the say |
//!
//! A sender can hold news back and send garbage; it can't make a node believe anything. A peer that is silent or behind is left for the
//! next one.

pub mod follow;
pub mod server;
mod session;
mod until;
pub mod upstream;

pub use session::{SessionError, Step, TailSession};
pub(crate) use until::until;
