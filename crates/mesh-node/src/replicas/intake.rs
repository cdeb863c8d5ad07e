//! What a batch of another node's events has to be before it is kept. Pure: bytes in, the copy's next end or what is wrong out.

use mesh_event::event::NO_LEAF;
use mesh_event::{Envelope, EventKind, FeedEvent, FeedId, SignedFact, SignedRules};
use mesh_governance::Verify;
use mesh_model::{MeshId, limits};
use mesh_tlog::{Frontier, Hash, check_consistency, leaf_hash};

/// The end of a copy: what the next event has to follow.
#[derive(Debug, Clone)]
pub struct CopyEnd {
    /// The tree so far.
    pub frontier: Frontier,
    /// The leaf hash of the last event.
    pub last_leaf: Hash,
    /// The ledger size that it names; later ones name no smaller one.
    pub ledger_size: u64,
    /// The last outbox number; later ones follow without a gap.
    pub outbox: u64,
}

impl CopyEnd {
    /// Of a copy without events.
    pub fn empty() -> Self {
        Self { frontier: Frontier::new(), last_leaf: NO_LEAF, ledger_size: 0, outbox: 0 }
    }

    /// How many events it has.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }
}

/// A head that somebody entitled signed: the feed's writer, or the domain's root for the epoch's last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// How many events.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// What is wrong with a batch; nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The sender's fault: this is not what it was asked for, or not proved.
    #[error("{0}")]
    Sender(String),
    /// The writer's fault: it signed a feed that no honest writer makes. Whoever sends it, nothing of it is kept.
    #[error("its writer signed event {seq}, {what}")]
    Writer {
        /// Which event.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// Checks that the events follow `end` and lie under `goal`: first the proof, so that bytes are looked at only once they are known to
/// be the writer's; then each event, its author's signature included. Returns the end after them.
///
/// # Errors
/// [`Flaw`].
pub fn check(
    mesh: &MeshId,
    feed: &FeedId,
    end: &CopyEnd,
    goal: &Goal,
    events: &[Vec<u8>],
    proof: &[Hash],
    verify: &impl Verify,
) -> Result<CopyEnd, Flaw> {
    let mut next = end.clone();
    fit(events, goal.size.saturating_sub(end.size()))?;
    for bytes in events {
        next.frontier.append(leaf_hash(bytes));
    }
    check_consistency(proof, next.size(), next.frontier.root(), goal.size, goal.root)
        .map_err(|error| Flaw::Sender(format!("events up to {} are not proved: {error}", next.size())))?;
    for (seq, bytes) in (end.size()..).zip(events) {
        follow(mesh, feed, &mut next, seq, bytes, verify).map_err(|what| Flaw::Writer { seq, what })?;
    }
    Ok(next)
}

/// Limits first.
fn fit(events: &[Vec<u8>], wanted: u64) -> Result<(), Flaw> {
    let (count, bytes) = (events.len(), events.iter().map(Vec::len).sum::<usize>());
    let text = match () {
        () if events.is_empty() => "an empty batch of events".to_owned(),
        () if count > limits::FEED_BATCH => {
            format!("{count} events in one batch; at most {} are taken", limits::FEED_BATCH)
        }
        () if bytes > limits::FEED_BATCH_BYTES => {
            format!("{bytes} bytes of events in one batch; at most {} are taken", limits::FEED_BATCH_BYTES)
        }
        () if count as u64 > wanted => format!("{count} events where {wanted} were missing"),
        () => return Ok(()),
    };
    Err(Flaw::Sender(text))
}

fn follow(
    mesh: &MeshId,
    feed: &FeedId,
    end: &mut CopyEnd,
    seq: u64,
    bytes: &[u8],
    verify: &impl Verify,
) -> Result<(), String> {
    let event = FeedEvent::decode(bytes).map_err(|error| error.to_string())?;
    if event.mesh_id != *mesh || event.feed != *feed {
        return Err(format!("which belongs to {}/{}", event.feed.domain, event.feed.epoch));
    }
    if event.seq != seq || event.previous_leaf != end.last_leaf {
        return Err(format!("which says to be event {} and does not follow the one before", event.seq));
    }
    if event.ledger_size < end.ledger_size {
        return Err(format!("which names ledger size {} after {}", event.ledger_size, end.ledger_size));
    }
    match event.kind {
        EventKind::Command { outbox, envelope } => {
            if end.outbox.checked_add(1) != Some(outbox) {
                return Err(format!("which has outbox number {outbox} after {}", end.outbox));
            }
            let envelope = Envelope::parse(envelope).map_err(|error| error.to_string())?;
            let signed = verify.command(envelope, mesh).map_err(|error| error.to_string())?;
            if signed.command().body.feed_domain() != Some(&feed.domain) {
                return Err("which holds a command that is none of the domain".to_owned());
            }
            end.outbox = outbox;
        }
        EventKind::Rules { envelope } => {
            let envelope = Envelope::parse(envelope).map_err(|error| error.to_string())?;
            let signed = SignedRules::verify(envelope, mesh).map_err(|error| error.to_string())?;
            let set = signed.rules();
            if (&set.domain, set.epoch) != (&feed.domain, feed.epoch) {
                return Err(format!("which holds rules of {}/{}", set.domain, set.epoch));
            }
        }
        EventKind::Fact { envelope } => {
            let envelope = Envelope::parse(envelope).map_err(|error| error.to_string())?;
            let signed = SignedFact::verify(envelope, mesh).map_err(|error| error.to_string())?;
            if signed.fact().domain != feed.domain {
                return Err(format!("which holds a fact of {}", signed.fact().domain));
            }
        }
        EventKind::Verdict { .. } => {}
    }
    end.last_leaf = leaf_hash(bytes);
    end.ledger_size = event.ledger_size;
    Ok(())
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
