//! Where stored hashes come from.

use std::collections::BTreeMap;
use std::error::Error;

use crate::hash::Hash;
use crate::proof::{ProveError, check_size};
use crate::range::{Range, read_ranges};

/// The place of a complete subtree: `(level, index)`. It covers the leaves `index * 2^level ..
/// (index + 1) * 2^level`; level 0 is the leaf hashes.
pub type NodeAddress = (u8, u64);

/// A complete subtree and its hash, `(level, index, hash)`: what a store keeps, once and for ever.
pub type StoredHash = (u8, u64, Hash);

/// A store of the hashes of complete subtrees.
///
/// Callers ask only for subtrees that are complete in the tree size they were given, so a hash that
/// isn't there is a damaged store (or a size that was never reached), not a normal answer.
pub trait HashReader {
    /// Why a hash can't be had.
    type Error: Error + 'static;

    /// The hash of the complete subtree `(level, index)`.
    ///
    /// # Errors
    /// What the store says when it has no such hash or can't read it.
    fn read(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;

    /// The hashes at `addresses`, in that order and as many. One call per proof; worth overriding
    /// where a round of reads has a cost.
    ///
    /// # Errors
    /// As [`HashReader::read`], for the first that fails.
    fn read_many(&self, addresses: &[NodeAddress]) -> Result<Vec<Hash>, Self::Error> {
        addresses.iter().map(|&(level, index)| self.read(level, index)).collect()
    }
}

impl<R: HashReader + ?Sized> HashReader for &R {
    type Error = R::Error;

    fn read(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        (**self).read(level, index)
    }

    fn read_many(&self, addresses: &[NodeAddress]) -> Result<Vec<Hash>, Self::Error> {
        (**self).read_many(addresses)
    }
}

/// A tree in memory: for audits of an export, and tests.
impl HashReader for BTreeMap<NodeAddress, Hash> {
    type Error = MissingHash;

    fn read(&self, level: u8, index: u64) -> Result<Hash, MissingHash> {
        self.get(&(level, index)).copied().ok_or(MissingHash { level, index })
    }
}

/// A tree in memory was asked for a subtree that it doesn't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of the complete subtree ({level}, {index}) is not stored")]
pub struct MissingHash {
    /// The level; 0 is the leaves.
    pub level: u8,
    /// The position within the level.
    pub index: u64,
}

/// The root of the tree of the first `size` leaves: `MTH(D[0:size])` (RFC 6962, 2.1).
///
/// # Errors
/// [`ProveError::SizeTooLarge`], or [`ProveError::Read`] where the store fails.
pub fn root_at<R: HashReader + ?Sized>(reader: &R, size: u64) -> Result<Hash, ProveError<R::Error>> {
    check_size(size).map_err(|size| ProveError::SizeTooLarge { size })?;
    let roots = read_ranges(reader, &[Range::tree(size)]).map_err(ProveError::Read)?;
    Ok(roots[0])
}
