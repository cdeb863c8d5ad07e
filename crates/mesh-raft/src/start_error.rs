//! Why a voter doesn't start.

use mesh_store::StoreError;

/// Why a voter doesn't start. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
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
