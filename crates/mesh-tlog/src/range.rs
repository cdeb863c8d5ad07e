//! Runs of leaves and the complete subtrees they consist of.

use crate::hash::{Hash, empty_root, node_hash};
use crate::reader::{HashReader, NodeAddress};

/// The leaves `start .. end` of a tree.
///
/// `start` is a multiple of a power of two that is at least `end - start`: so every range is a node
/// of some RFC 6962 tree, and splits into complete subtrees from large to small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    start: u64,
    end: u64,
}

impl Range {
    /// A whole tree.
    pub(crate) fn tree(size: u64) -> Self {
        Self { start: 0, end: size }
    }

    /// The node `(level, index)` of a tree of `size` leaves, which may cut it short on the right.
    pub(crate) fn node(level: u32, index: u64, size: u64) -> Self {
        let start = index << level;
        let end = size.min((index + 1) << level);
        assert!(start < end, "node ({level}, {index}) lies outside a tree of {size} leaves");
        Self { start, end }
    }

    /// The complete subtrees of the range, from left to right, which is from large to small: one
    /// for each set bit of its length.
    pub(crate) fn subtrees(self) -> impl Iterator<Item = NodeAddress> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let level = (self.end - start).checked_ilog2()?;
            let index = start >> level;
            debug_assert_eq!(index << level, start, "the range is not aligned");
            start += 1 << level;
            Some((u8::try_from(level).expect("a logarithm of u64 fits u8"), index))
        })
    }
}

/// The Merkle tree hash of consecutive complete subtrees, from left (large) to right (small): MTH
/// of RFC 6962, 2.1.
pub(crate) fn fold(subtrees: &[Hash]) -> Hash {
    subtrees.iter().rev().copied().reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root)
}

/// The Merkle tree hash of each range, with one batched read.
pub(crate) fn read_ranges<R: HashReader + ?Sized>(reader: &R, ranges: &[Range]) -> Result<Vec<Hash>, R::Error> {
    let addresses: Vec<_> = ranges.iter().flat_map(|range| range.subtrees()).collect();
    let hashes = read_exactly(reader, &addresses)?;
    let mut rest = hashes.as_slice();
    Ok(ranges
        .iter()
        .map(|range| {
            let (own, others) = rest.split_at(range.subtrees().count());
            rest = others;
            fold(own)
        })
        .collect())
}

/// [`HashReader::read_many`], held to its contract.
pub(crate) fn read_exactly<R: HashReader + ?Sized>(
    reader: &R,
    addresses: &[NodeAddress],
) -> Result<Vec<Hash>, R::Error> {
    let hashes = reader.read_many(addresses)?;
    assert_eq!(hashes.len(), addresses.len(), "a hash reader answered another number of hashes than it was asked for");
    Ok(hashes)
}
