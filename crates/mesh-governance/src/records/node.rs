//! Nodes.

use mesh_event::NodeRecord;
use mesh_event::voters::{Voter, VoterSet};
use mesh_model::{LedgerIndex, NodeId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

/// A node that the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownNode {
    /// Its keys and addresses.
    pub record: NodeRecord,
    /// Whether it orders entries.
    pub voter: bool,
    /// The leaf that let it in.
    pub admitted_at: LedgerIndex,
}

/// A node that the council took out. Its id and its keys are never used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRevocation {
    /// Which.
    pub node_id: NodeId,
    /// The leaf that said so.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// Why.
    pub reason: String,
}

/// The voters in force from some ledger size on, with the keys by which they vouch for it: records of nodes stay, but who voted when
/// would be lost with the next change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VotersInForce {
    /// By ascending id: node id, log key, cosigner key.
    pub voters: Vec<(NodeId, PublicKey, PublicKey)>,
}

impl VotersInForce {
    /// As checkpoints are judged by; `None` for nodes that can't be a mesh's voters.
    pub fn to_set(&self) -> Option<VoterSet> {
        let voter = |&(id, log_key, cosigner_key): &(NodeId, PublicKey, PublicKey)| Voter { id, log_key, cosigner_key };
        VoterSet::new(self.voters.iter().map(voter).collect()).ok()
    }
}

impl From<&VoterSet> for VotersInForce {
    fn from(set: &VoterSet) -> Self {
        Self { voters: set.iter().map(|voter| (voter.id, voter.log_key, voter.cosigner_key)).collect() }
    }
}
