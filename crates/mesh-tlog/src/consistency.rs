//! Consistency proofs: the old tree is the beginning of the new one.
//!
//! Two cases RFC 6962 leaves out are defined here as the C2SP witness protocol does: the proof
//! between equal sizes and the proof from the empty tree have no hashes.

use crate::hash::{Hash, empty_root};
use crate::path::Path;
use crate::proof::{CheckError, ProveError, check_length, check_size};
use crate::range::{Range, read_ranges};
use crate::reader::HashReader;

/// The old tree's last complete subtree `(level, index)`, whose way up to the new root passes every
/// other part of both trees.
fn seed(old_size: u64) -> (u32, u64) {
    let level = old_size.trailing_zeros();
    (level, (old_size >> level) - 1)
}

/// The proof that the tree of the first `old_size` leaves is the beginning of that of the first
/// `new_size`: `PROOF(old_size, D[0:new_size])` (RFC 6962, 2.1.2). At most 64 hashes.
///
/// # Errors
/// [`ProveError::SizeTooLarge`] or [`ProveError::SizesReversed`] for what no tree does,
/// [`ProveError::Read`] where the store fails.
pub fn prove_consistency<R: HashReader + ?Sized>(
    reader: &R,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(new_size).map_err(|size| ProveError::SizeTooLarge { size })?;
    if old_size > new_size {
        return Err(ProveError::SizesReversed { old_size, new_size });
    }
    if old_size == 0 || old_size == new_size {
        return Ok(Vec::new());
    }
    let (level, index) = seed(old_size);
    let mut ranges = Vec::new();
    if !old_size.is_power_of_two() {
        ranges.push(Range::node(level, index, new_size));
    } // else the seed is the old root, which the checker has
    ranges.extend(Path::new(level, index, new_size).siblings());
    read_ranges(reader, &ranges).map_err(ProveError::Read)
}

/// Checks that `proof` shows the tree of `old_size` leaves with `old_root` to be the beginning of
/// that of `new_size` leaves with `new_root` (RFC 9162, 2.1.4.2).
///
/// Every tree extends the empty one, so with `old_size` 0 a right answer says nothing about
/// `new_root`.
///
/// # Errors
/// The first [`CheckError`] found: sizes, then the proof's length, then the roots. A proof that
/// fails is no evidence of a fork, for anybody can make one that does; two different signed roots
/// of one size are.
pub fn check_consistency(
    proof: &[Hash],
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
) -> Result<(), CheckError> {
    check_size(new_size).map_err(|size| CheckError::SizeTooLarge { size })?;
    if old_size > new_size {
        return Err(CheckError::SizesReversed { old_size, new_size });
    }
    if old_size == 0 || old_size == new_size {
        check_length(0, proof.len())?;
        if old_size == 0 && old_root != empty_root() {
            return Err(CheckError::OldRootMismatch);
        }
        if old_size == new_size && old_root != new_root {
            return Err(CheckError::NewRootMismatch);
        }
        return Ok(());
    }
    let (level, index) = seed(old_size);
    let path = Path::new(level, index, new_size);
    let own_seed = usize::from(!old_size.is_power_of_two());
    check_length(own_seed + path.len(), proof.len())?;
    let (given, siblings) = proof.split_at(own_seed);
    let node = given.first().copied().unwrap_or(old_root);
    if path.root_of_prefix(node, siblings) != old_root {
        return Err(CheckError::OldRootMismatch);
    }
    if path.root(node, siblings) != new_root {
        return Err(CheckError::NewRootMismatch);
    }
    Ok(())
}
