//! One committed entry becomes one leaf per command.

use mesh_event::ledger::EntryBody;
use mesh_event::{LeafEntry, LedgerEntry, LedgerLeaf, Outcome};
use mesh_model::{Code, Digest, LedgerIndex, UnixMs, limits};

use crate::applied::{Applied, Effect, StateChange};
use crate::chain::next_state_digest;
use crate::decision::Rejection;
use crate::judge::{Judge, NoPolicy};
use crate::records::{Head, Mesh, Record as _};
use crate::state::{Damage, StateRead};
use crate::verify::Verify;
use crate::{direct, feed, keys, read};

/// Largest feed event: an envelope and what is around it. `mesh_event::FeedEvent::decode_proposed` draws the same line.
pub(crate) const EVENT_BYTES: usize = limits::ENVELOPE_BYTES + 512;

/// Where and when a command is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The leaf that it becomes; also how many leaves there are before it.
    pub(crate) index: LedgerIndex,
    /// Ledger time.
    pub(crate) stamp: UnixMs,
}

/// What a command came to: effects, or why not; and what changes either way.
pub(crate) struct Decided {
    pub(crate) result: Result<Vec<Effect>, Rejection>,
    /// Sorted by key, without the head.
    pub(crate) changes: Vec<StateChange>,
    /// What standards said, whatever the result.
    pub(crate) verdict: Option<Digest>,
}

impl Decided {
    /// Nothing changes.
    pub(crate) fn refused(rejection: Rejection) -> Self {
        Self { result: Err(rejection), changes: Vec::new(), verdict: None }
    }
}

/// Decides on a committed entry: one [`Applied`] per command in it, in order. Later ones saw the changes of earlier ones;
/// none of them is committed yet.
///
/// # Errors
/// When the state cannot be read or is damaged. Nothing is decided then, and the caller must not go on to the next entry.
pub fn apply<S: StateRead, V: Verify>(state: &S, entry: &LedgerEntry, verify: &V) -> Result<Vec<Applied>, S::Error> {
    apply_with(state, entry, verify, &NoPolicy)
}

/// [`apply`], with this evaluator of standards. It is part of the rules in force: all who apply a ledger use the same.
///
/// # Errors
/// As [`apply`].
pub fn apply_with<S: StateRead, V: Verify>(
    state: &S,
    entry: &LedgerEntry,
    verify: &V,
    judge: &dyn Judge,
) -> Result<Vec<Applied>, S::Error> {
    match &entry.body {
        EntryBody::Envelope(bytes) => Ok(vec![direct::apply(state, entry.stamp_unix_ms, bytes, verify, judge)?]),
        EntryBody::Feed(batch) => feed::apply(state, entry.stamp_unix_ms, batch, verify, judge),
    }
}

/// The mesh, if the rules in force are among those up to version `newest`.
///
/// A build that is too old must not go on with rules that it does not know: its leaves would differ. It stops, and says so.
pub(crate) fn known_mesh<S: StateRead>(state: &S, newest: u32) -> Result<Option<Mesh>, S::Error> {
    let mesh = read::mesh(state)?;
    match &mesh {
        Some(mesh) if mesh.protocol_version > newest => {
            Err(Damage::needs_protocol(mesh.protocol_version, newest).into())
        }
        _ => Ok(mesh),
    }
}

/// The next leaf's place, and ledger time at it: never before the last leaf's.
pub(crate) fn moment(head: &Head, stamp: UnixMs) -> Moment {
    Moment { index: head.size, stamp: stamp.max(head.last_stamp) }
}

/// Bytes as a leaf keeps them. Tiles hold leaves of less than 64 KiB, so what is over the limit leaves only its length and
/// digest, in the rejection.
pub(crate) fn kept(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Rejection> {
    if bytes.len() <= limit {
        return Ok(bytes.to_vec());
    }
    let detail = format!("{} bytes with SHA-256 {}; at most {limit} are taken", bytes.len(), Digest::of(bytes));
    Err(Rejection::new(Code::TooLarge, detail))
}

/// Makes the leaf and the changes of a decision.
pub(crate) fn seal(head: &Head, at: Moment, entry: LeafEntry, head_note: Option<Vec<u8>>, decided: Decided) -> Applied {
    let Decided { result, mut changes, verdict } = decided;
    let state_digest = next_state_digest(&head.state_digest, &changes);
    let (code, detail, effects) = match result {
        Ok(effects) => (Code::Accepted, String::new(), effects),
        Err(Rejection { code, detail }) => (code, detail, vec![Effect::Rejected { code }]),
    };
    let outcome = Outcome { code, detail, verdict_digest: verdict, state_digest };
    let leaf = LedgerLeaf { index: at.index, stamp_unix_ms: at.stamp, entry, head_note, outcome };
    let leaf_bytes = leaf.encode();
    assert!(leaf_bytes.len() <= mesh_tlog::MAX_ENTRY_BYTES, "the limits of envelope, note and detail leave room");
    let next = Head { size: at.index + 1, last_stamp: at.stamp, state_digest };
    changes.insert(0, StateChange { key: keys::head(), value: Some(next.encode()) });
    assert!(changes.is_sorted_by(|a, b| a.key < b.key), "each key once, the head's first");
    Applied { leaf, leaf_bytes, changes, effects }
}
