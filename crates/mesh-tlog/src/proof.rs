//! What can go wrong with proofs: one error for who makes them, one for who checks them.

use std::error::Error;

use crate::MAX_SIZE;

/// Why a proof or root could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E: Error + 'static> {
    /// No tree is that large.
    #[error("expected a tree size of at most 2^63 - 1, found {size}")]
    SizeTooLarge {
        /// The size asked for.
        size: u64,
    },
    /// The leaf is not in the tree.
    #[error("expected a leaf index below the tree size {size}, found {index}")]
    IndexOutOfRange {
        /// The leaf asked for.
        index: u64,
        /// The number of leaves.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("expected an old tree size of at most {new_size}, found {old_size}")]
    SizesReversed {
        /// The size that should be the smaller.
        old_size: u64,
        /// The size that should be the larger.
        new_size: u64,
    },
    /// The store could not give a hash.
    #[error("a stored hash could not be read")]
    Read(#[source] E),
}

/// Why a proof does not hold. Each is the sender's fault; nothing about the tree is known after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// No tree is that large.
    #[error("expected a tree size of at most 2^63 - 1, found {size}")]
    SizeTooLarge {
        /// The size claimed.
        size: u64,
    },
    /// The leaf is not in the tree.
    #[error("expected a leaf index below the tree size {size}, found {index}")]
    IndexOutOfRange {
        /// The leaf claimed.
        index: u64,
        /// The number of leaves.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("expected an old tree size of at most {new_size}, found {old_size}")]
    SizesReversed {
        /// The size that should be the smaller.
        old_size: u64,
        /// The size that should be the larger.
        new_size: u64,
    },
    /// The sizes ask for another number of hashes.
    #[error("expected a proof of {expected} hashes, found {found}")]
    ProofLength {
        /// How many hashes a proof between these sizes has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// An inclusion proof leads to another root.
    #[error("the inclusion proof does not lead to the root")]
    RootMismatch,
    /// A consistency proof leads to another old root.
    #[error("the consistency proof does not lead to the old root")]
    OldRootMismatch,
    /// A consistency proof leads to another new root.
    #[error("the consistency proof does not lead to the new root")]
    NewRootMismatch,
}

/// `Err(size)` when no tree is that large.
pub(crate) fn check_size(size: u64) -> Result<(), u64> {
    if size > MAX_SIZE { Err(size) } else { Ok(()) }
}

/// The error of a proof that has not the length its sizes ask for.
pub(crate) fn check_length(expected: usize, found: usize) -> Result<(), CheckError> {
    if expected == found { Ok(()) } else { Err(CheckError::ProofLength { expected, found }) }
}
