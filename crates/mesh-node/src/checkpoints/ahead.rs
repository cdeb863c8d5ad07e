//! What a checkpoint counts for that is beyond the own ledger.

use std::collections::BTreeSet;

use mesh_event::VoterChange;
use mesh_event::checkpoint::LedgerCheckpoint;
use mesh_event::voters::VoterSet;
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_raft::Target;

use super::Keeper;

impl Keeper {
    /// Whether a checkpoint counts by the voters that the founding document and these handovers lead to, or those that are known here if
    /// they lead further. It is the licence to apply leaves up to it; whether the own ledger agrees shows when it is there.
    ///
    /// # Errors
    /// [`Code::Malformed`], [`Code::WrongMesh`], [`Code::BadSignature`]; [`Code::TooFewCosigned`] when too few voters vouch for it.
    pub fn judge_ahead(&self, note: &[u8], handovers: &[Vec<u8>]) -> Result<Target, MeshError> {
        self.follow_ahead(note, handovers).map(|(target, _)| target)
    }

    /// The same, with all who vote by it, or did so behind the own ledger: Raft's votes follow the ledger's only when all new voters have
    /// caught up, so whoever leads may be of a set that the ledger has replaced already.
    ///
    /// # Errors
    /// As [`Self::judge_ahead`].
    pub fn follow_ahead(&self, note: &[u8], handovers: &[Vec<u8>]) -> Result<(Target, BTreeSet<NodeId>), MeshError> {
        let refuse = |error: &dyn std::fmt::Display, code| MeshError::new(code, format!("the checkpoint: {error}"));
        let found = LedgerCheckpoint::parse(note, self.mesh()).map_err(|error| super::keeper::refuse(&error))?;
        self.follow_recovery()?;
        let mut trust = self.trust();
        let mut known = Vec::with_capacity(handovers.len());
        for change in handovers {
            let change = VoterChange::parse(change, self.mesh());
            known.push(change.map_err(|error| refuse(&error, Code::Malformed))?);
        }
        if known.last().is_some_and(|last| last.since() > trust.newest().0) {
            trust = self.followed(&known)?;
        }
        trust.judge(&found).map_err(|error| refuse(&error, Code::TooFewCosigned))?;
        // A checkpoint that hands over counts by those before it, too; those after it vote from there on.
        let mut voters = trust.voted_since(self.applied()?);
        voters.extend(found.handover().into_iter().flat_map(VoterSet::iter).map(|voter| voter.id));
        Ok((Target { size: found.size(), root: found.root() }, voters))
    }
}
