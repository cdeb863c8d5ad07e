//! One stream of a peer's ledger, judged item by item.

use std::sync::Arc;

use mesh_event::VoterChange;
use mesh_model::MeshId;
use mesh_proto::status::MeshError;
use mesh_proto::v1::{TailItem, TailLeaves, tail_item::Item};
use mesh_raft::{LedgerTail, TailError, Target};
use mesh_tlog::Hash;

use crate::checkpoints::{Heard, Keeper};

/// Why a stream is given up. What was applied before stays: it was proved.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// What the peer sent is wrong, or can't be kept.
    #[error("{0}")]
    Checkpoint(#[from] MeshError),
    /// The leaves are.
    #[error(transparent)]
    Leaves(#[from] TailError),
    /// Leaves without a checkpoint that covers them.
    #[error("leaves from {first} on came before a checkpoint that covers them")]
    Uncovered {
        /// The first.
        first: u64,
    },
    /// An item of another form.
    #[error("{0}")]
    Malformed(String),
}

/// What an item came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Leaves are to come, up to this size.
    Announced(u64),
    /// Leaves were applied; the ledger is of this size now.
    Grown(u64),
    /// The own ledger is as far as the peer's newest checkpoint.
    Even,
    /// The peer shows a fork.
    Fork(Vec<u8>),
}

/// What one stream has said so far.
pub struct TailSession {
    mesh: MeshId,
    tail: LedgerTail,
    keeper: Arc<Keeper>,
    /// The checkpoint that the leaves to come are covered by.
    goal: Option<Goal>,
    /// Changes of voters that the keeper has not heard yet.
    handovers: Vec<Vec<u8>>,
}

struct Goal {
    note: Vec<u8>,
    target: Target,
}

impl TailSession {
    /// The beginning of a stream.
    pub fn new(mesh: MeshId, tail: LedgerTail, keeper: Arc<Keeper>) -> Self {
        Self { mesh, tail, keeper, goal: None, handovers: Vec::new() }
    }

    /// The mesh whose ledger it is.
    pub fn mesh(&self) -> &MeshId {
        &self.mesh
    }

    /// Takes the next item. Waits for the disk and checks signatures: not for an async task.
    ///
    /// # Errors
    /// [`SessionError`]: the peer is to be left.
    pub fn take(&mut self, item: TailItem) -> Result<Step, SessionError> {
        match item.item {
            Some(Item::Checkpoint(checkpoint)) => {
                if !checkpoint.handovers.is_empty() {
                    self.handovers = checkpoint.handovers;
                }
                self.checkpoint(checkpoint.note)
            }
            Some(Item::Leaves(leaves)) => self.leaves(leaves),
            Some(Item::ForkProof(proof)) => Ok(Step::Fork(proof)),
            None => Err(SessionError::Malformed("an item of a kind that this node does not know".into())),
        }
    }

    fn checkpoint(&mut self, note: Vec<u8>) -> Result<Step, SessionError> {
        let target = self.keeper.judge_ahead(&note, &self.handovers)?;
        self.goal = Some(Goal { note, target });
        if target.size > self.tail.next_index() {
            return Ok(Step::Announced(target.size));
        }
        self.reached()
    }

    fn leaves(&mut self, leaves: TailLeaves) -> Result<Step, SessionError> {
        let TailLeaves { first_index, leaves, consistency } = leaves;
        if self.tail.follows_raft() {
            return Err(TailError::FollowsRaft.into());
        }
        let Some(goal) = &self.goal else { return Err(SessionError::Uncovered { first: first_index }) };
        let hash = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map(Hash::from);
        let proof: Result<Vec<Hash>, _> = consistency.into_iter().map(hash).collect();
        let proof = proof.map_err(|_| SessionError::Malformed("expected hashes of 32 bytes in a proof".into()))?;
        self.tail.append(first_index, leaves, goal.target, &proof)?;
        let size = self.tail.next_index();
        if size < goal.target.size { Ok(Step::Grown(size)) } else { self.reached() }
    }

    /// The own ledger has all that the checkpoint covers: now the keeper can compare it.
    fn reached(&mut self) -> Result<Step, SessionError> {
        let Some(goal) = self.goal.take() else { return Ok(Step::Even) };
        // Once: from here on the keeper's own trust leads to those who vote.
        let handovers = std::mem::take(&mut self.handovers);
        self.keeper.hear_handovers(&handovers)?;
        for handover in &handovers {
            if let Ok(VoterChange::Handover(note)) = VoterChange::parse(handover, &self.mesh) {
                self.keeper.hear(&note.bytes())?;
            }
        }
        match self.keeper.hear(&goal.note)? {
            Heard::Fork { .. } => Ok(Step::Fork(Vec::new())),
            _ => Ok(Step::Even),
        }
    }
}
