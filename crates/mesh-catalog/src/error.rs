//! What can go wrong with the index; a query itself never does.

use std::io::ErrorKind;

use tantivy::TantivyError;

/// Why the index could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SearchError {
    /// Its files are damaged or were written by another version. Clear the directory and fill a new index from the
    /// ledger's state.
    #[error("the search index is damaged or of another version ({0}); expected one that this build wrote")]
    Damaged(String),
    /// Another writer has the directory open.
    #[error("the search index is open elsewhere; expected to be its only writer")]
    Busy,
    /// The directory could not be read or written. What was not committed is lost: put it again.
    #[error("the search index could not be read or written")]
    Storage(#[source] TantivyError),
}

impl SearchError {
    /// Whether the caller should clear the directory and fill a new index.
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }
}

impl From<TantivyError> for SearchError {
    fn from(error: TantivyError) -> Self {
        match error {
            TantivyError::LockFailure(..) => Self::Busy,
            TantivyError::IoError(ref io) if is_garbage(io.kind()) => Self::Damaged(error.to_string()),
            TantivyError::OpenReadError(_)
            | TantivyError::DataCorruption(_)
            | TantivyError::FieldNotFound(_)
            | TantivyError::SchemaError(_)
            | TantivyError::IncompatibleIndex(_)
            | TantivyError::InternalError(_)
            | TantivyError::MissingPlugin(_)
            | TantivyError::UnexpectedPlugin(_)
            | TantivyError::DeserializeError(_) => Self::Damaged(error.to_string()),
            other => Self::Storage(other),
        }
    }
}

impl From<std::io::Error> for SearchError {
    fn from(error: std::io::Error) -> Self {
        TantivyError::from(error).into()
    }
}

fn is_garbage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::NotFound)
}
