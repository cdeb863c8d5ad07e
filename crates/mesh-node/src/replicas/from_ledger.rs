//! What the ledger itself holds of a feed: the exact events of the commands that it decided on.
//!
//! The last events that a home had sealed may be in no copy yet when its disk dies. A new epoch goes on with everything that the ledger
//! covers, so without them nobody could write the domain's feed any more. They are taken from the leaves, and count only if the tree of
//! the copy and them has the root that the ledger names. A verdict or a change of the domain's own rules in between is in no leaf: then
//! only a copy helps.

use std::sync::Arc;

use mesh_event::{FeedEvent, FeedId, LeafEntry};
use mesh_governance::read;
use mesh_model::Code;
use mesh_model::limits::{FEED_BATCH, FEED_BATCH_BYTES};
use mesh_proto::status::MeshError;
use mesh_tlog::leaf_hash;
use tracing::info;

use super::copy::{Copy, KeptHead};
use super::intake::{Goal, check};
use crate::core::Core;

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

/// The events `from..to` of an epoch that ended, if each is in a leaf. Each number of the outbox has one leaf that decided on it, so this looks at
/// what is lacking and at nothing else, and stops at the first gap.
fn events(core: &Core, feed: &FeedId, from: u64, to: u64) -> Result<Option<Vec<Vec<u8>>>, MeshError> {
    let fail = |error| core.state_error(&error);
    let ended = read::ended_epoch(&core.state, &feed.domain, feed.epoch).map_err(fail)?;
    let last = ended.map_or(0, |ended| ended.cursor.last_outbox);
    let (mut found, mut bytes, mut next) = (Vec::new(), 0, to);
    for outbox in (1..=last).rev() {
        let index = read::outbox_outcome(&core.state, &feed.domain, feed.epoch, outbox).map_err(fail)?;
        let Some(index) = index else { return Ok(None) };
        let Some(leaf) = read::leaf(&core.state, index).map_err(fail)? else { return Ok(None) };
        let LeafEntry::FeedEvent(event) = leaf.entry else { return Ok(None) };
        let Ok(FeedEvent { seq, .. }) = FeedEvent::decode_proposed(&event) else { return Ok(None) };
        // Behind what the next epoch goes on with.
        if seq >= to {
            continue;
        }
        bytes += event.len();
        if seq + 1 != next || bytes > MOST_BYTES {
            return Ok(None);
        }
        found.push(event);
        next = seq;
        if next == from {
            found.reverse();
            return Ok(Some(found));
        }
    }
    Ok(None)
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
