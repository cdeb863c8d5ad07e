//! Nodes that were away for longer than the log reaches back.

use mesh_raft::RaftOptions;

use crate::harness::{Cluster, DEADLINE, eventually};

fn short_log(options: &mut RaftOptions) {
    options.snapshot_every = 50;
    options.keep_entries = 10;
}

async fn fill(cluster: &mut Cluster, from: u64, to: u64) {
    let bodies: Vec<_> = (from..to).map(|n| cluster.admission(&format!("d-{n}"))).collect();
    let ids: Vec<_> = cluster.running.keys().copied().collect();
    let proposals = bodies.into_iter().zip(ids.into_iter().cycle()).map(|(body, id)| {
        let proposer = cluster.node(id).proposer();
        async move { proposer.propose(body, DEADLINE).await }
    });
    for answer in futures::future::join_all(proposals).await {
        answer.unwrap();
    }
}

async fn catches_up_by_snapshot(mut cluster: Cluster) {
    cluster.leader().await;
    fill(&mut cluster, 0, 20).await;
    cluster.agree_on(21).await;
    let away = 3;
    cluster.stop(away).await;
    for n in 1..4 {
        fill(&mut cluster, n * 100, n * 100 + 100).await;
    }
    let reached = cluster.status()[0].applied_index.unwrap();
    eventually("the log is shortened past what the third node has", async || {
        cluster.status().iter().all(|status| status.purged_index > Some(40)).then_some(())
    })
    .await;
    cluster.start(away).await;
    let generation = cluster.running[&away].store.state().generation().unwrap();
    // More comes in while the snapshot goes over.
    fill(&mut cluster, 400, 450).await;
    let whole = cluster.agree_on(371).await;
    assert_ne!(cluster.running[&away].store.state().generation().unwrap(), generation, "it came by snapshot");
    for index in 0..371 {
        let leaf = |id| cluster.node(id).state().ledger().leaf(index).unwrap().unwrap();
        assert_eq!(leaf(1), leaf(away));
    }
    assert!(cluster.node(away).status().applied_index.unwrap() >= reached);
    cluster.stop(away).await;
    cluster.start(away).await;
    cluster.leader().await;
    assert_eq!(cluster.agree_on(371).await, whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_behind_the_log_catches_up_by_snapshot_in_memory() {
    catches_up_by_snapshot(Cluster::in_memory(3, short_log).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_behind_the_log_catches_up_by_snapshot_on_disk() {
    catches_up_by_snapshot(Cluster::on_disk(3, short_log).await).await;
}
