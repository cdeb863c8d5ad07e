//! Why a voter doesn't start.

use mesh_model::NodeId;
use mesh_store::StoreError;

/// Why a voter doesn't start. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store lost something that it had acknowledged, and what is left of its ledger can't be read on either.
    #[error(
        "node {node_id} may not act under this id any more, and its ledger is damaged: {reason}; it can come back as a new node"
    )]
    LostAuthority {
        /// Which node.
        node_id: NodeId,
        /// What was lost.
        reason: String,
    },
    /// The store belongs to another node or mesh.
    #[error("expected the store of {expected}, found that of {found}")]
    OtherStore {
        /// Who is starting.
        expected: String,
        /// Whose it is.
        found: String,
    },
    /// Settings that don't go together.
    #[error("the raft settings don't fit: {0}")]
    Settings(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ledger, state or raft log can't be read.
    #[error("the node's log or state can't be opened: {0}")]
    Open(#[from] std::io::Error),
    /// Raft didn't start.
    #[error("raft did not start: {0}")]
    Raft(String),
}
