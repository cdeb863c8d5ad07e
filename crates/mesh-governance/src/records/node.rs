//! Nodes.

use mesh_event::NodeRecord;
use mesh_model::{LedgerIndex, NodeId, UnixMs};
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
