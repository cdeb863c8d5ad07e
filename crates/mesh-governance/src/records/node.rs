//! Nodes.

use mesh_event::NodeRecord;
use mesh_model::LedgerIndex;
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
