//! Raft's voters follow the ledger's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mesh_event::ledger::EntryBody;
use mesh_governance::read;
use mesh_model::{Code, NodeId};
use mesh_raft::{ProposeError, Proposer, RaftOptions, RaftRole};
use tokio::task::JoinHandle;

use crate::harness::{Cluster, DEADLINE, eventually};

fn usual(_: &mut RaftOptions) {}

/// Seals one entry, proposed again for as long as it is not known to have happened. Returns how many leaves it took.
async fn seal(proposer: &Proposer, body: EntryBody) -> u64 {
    let begun = Instant::now();
    loop {
        match proposer.propose(body.clone(), DEADLINE).await {
            Ok(sealed) if sealed[0].code() == Code::Accepted => return 1,
            // An attempt before took effect, and this one was recorded all the same.
            Ok(sealed) if sealed[0].code() == Code::Duplicate => return 2,
            Err(ProposeError::Refused { code: Code::Duplicate, .. }) => return 1,
            Ok(sealed) => panic!("{:?}: {}", sealed[0].code(), sealed[0].detail),
            Err(error @ (ProposeError::OutcomeUnknown { .. } | ProposeError::Unavailable { .. })) => {
                assert!(begun.elapsed() < DEADLINE, "nothing is sealed any more: {error}");
            }
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Domains that are admitted one after the other through one node, until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(u64, u64)>,
}

impl Load {
    /// As many entries as there is time for; each body is another domain.
    fn through(proposer: Proposer, bodies: Vec<EntryBody>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut entries, mut leaves) = (0, 0);
            for body in bodies {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                leaves += seal(&proposer, body).await;
                entries += 1;
            }
            (entries, leaves)
        });
        Self { stop, task }
    }

    /// How many entries were sealed, and in how many leaves.
    async fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::SeqCst);
        tokio::time::timeout(DEADLINE, self.task).await.unwrap().unwrap()
    }
}

/// Waits until all running nodes say that these vote and no others, and that it is final; returns the leader.
async fn votes(cluster: &Cluster, voters: &[NodeId]) -> NodeId {
    eventually("the votes moved", async || {
        let all = cluster.status();
        let leader = all.iter().find(|status| status.role == RaftRole::Leader)?.node_id;
        let follows = all.iter().all(|status| {
            status.voters == voters
                && !status.joint
                && status.leader == Some(leader)
                && (status.role == RaftRole::Learner) != voters.contains(&status.node_id)
        });
        (follows && voters.contains(&leader)).then_some(leader)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_votes_move_to_one_node_and_back_to_three_while_entries_go_on() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    let leader = cluster.leader().await;
    cluster.agree_on(1).await;
    let single = (1..=3).find(|id| *id != leader).unwrap();
    let other = (1..=3).find(|id| *id != leader && *id != single).unwrap();
    // Through the leader that is set out, and through a node that goes on without a vote.
    let loads = [load(&mut cluster, leader, "a"), load(&mut cluster, other, "b")];

    let decision = cluster.set_voters(&[single], &[1, 2, 3]);
    let mut changes = seal(&cluster.node(leader).proposer(), decision).await;
    assert_eq!(votes(&cluster, &[single]).await, single, "the leader that was set out handed over");
    let (mut entries, mut leaves) = (0, 0);
    let mut count = |(more_entries, more_leaves)| {
        entries += more_entries;
        leaves += more_leaves;
    };
    for load in loads {
        count(load.end().await);
    }

    // All that decides restarts, and a learner too: nothing is lost, and the one node decides alone.
    let third = load(&mut cluster, leader, "c");
    cluster.stop(other).await;
    cluster.stop(single).await;
    cluster.start(single).await;
    let single_again = votes(&cluster, &[single]).await;
    assert_eq!(single_again, single);
    let body = cluster.admission("alone");
    count((1, seal(&cluster.node(single).proposer(), body).await));
    cluster.start(other).await;

    let decision = cluster.set_voters(&[1, 2, 3], &[single]);
    changes += seal(&cluster.node(other).proposer(), decision).await;
    votes(&cluster, &[1, 2, 3]).await;
    count(third.end().await);

    // They really vote: two of them go on without the third.
    cluster.stop(single).await;
    let body = cluster.admission("two-of-three");
    count((1, seal(&cluster.node(other).proposer(), body).await));
    cluster.start(single).await;

    assert!(entries > 10, "{entries}");
    cluster.agree_on(1 + changes + leaves).await;
    let state = cluster.node(single).state();
    assert_eq!(read::domains(&state, None, usize::MAX).unwrap().len() as u64, entries, "each exactly once");
    assert_eq!(read::mesh(&state).unwrap().unwrap().voters, [1, 2, 3]);
}

fn load(cluster: &mut Cluster, through: NodeId, what: &str) -> Load {
    let bodies = (0..5_000).map(|n| cluster.admission(&format!("{what}-{n}"))).collect();
    Load::through(cluster.node(through).proposer(), bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_wait_for_newcomers_and_the_next_leader_follows_what_was_left() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    let leader = cluster.leader().await;
    let proposer = cluster.node(leader).proposer();
    let decision = cluster.set_voters(&[leader], &[1, 2, 3]);
    let mut leaves = seal(&proposer, decision).await;
    votes(&cluster, &[leader]).await;
    let away: Vec<NodeId> = (1..=3).filter(|id| *id != leader).collect();
    for id in &away {
        cluster.stop(*id).await;
    }
    // Two of the three that are to vote are not there: with their votes nothing could be decided any more.
    let decision = cluster.set_voters(&[1, 2, 3], &[leader]);
    leaves += seal(&proposer, decision).await;
    for n in 0..40 {
        let body = cluster.admission(&format!("d-{n}"));
        leaves += seal(&proposer, body).await;
        assert_eq!(cluster.node(leader).status().voters, [leader]);
    }
    drop(proposer);
    // The leaf that nobody followed outlives the leader.
    cluster.stop(leader).await;
    cluster.start(leader).await;
    cluster.leader().await;
    assert_eq!(cluster.node(leader).status().voters, [leader]);
    for id in &away {
        cluster.start(*id).await;
    }
    votes(&cluster, &[1, 2, 3]).await;
    cluster.agree_on(1 + leaves).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_taken_out_receives_nothing_any_more() {
    let mut cluster = Cluster::in_memory(3, usual).await;
    let leader = cluster.leader().await;
    let gone = (1..=3).find(|id| *id != leader).unwrap();
    let decision = cluster.set_voters(&[leader], &[1, 2, 3]);
    seal(&cluster.node(leader).proposer(), decision).await;
    votes(&cluster, &[leader]).await;
    let revocation = cluster.revoke_node(gone);
    seal(&cluster.node(leader).proposer(), revocation).await;
    eventually("it is forgotten", async || {
        let learners = cluster.node(leader).status().learners;
        (learners.len() == 1 && !learners.contains(&gone)).then_some(())
    })
    .await;
    let before = crate::harness::head(cluster.node(gone)).0;
    for n in 0..5 {
        let body = cluster.admission(&format!("d-{n}"));
        seal(&cluster.node(leader).proposer(), body).await;
    }
    let kept = (1..=3).find(|id| *id != leader && *id != gone).unwrap();
    eventually("the other learner has all", async || (crate::harness::head(cluster.node(kept)).0 == 8).then_some(()))
        .await;
    assert!(crate::harness::head(cluster.node(gone)).0 <= before.max(3));
}
