//! Leaves of feeds back into the batches that were ordered.
//!
//! The leaves of one batch stand next to each other and share a stamp, and the last one carries the batch's head. So a *run* (leaves of
//! events with one stamp, up to and with the first head) nearly always is one batch. It can also begin with batches whose head was
//! missing or over its limit: these leave no mark, and all of their events are refused for a reason that they share, which may name
//! how many they were. Then a split of the run is searched that gives exactly these leaves. A refused event changes nothing but the
//! ledger's head, so it does not matter to later leaves which split it is, if there are several.

use std::fmt::Display;

use mesh_event::ledger::EntryBody;
use mesh_event::{FeedBatch, LeafEntry, LedgerEntry, LedgerLeaf};
use mesh_governance::{Applied, Damage, HEAD_NOTE_BYTES, Head, Judge, StateRead, Verify, apply_with, keys};
use mesh_model::{Code, Digest, LedgerIndex, limits};

use crate::fault::Fault;

/// Events that are decided at most while the split of one run is searched, beside those of the run itself.
const TRIALS: usize = 50_000;

/// Longest stand-in for bytes that a leaf does not keep. No node takes a message of this size.
const MAX_STAND_IN_BYTES: usize = 64 * 1024 * 1024;

/// A leaf that somebody else made.
#[derive(Debug, Clone)]
pub struct Found {
    pub(crate) leaf: LedgerLeaf,
    pub(crate) bytes: Vec<u8>,
}

impl Found {
    /// Decodes the leaf that is to stand at an index.
    ///
    /// # Errors
    /// [`Fault`] for what is no leaf, or another one.
    pub fn decode(index: LedgerIndex, bytes: Vec<u8>) -> Result<Self, Fault> {
        let leaf = LedgerLeaf::decode(&bytes).map_err(|error| Fault::leaf(index, format!("is no leaf: {error}")))?;
        if leaf.index != index {
            return Err(Fault::leaf(index, format!("the leaf says index {}", leaf.index)));
        }
        Ok(Self { leaf, bytes })
    }

    /// What it says.
    pub fn leaf(&self) -> &LedgerLeaf {
        &self.leaf
    }

    /// Whether the next leaf belongs to another entry, whatever it is.
    pub fn ends_entry(&self) -> bool {
        matches!(self.leaf.entry, LeafEntry::Envelope(_)) || self.leaf.head_note.is_some()
    }
}

/// Sorts consecutive leaves into the groups that [`Rules::group`] decides on: an envelope, or a run of events.
#[derive(Debug, Default)]
pub struct Groups {
    /// Leaves of events that may belong to the same batch as the next one.
    run: Vec<Found>,
}

impl Groups {
    /// Takes the next leaf; gives the groups that are complete with it, at most two.
    pub fn push(&mut self, found: Found) -> Vec<Vec<Found>> {
        let mut complete = Vec::new();
        let goes_on = self.run.last().is_some_and(|last| {
            matches!(found.leaf.entry, LeafEntry::FeedEvent(_)) && last.leaf.stamp_unix_ms == found.leaf.stamp_unix_ms
        });
        if !goes_on {
            complete.extend(self.finish());
        }
        let is_complete = found.ends_entry();
        self.run.push(found);
        if is_complete {
            complete.extend(self.finish());
        }
        complete
    }

    /// The last group, when no more leaves come.
    pub fn finish(&mut self) -> Option<Vec<Found>> {
        Some(std::mem::take(&mut self.run)).filter(|run| !run.is_empty())
    }

    /// How many leaves wait for those that belong to them.
    pub fn waiting(&self) -> usize {
        self.run.len()
    }
}

/// Bytes that were too large for the ledger, as their leaf tells of them.
struct TooLarge {
    length: usize,
    digest: Digest,
}

impl TooLarge {
    /// What the leaf says of bytes that it does not keep, if that is what it does.
    fn of(leaf: &LedgerLeaf) -> Option<Self> {
        let (LeafEntry::Envelope(kept) | LeafEntry::FeedEvent(kept)) = &leaf.entry;
        if !kept.is_empty() || leaf.outcome.code != Code::TooLarge {
            return None;
        }
        let (length, rest) = leaf.outcome.detail.split_once(" bytes with SHA-256 ")?;
        let (digest, _) = rest.split_once("; at most ")?;
        let (length, digest) = (length.parse().ok()?, Digest::parse(digest).ok()?);
        (length <= MAX_STAND_IN_BYTES).then_some(Self { length, digest })
    }
}

/// What was ordered for a leaf: its bytes, or others of the same length where it does not keep them. Beyond its length, nothing of
/// such an entry decides anything.
fn ordered(leaf: &LedgerLeaf) -> Vec<u8> {
    let (LeafEntry::Envelope(kept) | LeafEntry::FeedEvent(kept)) = &leaf.entry;
    TooLarge::of(leaf).map_or_else(|| kept.clone(), |large| vec![0; large.length])
}

/// Puts the digest of the bytes that were ordered in the place of that of their stand-in.
fn restore_digest(applied: &mut Applied, found: &LedgerLeaf) {
    if let Some(TooLarge { length, digest }) = TooLarge::of(found) {
        let stand_in = Digest::of(&vec![0; length]).to_string();
        let detail = &mut applied.leaf.outcome.detail;
        if detail.starts_with(&format!("{length} bytes with SHA-256 {stand_in};")) {
            *detail = detail.replacen(&stand_in, &digest.to_string(), 1);
            applied.leaf_bytes = applied.leaf.encode();
        }
    }
}

/// Why the rules do not give a leaf.
struct Mismatch {
    index: LedgerIndex,
    why: String,
}

/// What rules are run with.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Checks signatures.
    pub verify: &'a dyn Verify,
    /// Evaluates standards.
    pub judge: &'a dyn Judge,
}

impl Rules<'_> {
    /// Decides on an entry, and compares with the leaves that it is to give.
    fn decide<S>(self, state: &S, body: EntryBody, found: &[Found]) -> Result<Vec<Applied>, Mismatch>
    where
        S: StateRead,
        S::Error: Display + From<Damage>,
    {
        let index = found[0].leaf.index;
        let entry = LedgerEntry { stamp_unix_ms: found[0].leaf.stamp_unix_ms, body };
        let mut all = apply_with(state, &entry, &self.verify, self.judge)
            .map_err(|damage| Mismatch { index, why: format!("it cannot be decided: {damage}") })?;
        for (applied, found) in all.iter_mut().zip(found) {
            restore_digest(applied, &found.leaf);
            if applied.leaf_bytes != found.bytes {
                return Err(Mismatch { index: found.leaf.index, why: difference(&found.leaf, &applied.leaf) });
            }
        }
        assert_eq!(all.len(), found.len(), "one leaf per command");
        Ok(all)
    }

    /// Decides again on a group of leaves after `state`, one decision for each.
    ///
    /// # Errors
    /// [`Fault`] names the leaf that the rules do not give.
    ///
    /// # Panics
    /// When the group is empty.
    pub fn group<S>(self, state: &S, group: &[Found]) -> Result<Vec<Applied>, Fault>
    where
        S: StateRead,
        S::Error: Display + From<Damage>,
    {
        match group {
            [found] if matches!(found.leaf.entry, LeafEntry::Envelope(_)) => {
                let body = EntryBody::Envelope(ordered(&found.leaf));
                self.decide(state, body, group).map_err(|m| Fault::leaf(m.index, m.why))
            }
            run => self.run(state, run),
        }
    }

    fn run<S>(self, state: &S, run: &[Found]) -> Result<Vec<Applied>, Fault>
    where
        S: StateRead,
        S::Error: Display + From<Damage>,
    {
        let end = run.len();
        let head_note = run.last().and_then(|last| last.leaf.head_note.clone());
        // For each place that batches lead to: where the last of them began, and what it came to.
        let mut reached: Vec<Option<(usize, Vec<Applied>)>> = (0..=end).map(|_| None).collect();
        let mut furthest: Option<Mismatch> = None;
        let mut trials = 0;
        let keep = |furthest: &mut Option<Mismatch>, found: Mismatch| {
            if furthest.as_ref().is_none_or(|kept| kept.index < found.index) {
                *furthest = Some(found);
            }
        };
        // First the shortest batches that fit, which is what nearly always does; then all.
        for is_thorough in [false, true] {
            for start in 0..end {
                if reached[end].is_some() || trials > TRIALS + end {
                    break;
                }
                if start > 0 && reached[start].is_none() {
                    continue;
                }
                let at = At { state, head: before(state, run, start)? };
                let first = &run[start].leaf;
                let note = head_note
                    .as_ref()
                    .filter(|_| end - start <= limits::FEED_BATCH || named_events(first) == end - start);
                if let Some(note) = note {
                    trials += end - start;
                    match self.batch(&at, note.clone(), &run[start..]) {
                        Ok(all) => {
                            reached[end] = Some((start, all));
                            break;
                        }
                        Err(mismatch) => keep(&mut furthest, mismatch),
                    }
                }
                // The run's last leaf has a head, if the run does.
                let last = if head_note.is_some() { end - 1 } else { end };
                for stop in stops(run, start, last) {
                    if trials > TRIALS + end {
                        break;
                    }
                    let is_new = reached[stop].is_none();
                    if is_new {
                        trials += stop - start;
                        match self.batch(&at, unusable_note(&run[start..stop]), &run[start..stop]) {
                            Ok(all) => reached[stop] = Some((start, all)),
                            Err(mismatch) => keep(&mut furthest, mismatch),
                        }
                    }
                    if reached[stop].is_some() && !is_thorough {
                        break;
                    }
                }
            }
        }
        let mut batches = Vec::new();
        let mut stop = end;
        while stop > 0 {
            let Some((start, all)) = reached[stop].take() else {
                let m = furthest.unwrap_or_else(|| Mismatch {
                    index: run[end - 1].leaf.index,
                    why: "no signed head covers the event; an export ends where an entry ended".to_owned(),
                });
                return Err(Fault::leaf(m.index, m.why));
            };
            batches.push(all);
            stop = start;
        }
        Ok(batches.into_iter().rev().flatten().collect())
    }

    fn batch<S>(self, at: &At<'_, S>, head_note: Vec<u8>, found: &[Found]) -> Result<Vec<Applied>, Mismatch>
    where
        S: StateRead,
        S::Error: Display + From<Damage>,
    {
        let events = found.iter().map(|found| ordered(&found.leaf)).collect();
        self.decide(at, EntryBody::Feed(FeedBatch { head_note, events }), found)
    }
}

/// Where a batch without a usable head may end that begins here. All of it was refused for one reason, but for what is too large to
/// be kept; and the reason may say how many events there were.
fn stops(run: &[Found], start: usize, last: usize) -> std::ops::RangeInclusive<usize> {
    let alike = |leaf: &LedgerLeaf, reason: &LedgerLeaf| {
        TooLarge::of(leaf).is_some()
            || (leaf.outcome.code, &leaf.outcome.detail) == (reason.outcome.code, &reason.outcome.detail)
    };
    let is_refused = |found: &&Found| found.leaf.outcome.code != Code::Accepted;
    let Some(reason) = run[start..last].iter().map(|found| &found.leaf).find(|leaf| TooLarge::of(leaf).is_none())
    else {
        return start + 1..=last;
    };
    let refused = run[start..last].iter().take_while(|found| is_refused(found) && alike(&found.leaf, reason)).count();
    match named_events(reason) {
        0 => start + 1..=start + refused,
        named if named <= refused => start + named..=start + named,
        // An empty range: no batch begins here.
        _ => start + 1..=start,
    }
}

/// How many events a refusal says that its batch had; 0 where it does not.
fn named_events(leaf: &LedgerLeaf) -> usize {
    let named = leaf.outcome.detail.strip_prefix("a batch has ").and_then(|rest| rest.split_once(" events;"));
    named.and_then(|(events, _)| events.parse().ok()).unwrap_or_default()
}

/// A head that no leaf keeps: of the length that the refusal names, or none.
fn unusable_note(batch: &[Found]) -> Vec<u8> {
    let named = batch.iter().find_map(|found| {
        let rest = found.leaf.outcome.detail.strip_prefix("a batch has ")?;
        rest.split_once(" bytes of head;")?.0.parse().ok()
    });
    let length: usize = named.unwrap_or_default();
    if length > HEAD_NOTE_BYTES && length <= MAX_STAND_IN_BYTES { vec![b'x'; length] } else { Vec::new() }
}

/// A state with another head: what it is after some refused events.
struct At<'a, S> {
    state: &'a S,
    head: Head,
}

fn before<S>(state: &S, run: &[Found], start: usize) -> Result<Head, Fault>
where
    S: StateRead,
    S::Error: Display + From<Damage>,
{
    let Some(last) = start.checked_sub(1).map(|last| &run[last].leaf) else {
        return mesh_governance::read::head(state).map_err(|damage| Fault::leaf(run[0].leaf.index, damage.to_string()));
    };
    let state_digest = last.outcome.state_digest;
    Ok(Head { size: last.index + 1, last_stamp: last.stamp_unix_ms, state_digest })
}

impl<S: StateRead> StateRead for At<'_, S> {
    type Error = S::Error;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, S::Error> {
        use mesh_governance::records::Record as _;
        if key == keys::head() { Ok(Some(self.head.encode())) } else { self.state.get(key) }
    }
    fn last_below(&self, prefix: &[u8], below: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, S::Error> {
        self.state.last_below(prefix, below)
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, S::Error> {
        self.state.scan(prefix, after, limit)
    }
    fn leaf(&self, index: LedgerIndex) -> Result<Option<Vec<u8>>, S::Error> {
        self.state.leaf(index)
    }
}

/// What a leaf says otherwise than the rules.
fn difference(found: &LedgerLeaf, made: &LedgerLeaf) -> String {
    let says = |what: &str, found: String, made: String| format!("the leaf says {what} {found}; the rules give {made}");
    let (is, due) = (&found.outcome, &made.outcome);
    if found.index != made.index {
        return says("index", found.index.to_string(), made.index.to_string());
    }
    if found.stamp_unix_ms != made.stamp_unix_ms {
        return says("stamp", found.stamp_unix_ms.to_string(), made.stamp_unix_ms.to_string());
    }
    if (is.code, &is.detail) != (due.code, &due.detail) {
        let told = |code: Code, detail: &str| format!("{code} {} '{detail}'", code.slug());
        return says("outcome", told(is.code, &is.detail), told(due.code, &due.detail));
    }
    if is.verdict_digest != due.verdict_digest {
        let told = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        return says("verdict digest", told(is.verdict_digest), told(due.verdict_digest));
    }
    if is.state_digest != due.state_digest {
        return says("state digest", is.state_digest.to_string(), due.state_digest.to_string());
    }
    if found.entry != made.entry || found.head_note != made.head_note {
        return "the leaf holds an entry or a head that the rules would not keep".to_owned();
    }
    "the leaf's bytes are not the canonical encoding of what they say".to_owned()
}
