//! Trees too large to build: all leaves are alike, so a complete subtree's hash depends on its level alone.

use std::convert::Infallible;

use mesh_tlog::{
    Frontier, Hash, HashReader, MAX_SIZE, check_consistency, check_inclusion, leaf_hash, node_hash, prove_consistency,
    prove_inclusion, root_at,
};
use proptest::prelude::*;

use crate::cases;

struct Alike(Vec<Hash>);

impl Alike {
    fn new() -> Self {
        let leaf = leaf_hash(b"again");
        let levels = std::iter::successors(Some(leaf), |&hash| Some(node_hash(hash, hash)));
        Self(levels.take(64).collect())
    }
}

impl HashReader for Alike {
    type Error = Infallible;

    fn read(&self, level: u8, _index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)])
    }
}

/// Sizes where carries, edges and the limit are.
fn sizes() -> impl Strategy<Value = u64> {
    let near_power =
        (0_u32..63, -2_i64..3).prop_map(|(bit, off)| (1_u64 << bit).saturating_add_signed(off).clamp(1, MAX_SIZE));
    prop_oneof![1..=MAX_SIZE, MAX_SIZE - 3..=MAX_SIZE, near_power, 1_u64..1000]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn proofs_hold_up_to_the_largest_tree(new in sizes(), old in sizes(), index in any::<u64>()) {
        let tree = Alike::new();
        let (old, new) = (old.min(new), old.max(new));
        let index = index % new;
        let (old_root, new_root) = (root_at(&tree, old)?, root_at(&tree, new)?);

        let proof = prove_inclusion(&tree, new, index)?;
        prop_assert!(proof.len() <= 63);
        prop_assert_eq!(check_inclusion(&proof, new, new_root, index, tree.0[0]), Ok(()));

        let proof = prove_consistency(&tree, old, new)?;
        prop_assert!(proof.len() <= 64);
        prop_assert_eq!(check_consistency(&proof, old, old_root, new, new_root), Ok(()));
    }

    #[test]
    fn a_frontier_picked_up_anywhere_grows_like_the_tree(size in sizes()) {
        let tree = Alike::new();
        let mut frontier = Frontier::from_reader(&tree, size.min(MAX_SIZE - 4))?;
        for _ in 0..4 {
            frontier.append(tree.0[0]);
            prop_assert_eq!(Ok(frontier.root()), root_at(&tree, frontier.size()));
        }
        prop_assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier));
    }

    #[test]
    fn checking_whatever_was_sent_never_panics(
        proof in proptest::collection::vec(any::<[u8; 32]>().prop_map(Hash::new), 0..70),
        old in any::<u64>(),
        new in any::<u64>(),
        root in any::<[u8; 32]>().prop_map(Hash::new),
    ) {
        let leaf = leaf_hash(b"again");
        prop_assert!(check_inclusion(&proof, new, root, old, leaf).is_err());
        prop_assert!(check_consistency(&proof, old, leaf, new, root).is_err());
    }
}

#[test]
#[should_panic(expected = "the tree is full")]
fn the_largest_tree_takes_no_leaf() {
    let mut frontier = Frontier::from_reader(&Alike::new(), MAX_SIZE).unwrap();
    frontier.append(leaf_hash(b"one too many"));
}
