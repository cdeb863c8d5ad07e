//! What the ledger itself holds of a feed: the exact events of the commands that it decided on, and all that makes the verdicts on those
//! that it refused.
//!
//! The last events that a home had sealed may be in no copy yet when its disk dies. A new epoch goes on with everything that the ledger
//! covers, so without them nobody could write the domain's feed any more. They are taken from the leaves; where no command was, a verdict
//! stood ([`crate::verdict`]), and they came in the order of the commands. All of it counts only if the tree of the copy and them has the
//! root that the ledger names. A change of the domain's own rules in between is in no leaf: then only a copy helps.

use std::collections::{BTreeMap, VecDeque};
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
use crate::feed_writer::is_refusal;
use crate::verdict::{Before, verdict};

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
    let Some(events) = events(core, feed, &copy, goal.size)? else { return Ok(false) };
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

/// The events `from..to` of an epoch that ended, if the ledger has all that makes them.
fn events(core: &Core, feed: &FeedId, copy: &Copy, to: u64) -> Result<Option<Vec<Vec<u8>>>, MeshError> {
    let ended = read::ended_epoch(&core.state, &feed.domain, feed.epoch).map_err(|error| core.state_error(&error))?;
    let last = ended.map_or(0, |ended| ended.cursor.last_outbox);
    let from = copy.end().size();
    // Commands that the copy lacks, and refused ones on which it has no verdict: both lie behind these.
    let told = copy.last_verdict()?;
    let first = copy.end().outbox.min(told) + 1;
    let (mut commands, mut refused, mut bytes) = (BTreeMap::new(), VecDeque::new(), 0);
    for outbox in first..=last {
        let Some(leaf) = core.outcome(feed, outbox)? else { return Ok(None) };
        let LeafEntry::FeedEvent(event) = &leaf.entry else { return Ok(None) };
        let Ok(decoded) = FeedEvent::decode_proposed(event) else { return Ok(None) };
        if (from..to).contains(&decoded.seq) {
            bytes += event.len();
            commands.insert(decoded.seq, event.clone());
        }
        if is_refusal(leaf.outcome.code) && outbox > told {
            refused.push_back((outbox, leaf));
        }
        if bytes > MOST_BYTES {
            return Ok(None);
        }
    }
    let end = copy.end();
    let mut before = Before { seq: from, previous_leaf: end.last_leaf, ledger_size: end.ledger_size };
    let mut events = Vec::new();
    for seq in from..to {
        let (event, ledger_size) = if let Some(event) = commands.remove(&seq) {
            let Ok(decoded) = FeedEvent::decode_proposed(&event) else { return Ok(None) };
            if decoded.previous_leaf != before.previous_leaf {
                return Ok(None);
            }
            (event, decoded.ledger_size)
        } else {
            let Some((outbox, leaf)) = refused.pop_front() else { return Ok(None) };
            let event = verdict(core.mesh_id, feed, &before, outbox, &leaf);
            (event.encode(), event.ledger_size)
        };
        before = Before { seq: seq + 1, previous_leaf: leaf_hash(&event), ledger_size };
        events.push(event);
    }
    Ok(Some(events))
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
