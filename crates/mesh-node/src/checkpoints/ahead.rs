//! What a checkpoint counts for that is beyond the own ledger.

use mesh_event::VoterChange;
use mesh_event::checkpoint::LedgerCheckpoint;
use mesh_event::voters::VoterSet;
use mesh_model::Code;
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

    /// The same, with the voters that vouch for it.
    ///
    /// # Errors
    /// As [`Self::judge_ahead`].
    pub fn follow_ahead(&self, note: &[u8], handovers: &[Vec<u8>]) -> Result<(Target, VoterSet), MeshError> {
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
        let voters = found.handover().unwrap_or_else(|| trust.newest().1).clone();
        Ok((Target { size: found.size(), root: found.root() }, voters))
    }
}
