//! A ledger outside Raft: takes what a checkpoint covers and the rules give, and nothing else.

use std::sync::Arc;

use mesh_event::LedgerLeaf;
use mesh_governance::{NoPolicy, Strict, read};
use mesh_raft::{LedgerTail, TailError, Target};
use mesh_store::Store;
use mesh_tlog::{Frontier, Hash, leaf_hash, prove_consistency};

use crate::harness::{Cluster, DEADLINE, head};

/// A ledger of 80 leaves, as one voter has it: enough in one batch for checks ahead.
struct Origin {
    leaves: Vec<Vec<u8>>,
    target: Target,
    digest: mesh_model::Digest,
    ledger: mesh_store::MerkleLog,
    _cluster: Cluster,
}

impl Origin {
    async fn new() -> Self {
        let mut cluster = Cluster::in_memory(1, |_| {}).await;
        cluster.leader().await;
        for n in 0..79 {
            let body = cluster.admission(&format!("d-{n}"));
            cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
        }
        let (size, root, digest) = head(cluster.node(1));
        let ledger = cluster.node(1).state().ledger().clone();
        let leaves = (0..size).map(|index| ledger.leaf(index).unwrap().unwrap()).collect();
        Self { leaves, target: Target { size, root }, digest, ledger, _cluster: cluster }
    }

    fn proof(&self, size: u64) -> Vec<Hash> {
        prove_consistency(&self.ledger, size, self.target.size).unwrap()
    }

    fn from(&self, first: u64, to: u64) -> Vec<Vec<u8>> {
        self.leaves[usize::try_from(first).unwrap()..usize::try_from(to).unwrap()].to_vec()
    }
}

fn tail() -> LedgerTail {
    LedgerTail::open(Arc::new(Store::in_memory(9).unwrap()), Arc::new(Strict), Arc::new(NoPolicy)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tailed_ledger_is_the_voter_s_leaf_by_leaf() {
    let origin = Origin::new().await;
    for step in [1, 7, 80] {
        let tail = tail();
        while tail.next_index() < origin.target.size {
            let first = tail.next_index();
            let to = (first + step).min(origin.target.size);
            tail.append(first, origin.from(first, to), origin.target, &origin.proof(to)).unwrap();
            assert_eq!(tail.next_index(), to);
        }
        assert_eq!(tail.state().ledger().root().unwrap(), origin.target.root);
        assert_eq!(read::head(tail.state()).unwrap().state_digest, origin.digest);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_applied_that_the_checkpoint_does_not_cover() {
    let origin = Origin::new().await;
    let tail = tail();
    tail.append(0, origin.from(0, 10), origin.target, &origin.proof(10)).unwrap();
    let mut altered = origin.from(10, 20);
    altered[3][40] ^= 1;
    let mut swapped = origin.from(10, 20);
    swapped.swap(1, 2);
    let earlier = Target { size: 15, root: origin.ledger.root_at(15).unwrap() };
    for (first, leaves, target, proof) in [
        (10, altered, origin.target, origin.proof(20)),
        (10, swapped, origin.target, origin.proof(20)),
        // Leaves beyond the checkpoint, a proof for another size, and none.
        (10, origin.from(10, 20), earlier, origin.proof(20)),
        (10, origin.from(10, 20), origin.target, origin.proof(19)),
        (10, origin.from(10, 20), origin.target, Vec::new()),
    ] {
        let refused = tail.append(first, leaves, target, &proof).unwrap_err();
        assert!(matches!(refused, TailError::NotInCheckpoint { first: 10, last: 19, .. }), "{refused}");
    }
    for first in [9, 11] {
        let refused = tail.append(first, origin.from(first, 20), origin.target, &origin.proof(20)).unwrap_err();
        assert!(matches!(refused, TailError::Order { expected: 10, found } if found == first), "{refused}");
    }
    assert_eq!(tail.next_index(), 10);
    tail.append(10, origin.from(10, 80), origin.target, &origin.proof(80)).unwrap();
    assert_eq!(tail.state().ledger().root().unwrap(), origin.target.root);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_rules_do_not_give_is_not_applied_even_with_a_checkpoint() {
    let origin = Origin::new().await;
    let tail = tail();
    tail.append(0, origin.from(0, 10), origin.target, &origin.proof(10)).unwrap();
    // Voters that all lie: a ledger with another outcome, and the checkpoint of just that ledger.
    let mut leaves = origin.from(10, 12);
    let mut lie = LedgerLeaf::decode(&leaves[1]).unwrap();
    lie.outcome.detail = "because I say so".into();
    leaves[1] = lie.encode();
    let mut frontier = Frontier::new();
    for leaf in origin.from(0, 10).iter().chain(&leaves) {
        frontier.append(leaf_hash(leaf));
    }
    let target = Target { size: 12, root: frontier.root() };
    let refused = tail.append(10, leaves, target, &[]).unwrap_err();
    assert!(matches!(&refused, TailError::Diverges(fault) if fault.to_string().contains("leaf 11")), "{refused}");
    assert_eq!(tail.next_index(), 10, "not even the leaf before it");
}
