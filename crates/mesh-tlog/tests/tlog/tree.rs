//! The definitions of RFC 6962, section 2.1, word for word and over plain lists: what the crate is compared with.

use std::collections::BTreeMap;

use mesh_tlog::{Frontier, Hash, NodeAddress, empty_root, leaf_hash, node_hash};

/// Every tree size up to this one is tried.
pub(crate) const LARGEST: u64 = 100;

/// The largest power of two smaller than `n`, for `n > 1`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// MTH(D[n]), 2.1.
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(mth(left), mth(right))
        }
    }
}

/// PATH(m, D[n]), 2.1.1.
pub(crate) fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m < k { [path(m, left), vec![mth(right)]].concat() } else { [path(m - k, right), vec![mth(left)]].concat() }
}

/// PROOF(m, D[n]), 2.1.2, for `0 < m < n`.
pub(crate) fn proof(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(m, leaves, true)
}

fn subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m <= k {
        [subproof(m, left, whole), vec![mth(right)]].concat()
    } else {
        [subproof(m - k, right, false), vec![mth(left)]].concat()
    }
}

/// The hashes of leaves that all differ.
pub(crate) fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|i| leaf_hash(format!("leaf {i}").as_bytes())).collect()
}

/// What a store has after these leaves.
pub(crate) fn store(leaves: &[Hash]) -> BTreeMap<NodeAddress, Hash> {
    let mut frontier = Frontier::new();
    let nodes = leaves.iter().flat_map(|&leaf| frontier.append(leaf));
    nodes.map(|(level, index, hash)| ((level, index), hash)).collect()
}

/// The length of a list, as the sizes of the crate are.
pub(crate) fn size(leaves: &[Hash]) -> u64 {
    leaves.len() as u64
}

/// Everything near a right proof: one bit off, one hash more, fewer, doubled or moved.
pub(crate) fn near_misses(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut wrong = vec![[proof, &[empty_root()]].concat(), [&[empty_root()], proof].concat()];
    for i in 0..proof.len() {
        let mut flipped = proof.to_vec();
        let mut bytes = flipped[i].to_bytes();
        bytes[i % 32] ^= 1 << (i % 8);
        flipped[i] = Hash::new(bytes);
        wrong.push(flipped);

        let mut shorter = proof.to_vec();
        shorter.remove(i);
        wrong.push(shorter);

        let mut doubled = proof.to_vec();
        doubled.insert(i, proof[i]);
        wrong.push(doubled);

        let mut moved = proof.to_vec();
        moved.rotate_left(i);
        if moved != proof {
            wrong.push(moved);
        }
    }
    wrong
}
