//! Whom an observer tails.

use mesh_model::{Digest, NodeId};

/// Observers that one voter may have as readers before others read from these instead.
const READERS: usize = 16;
/// Of those who read from voters, how many another observer tries before it asks a voter itself.
const TRIES: usize = 4;

/// All that a node may tail, in the order in which it tries them.
///
/// In a small mesh everybody tails a voter. In a large one the observers with the smallest hashes do, 16 for each voter, and the
/// others tail these; so nobody is more than two steps from a voter, and there is no circle. Whoever fails is followed by the next one,
/// the voters after a few.
pub fn order(me: NodeId, voters: &[NodeId], observers: &[NodeId]) -> Vec<NodeId> {
    let spread = |ids: &mut Vec<NodeId>| ids.sort_by_key(|id| rank(&[me, *id]));
    let mut voters: Vec<NodeId> = voters.iter().copied().filter(|id| *id != me).collect();
    spread(&mut voters);
    let mut by_rank: Vec<NodeId> = observers.to_vec();
    by_rank.sort_by_key(|id| rank(&[*id]));
    let direct = by_rank.len().min(READERS * voters.len().max(1));
    let mut first: Vec<NodeId> = by_rank.drain(..direct).collect();
    let reads_from_voters = first.contains(&me);
    first.retain(|id| *id != me);
    by_rank.retain(|id| *id != me);
    spread(&mut first);
    spread(&mut by_rank);
    let (near, far) = first.split_at(first.len().min(TRIES));
    if reads_from_voters {
        [voters.as_slice(), &first, &by_rank].concat()
    } else {
        [near, voters.as_slice(), far, &by_rank].concat()
    }
}

fn rank(ids: &[NodeId]) -> Digest {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const VOTERS: [NodeId; 3] = [1, 2, 3];

    #[test]
    fn everybody_is_tried_once_and_nobody_tails_itself() {
        for observers in [0, 1, 10, 200] {
            let observers: Vec<NodeId> = (1001..1001 + observers).collect();
            for me in VOTERS.iter().chain(&observers) {
                let order = order(*me, &VOTERS, &observers);
                let once: BTreeSet<NodeId> = order.iter().copied().collect();
                assert_eq!(once.len(), order.len());
                let others: BTreeSet<NodeId> = VOTERS.iter().chain(&observers).copied().filter(|id| id != me).collect();
                assert_eq!(once, others);
            }
        }
    }

    #[test]
    fn in_a_large_mesh_voters_have_few_readers_and_all_others_read_from_these() {
        let observers: Vec<NodeId> = (1001..2001).collect();
        let mut readers: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut direct = BTreeSet::new();
        for me in &observers {
            let first = order(*me, &VOTERS, &observers)[0];
            *readers.entry(first).or_default() += 1;
            if VOTERS.contains(&first) {
                direct.insert(*me);
            }
        }
        assert_eq!(direct.len(), READERS * VOTERS.len());
        for (id, count) in readers {
            assert!(VOTERS.contains(&id) || direct.contains(&id), "{id} reads from an observer and is read from");
            assert!(count <= 60, "{id} has {count} readers");
        }
    }

    #[test]
    fn a_small_mesh_tails_voters() {
        for me in 1001..1020 {
            assert!(VOTERS.contains(&order(me, &VOTERS, &(1001..1020).collect::<Vec<_>>())[0]));
        }
    }
}
