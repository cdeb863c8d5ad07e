//! The event by which a feed says that the ledger refused one of its commands.
//!
//! It is a function of what stands before it in the feed and of the ledger's leaf, and of nothing else: where every copy of it is lost, it
//! can be made again, byte for byte, by whoever has the ledger (`replicas::from_ledger`).

use mesh_event::{EventKind, FeedEvent, FeedId, LedgerLeaf};
use mesh_model::MeshId;
use mesh_tlog::Hash;

/// Where a feed ends before an event.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    /// The event's number.
    pub(crate) seq: u64,
    /// The leaf hash of the event before.
    pub(crate) previous_leaf: Hash,
    /// What the events before name at least.
    pub(crate) ledger_size: u64,
}

/// The verdict on a command; `outbox` is the command's number, `leaf` the one that refused it.
pub(crate) fn verdict(mesh: MeshId, feed: &FeedId, before: &Before, outbox: u64, leaf: &LedgerLeaf) -> FeedEvent {
    FeedEvent {
        mesh_id: mesh,
        feed: feed.clone(),
        seq: before.seq,
        previous_leaf: before.previous_leaf,
        ledger_size: before.ledger_size.max(leaf.index + 1),
        at_unix_ms: leaf.stamp_unix_ms,
        kind: EventKind::Verdict {
            outbox,
            ledger_index: leaf.index,
            code: leaf.outcome.code.number(),
            detail: leaf.outcome.detail.clone(),
        },
    }
}
