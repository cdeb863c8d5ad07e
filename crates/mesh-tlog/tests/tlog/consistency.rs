use mesh_tlog::{CheckError, MAX_SIZE, ProveError, check_consistency, empty_root, prove_consistency};

use crate::tree::{LARGEST, leaves, mth, near_misses, proof, size, store};

#[test]
fn every_pair_of_trees_has_the_proof_of_the_definition() {
    let all = leaves(LARGEST);
    let stored = store(&all);
    let roots: Vec<_> = (0..=all.len()).map(|n| mth(&all[..n])).collect();
    for new in 0..=all.len() {
        for old in 0..=new {
            let made = prove_consistency(&stored, old as u64, new as u64).unwrap();
            let expected = if old == 0 || old == new { Vec::new() } else { proof(old, &all[..new]) };
            assert_eq!(made, expected, "{old} to {new}");
            let checked = check_consistency(&made, old as u64, roots[old], new as u64, roots[new]);
            assert_eq!(checked, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn rejects_a_proof_for_any_other_root_size_or_hashes() {
    let all = leaves(LARGEST);
    let stored = store(&all);
    let roots: Vec<_> = (0..=all.len()).map(|n| mth(&all[..n])).collect();
    for new in 1..=40 {
        for old in 1..new {
            let (o, n) = (old as u64, new as u64);
            let made = prove_consistency(&stored, o, n).unwrap();
            let (old_root, new_root) = (roots[old], roots[new]);
            for wrong in near_misses(&made) {
                assert!(check_consistency(&wrong, o, old_root, n, new_root).is_err());
            }
            assert!(check_consistency(&made, o, empty_root(), n, new_root).is_err());
            assert_eq!(check_consistency(&made, o, old_root, n, empty_root()), Err(CheckError::NewRootMismatch));
            assert!(check_consistency(&made, o, new_root, n, old_root).is_err());
            for other in (1..new).filter(|&other| other != old) {
                let checked = check_consistency(&made, other as u64, old_root, n, new_root);
                assert!(checked.is_err(), "{old} to {new} passes for {other}");
            }
        }
    }
}

#[test]
fn rejects_a_new_tree_that_rewrote_any_old_leaf() {
    let honest = leaves(20);
    for old in 1..20 {
        for rewritten in 0..old {
            let mut fork = honest.clone();
            fork[rewritten] = empty_root();
            let made = prove_consistency(&store(&fork), old as u64, 20).unwrap();
            let old_root = mth(&honest[..old]);
            let checked = check_consistency(&made, old as u64, old_root, 20, mth(&fork));
            assert!(checked.is_err(), "leaf {rewritten} of {old}");
        }
    }
}

#[test]
fn equal_sizes_need_equal_roots_and_no_hashes() {
    let all = leaves(6);
    let (root, other) = (mth(&all), mth(&all[..5]));
    let n = size(&all);
    assert_eq!(check_consistency(&[], n, root, n, root), Ok(()));
    assert_eq!(check_consistency(&[], n, root, n, other), Err(CheckError::NewRootMismatch));
    let excess = CheckError::ProofLength { expected: 0, found: 1 };
    assert_eq!(check_consistency(&[root], n, root, n, root), Err(excess));
}

#[test]
fn every_tree_extends_the_empty_one_which_has_one_root() {
    let root = mth(&leaves(6));
    assert_eq!(check_consistency(&[], 0, empty_root(), 6, root), Ok(()));
    assert_eq!(check_consistency(&[], 0, empty_root(), 0, empty_root()), Ok(()));
    assert_eq!(check_consistency(&[], 0, root, 6, root), Err(CheckError::OldRootMismatch));
    assert_eq!(check_consistency(&[], 0, root, 0, root), Err(CheckError::OldRootMismatch));
    assert_eq!(check_consistency(&[], 0, empty_root(), 0, root), Err(CheckError::NewRootMismatch));
    let excess = check_consistency(&[root], 0, empty_root(), 6, root);
    assert!(matches!(excess, Err(CheckError::ProofLength { .. })));
}

#[test]
fn rejects_sizes_that_no_tree_has() {
    let all = leaves(4);
    let (stored, root) = (store(&all), mth(&all));
    let reversed = ProveError::SizesReversed { old_size: 4, new_size: 3 };
    assert_eq!(prove_consistency(&stored, 4, 3), Err(reversed));
    assert_eq!(check_consistency(&[], 4, root, 3, root), Err(CheckError::SizesReversed { old_size: 4, new_size: 3 }));
    for (old, new) in [(1, MAX_SIZE + 1), (u64::MAX, u64::MAX), (0, u64::MAX)] {
        let made = prove_consistency(&stored, old, new);
        assert_eq!(made, Err(ProveError::SizeTooLarge { size: new }));
        let checked = check_consistency(&[], old, root, new, root);
        assert_eq!(checked, Err(CheckError::SizeTooLarge { size: new }));
    }
}
