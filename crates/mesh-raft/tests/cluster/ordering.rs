//! While all is well.

use std::time::Duration;

use futures::future::join_all;
use mesh_model::{Code, NodeId};
use mesh_raft::{ProposeError, RaftOptions};

use crate::harness::{Cluster, DEADLINE, head};

fn usual(_: &mut RaftOptions) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_voters_order_what_all_of_them_propose_in_one_ledger() {
    const ENTRIES: u64 = 1_000;
    let mut cluster = Cluster::in_memory(3, usual).await;
    cluster.leader().await;
    let bodies: Vec<_> = (0..ENTRIES).map(|n| cluster.admission(&format!("d-{n}"))).collect();
    let begun = std::time::Instant::now();
    let proposals = bodies.into_iter().zip((1..=3).cycle()).map(|(body, id)| {
        let proposer = cluster.node(id).proposer();
        async move { proposer.propose(body, DEADLINE).await }
    });
    let mut indexes = Vec::new();
    for leaves in join_all(proposals).await {
        let leaves = leaves.unwrap();
        assert_eq!(leaves.len(), 1);
        assert_eq!(leaves[0].code(), Code::Accepted, "{}", leaves[0].detail);
        indexes.push(leaves[0].index);
    }
    println!("{ENTRIES} entries in {:?}", begun.elapsed());
    indexes.sort_unstable();
    assert!(indexes.into_iter().eq(1..=ENTRIES), "one leaf each, after Genesis");
    cluster.agree_on(ENTRIES + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_voter_is_its_own_quorum() {
    let mut cluster = Cluster::in_memory(1, usual).await;
    assert_eq!(cluster.leader().await, 1);
    let body = cluster.admission("sales");
    let leaves = cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    assert_eq!((leaves[0].index, leaves[0].code()), (1, Code::Accepted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_refuses_what_apply_would_reject_and_nothing_happens() {
    let mut cluster = Cluster::in_memory(3, usual).await;
    cluster.leader().await;
    let body = cluster.admission("sales");
    cluster.node(1).proposer().propose(body.clone(), DEADLINE).await.unwrap();
    for id in 1..=3 {
        let again = cluster.node(id).proposer().propose(body.clone(), DEADLINE).await;
        assert!(matches!(again, Err(ProposeError::Refused { code: Code::Duplicate, .. })), "{again:?}");
    }
    cluster.agree_on(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_hear_of_every_leaf_once_it_can_be_read() {
    let mut cluster = Cluster::in_memory(3, usual).await;
    cluster.leader().await;
    cluster.agree_on(1).await;
    let mut applied = cluster.node(2).applied();
    for n in 0..5 {
        let body = cluster.admission(&format!("d-{n}"));
        cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let batch = tokio::time::timeout(DEADLINE, applied.recv()).await.unwrap().unwrap();
        assert!(head(cluster.node(2)).0 >= batch.ledger_size);
        heard.extend(batch.effects.iter().map(|(index, effects)| (*index, effects.len())));
    }
    assert_eq!(heard, (1..=5).map(|index| (index, 1)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_nothing_happens() {
    let mut cluster = Cluster::in_memory(1, |options| options.queue = 2).await;
    cluster.leader().await;
    let bodies: Vec<_> = (0..20).map(|n| cluster.admission(&format!("d-{n}"))).collect();
    let proposer = cluster.node(1).proposer();
    let answers = join_all(bodies.into_iter().map(|body| proposer.propose(body, DEADLINE))).await;
    let full = answers.iter().filter(|answer| matches!(answer, Err(ProposeError::QueueFull))).count();
    let sealed = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((full + sealed, full > 0, sealed > 0), (20, true, true));
    cluster.agree_on(1 + u64::try_from(sealed).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_clock_falls_behind_ledger_time_stops_leading() {
    use std::sync::atomic::Ordering;
    let mut cluster = Cluster::in_memory(3, usual).await;
    for skew in cluster.skew.values() {
        skew.store(100_000, Ordering::SeqCst);
    }
    let slow = cluster.leader().await;
    let body = cluster.admission("d-0");
    cluster.node(slow).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.agree_on(2).await;
    cluster.skew[&slow].store(0, Ordering::SeqCst);
    let body = cluster.admission("d-1");
    let leaves = cluster.node(slow).proposer().propose(body, DEADLINE).await.unwrap();
    assert_eq!(leaves[0].code(), Code::Accepted);
    assert_ne!(cluster.leader().await, slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledger_time_that_is_ahead_of_all_clocks_stands_still_and_the_mesh_goes_on() {
    use std::sync::atomic::Ordering;
    let mut cluster = Cluster::in_memory(3, usual).await;
    let leader = cluster.leader().await;
    cluster.agree_on(1).await;
    // All clocks are ahead, and then set right. One voter hears of nothing meanwhile.
    let away = (1..=3).find(|id| *id != leader).unwrap();
    cluster.stop(away).await;
    for skew in cluster.skew.values() {
        skew.store(3_600_000, Ordering::SeqCst);
    }
    let body = cluster.admission("d-0");
    cluster.node(leader).proposer().propose(body, DEADLINE).await.unwrap();
    // A stamp that went to nothing is none that the ledger has reached.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let refused = cluster.admission("d-0");
    assert!(cluster.node(leader).proposer().propose(refused, DEADLINE).await.is_err());
    for skew in cluster.skew.values() {
        skew.store(0, Ordering::SeqCst);
    }
    let reached = cluster.node(leader).ledger_end().borrow().last_stamp;
    let body = cluster.admission("d-1");
    let leaves = cluster.node(leader).proposer().propose(body, DEADLINE).await.unwrap();
    assert_eq!(leaves[0].code(), Code::Accepted);
    assert_eq!(cluster.node(leader).ledger_end().borrow().last_stamp, reached);
    cluster.start(away).await;
    cluster.agree_on(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_stamps_no_quorum_takes_gives_way_and_they_stay_out_of_the_ledger() {
    use std::sync::atomic::Ordering;
    let mut cluster = Cluster::in_memory(3, usual).await;
    let ahead = cluster.leader().await;
    cluster.agree_on(1).await;
    let body = cluster.admission("d-0");
    cluster.node(ahead).proposer().propose(body, DEADLINE).await.unwrap();
    // It asks the others for their time, and then they set their clocks back.
    for skew in cluster.skew.values() {
        skew.store(3_600_000, Ordering::SeqCst);
    }
    let refused = cluster.admission("d-0");
    assert!(cluster.node(ahead).proposer().propose(refused, DEADLINE).await.is_err());
    let others: Vec<NodeId> = cluster.running.keys().copied().filter(|id| *id != ahead).collect();
    for other in &others {
        cluster.skew[other].store(0, Ordering::SeqCst);
    }
    // What this becomes is unknown to its caller: it may be given back and ordered by the next leader.
    let body = cluster.admission("d-1");
    drop(cluster.node(ahead).proposer().propose(body, Duration::from_secs(2)).await);
    let body = cluster.admission("d-2");
    let leaves = cluster.node(others[0]).proposer().propose(body, DEADLINE).await.unwrap();
    assert_eq!(leaves[0].code(), Code::Accepted);
    assert_ne!(cluster.leader().await, ahead);
    // The cluster's clocks begin at the first figure.
    let stamp = cluster.node(others[0]).ledger_end().borrow().last_stamp;
    assert!(stamp < 1_800_000_000_000 + 600_000, "{stamp}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_voter_has_in_its_log_it_takes_again_however_its_clock_shows() {
    use std::sync::atomic::Ordering;
    let mut cluster = Cluster::in_memory(3, usual).await;
    let ahead = cluster.leader().await;
    cluster.agree_on(1).await;
    for skew in cluster.skew.values() {
        skew.store(3_600_000, Ordering::SeqCst);
    }
    // The leader asks for the voters' time.
    let body = cluster.admission("d-0");
    cluster.node(ahead).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.agree_on(2).await;
    let others: Vec<NodeId> = cluster.running.keys().copied().filter(|id| *id != ahead).collect();
    for other in &others {
        cluster.stop(*other).await;
    }
    // Nobody else hears of this one, which is later than the ledger's time so far.
    let body = cluster.admission("d-1");
    drop(cluster.node(ahead).proposer().propose(body, Duration::from_millis(200)).await);
    cluster.stop(ahead).await;
    // One other got it before its answer was lost: two of three have it, nobody knows that it is committed.
    copy_log(&cluster, ahead, others[0]);
    for skew in cluster.skew.values() {
        skew.store(0, Ordering::SeqCst);
    }
    for id in [ahead, others[0], others[1]] {
        cluster.start(id).await;
    }
    cluster.agree_on(3).await;
}

/// Gives a stopped voter what its raft log lacks of another's.
fn copy_log(cluster: &Cluster, from: NodeId, to: NodeId) {
    let (from, to) = (cluster.disk(from).open().unwrap(), cluster.disk(to).open().unwrap());
    let (last, _) = to.raft_log().last().unwrap().unwrap();
    let lacking = from.raft_log().entries(last + 1..u64::MAX, 100).unwrap();
    assert_eq!(lacking.len(), 1);
    let mut batch = mesh_store::Batch::new();
    to.raft_log().append(&mut batch, last + 1, lacking.into_iter().map(|(_, entry)| entry));
    to.committer().commit_blocking(batch).unwrap();
    from.close().unwrap();
    to.close().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_clock_is_far_ahead_stamps_with_the_others_time() {
    use std::sync::atomic::Ordering;
    let mut cluster = Cluster::in_memory(3, usual).await;
    let ahead = cluster.leader().await;
    cluster.agree_on(1).await;
    cluster.skew[&ahead].store(3_600_000, Ordering::SeqCst);
    // One other is left: nobody but the leader can be elected if the entry is not taken.
    let others: Vec<NodeId> = cluster.running.keys().copied().filter(|id| *id != ahead).collect();
    cluster.stop(others[0]).await;
    for n in 0..3 {
        let body = cluster.admission(&format!("d-{n}"));
        let leaves = cluster.node(ahead).proposer().propose(body, DEADLINE).await.unwrap();
        assert_eq!(leaves[0].code(), Code::Accepted);
    }
    // The cluster's clocks begin at the first figure.
    let stamp = cluster.node(ahead).ledger_end().borrow().last_stamp;
    assert!(stamp < 1_800_000_000_000 + 600_000, "{stamp}");
}
