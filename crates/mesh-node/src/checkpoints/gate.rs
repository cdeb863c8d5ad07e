//! What a node takes and signs depending on what it heard of checkpoints.

use std::sync::Arc;
use std::time::Instant;

use mesh_event::ledger::EntryBody;
use mesh_event::{Body, Command, Envelope, ProposalBody};
use mesh_governance::read;
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_raft::{ProposeError, Refounding};
use mesh_tlog::NoteSignature;
use tracing::{error, warn};

use super::recovery::HeardRecovery;
use super::{Heard, round};
use crate::core::{Core, storage_error};

/// The kinds of proposals that are taken while a fork stands.
const IN_A_FORK: [&str; 2] = ["ResolveFork", "SetVoters"];

impl Core {
    /// This voter's two lines under a checkpoint, if its own ledger says the same.
    ///
    /// # Errors
    /// As [`super::Cosigner::cosign`]; [`Code::BadVoters`] on a node that is no voter.
    pub async fn cosign(&self, checkpoint: &str) -> Result<[NoteSignature; 2], MeshError> {
        match &self.cosigner {
            Some(cosigner) => cosigner.cosign(self, checkpoint).await,
            None => Err(MeshError::new(Code::BadVoters, format!("node {} is no voter", self.node_id()))),
        }
    }

    /// Takes a checkpoint from wherever it comes, and tells everybody when it shows a fork.
    ///
    /// # Errors
    /// As [`super::Keeper::hear`].
    pub async fn hear_checkpoint(self: &Arc<Self>, note: Vec<u8>) -> Result<Heard, MeshError> {
        self.hear_checkpoint_at(note, None).await
    }

    /// The same of one that the node's own round brought, which began at that moment.
    ///
    /// # Errors
    /// As [`super::Keeper::hear`].
    pub async fn hear_checkpoint_at(self: &Arc<Self>, note: Vec<u8>, at: Option<Instant>) -> Result<Heard, MeshError> {
        let core = Arc::clone(self);
        let heard = self.offload(move || core.checkpoints.hear_at(&note, at)).await?;
        if heard == (Heard::Fork { is_known: false }) {
            round::offer(self);
        }
        Ok(heard)
    }

    /// Takes the changes of voters that another node knows. A voter whom the council left out after a lost quorum learns of it here: it
    /// only reads from then on.
    ///
    /// # Errors
    /// As [`super::Keeper::hear_handovers`].
    pub async fn hear_handovers(self: &Arc<Self>, notes: Vec<Vec<u8>>) -> Result<(), MeshError> {
        let core = Arc::clone(self);
        let heard = self.offload(move || {
            core.checkpoints.hear_handovers(&notes)?;
            core.checkpoints.recovery_beyond(&notes)
        });
        match heard.await? {
            Some(recovery) => self.hear_recovery(recovery).await,
            None => Ok(()),
        }
    }

    /// The council goes on with other voters than those among whom this node is.
    async fn hear_recovery(self: &Arc<Self>, recovery: HeardRecovery) -> Result<(), MeshError> {
        let group = self.raft.group().map_err(|error| self.state_error(&error))?;
        if group == recovery.group.0 || !self.raft.tail().follows_raft() {
            return Ok(());
        }
        let (size, id) = (recovery.size, self.node_id());
        if recovery.voters.contains(&id) {
            if self.checkpoints.name_recovery(size) {
                warn!(
                    size,
                    "the council recovered the voters and named this node: stop it and run `mesh node refound`"
                );
            }
            return Ok(());
        }
        let reason = format!(
            "the council recovered the voters at {size} leaves after a lost quorum, and node {id} is not among them"
        );
        // First: until Raft has ended, the ledger may grow here by the word of those before.
        self.raft.read_only(&reason).await;
        let core = Arc::clone(self);
        let left = self.offload(move || {
            let applied = core.ledger_size();
            let left = if applied > size {
                error!(%reason, applied, "leaves from there on are another history than the mesh's");
                // What it would write names leaves that the mesh does not have.
                core.store.give_up_authority(&format!(
                    "{reason}; {applied} leaves are here, of which those from {size} on are another history"
                ))
            } else {
                Refounding::leave(&core.store, &reason)
            };
            error!(%reason, "this node votes, orders and vouches no more under this number");
            left.map_err(|error| storage_error(&error))
        });
        left.await
    }

    /// Takes the proof of a fork from wherever it comes, and tells everybody when it is news.
    ///
    /// # Errors
    /// As [`super::Keeper::hear_fork`].
    pub async fn hear_fork(self: &Arc<Self>, proof: Vec<u8>) -> Result<(), MeshError> {
        let core = Arc::clone(self);
        if self.offload(move || core.checkpoints.hear_fork(&proof)).await? {
            round::offer(self);
        }
        Ok(())
    }

    /// Why an entry is not ordered now: while a fork stands, only what [`Core::check_no_fork`] lets pass.
    pub(crate) fn refuses(&self, body: &EntryBody) -> Option<ProposeError> {
        let forked = self.checkpoints.check_no_fork().err()?;
        if let EntryBody::Envelope(bytes) = body
            && let Ok(envelope) = Envelope::parse(bytes.clone())
            && let Ok(command) = Command::decode(envelope.payload())
            && self.check_no_fork(&command.body).is_ok()
        {
            return None;
        }
        Some(ProposeError::Refused { code: forked.code, detail: forked.message })
    }

    /// Whether a command may be taken while a fork stands: only what decides about it, takes the keys that signed twice out of force, or
    /// goes on after a lost quorum.
    ///
    /// # Errors
    /// [`Code::Forked`]: nothing happened.
    pub fn check_no_fork(&self, body: &Body) -> Result<(), MeshError> {
        let Err(forked) = self.checkpoints.check_no_fork() else { return Ok(()) };
        let proposal = match body {
            // Without a quorum nobody can decide about the fork.
            Body::RecoverVoters(_) => return Ok(()),
            Body::Propose(propose) if IN_A_FORK.contains(&propose.body.kind()) => return Ok(()),
            Body::Approve(answer) => answer.proposal,
            Body::Reject(answer) => answer.proposal,
            Body::Withdraw(answer) => answer.proposal,
            Body::Comment(remark) => remark.proposal,
            _ => return Err(forked),
        };
        match read::proposal(&self.state, proposal).map_err(|error| self.state_error(&error))? {
            Some(proposal) if IN_A_FORK.contains(&proposal.kind.as_str()) => Ok(()),
            _ => Err(forked),
        }
    }

    /// Whether nothing depends any more on the node that a proposal would take out: the first checkpoint over a change of voters needs
    /// those before, and who is revoked signs nothing.
    ///
    /// # Errors
    /// [`Code::NodeVotes`]: nothing happened.
    pub fn check_handed_over(&self, body: &Body) -> Result<(), MeshError> {
        let Body::Propose(propose) = body else { return Ok(()) };
        let ProposalBody::RevokeNode(revoke) = &propose.body else { return Ok(()) };
        let (_, in_force) = self.checkpoints.voters_at(self.ledger_size())?;
        let followed = self.checkpoints.followed_voters();
        if followed == in_force || followed.get(revoke.node_id).is_none() {
            return Ok(());
        }
        let text = format!(
            "node {} was a voter, and the checkpoint with which the voters before hand over is still to come; nothing happened",
            revoke.node_id
        );
        Err(MeshError::new(Code::NodeVotes, text))
    }
}
