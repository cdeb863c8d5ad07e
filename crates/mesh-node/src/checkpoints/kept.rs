//! What the keeper keeps on disk: small named values of the store.

use std::collections::BTreeMap;

use mesh_event::checkpoint::{Counted, LedgerCheckpoint, Trust};
use mesh_event::voters::VoterSet;
use mesh_model::{MeshId, NodeId};
use mesh_store::{Batch, Meta, StoreError};

use super::fork::Fork;

const LAST: &str = "checkpoint/last";
const HANDOVERS: &str = "checkpoint/handovers";
const FORK: &str = "checkpoint/fork";
/// Followed by the voter's id.
const FALSE_HEAD: &str = "checkpoint/false-head/";

/// What is known of checkpoints.
pub(super) struct Kept {
    /// Whose majority counts, from which size on; it begins with the founding document.
    pub(super) steps: Vec<(u64, Trust)>,
    /// Notes of all changes of voters, by size.
    pub(super) handovers: Vec<Vec<u8>>,
    /// The newest checkpoint that counts and that the own ledger agrees with.
    pub(super) last: Option<(LedgerCheckpoint, Counted)>,
    /// One that counts and is larger than the own ledger.
    pub(super) ahead: Option<LedgerCheckpoint>,
    /// Notes with which voters showed that they sign what is not so.
    pub(super) false_heads: BTreeMap<NodeId, Vec<u8>>,
    /// The fork that stands.
    pub(super) fork: Option<Fork>,
    /// A checkpoint that counts and contradicts the own ledger beyond the last one: the proof of a fork needs a larger one.
    pub(super) contradiction: Option<LedgerCheckpoint>,
}

impl Kept {
    /// Reads what was written.
    ///
    /// # Errors
    /// When the store can't be read, or holds notes that do not follow from the founding document.
    pub(super) fn load(meta: &Meta, mesh: MeshId, first: &VoterSet) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Corrupt { expected: what.to_owned() };
        let mut kept = Self {
            steps: vec![(0, Trust::new(mesh, first.clone()))],
            handovers: Vec::new(),
            last: None,
            ahead: None,
            false_heads: BTreeMap::new(),
            fork: None,
            contradiction: None,
        };
        for note in split(&meta.value(HANDOVERS)?.unwrap_or_default()).ok_or_else(|| damaged("handovers of voters"))? {
            let handover = LedgerCheckpoint::parse(&note, &mesh).map_err(|_| damaged("a handover of voters"))?;
            kept.trust().judge(&handover).map_err(|_| damaged("a handover of voters"))?;
            kept.follow(&handover);
        }
        if let Some(note) = meta.value(LAST)? {
            let found = LedgerCheckpoint::parse(&note, &mesh).map_err(|_| damaged("the last checkpoint"))?;
            let counted = kept.trust_at(found.size()).judge(&found).map_err(|_| damaged("the last checkpoint"))?;
            kept.last = Some((found, counted));
        }
        if let Some(text) = meta.value(FORK)? {
            kept.fork = Some(Fork::decode(&text).ok_or_else(|| damaged("the proof of a fork"))?);
        }
        for voter in kept.trust().voters().clone().iter() {
            if let Some(note) = meta.value(&false_head(voter.id))? {
                kept.false_heads.insert(voter.id, note);
            }
        }
        Ok(kept)
    }

    /// Whose majority counts now.
    pub(super) fn trust(&self) -> &Trust {
        &self.steps.last().expect("it begins with the founding document").1
    }

    /// Whose majority makes a checkpoint of this size count.
    pub(super) fn trust_at(&self, size: u64) -> &Trust {
        let step = self.steps.iter().rev().find(|(since, _)| *since < size);
        &step.unwrap_or(&self.steps[0]).1
    }

    /// Goes on with the voters that a checkpoint, judged before, names.
    pub(super) fn follow(&mut self, handover: &LedgerCheckpoint) {
        let mut trust = self.trust().clone();
        trust.follow(handover);
        self.steps.push((handover.size(), trust));
        self.handovers.push(handover.bytes());
    }

    pub(super) fn put_last(meta: &Meta, batch: &mut Batch, note: &LedgerCheckpoint) -> Result<(), StoreError> {
        meta.put_value(batch, LAST, &note.bytes())
    }

    pub(super) fn put_handovers(&self, meta: &Meta, batch: &mut Batch) -> Result<(), StoreError> {
        meta.put_value(batch, HANDOVERS, &join(&self.handovers))
    }

    pub(super) fn put_fork(meta: &Meta, batch: &mut Batch, fork: Option<&Fork>) -> Result<(), StoreError> {
        match fork {
            None => meta.delete_value(batch, FORK),
            Some(fork) => meta.put_value(batch, FORK, &fork.encode())?,
        }
        Ok(())
    }

    pub(super) fn put_false_head(meta: &Meta, batch: &mut Batch, voter: NodeId, note: &[u8]) -> Result<(), StoreError> {
        meta.put_value(batch, &false_head(voter), note)
    }
}

fn false_head(voter: NodeId) -> String {
    format!("{FALSE_HEAD}{voter}")
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
