//! Inclusion proofs: this leaf is number `index` of this tree.

use crate::hash::Hash;
use crate::path::Path;
use crate::proof::{CheckError, ProveError, check_length, check_size};
use crate::range::read_ranges;
use crate::reader::HashReader;

/// The proof that leaf `index` is in the tree of the first `size` leaves: `PATH(index, D[0:size])`,
/// from the leaf up (RFC 6962, 2.1.1). At most 63 hashes.
///
/// # Errors
/// [`ProveError::SizeTooLarge`] or [`ProveError::IndexOutOfRange`] for what no tree has,
/// [`ProveError::Read`] where the store fails.
pub fn prove_inclusion<R: HashReader + ?Sized>(
    reader: &R,
    size: u64,
    index: u64,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(size).map_err(|size| ProveError::SizeTooLarge { size })?;
    if index >= size {
        return Err(ProveError::IndexOutOfRange { index, size });
    }
    read_ranges(reader, &Path::new(0, index, size).siblings()).map_err(ProveError::Read)
}

/// Checks that `proof` shows the leaf with `leaf_hash` at `index` of the tree of `size` leaves with
/// this `root` (RFC 9162, 2.1.3.2).
///
/// # Errors
/// The first [`CheckError`] found: sizes, then the proof's length, then the root.
pub fn check_inclusion(proof: &[Hash], size: u64, root: Hash, index: u64, leaf_hash: Hash) -> Result<(), CheckError> {
    check_size(size).map_err(|size| CheckError::SizeTooLarge { size })?;
    if index >= size {
        return Err(CheckError::IndexOutOfRange { index, size });
    }
    let path = Path::new(0, index, size);
    check_length(path.len(), proof.len())?;
    if path.root(leaf_hash, proof) == root { Ok(()) } else { Err(CheckError::RootMismatch) }
}
