use mesh_tlog::{CheckError, MAX_SIZE, MissingHash, ProveError, check_inclusion, empty_root, prove_inclusion};

use crate::tree::{LARGEST, leaves, mth, near_misses, path, size, store};

#[test]
fn every_leaf_of_every_tree_has_the_proof_of_the_definition() {
    let all = leaves(LARGEST);
    let stored = store(&all);
    for n in 1..=all.len() {
        let tree = &all[..n];
        let root = mth(tree);
        for (i, &leaf) in tree.iter().enumerate() {
            let proof = prove_inclusion(&stored, size(tree), i as u64).unwrap();
            assert_eq!(proof, path(i, tree), "leaf {i} of {n}");
            let checked = check_inclusion(&proof, size(tree), root, i as u64, leaf);
            assert_eq!(checked, Ok(()), "leaf {i} of {n}");
        }
    }
}

#[test]
fn rejects_a_proof_for_any_other_index_leaf_root_or_hashes() {
    let all = leaves(LARGEST);
    let stored = store(&all);
    for n in 1..=40 {
        let tree = &all[..n];
        let (n, root) = (size(tree), mth(tree));
        for (i, &leaf) in (0..).zip(tree) {
            let proof = prove_inclusion(&stored, n, i).unwrap();
            for (other, &other_leaf) in (0..).zip(tree).filter(|&(other, _)| other != i) {
                assert!(check_inclusion(&proof, n, root, other, leaf).is_err());
                assert!(check_inclusion(&proof, n, root, i, other_leaf).is_err());
            }
            let checked = check_inclusion(&proof, n, empty_root(), i, leaf);
            assert_eq!(checked, Err(CheckError::RootMismatch));
            for wrong in near_misses(&proof) {
                assert!(check_inclusion(&wrong, n, root, i, leaf).is_err());
            }
        }
    }
}

#[test]
fn rejects_a_proof_of_another_length_before_it_hashes_anything() {
    let all = leaves(7);
    let stored = store(&all);
    let proof = prove_inclusion(&stored, 7, 2).unwrap();
    let long = [proof.as_slice(), &all].concat();
    let root = mth(&all);
    assert_eq!(check_inclusion(&long, 7, root, 2, all[2]), Err(CheckError::ProofLength { expected: 3, found: 10 }));
    assert_eq!(
        check_inclusion(&proof[..2], 7, root, 2, all[2]),
        Err(CheckError::ProofLength { expected: 3, found: 2 })
    );
}

#[test]
fn rejects_indices_and_sizes_that_no_tree_has() {
    let all = leaves(4);
    let (stored, root) = (store(&all), mth(&all));
    for (n, index) in [(0, 0), (4, 4), (4, u64::MAX), (MAX_SIZE, MAX_SIZE)] {
        let made = prove_inclusion(&stored, n, index);
        assert_eq!(made, Err(ProveError::IndexOutOfRange { index, size: n }));
        let checked = check_inclusion(&[], n, root, index, all[0]);
        assert_eq!(checked, Err(CheckError::IndexOutOfRange { index, size: n }));
    }
    for n in [MAX_SIZE + 1, u64::MAX] {
        let made = prove_inclusion(&stored, n, 0);
        assert_eq!(made, Err(ProveError::SizeTooLarge { size: n }));
        let checked = check_inclusion(&[], n, root, 0, all[0]);
        assert_eq!(checked, Err(CheckError::SizeTooLarge { size: n }));
    }
}

#[test]
fn says_which_hash_a_damaged_store_misses() {
    let mut stored = store(&leaves(8));
    stored.remove(&(2, 1));
    let missing = MissingHash { level: 2, index: 1 };
    let made = prove_inclusion(&stored, 8, 0);
    assert_eq!(made, Err(ProveError::Read(missing)));
}
