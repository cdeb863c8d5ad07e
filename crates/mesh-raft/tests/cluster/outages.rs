//! While nodes are away.

use std::time::Duration;

use mesh_model::Code;
use mesh_raft::{ProposeError, RaftOptions, RaftRole};

use crate::harness::{Cluster, DEADLINE, eventually};

fn usual(_: &mut RaftOptions) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_go_on_when_the_leader_goes() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    let leader = cluster.leader().await;
    let body = cluster.admission("d-0");
    cluster.node(leader).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.stop(leader).await;
    let other = *cluster.running.keys().next().unwrap();
    let body = cluster.admission("d-1");
    let leaves = cluster.node(other).proposer().propose(body, DEADLINE).await.unwrap();
    assert_eq!((leaves[0].index, leaves[0].code()), (2, Code::Accepted));
    cluster.start(leader).await;
    cluster.agree_on(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_a_proposal_is_unavailable_or_unknown_and_never_a_lie() {
    let mut cluster = Cluster::in_memory(3, usual).await;
    let leader = cluster.leader().await;
    cluster.agree_on(1).await;
    let others: Vec<_> = cluster.running.keys().copied().filter(|id| *id != leader).collect();
    for id in &others {
        cluster.stop(*id).await;
    }
    // At once: the leader doesn't know yet that it is alone.
    let body = cluster.admission("d-0");
    let first = cluster.node(leader).proposer().propose(body.clone(), Duration::from_secs(2)).await;
    let first = first.unwrap_err();
    // Later: it knows.
    eventually("the leader notices", async || (!cluster.node(leader).is_ready()).then_some(())).await;
    let late = cluster.admission("d-1");
    let second = cluster.node(leader).proposer().propose(late.clone(), Duration::from_secs(1)).await.unwrap_err();
    // Unknown only where its time ran out in the moment between Raft's hands and back: it was tried again and again.
    assert!(matches!(second, ProposeError::Unavailable { .. } | ProposeError::OutcomeUnknown { .. }), "{second}");
    for id in &others {
        cluster.start(*id).await;
    }
    // To propose again is safe, whatever became of the first attempt.
    let mut repeated = 0;
    for (body, before) in [(body, first), (late, second)] {
        match cluster.node(leader).proposer().propose(body, DEADLINE).await {
            Ok(leaves) if leaves[0].code() == Code::Duplicate => {
                // The first attempt was in the log and not applied yet: the ledger records the second.
                assert!(!before.nothing_happened(), "it was said that nothing happened: {before}");
                repeated += 1;
            }
            Ok(leaves) => assert_eq!(leaves[0].code(), Code::Accepted),
            Err(ProposeError::Refused { code: Code::Duplicate, .. }) => {
                assert!(!before.nothing_happened(), "it was said that nothing happened: {before}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    cluster.agree_on(3 + repeated).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_waits_for_a_quorum_to_come_back() {
    let mut cluster = Cluster::in_memory(3, usual).await;
    let leader = cluster.leader().await;
    cluster.agree_on(1).await;
    let others: Vec<_> = cluster.running.keys().copied().filter(|id| *id != leader).collect();
    for id in &others {
        cluster.stop(*id).await;
    }
    eventually("the leader notices", async || (!cluster.node(leader).is_ready()).then_some(())).await;
    let body = cluster.admission("d-0");
    let proposer = cluster.node(leader).proposer();
    let waiting = tokio::spawn(async move { proposer.propose(body, DEADLINE).await });
    cluster.start(others[0]).await;
    let leaves = waiting.await.unwrap().unwrap();
    assert_eq!(leaves[0].code(), Code::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_all_nodes_restart() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    for n in 0..20 {
        let body = cluster.admission(&format!("d-{n}"));
        cluster.node(1 + n % 3).proposer().propose(body, DEADLINE).await.unwrap();
    }
    let before = cluster.agree_on(21).await;
    let term = cluster.status().iter().map(|status| status.term).max().unwrap();
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    for id in 1..=3 {
        cluster.start(id).await;
    }
    cluster.leader().await;
    assert_eq!(cluster.agree_on(21).await, before);
    assert!(cluster.status().iter().all(|status| status.term >= term), "no vote is forgotten");
    let body = cluster.admission("d-20");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.agree_on(22).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_over_at_once() {
    let mut cluster = Cluster::in_memory(3, |options| {
        // Nobody stands for election by itself within the time that the test allows.
        options.election_min = Duration::from_secs(5);
        options.election_max = Duration::from_secs(6);
    })
    .await;
    let leader = cluster.leader().await;
    cluster.agree_on(1).await;
    cluster.stop(leader).await;
    let began = std::time::Instant::now();
    eventually("another leads", async || cluster.status().iter().find(|s| s.role == RaftRole::Leader).cloned()).await;
    assert!(began.elapsed() < Duration::from_secs(4));
}
