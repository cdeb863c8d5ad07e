//! The way from one complete subtree up to the root.

use crate::hash::{Hash, node_hash};
use crate::range::Range;

/// The way from the complete subtree `(level, index)` up to the root of a tree of `size` leaves,
/// `size > 0`.
///
/// Seen from below it has two parts. While the way is in another subtree than the tree's last node
/// of the same level (*inner*) every step has a sibling: on the right when the bit of `index` is 0,
/// on the left when it is 1. From there on the way runs along the right edge (*border*), where a 0
/// bit has no sibling, because the tree ends there, and a 1 bit has a complete one on the left. The
/// two walks of RFC 9162 (2.1.3.2 and 2.1.4.2) do this bit by bit; knowing where the parts meet
/// also gives the one right length of a proof.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    level: u32,
    index: u64,
    size: u64,
}

impl Path {
    pub(crate) fn new(level: u32, index: u64, size: u64) -> Self {
        assert!(size > 0, "an empty tree has no node");
        let path = Self { level, index, size };
        assert!(index <= path.last(), "node ({level}, {index}) lies outside a tree of {size} leaves");
        path
    }

    /// The index of the tree's last node on the level, complete or not.
    fn last(self) -> u64 {
        (self.size - 1) >> self.level
    }

    /// The number of inner steps: up to the highest bit in which the node and the last node differ.
    /// At most 63, for sizes fit 63 bits.
    fn inner(self) -> u32 {
        u64::BITS - (self.index ^ self.last()).leading_zeros()
    }

    /// The number of siblings on the way: the length of the proof, at most 63.
    pub(crate) fn len(self) -> usize {
        let inner = self.inner();
        let border = (self.index >> inner).count_ones();
        (inner + border) as usize
    }

    /// The siblings, from the bottom up.
    pub(crate) fn siblings(self) -> Vec<Range> {
        let inner = self.inner();
        let mut siblings = Vec::with_capacity(self.len());
        for step in 0..inner {
            let sibling = (self.index >> step) ^ 1;
            siblings.push(Range::node(self.level + step, sibling, self.size));
        }
        for step in inner..u64::BITS {
            let node = self.index >> step;
            if node & 1 == 1 {
                siblings.push(Range::node(self.level + step, node - 1, self.size));
            }
        }
        siblings
    }

    /// The root that `node` and its `siblings` lead to. `siblings` has [`Path::len`] hashes.
    pub(crate) fn root(self, node: Hash, siblings: &[Hash]) -> Hash {
        let (inner, border) = siblings.split_at(self.inner() as usize);
        let top = inner.iter().enumerate().fold(node, |hash, (step, &sibling)| {
            if self.index >> step & 1 == 0 { node_hash(hash, sibling) } else { node_hash(sibling, hash) }
        });
        border.iter().fold(top, |hash, &left| node_hash(left, hash))
    }

    /// The root of the tree that ends with `node`: as [`Path::root`] without the siblings on the
    /// right, which came later.
    pub(crate) fn root_of_prefix(self, node: Hash, siblings: &[Hash]) -> Hash {
        let (inner, border) = siblings.split_at(self.inner() as usize);
        inner
            .iter()
            .enumerate()
            .filter(|(step, _)| self.index >> step & 1 == 1)
            .map(|(_, left)| left)
            .chain(border)
            .fold(node, |hash, &left| node_hash(left, hash))
    }
}
