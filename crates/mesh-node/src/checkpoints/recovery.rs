//! Voters after a lost quorum, as the keeper follows them: the own ledger decides where it has the council's leaf, the council of the own
//! state where that leaf comes next, and nothing where leaves before it are lacking.

use std::collections::BTreeSet;

use mesh_event::checkpoint::{LedgerCheckpoint, Trust};
use mesh_event::{Body, VoterChange, VoterRecovery};
use mesh_governance::read;
use mesh_model::{Code, Digest, NodeId};
use mesh_proto::status::MeshError;
use mesh_store::Batch;
use mesh_tlog::{ProveError, prove_consistency, prove_inclusion};
use tracing::{info, warn};

use super::Keeper;
use super::keeper::unreadable;
use super::kept::Kept;
use crate::core::storage_error;

/// A recovery that the own ledger does not have, shown by another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardRecovery {
    /// How many leaves the ledger goes on from.
    pub size: u64,
    /// What names its voters in Raft's frames.
    pub group: Digest,
    /// Who votes from then on.
    pub voters: BTreeSet<NodeId>,
}

fn other_history(size: u64) -> MeshError {
    let text =
        format!("the council went on from another history than this node's: {size} leaves have another root here");
    MeshError::new(Code::Forked, text)
}

impl Keeper {
    pub(super) fn applied(&self) -> Result<u64, MeshError> {
        self.ledger.size().map_err(|error| storage_error(&error))
    }

    /// Where the own ledger has the last recovery.
    fn recovered_at(&self) -> Result<Option<u64>, MeshError> {
        let recovery = read::recovery(&self.state).map_err(|error| unreadable(&error))?;
        Ok(recovery.map(|recovery| recovery.index))
    }

    /// Who voted before the last recovery: they may come back and not know of it.
    pub(super) fn voters_before_recovery(&self) -> BTreeSet<NodeId> {
        let before = || {
            let index = self.recovered_at().ok()??;
            let (_, voters) = self.voters_at(index).ok()?;
            Some(voters.iter().map(|voter| voter.id).collect())
        };
        before().unwrap_or_default()
    }

    /// Goes on with the voters of a recovery that the own ledger has decided: nobody could hand over to them.
    ///
    /// # Errors
    /// [`Code::StorageFailed`], [`Code::Damaged`].
    pub(super) fn follow_recovery(&self) -> Result<(), MeshError> {
        let Some(index) = self.recovered_at()? else { return Ok(()) };
        let since = index + 1;
        if self.kept().trust.newest().0 >= since {
            return Ok(());
        }
        let (_, voters) = self.voters_at(since)?;
        let mut kept = self.kept();
        if kept.trust.newest().0 < since {
            info!(size = index, %voters, "the council recovered the voters; these vouch for the ledger from here on");
            kept.trust.recovered(since, voters);
        }
        Ok(())
    }

    /// Keeps what shows a recovery to those without the ledger, once the new voters have vouched for a first checkpoint: before that is
    /// kept itself, for it verifies by nothing else.
    pub(super) fn keep_recovery(&self, kept: &mut Kept, first: &LedgerCheckpoint) -> Result<(), MeshError> {
        let Some(index) = self.recovered_at()? else { return Ok(()) };
        if first.size() <= index || kept.shows_recovery(index + 1) || kept.trust.newest().0 != index + 1 {
            return Ok(());
        }
        let Some(base) = kept.last.as_ref().map(|(last, _)| last.clone()).filter(|last| last.size() == index) else {
            warn!(
                size = index,
                "the checkpoint that the recovery goes on from is not known here; another node shows it"
            );
            return Ok(());
        };
        let odd = |error: ProveError<mesh_store::StoreError>| match error {
            ProveError::Read(error) => storage_error(&error),
            error => MeshError::new(Code::Internal, error.to_string()),
        };
        let recovery = VoterRecovery {
            base,
            leaf: self.leaf(index)?,
            first: first.clone(),
            consistency: prove_consistency(&self.ledger, index, first.size()).map_err(odd)?,
            inclusion: prove_inclusion(&self.ledger, first.size(), index).map_err(odd)?,
        };
        kept.changes.push(VoterChange::Recovery(Box::new(recovery)));
        let mut batch = Batch::new();
        kept.put_changes(&self.store.meta(), &mut batch).map_err(|error| storage_error(&error))?;
        self.write_durably(batch)
    }

    fn leaf(&self, index: u64) -> Result<Vec<u8>, MeshError> {
        let leaf = self.ledger.leaf(index).map_err(|error| storage_error(&error))?;
        leaf.ok_or_else(|| MeshError::new(Code::Damaged, format!("leaf {index} is not there")))
    }

    /// What a reader that has `next` leaves gets first: the checkpoint that the next recovery goes on from, and the changes of voters
    /// before. `None` where it lacks no leaf from before one.
    pub fn stage(&self, next: u64) -> Option<(LedgerCheckpoint, Vec<Vec<u8>>)> {
        let kept = self.kept();
        let (place, base) = kept.changes.iter().enumerate().find_map(|(place, change)| match change {
            VoterChange::Recovery(recovery) if recovery.base.size() > next => Some((place, recovery.base.clone())),
            _ => None,
        })?;
        Some((base, kept.changes[..place].iter().map(VoterChange::bytes).collect()))
    }

    /// Follows the voters through these changes from the founding document.
    ///
    /// # Errors
    /// [`Code::TooFewCosigned`] where one does not hold; [`Code::Forked`] where a recovery goes on from another history,
    /// [`Code::NotCaughtUp`] from leaves that are not here yet, [`Code::BadRecovery`] from fewer than a counting checkpoint covers here.
    pub(super) fn followed(&self, changes: &[VoterChange]) -> Result<Trust, MeshError> {
        let mut trust = Trust::new(*self.mesh(), self.first_voters());
        for change in changes {
            let few = |error: &dyn std::fmt::Display| {
                MeshError::new(Code::TooFewCosigned, format!("a change of voters: {error}"))
            };
            match change {
                VoterChange::Handover(note) => trust.follow(note).map_err(|error| few(&error))?,
                VoterChange::Recovery(recovery) => self.follow_shown(&mut trust, recovery)?,
            }
        }
        Ok(trust)
    }

    fn follow_shown(&self, trust: &mut Trust, recovery: &VoterRecovery) -> Result<(), MeshError> {
        let few = |error: mesh_event::VoterRecoveryError| {
            MeshError::new(Code::TooFewCosigned, format!("a recovery of the voters: {error}"))
        };
        let (size, applied) = (recovery.base.size(), self.applied()?);
        if applied < size {
            let text = format!("the council recovered the voters at {size} leaves; {applied} are here: first those");
            return Err(MeshError::new(Code::NotCaughtUp, text));
        }
        let is_own = applied > size && self.leaf(size)? == recovery.leaf;
        if is_own {
            if self.root_at(size)? != recovery.base.root() {
                return Err(other_history(size));
            }
            let (since, voters, _) = recovery.verify_but_council(trust).map_err(few)?;
            trust.recovered(since, voters);
            self.kept().refused_recovery = None;
            return Ok(());
        }
        // The leaf comes next: the council of the own state is the one that it needs. Nothing follows from it before that is known.
        let mesh = read::mesh(&self.state).map_err(|error| unreadable(&error))?;
        let mesh = mesh.ok_or_else(|| MeshError::new(Code::GenesisFirst, "the ledger has no leaf yet"))?;
        let mut followed = trust.clone();
        followed.recover(recovery, &mesh.council).map_err(few)?;
        self.check_largest(size, applied)?;
        if self.root_at(size)? != recovery.base.root() {
            return Err(other_history(size));
        }
        *trust = followed;
        Ok(())
    }

    /// Whether nothing larger than the base of a recovery is known to count: then the council named too small a one.
    fn check_largest(&self, size: u64, applied: u64) -> Result<(), MeshError> {
        let mut kept = self.kept();
        let last = kept.last.as_ref().map_or(0, |(last, _)| last.size());
        let ahead = kept.furthest.as_ref().map_or(0, LedgerCheckpoint::size);
        let own = last.max(ahead);
        if own <= size && applied <= size {
            return Ok(());
        }
        let own = own.max(applied);
        kept.refused_recovery = Some((size, own));
        let text = format!(
            "the council recovered the voters at {size} leaves; this node has more of the ledger before, {own} leaves: it refuses"
        );
        Err(MeshError::new(Code::BadRecovery, text))
    }

    /// Takes the changes of voters that another node knows, where the own ones do not lead to those who vote now, or do not show it, and
    /// these do.
    ///
    /// # Errors
    /// [`Code::StorageFailed`], [`Code::Damaged`].
    pub fn hear_handovers(&self, notes: &[Vec<u8>]) -> Result<(), MeshError> {
        let applied = self.applied()?;
        if applied == 0 {
            return Ok(());
        }
        self.follow_recovery()?;
        let (_, in_force) = self.voters_at(applied)?;
        let is_shown = {
            let recovered = self.recovered_at()?;
            let kept = self.kept();
            *kept.trust.newest().1 == in_force && recovered.is_none_or(|index| kept.shows_recovery(index + 1))
        };
        if is_shown {
            return Ok(());
        }
        let mut changes = Vec::new();
        for note in notes {
            let Ok(change) = VoterChange::parse(note, self.mesh()) else { return Ok(()) };
            // As in `hear`: who votes at a size is what the own ledger says.
            let is_own = match &change {
                VoterChange::Handover(note) => {
                    note.size() <= applied
                        && self.root_at(note.size())? == note.root()
                        && note.handover() == Some(&self.voters_at(note.size())?.1)
                }
                VoterChange::Recovery(recovery) => {
                    let (size, first) = (recovery.base.size(), &recovery.first);
                    size < applied
                        && first.size() <= applied
                        && self.leaf(size)? == recovery.leaf
                        && self.root_at(first.size())? == first.root()
                }
            };
            if !is_own {
                return Ok(());
            }
            changes.push(change);
        }
        let Ok(trust) = self.followed(&changes) else { return Ok(()) };
        if *trust.newest().1 != in_force {
            return Ok(());
        }
        let mut kept = self.kept();
        kept.changes = changes;
        // Judged anew; the note that comes along with the offer takes its place.
        kept.last = kept.last.take().and_then(|(last, _)| trust.judge(&last).ok().map(|counted| (last, counted)));
        kept.trust = trust;
        let mut batch = Batch::new();
        kept.put_changes(&self.store.meta(), &mut batch).map_err(|error| storage_error(&error))?;
        self.write_durably(batch)?;
        self.tell(&kept);
        info!(voters = %kept.trust.newest().1, "other voters vouch for the ledger, as another node knows");
        Ok(())
    }

    /// The last recovery among these changes, if the own ledger does not have it and it holds by the council of the own state.
    ///
    /// # Errors
    /// [`Code::StorageFailed`], [`Code::Damaged`].
    pub fn recovery_beyond(&self, notes: &[Vec<u8>]) -> Result<Option<HeardRecovery>, MeshError> {
        let Some(mesh) = read::mesh(&self.state).map_err(|error| unreadable(&error))? else { return Ok(None) };
        let mut changes = Vec::with_capacity(notes.len());
        for note in notes {
            let Ok(change) = VoterChange::parse(note, self.mesh()) else { return Ok(None) };
            changes.push(change);
        }
        // Each checkpoint that is offered comes with all changes: they are followed only where there is something to find.
        let applied = self.applied()?;
        let is_own = |recovery: &VoterRecovery| -> Result<bool, MeshError> {
            Ok(recovery.base.size() < applied && self.leaf(recovery.base.size())? == recovery.leaf)
        };
        let mut is_beyond = false;
        for change in &changes {
            if let VoterChange::Recovery(recovery) = change {
                is_beyond |= !is_own(recovery)?;
            }
        }
        if !is_beyond {
            return Ok(None);
        }
        let mut trust = Trust::new(*self.mesh(), self.first_voters());
        let mut found = None;
        for change in &changes {
            let recovery = match change {
                VoterChange::Recovery(recovery) => recovery,
                VoterChange::Handover(note) if trust.follow(note).is_ok() => continue,
                VoterChange::Handover(_) => break,
            };
            if is_own(recovery)? {
                // By the council of its time, as the ledger here says.
                let Ok((since, voters, _)) = recovery.verify_but_council(&trust) else { break };
                trust.recovered(since, voters);
                continue;
            }
            if trust.recover(recovery, &mesh.council).is_err() {
                break;
            }
            let Ok(command) = recovery.signed_command(self.mesh()) else { break };
            let Body::RecoverVoters(body) = &command.command().body else { break };
            let voters = body.voters.iter().map(|voter| voter.node_id).filter(|id| *id != 0).collect();
            let (size, group) = (recovery.base.size(), command.envelope().payload_digest());
            found = Some(HeardRecovery { size, group, voters });
        }
        Ok(found)
    }

    /// Remembers that a recovery names this node, which runs as if there were none; returns whether that is news.
    pub(super) fn name_recovery(&self, size: u64) -> bool {
        self.kept().named_in.replace(size) != Some(size)
    }

    /// Keeps the checkpoint that a recovery goes on from, and nothing where a larger one counts here. For a node that is refounded while
    /// it does not run.
    ///
    /// # Errors
    /// [`Code::BadRecovery`] names the larger one; [`Code::TooFewCosigned`] for one that does not count, [`Code::Forked`] for another
    /// history, [`Code::NotCaughtUp`] for one beyond the own ledger.
    pub fn keep_base(&self, note: &[u8]) -> Result<LedgerCheckpoint, MeshError> {
        let base = LedgerCheckpoint::parse(note, self.mesh()).map_err(|error| super::keeper::refuse(&error))?;
        let (size, applied) = (base.size(), self.applied()?);
        if applied < size {
            let text = format!(
                "the recovery goes on from {size} leaves; {applied} are here, and nobody sends the others any more: this node comes back as a new one (meshd --recover), or restore a backup with all of them"
            );
            return Err(MeshError::new(Code::NotCaughtUp, text));
        }
        let last = self.last().map(|(last, _)| last);
        if let Some(last) = last.as_ref().filter(|last| last.size() > size) {
            let text = format!(
                "the recovery goes on from {size} leaves, and this node has a checkpoint of {} leaves that counts: the council has to name that one",
                last.size()
            );
            return Err(MeshError::new(Code::BadRecovery, text));
        }
        if self.root_at(size)? != base.root() {
            return Err(other_history(size));
        }
        let (_, voters) = self.voters_at(size)?;
        let counted = base.counted_by(self.mesh(), &voters, &BTreeSet::new());
        counted.map_err(|error| MeshError::new(Code::TooFewCosigned, format!("the checkpoint: {error}")))?;
        if last.is_none_or(|last| last.size() < size) {
            let mut batch = Batch::new();
            Kept::put_last(&self.store.meta(), &mut batch, &base).map_err(|error| storage_error(&error))?;
            self.write_durably(batch)?;
        }
        Ok(base)
    }
}
