//! What the keeper keeps on disk: small named values of the store.

use std::collections::{BTreeMap, BTreeSet};

use mesh_event::VoterChange;
use mesh_event::checkpoint::{Counted, LedgerCheckpoint, Trust};
use mesh_event::voters::VoterSet;
use mesh_model::{MeshId, NodeId};
use mesh_store::{Batch, Meta, StoreError};

use super::fork::Fork;

const LAST: &str = "checkpoint/last";
const CHANGES: &str = "checkpoint/handovers";
const FORK: &str = "checkpoint/fork";
const FALSE_HEADS: &str = "checkpoint/false-heads";
const CONTRADICTION: &str = "checkpoint/contradiction";

/// A voter's signature under what is not so.
pub(super) struct FalseHead {
    /// The size from which on the voters were in force when it was heard. Its word counts for nothing until the council sets voters
    /// again: who is among them then is the council's to know.
    pub(super) since: u64,
    /// The note.
    pub(super) note: Vec<u8>,
}

/// What is known of checkpoints.
pub(super) struct Kept {
    /// The voters as somebody without the ledger follows them: what receipts of this node verify by.
    pub(super) trust: Trust,
    /// All changes of voters, by size.
    pub(super) changes: Vec<VoterChange>,
    /// The newest checkpoint that counts and that the own ledger agrees with.
    pub(super) last: Option<(LedgerCheckpoint, Counted)>,
    /// The smallest that is larger than the own ledger: to be compared when that is reached.
    pub(super) ahead: Option<LedgerCheckpoint>,
    /// The largest that is: what follows it may be long in coming.
    pub(super) furthest: Option<LedgerCheckpoint>,
    /// Notes with which voters showed that they sign what is not so.
    pub(super) false_heads: BTreeMap<NodeId, FalseHead>,
    /// The fork that stands.
    pub(super) fork: Option<Fork>,
    /// A recovery of voters that this node refuses, because it has more of the ledger before: how many leaves it goes on from, and how
    /// many a counting checkpoint covers here.
    pub(super) refused_recovery: Option<(u64, u64)>,
    /// A recovery of voters that names this node, which was not prepared for it: how many leaves it goes on from.
    pub(super) named_in: Option<u64>,
    /// A checkpoint that counts and contradicts the own ledger beyond the last one: the proof of a fork waits for a larger one.
    pub(super) contradiction: Option<LedgerCheckpoint>,
}

impl Kept {
    /// Reads what was written.
    ///
    /// # Errors
    /// When the store can't be read, or holds notes that do not follow from the founding document.
    pub(super) fn load(meta: &Meta, mesh: MeshId, first: VoterSet) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Corrupt { expected: what.to_owned() };
        let parts = |name: &str| {
            let bytes = meta.value(name)?.unwrap_or_default();
            split(&bytes).ok_or_else(|| damaged(name))
        };
        let mut trust = Trust::new(mesh, first);
        let mut changes = Vec::new();
        for bytes in parts(CHANGES)? {
            let wrong = || damaged("a change of voters");
            let change = VoterChange::parse(&bytes, &mesh).map_err(|_| wrong())?;
            match &change {
                VoterChange::Handover(note) => trust.follow(note).map_err(|_| wrong())?,
                // The ledger here has its leaf: that was compared before it was written.
                VoterChange::Recovery(recovery) => {
                    let (since, voters) = recovery.named(&mesh).map_err(|_| wrong())?;
                    if since <= trust.newest().0 {
                        return Err(wrong());
                    }
                    trust.recovered(since, voters);
                }
            }
            changes.push(change);
        }
        let mut last = None;
        if let Some(note) = meta.value(LAST)? {
            let found = LedgerCheckpoint::parse(&note, &mesh).map_err(|_| damaged("the last checkpoint"))?;
            // One that does not count by the changes of voters that were written is heard again.
            last = trust.judge(&found).ok().map(|counted| (found, counted));
        }
        let fork = match meta.value(FORK)? {
            None => None,
            Some(bytes) => Some(Fork::decode(&bytes).ok_or_else(|| damaged("the proof of a fork"))?),
        };
        let mut false_heads = BTreeMap::new();
        for part in parts(FALSE_HEADS)? {
            let damaged = || damaged("a false head");
            let (voter, rest) = part.split_first_chunk().ok_or_else(damaged)?;
            let (since, note) = rest.split_first_chunk().ok_or_else(damaged)?;
            let found = FalseHead { since: u64::from_be_bytes(*since), note: note.to_vec() };
            false_heads.insert(u64::from_be_bytes(*voter), found);
        }
        let mut contradiction = None;
        if let Some(note) = meta.value(CONTRADICTION)? {
            let found = LedgerCheckpoint::parse(&note, &mesh).map_err(|_| damaged("a contradicting checkpoint"))?;
            contradiction = Some(found);
        }
        Ok(Self {
            trust,
            changes,
            last,
            ahead: None,
            furthest: None,
            refused_recovery: None,
            named_in: None,
            false_heads,
            fork,
            contradiction,
        })
    }

    /// Voters whose word counts for nothing while those are in force who are since this size.
    pub(super) fn disqualified(&self, since: u64) -> BTreeSet<NodeId> {
        self.false_heads.iter().filter(|(_, found)| found.since == since).map(|(voter, _)| *voter).collect()
    }

    pub(super) fn put_last(meta: &Meta, batch: &mut Batch, note: &LedgerCheckpoint) -> Result<(), StoreError> {
        meta.put_value(batch, LAST, &note.bytes())
    }

    /// Whether what shows the recovery is known from which these voters vote on.
    pub(super) fn shows_recovery(&self, since: u64) -> bool {
        self.changes.iter().any(|change| change.handover().is_none() && change.since() == since)
    }

    pub(super) fn put_changes(&self, meta: &Meta, batch: &mut Batch) -> Result<(), StoreError> {
        let changes: Vec<Vec<u8>> = self.changes.iter().map(VoterChange::bytes).collect();
        meta.put_value(batch, CHANGES, &join(&changes))
    }

    pub(super) fn put_contradiction(
        meta: &Meta,
        batch: &mut Batch,
        note: Option<&LedgerCheckpoint>,
    ) -> Result<(), StoreError> {
        match note {
            None => meta.delete_value(batch, CONTRADICTION),
            Some(note) => meta.put_value(batch, CONTRADICTION, &note.bytes())?,
        }
        Ok(())
    }

    pub(super) fn put_fork(meta: &Meta, batch: &mut Batch, fork: Option<&Fork>) -> Result<(), StoreError> {
        match fork {
            None => meta.delete_value(batch, FORK),
            Some(fork) => meta.put_value(batch, FORK, &fork.encode())?,
        }
        Ok(())
    }

    pub(super) fn put_false_heads(&self, meta: &Meta, batch: &mut Batch) -> Result<(), StoreError> {
        let part = |(voter, found): (&NodeId, &FalseHead)| {
            [&voter.to_be_bytes()[..], &found.since.to_be_bytes(), found.note.as_slice()].concat()
        };
        let parts: Vec<Vec<u8>> = self.false_heads.iter().map(part).collect();
        meta.put_value(batch, FALSE_HEADS, &join(&parts))
    }
}

/// Byte strings with their lengths before them, big-endian.
fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn split(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*len)).ok()?)?;
        parts.push(part.to_vec());
        bytes = rest;
    }
    Some(parts)
}
