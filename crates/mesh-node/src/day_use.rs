//! What a domain has published today already, where a new epoch begins.

use mesh_event::{EventKind, FeedEvent, FeedId};
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_store::Store;

use crate::core::storage_error;
use crate::limits::DayUse;

/// What the domain used up of its last day in earlier epochs, as far as those lie here: a new epoch is no new day. Their events say it, for
/// another node may have written them.
///
/// # Errors
/// [`Code::StorageFailed`], [`Code::Damaged`] when they cannot be read.
pub(crate) fn of_earlier_epochs(store: &Store, id: &FeedId) -> Result<DayUse, MeshError> {
    const PAGE: usize = 256;
    let damaged = |error: &dyn std::fmt::Display| MeshError::new(Code::Damaged, error.to_string());
    let mut used = DayUse::default();
    let feeds = store.feeds_of(id.domain.as_str()).map_err(|e| storage_error(&e))?;
    let mut earlier: Vec<_> = feeds.into_iter().filter(|feed| feed.epoch() < id.epoch).collect();
    earlier.sort_unstable_by_key(|feed| std::cmp::Reverse(feed.epoch()));
    // From the newest event back, to the first one of a day before.
    for feed in earlier {
        let feed = store.feed(feed);
        let mut to = feed.log().size().map_err(|e| damaged(&e))?;
        while to > 0 {
            let from = to.saturating_sub(PAGE as u64);
            for (_, bytes) in feed.log().leaves(from..to, PAGE).map_err(|e| damaged(&e))?.into_iter().rev() {
                let event = FeedEvent::decode(&bytes).map_err(|e| damaged(&e))?;
                let is_command = matches!(event.kind, EventKind::Command { .. });
                if is_command && !used.count(bytes.len() as u64, event.at_unix_ms) {
                    return Ok(used);
                }
            }
            to = from;
        }
    }
    Ok(used)
}
