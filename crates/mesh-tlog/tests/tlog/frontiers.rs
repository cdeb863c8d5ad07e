use mesh_tlog::{Frontier, FrontierError, HASH_BYTES, MAX_SIZE, ProveError, root_at};
use proptest::prelude::*;

use crate::cases;
use crate::tree::{LARGEST, leaves, mth, size, store};

#[test]
fn every_frontier_has_the_root_of_the_definition() {
    let all = leaves(LARGEST);
    let stored = store(&all);
    let mut frontier = Frontier::new();
    for n in 0..=all.len() {
        let tree = &all[..n];
        assert_eq!(frontier.size(), size(tree));
        assert_eq!(frontier.root(), mth(tree));
        assert_eq!(root_at(&stored, size(tree)), Ok(mth(tree)));
        assert_eq!(Frontier::from_reader(&stored, size(tree)), Ok(frontier.clone()));
        assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier.clone()));
        if let Some(&leaf) = all.get(n) {
            frontier.append(leaf);
        }
    }
}

#[test]
fn append_returns_exactly_the_subtrees_that_the_leaf_completes() {
    let all = leaves(LARGEST);
    let mut frontier = Frontier::new();
    for n in 1..=all.len() {
        let stored = frontier.append(all[n - 1]);
        let expected: Vec<_> = (0..=n.trailing_zeros())
            .map(|level| {
                let width = 1 << level;
                let hash = mth(&all[n - width..n]);
                (u8::try_from(level).unwrap(), (n / width - 1) as u64, hash)
            })
            .collect();
        assert_eq!(stored, expected, "leaf {n}");
    }
}

#[test]
fn a_frontier_names_the_subtrees_it_consists_of() {
    let mut frontier = Frontier::new();
    for leaf in leaves(7) {
        frontier.append(leaf);
    }
    let stored = store(&leaves(7));
    let expected = [(2, 0), (1, 2), (0, 6)].map(|(l, i)| (l, i, stored[&(l, i)]));
    assert_eq!(frontier.subtrees().collect::<Vec<_>>(), expected);
}

#[test]
fn rejects_bytes_of_another_length_or_size() {
    let mut frontier = Frontier::new();
    for leaf in leaves(5) {
        frontier.append(leaf);
    }
    let bytes = frontier.to_bytes();
    assert_eq!(bytes.len(), 8 + 2 * HASH_BYTES);
    for cut in 0..bytes.len() {
        assert!(Frontier::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    assert_eq!(
        Frontier::from_bytes(&[bytes.as_slice(), &[0]].concat()),
        Err(FrontierError::Length { expected: 72, found: 73 })
    );
    let size = MAX_SIZE + 1;
    let too_large = [size.to_be_bytes().as_slice(), &[0; 32]].concat();
    assert_eq!(Frontier::from_bytes(&too_large), Err(FrontierError::SizeTooLarge { size }));
}

#[test]
fn a_size_the_store_never_reached_is_an_error() {
    let stored = store(&leaves(5));
    assert!(matches!(Frontier::from_reader(&stored, 6), Err(ProveError::Read(_))));
    assert!(matches!(root_at(&stored, 6), Err(ProveError::Read(_))));
    assert!(matches!(root_at(&stored, u64::MAX), Err(ProveError::SizeTooLarge { .. })));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn bytes_that_parse_are_the_bytes_of_what_they_say(
        size in 0_u64..1 << 20,
        lack in -1_i32..2,
        fill in any::<u8>(),
    ) {
        let hashes = i64::from(size.count_ones()) + i64::from(lack);
        let len = usize::try_from(hashes.max(0)).unwrap() * HASH_BYTES;
        let bytes = [size.to_be_bytes().as_slice(), &vec![fill; len]].concat();
        if let Ok(frontier) = Frontier::from_bytes(&bytes) {
            prop_assert_eq!(frontier.to_bytes(), bytes);
        } else {
            prop_assert_ne!(lack, 0);
        }
    }
}
