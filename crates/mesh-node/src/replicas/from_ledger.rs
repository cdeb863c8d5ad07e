//! What the ledger itself holds of a feed: the exact events of the commands that it decided on.
//!
//! The last events that a home had sealed may be in no copy yet when its disk dies. A new epoch goes on with everything that the ledger
//! covers, so without them nobody could write the domain's feed any more. They are taken from the leaves, and count only if the tree of
//! the copy and them has the root that the ledger names. A verdict or a change of the domain's own rules in between is in no leaf: then
//! only a copy helps.

use std::sync::Arc;

use mesh_event::{FeedEvent, FeedId, LeafEntry};
use mesh_governance::read;
use mesh_model::limits::{FEED_BATCH, FEED_BATCH_BYTES};
use mesh_model::{Code, LedgerIndex};
use mesh_proto::status::MeshError;
use mesh_store::{KeyRange, Page};
use mesh_tlog::leaf_hash;
use tracing::info;

use super::copy::{Copy, KeptHead};
use super::intake::{Goal, check};
use crate::core::{Core, storage_error};
use crate::reads::{HISTORY, Subject};

/// Leaves that are looked at together.
const PAGE: usize = 256;
/// Most bytes of events that are taken so; a copy that lacks more needs another copy.
const MOST_BYTES: usize = 64 << 20;

/// Brings the copy of a feed up to a head that the ledger covers. Returns whether it is there. For a thread that may block.
///
/// # Errors
/// When the ledger or the copy cannot be read or written.
pub(crate) fn fill(core: &Arc<Core>, feed: &FeedId, goal: Goal) -> Result<bool, MeshError> {
    let Some(_busy) = core.replicas.claim(feed) else { return Ok(false) };
    let mut copy = Copy::open(&core.store, feed)?;
    let from = copy.end().size();
    if from >= goal.size {
        return Ok(true);
    }
    let Some(events) = events(core, feed, from, goal.size)? else { return Ok(false) };
    let mut tree = copy.end().frontier.clone();
    for event in &events {
        tree.append(leaf_hash(event));
    }
    if tree.root() != goal.root {
        return Ok(false);
    }
    // The whole is proved; each batch is checked as one that a node sent.
    let head = KeptHead { goal, note: Vec::new() };
    for batch in batches(&events) {
        let mut tree = copy.end().frontier.clone();
        for event in batch {
            tree.append(leaf_hash(event));
        }
        let end = Goal { size: tree.size(), root: tree.root() };
        let next = check(&core.mesh_id, feed, copy.end(), &end, batch, &[], &*core.verified);
        let next = next.map_err(|flaw| MeshError::new(Code::Malformed, flaw.to_string()))?;
        copy.keep(&core.store, batch, next, &head)?;
    }
    info!(domain = %feed.domain, epoch = feed.epoch, count = events.len(), "events that no copy had were taken from the ledger");
    core.replicas.progressed();
    Ok(true)
}

/// The events `from..to`, if each is in a leaf. Looks from the ledger's end back to the first of them.
fn events(core: &Core, feed: &FeedId, from: u64, to: u64) -> Result<Option<Vec<Vec<u8>>>, MeshError> {
    let prefix = Subject::Domain(feed.domain.clone()).prefix();
    let mut range = KeyRange::prefix(prefix);
    let wanted = usize::try_from(to - from).unwrap_or(usize::MAX);
    let (mut found, mut bytes) = (std::collections::BTreeMap::new(), 0_usize);
    loop {
        let page = core.store.index(HISTORY).range(&range, Page::last(PAGE)).map_err(|e| storage_error(&e))?;
        let Some((first, _)) = page.last() else { return Ok(None) };
        range = range.below(first);
        for (key, _) in &page {
            let index = key.split_last_chunk::<8>().map(|(_, index)| LedgerIndex::from_be_bytes(*index));
            let index = index.ok_or_else(|| MeshError::new(Code::Damaged, "the history index is damaged"))?;
            let Some(leaf) = read::leaf(&core.state, index).map_err(|e| core.state_error(&e))? else { continue };
            let LeafEntry::FeedEvent(event) = leaf.entry else { continue };
            let Ok(FeedEvent { feed: of, seq, .. }) = FeedEvent::decode_proposed(&event) else { continue };
            if of != *feed || !(from..to).contains(&seq) {
                continue;
            }
            bytes += event.len();
            // The same event may have come twice: its leaves hold the same bytes, or the root will not be right.
            found.insert(seq, event);
            if bytes > MOST_BYTES {
                return Ok(None);
            }
        }
        if found.len() == wanted {
            return Ok(Some(found.into_values().collect()));
        }
    }
}

/// Slices within the limits of a batch.
fn batches(events: &[Vec<u8>]) -> Vec<&[Vec<u8>]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, event) in events.iter().enumerate() {
        if at > start && (at - start == FEED_BATCH || bytes + event.len() > FEED_BATCH_BYTES) {
            batches.push(&events[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += event.len();
    }
    batches.push(&events[start..]);
    batches
}
