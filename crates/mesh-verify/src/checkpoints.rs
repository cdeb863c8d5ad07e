//! Signed notes of voters over the ledger's tree.

use mesh_event::NodeRecord;
use mesh_event::checkpoint::LedgerCheckpoint;
use mesh_event::voters::VoterSet;
use mesh_governance::{Damage, StateRead, read};
use mesh_model::{MeshId, NodeId};
use mesh_tlog::{Frontier, Hash};

use crate::fault::{Fault, Place};

/// A checkpoint that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCheckpoint {
    /// How many leaves it covers.
    pub size: u64,
    /// Which of the voters in force cosigned it, ascending; more than half did.
    pub cosigned_by: Vec<NodeId>,
    /// How many voters were in force.
    pub voters: usize,
    /// The latest time that a majority of voters had reached when they cosigned it, in seconds since 1970: the majority-th newest.
    pub time_unix_s: u64,
}

/// Who was a voter when.
#[derive(Debug, Default)]
pub(crate) struct Voters {
    /// From which ledger size on, ascending; `None` where the nodes that were to order can't be a mesh's voters.
    since: Vec<(u64, Option<VoterSet>)>,
}

impl Voters {
    /// Takes the voters of this state, which are in force from this size on.
    pub(crate) fn note<S: StateRead<Error = Damage>>(&mut self, state: &S, size: u64) -> Result<(), Damage> {
        let mut records: Vec<NodeRecord> = Vec::new();
        for id in read::mesh(state)?.map(|mesh| mesh.voters).unwrap_or_default() {
            records.extend(read::node(state, id)?.map(|node| node.record));
        }
        let voters = VoterSet::of_records(&records).ok();
        if self.since.last().is_none_or(|(_, last)| *last != voters) {
            self.since.push((size, voters));
        }
        Ok(())
    }

    /// The voters at a size, and those before them where there were others.
    fn at(&self, size: u64) -> (Option<&VoterSet>, Option<&VoterSet>) {
        let mut before = self.since.iter().rev().filter(|(since, _)| *since <= size).map(|(_, voters)| voters.as_ref());
        (before.next().flatten(), before.next().flatten())
    }
}

/// Checks checkpoints, in the order of their sizes.
#[derive(Debug)]
pub(crate) struct Checkpoints<'a> {
    mesh: &'a MeshId,
    leaves: &'a [Hash],
    voters: &'a Voters,
    tree: Frontier,
}

impl<'a> Checkpoints<'a> {
    pub(crate) fn new(mesh: &'a MeshId, leaves: &'a [Hash], voters: &'a Voters) -> Self {
        Self { mesh, leaves, voters, tree: Frontier::new() }
    }

    /// Checks the next one.
    pub(crate) fn check(&mut self, line: u64, note: &[u8]) -> Result<CheckedCheckpoint, Fault> {
        let fault = |why: String| Fault::new(Place::Checkpoint(line), why);
        let found = LedgerCheckpoint::parse(note, self.mesh).map_err(|error| fault(error.to_string()))?;
        let (size, covered, last) = (found.size(), self.leaves.len() as u64, self.tree.size());
        if size <= last || size > covered {
            return Err(fault(format!("it covers {size} leaves; expected {} to {covered}", last + 1)));
        }
        let more = usize::try_from(last).expect("sizes in memory")..usize::try_from(size).expect("sizes in memory");
        for hash in &self.leaves[more] {
            self.tree.append(*hash);
        }
        if found.root() != self.tree.root() {
            let (root, said) = (self.tree.root(), found.root());
            return Err(fault(format!("{size} leaves have the root {root}; it says {said}")));
        }
        let (voters, before) = self.voters.at(size);
        let voters = voters.ok_or_else(|| fault(format!("no voters were in force at size {size}")))?;
        if let Some(named) = found.handover().filter(|named| *named != voters) {
            return Err(fault(format!("it names the voters {named}; in force at size {size} were {voters}")));
        }
        let vouchers = found.vouchers(self.mesh, voters).map_err(|error| fault(error.to_string()))?;
        // The voters before have a say only in a handover.
        let before = before.filter(|_| found.handover().is_some());
        let others = match before {
            None => Vec::new(),
            Some(before) => found.vouchers(self.mesh, before).map_err(|error| fault(error.to_string()))?.others,
        };
        let unknown = vouchers.others.iter().find(|place| before.is_none() || others.contains(place));
        if let Some(place) = unknown {
            let name = found.note().signatures()[*place].name();
            return Err(fault(format!("the signature by {name} is of no voter in force at size {size}")));
        }
        let Some(time_unix_s) = vouchers.time_unix_s(voters) else {
            let (cosigned, majority) = (vouchers.cosigned.len(), voters.majority());
            return Err(fault(format!("{cosigned} of {} voters cosigned it; {majority} have to", voters.count())));
        };
        let cosigned_by = vouchers.cosigned.into_keys().collect();
        Ok(CheckedCheckpoint { size, cosigned_by, voters: voters.count(), time_unix_s })
    }
}
