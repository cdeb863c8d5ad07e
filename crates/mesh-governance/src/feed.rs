//! The way into the ledger through a domain's feed: batches under one signed head, fenced by (domain, epoch, outbox
//! number).
//!
//! The fence decides whether a command may be looked at at all. Behind it, the command uses its number up whatever its own
//! outcome is: the feed keeps it, and the next one goes on from there.

use mesh_event::federation::FEDERATION_PROTOCOL;
use mesh_event::{Envelope, EventKind, FeedBatch, FeedEvent, FeedHead, LeafEntry};
use mesh_model::{Code, UnixMs, limits};

use crate::applied::{Applied, Effect};
use crate::apply::{Decided, EVENT_BYTES, Moment, kept, known_mesh, moment, seal};
use crate::authority::malformed;
use crate::commands;
use crate::decision::{Decision, Rejection, Stop, reject, split};
use crate::judge::{Bench, Judge};
use crate::overlay::Overlay;
use crate::records::{FeedCursor, LedgerHead, Mesh, Record as _};
use crate::state::{Damage, StateRead};
use crate::verify::Verify;
use crate::{keys, read};

/// Largest signed head, in bytes: together with the largest event and detail it fits a leaf.
pub use mesh_event::feed_fork::HEAD_NOTE_BYTES;

/// A batch whose limits, delegation, head and chain hold.
pub(crate) struct Opened {
    mesh: Mesh,
    head: FeedHead,
    pub(crate) events: Vec<FeedEvent>,
}

/// Decides on a batch: one leaf per event, the head's note on the last one.
pub(crate) fn apply<S: StateRead, V: Verify>(
    state: &S,
    stamp: UnixMs,
    batch: &FeedBatch,
    verify: &V,
    judge: &dyn Judge,
) -> Result<Vec<Applied>, S::Error> {
    let opened = split(open(state, batch, verify))?;
    let mut overlay = Overlay::new(state);
    let mut all = Vec::with_capacity(batch.events.len());
    for (n, bytes) in batch.events.iter().enumerate() {
        let head = read::head(&overlay)?;
        let at = moment(&head, stamp);
        let (bytes, decided) = match (kept(bytes, EVENT_BYTES), &opened) {
            (Err(too_large), _) => (Vec::new(), Decided::refused(too_large)),
            (Ok(bytes), Err(rejection)) => (bytes, Decided::refused(rejection.clone())),
            (Ok(bytes), Ok(opened)) => (bytes, item(&overlay, opened, n, at, verify, judge)?),
        };
        let is_last = n + 1 == batch.events.len();
        let fits = (1..=HEAD_NOTE_BYTES).contains(&batch.head_note.len());
        let note = (is_last && fits).then(|| batch.head_note.clone());
        let applied = seal(&head, at, LeafEntry::FeedEvent(bytes), note, decided);
        overlay.push(&applied);
        all.push(applied);
    }
    Ok(all)
}

/// Checks what the events of a batch share: limits, delegation, signed head, chain.
pub(crate) fn open<S: StateRead, V: Verify>(state: &S, batch: &FeedBatch, verify: &V) -> Decision<Opened, S> {
    let Some(mesh) = known_mesh(state, verify.newest_protocol())? else {
        return reject(Code::GenesisFirst, "the ledger has no genesis yet");
    };
    let bytes: usize = batch.events.iter().map(Vec::len).sum();
    let (events, note) = (batch.events.len(), batch.head_note.len());
    for (what, found, limit) in [
        ("events", events, limits::FEED_BATCH),
        ("bytes of events", bytes, limits::FEED_BATCH_BYTES),
        ("bytes of head", note, HEAD_NOTE_BYTES),
    ] {
        if found > limit {
            return reject(Code::TooLarge, format!("a batch has {found} {what}; at most {limit} are taken"));
        }
    }
    let Some(first) = batch.events.first() else {
        return reject(Code::Malformed, "a batch has no event");
    };
    let feed = FeedEvent::decode_proposed(first).map_err(|error| Stop::Rejected(malformed::field(&error)))?.feed;
    let domain = crate::authority::active_domain(state, &feed.domain)?;
    let Some(delegation) = domain.delegation else {
        return reject(Code::NotDelegated, format!("no node writes the feed of domain {} yet", feed.domain));
    };
    if feed.epoch != delegation.epoch {
        let detail = format!(
            "epoch {} of the feed of domain {}; epoch {} is in force",
            feed.epoch, feed.domain, delegation.epoch
        );
        return reject(Code::OldEpoch, detail);
    }
    // No feed was ever reported under protocol 1, and no head remembered.
    if let Some(report) = read::containment(state, &feed.domain)? {
        return Err(Stop::Rejected(report.refusal()));
    }
    let Some(node) = read::node(state, delegation.node_id)? else {
        let what = format!("the delegation of domain {}", feed.domain);
        return Err(Stop::State(Damage::new(what, "names an unknown node").into()));
    };
    if let Some(revoked) = read::node_revocation(state, delegation.node_id)? {
        let detail = format!(
            "node {} writes the feed of domain {} and was revoked at index {}",
            revoked.node_id, feed.domain, revoked.index
        );
        return reject(Code::NodeRevoked, detail);
    }
    let head = |error: &_| Stop::Rejected(malformed::head(error));
    let verified: FeedHead =
        verify.head(&batch.head_note, &mesh.mesh_id, &feed, &node.record.key).map_err(|error| head(&error))?;
    let events = verified.check_chain(&mesh.mesh_id, &batch.events).map_err(|error| head(&error))?;
    if let Some(known) = read::ledger_head(state, &feed.domain, feed.epoch)?
        && known.contradicts(&verified)
    {
        return Err(Stop::Rejected(known.contradiction(&feed)));
    }
    Ok(Opened { mesh, head: verified, events })
}

/// What the fence says of one event.
enum Fence<'a> {
    /// It is the next one: its number is used up, and its command decides.
    Next { outbox: u64, envelope: &'a [u8], cursor: FeedCursor },
    /// It comes too early, and nothing changes: the numbers before it may be on their way.
    Early(Rejection),
    /// It can never be the next one, and nothing changes.
    Shut(Rejection),
}

fn item<S: StateRead, V: Verify>(
    state: &S,
    opened: &Opened,
    n: usize,
    at: Moment,
    verify: &V,
    judge: &dyn Judge,
) -> Result<Decided, S::Error> {
    let (mesh, event) = (&opened.mesh, &opened.events[n]);
    let (outbox, envelope, cursor) = match fence(state, event)? {
        Fence::Early(rejection) | Fence::Shut(rejection) => return Ok(Decided::refused(rejection)),
        Fence::Next { outbox, envelope, cursor } => (outbox, envelope, cursor),
    };
    let mut draft = Overlay::new(state);
    let bench = Bench::new(judge);
    let decision = split(decide(&mut draft, mesh, event, envelope, &cursor, at, verify, &bench))?;
    if decision.is_err() {
        draft = Overlay::new(state);
    }
    let next = FeedCursor {
        epoch: cursor.epoch,
        last_outbox: outbox,
        last_seq: Some(event.seq),
        // A size that is ahead or went back is refused and moves nothing.
        last_ledger_size: if event.ledger_size <= at.index {
            cursor.last_ledger_size.max(event.ledger_size)
        } else {
            cursor.last_ledger_size
        },
    };
    draft.put(keys::feed_cursor(&event.feed.domain), next.encode());
    draft.put(keys::outbox(&event.feed.domain, cursor.epoch, outbox), at.index.encode());
    if mesh.protocol_version >= FEDERATION_PROTOCOL && n + 1 == opened.events.len() {
        remember(&mut draft, &opened.head, at)?;
    }
    Ok(Decided { result: decision, changes: draft.into_changes(), verdict: bench.verdict() })
}

/// Keeps the head of a batch, if it is the newest of its feed.
fn remember<S: StateRead>(draft: &mut Overlay<'_, S>, head: &FeedHead, at: Moment) -> Result<(), S::Error> {
    let known = read::ledger_head(draft, &head.feed.domain, head.feed.epoch)?;
    if known.as_ref().is_none_or(|known| known.size < head.size) {
        let next = LedgerHead::of(head, at.index, at.stamp, known.and_then(|known| known.fence));
        draft.put(keys::ledger_head(&head.feed.domain, head.feed.epoch), next.encode());
    }
    Ok(())
}

/// Why proposing an event would be in vain, whatever else is on its way.
pub(crate) fn in_vain<S: StateRead>(state: &S, event: &FeedEvent) -> Result<Option<Rejection>, S::Error> {
    Ok(match fence(state, event)? {
        Fence::Shut(rejection) => Some(rejection),
        Fence::Early(_) | Fence::Next { .. } => None,
    })
}

fn fence<'a, S: StateRead>(state: &S, event: &'a FeedEvent) -> Result<Fence<'a>, S::Error> {
    let feed = &event.feed;
    let shut = |code, detail: String| Ok(Fence::Shut(Rejection::new(code, detail)));
    let EventKind::Command { outbox, envelope } = &event.kind else {
        return shut(
            Code::Malformed,
            format!("event {} of feed {}/{} is no command", event.seq, feed.domain, feed.epoch),
        );
    };
    let outbox = *outbox;
    let cursor = read::feed_cursor(state, &feed.domain)?;
    // `open` matched the epoch with the delegation, and each delegation opens a cursor.
    let Some(cursor) = cursor.filter(|cursor| cursor.epoch == feed.epoch) else {
        let what = format!("the feed cursor of domain {}", feed.domain);
        return Err(Damage::new(what, "is not of the epoch in force").into());
    };
    let number = format!("outbox number {outbox} of feed {}/{}", feed.domain, feed.epoch);
    if outbox == 0 {
        return shut(Code::Malformed, format!("{number}; numbers start at 1"));
    }
    if outbox <= cursor.last_outbox {
        let Some(index) = read::outbox_outcome(state, &feed.domain, feed.epoch, outbox)? else {
            return Err(Damage::new(number, "has no index").into());
        };
        return shut(Code::Duplicate, format!("{number} was decided at index {index}"));
    }
    let expected = cursor.last_outbox + 1;
    if let Some(last) = cursor.last_seq.filter(|last| event.seq <= *last) {
        return shut(Code::Gap, format!("{number} is in event {}; event {last} came before it", event.seq));
    }
    if outbox > expected {
        return Ok(Fence::Early(Rejection::new(Code::Gap, format!("{number}; number {expected} is next"))));
    }
    Ok(Fence::Next { outbox, envelope, cursor })
}

#[expect(clippy::too_many_arguments, reason = "what is decided, where, and by whom; nothing of it belongs together")]
fn decide<S: StateRead, V: Verify>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    event: &FeedEvent,
    envelope: &[u8],
    cursor: &FeedCursor,
    at: Moment,
    verify: &V,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let (named, seen) = (event.ledger_size, cursor.last_ledger_size);
    if named > at.index {
        let detail = format!("the event names ledger size {named}; the ledger has {} leaves", at.index);
        return reject(Code::WrongLedgerSize, detail);
    }
    if named < seen {
        let detail = format!("the event names ledger size {named}; an earlier one of this domain named {seen}");
        return reject(Code::WrongLedgerSize, detail);
    }
    if let Some(fence) = read::ledger_head(draft, &event.feed.domain, event.feed.epoch)?.and_then(|head| head.fence)
        && event.seq >= fence.size
        && named < fence.ledger_size
    {
        let detail = format!(
            "the event names ledger size {named}; the {} events before it were anchored at ledger size {}",
            fence.size, fence.ledger_size
        );
        return reject(Code::WrongLedgerSize, detail);
    }
    let envelope = Envelope::parse(envelope.to_vec()).map_err(|e| Stop::Rejected(malformed::envelope(&e)))?;
    let command = verify
        .command_under(mesh.protocol_version, envelope, &mesh.mesh_id)
        .map_err(|e| Stop::Rejected(malformed::command(&e)))?;
    match command.command().body.feed_domain() {
        Some(domain) if *domain == event.feed.domain => commands::domain_command(draft, &command, named, at, bench),
        Some(domain) => {
            let detail = format!("a command for domain {domain} in the feed of domain {}", event.feed.domain);
            reject(Code::WrongDomain, detail)
        }
        None => {
            let kind = command.command().body.kind();
            reject(Code::Malformed, format!("{kind} goes straight to the ledger, not through a feed"))
        }
    }
}
