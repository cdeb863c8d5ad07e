//! Signed notes of voters over the ledger's tree.

use mesh_event::checkpoint::{LedgerCheckpoint, Trust};
use mesh_event::voters::VoterSet;
use mesh_governance::{MemState, read};
use mesh_model::{LedgerIndex, MeshId, NodeId};
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

/// Checks checkpoints, in the order of their sizes: by the voters that the ledger itself has at each size, and as somebody without it
/// would who follows them from the founding document.
#[derive(Debug)]
pub(crate) struct Checkpoints<'a> {
    leaves: &'a [Hash],
    state: &'a MemState,
    /// The leaves with which the council named other voters after a lost quorum, and that no checkpoint was behind yet.
    recoveries: &'a [LedgerIndex],
    trust: Trust,
    tree: Frontier,
}

impl<'a> Checkpoints<'a> {
    /// `recoveries`: the accepted recoveries of voters, ascending.
    pub(crate) fn new(
        mesh: MeshId,
        first: VoterSet,
        leaves: &'a [Hash],
        state: &'a MemState,
        recoveries: &'a [LedgerIndex],
    ) -> Self {
        Self { leaves, state, recoveries, trust: Trust::new(mesh, first), tree: Frontier::new() }
    }

    fn voters_at(&self, size: u64) -> Result<VoterSet, String> {
        let in_force = read::voters_at(self.state, size).map_err(|damage| damage.to_string())?;
        let in_force = in_force.and_then(|(_, voters)| voters.to_set());
        in_force.ok_or_else(|| format!("no voters were in force at size {size}"))
    }

    /// Checks the next one.
    pub(crate) fn check(&mut self, line: u64, note: &[u8]) -> Result<CheckedCheckpoint, Fault> {
        let fault = |why: String| Fault::new(Place::Checkpoint(line), why);
        let found = LedgerCheckpoint::parse(note, self.trust.mesh()).map_err(|error| fault(error.to_string()))?;
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
        // After a lost quorum nobody could hand over; the council's leaf is in the ledger that was just decided.
        while let Some((leaf, later)) = self.recoveries.split_first().filter(|(leaf, _)| size > **leaf) {
            let voters = self.voters_at(leaf + 1).map_err(fault)?;
            self.trust.recovered(leaf + 1, voters);
            self.recoveries = later;
        }
        let in_force = self.voters_at(size).map_err(fault)?;
        let named = found.handover().unwrap_or_else(|| self.trust.newest().1);
        if *named != in_force {
            let says = if found.handover().is_some() { "names" } else { "is that of" };
            return Err(fault(format!("it {says} the voters {named}; in force at size {size} were {in_force}")));
        }
        let counted = self.trust.judge(&found).map_err(|error| fault(error.to_string()))?;
        if let Some(place) = counted.others.first() {
            let name = found.note().signatures()[*place].name();
            return Err(fault(format!("the signature by {name} is of no voter in force at size {size}")));
        }
        if found.handover().is_some() {
            self.trust.follow(&found).map_err(|error| fault(error.to_string()))?;
        }
        let (cosigned_by, voters, time_unix_s) = (counted.cosigned_by, counted.voters, counted.time_unix_s);
        Ok(CheckedCheckpoint { size, cosigned_by, voters, time_unix_s })
    }
}
