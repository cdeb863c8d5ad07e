//! Most voters are gone for good: the council names others, and the ledger goes on from the largest checkpoint that counts.

use std::time::Duration;

use crate::support::audit::{audit, export};
use crate::support::{Mesh, descriptor, keypair};
use mesh_event::federation::RecoverVoters;
use mesh_event::{Body, NodeRecord, SignedCommand, Signer};
use mesh_governance::read;
use mesh_model::{Code, NodeId};
use mesh_node::Config;
use mesh_node::refound::{Refounded, refound};
use mesh_proto::status::MeshError;
use mesh_raft::RaftRole;

const PATIENCE: Duration = Duration::from_secs(30);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 500;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, held).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

/// Three voters with a domain each, two observers with their numbers, and some leaves that a checkpoint covers everywhere.
async fn founded() -> (Mesh, NodeId, NodeId) {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let (_, four) = mesh.join(quick).await;
    let (_, five) = mesh.join(quick).await;
    for n in 1..=3 {
        mesh.publish(n, descriptor(n, "before")).await;
    }
    covered(&mesh, &[1, 2, 3, 4, 5]).await;
    (mesh, four, five)
}

/// Waits until a checkpoint covers all that is in the ledger, on all of these nodes.
async fn covered(mesh: &Mesh, places: &[u64]) {
    until("a checkpoint covers all leaves everywhere", || {
        let most = places.iter().map(|place| mesh.node(*place).core().ledger_size()).max().unwrap();
        places.iter().all(|place| {
            let core = mesh.node(*place).core();
            core.ledger_size() == most && core.checkpoints.brief().size == most
        })
    })
    .await;
}

fn record(mesh: &Mesh, at: u64, id: NodeId) -> NodeRecord {
    read::node(&mesh.node(at).core().state, id).unwrap().unwrap().record
}

fn newest(mesh: &Mesh, at: u64) -> mesh_event::LedgerCheckpoint {
    mesh.node(at).core().checkpoints.last().unwrap().0
}

/// The council's word, signed by these seats.
fn recovery(
    mesh: &Mesh,
    base: &mesh_event::LedgerCheckpoint,
    voters: Vec<NodeRecord>,
    seats: &[&str],
) -> SignedCommand {
    let body = RecoverVoters { voters, size: base.size(), root: base.root(), reason: "two sites burnt down".into() };
    let keys: Vec<_> = seats.iter().map(|seat| keypair(seat)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    let envelope = mesh.builder().sign(Body::RecoverVoters(body), &signers).unwrap();
    SignedCommand::verify(envelope, &mesh.genesis.mesh_id).unwrap()
}

const COUNCIL: [&str; 2] = ["seat-1", "seat-2"];

fn prepare(
    mesh: &Mesh,
    place: u64,
    command: &SignedCommand,
    base: &mesh_event::LedgerCheckpoint,
) -> Result<Refounded, MeshError> {
    refound(&mesh.config(place), command, &base.bytes())
}

async fn prepare_stopped(
    mesh: &mut Mesh,
    place: u64,
    command: &SignedCommand,
    base: &mesh_event::LedgerCheckpoint,
) -> Result<Refounded, MeshError> {
    mesh.stop_node(place).await;
    let prepared = prepare(mesh, place, command, base);
    mesh.start_node(place).await;
    prepared
}

fn role(mesh: &Mesh, place: u64) -> RaftRole {
    mesh.node(place).core().raft.status().role
}

/// All of these have the same ledger and state.
async fn alike(mesh: &Mesh, places: &[u64]) {
    until("all have the same ledger and state", || {
        let heads: Vec<_> = places.iter().map(|place| read::head(&mesh.node(*place).core().state).unwrap()).collect();
        heads.iter().all(|head| (head.size, head.state_digest) == (heads[0].size, heads[0].state_digest))
    })
    .await;
    let size = mesh.node(places[0]).core().ledger_size();
    let root =
        |place: u64| mesh.node(place).core().store.ledger().root_at(size.min(mesh.node(place).core().ledger_size()));
    for place in places {
        assert_eq!(root(*place).unwrap(), root(places[0]).unwrap(), "node {place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_council_refounds_the_order_on_a_survivor_and_observers_and_nothing_covered_is_lost() {
    let (mut mesh, four, five) = founded().await;
    for lost in [2, 3] {
        mesh.stop_node(lost).await;
    }
    let base = newest(&mesh, 4);
    let voters = vec![record(&mesh, 4, 1), record(&mesh, 4, four), record(&mesh, 4, five)];
    let command = recovery(&mesh, &base, voters, &COUNCIL);
    // Not while it runs.
    assert_eq!(prepare(&mesh, 4, &command, &base).unwrap_err().code, Code::StoreInUse);
    for place in [1, 4, 5] {
        mesh.stop_node(place).await;
    }
    for place in [1, 4, 5] {
        let done = prepare(&mesh, place, &command, &base).unwrap();
        assert_eq!((done.size, done.voters.clone()), (base.size(), vec![1, four, five]));
        // Again, as after a crash.
        assert_eq!(prepare(&mesh, place, &command, &base).unwrap(), done);
        mesh.start_node(place).await;
    }
    // The council's word is the leaf right behind the checkpoint, and what was covered is there.
    for place in [1, 4, 5] {
        let core = mesh.node(place).core();
        assert!(core.wait_applied(base.size(), PATIENCE).await, "node {place}");
        assert_eq!(core.store.ledger().root_at(base.size()).unwrap(), base.root());
        assert_eq!(read::recovery(&core.state).unwrap().unwrap().index, base.size());
        assert_eq!(read::mesh(&core.state).unwrap().unwrap().voters, [1, four, five]);
    }
    let index = mesh.publish(1, descriptor(1, "after")).await;
    for place in [1, 4, 5] {
        assert!(mesh.node(place).core().checkpoints.wait_covered(index, PATIENCE).await, "node {place}");
    }
    // Whoever has the founding document alone follows it.
    for place in [1, 4] {
        let client = mesh.client(place);
        let found = client.checkpoint().await.unwrap().unwrap();
        assert!(found.counted.size > index && found.voters.get(five).is_some() && found.voters.get(2).is_none());
        let (_, receipt) = client.receipt(index).await.unwrap();
        assert_eq!(receipt.leaf.index, index);
    }

    // Those who were lost come back, and are a majority of the voters that they know.
    mesh.start_node(2).await;
    mesh.start_node(3).await;
    until("they learn of it", || [2, 3].iter().all(|place| role(&mesh, *place) == RaftRole::Reader)).await;
    let index = mesh.publish(1, descriptor(1, "with_them_back")).await;
    for place in [2, 3] {
        let core = mesh.node(place).core();
        assert!(core.alarms().iter().any(|alarm| alarm.contains("is not among them")), "{:?}", core.alarms());
        assert!(core.wait_applied(index, PATIENCE).await, "node {place} reads on");
    }
    // Also after a restart.
    mesh.stop_node(2).await;
    mesh.start_node(2).await;
    assert_eq!(role(&mesh, 2), RaftRole::Reader);
    let index = mesh.publish(1, descriptor(1, "last")).await;
    assert!(mesh.node(2).core().wait_applied(index, PATIENCE).await);
    // The refounded go on after a restart, too.
    mesh.stop_node(4).await;
    mesh.start_node(4).await;
    let index = mesh.publish(4, descriptor(1, "restarted")).await;
    for place in 1..=5 {
        assert!(mesh.node(place).core().wait_applied(index, PATIENCE).await);
    }
    covered(&mesh, &[1, 4, 5]).await;
    alike(&mesh, &[1, 2, 3, 4, 5]).await;
    let (whole, outcomes) = audit(&export(mesh.node(5).core()), mesh.genesis.mesh_id);
    assert!(!whole.checkpoints.is_empty());
    assert_eq!(outcomes[usize::try_from(base.size()).unwrap()].0, Code::Accepted);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_may_be_among_the_voters_and_a_survivor_who_is_not_only_reads() {
    let (mut mesh, four, five) = founded().await;
    for lost in [2, 3] {
        mesh.stop_node(lost).await;
    }
    let base = newest(&mesh, 4);
    let six = mesh.prepare(quick);
    let peers = [3, 4].map(|n| mesh.records[n].peer_address.clone());
    mesh.configure(six, |config| config.join.peers = peers.to_vec());
    let new = mesh.records[usize::try_from(six).unwrap() - 1].clone();
    let voters = vec![record(&mesh, 4, four), record(&mesh, 4, five), new];
    let command = recovery(&mesh, &base, voters, &COUNCIL);
    for place in [4, 5] {
        mesh.stop_node(place).await;
        prepare(&mesh, place, &command, &base).unwrap();
        mesh.start_node(place).await;
    }
    let id = base.size() + 1000;
    assert!(mesh.node(4).core().wait_applied(base.size(), PATIENCE).await);
    mesh.start_node(six).await;
    assert_eq!(mesh.node(six).core().node_id(), id);
    until("the new node votes", || {
        let raft = mesh.node(4).core().raft.status();
        raft.voters == [four, five, id] && !raft.joint
    })
    .await;
    // The survivor was up all the while. It is told, reads on, and stays the home of its domain.
    until("the survivor reads", || role(&mesh, 1) == RaftRole::Reader).await;
    assert!(mesh.node(1).core().wait_applied(base.size(), PATIENCE).await);
    for name in ["still_home", "also_after_a_restart"] {
        let index = mesh.publish(1, descriptor(1, name)).await;
        assert!(mesh.node(six).core().wait_applied(index, PATIENCE).await);
        mesh.stop_node(1).await;
        mesh.start_node(1).await;
        assert_eq!(role(&mesh, 1), RaftRole::Reader);
    }
    let again = prepare_stopped(&mut mesh, 1, &command, &base).await.unwrap_err();
    assert_eq!(again.code, Code::OtherVoters, "{again:?}");
    covered(&mesh, &[4, 5, six]).await;
    alike(&mesh, &[1, 4, 5, six]).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_larger_checkpoint_refuses_and_says_so() {
    let (mut mesh, four, _) = founded().await;
    mesh.stop_node(4).await;
    let small = newest(&mesh, 1);
    let more = mesh.publish(1, descriptor(1, "more")).await;
    assert!(mesh.node(5).core().checkpoints.wait_covered(more, PATIENCE).await);
    covered(&mesh, &[1, 2, 3, 5]).await;
    let large = newest(&mesh, 5);
    let voters = |ids: &[NodeId]| ids.iter().map(|id| record(&mesh, 5, *id)).collect::<Vec<_>>();
    let too_small = recovery(&mesh, &small, voters(&[four]), &COUNCIL);
    let of_one = recovery(&mesh, &small, voters(&[1]), &COUNCIL);
    let by_one = recovery(&mesh, &large, voters(&[1]), &["seat-1"]);
    let other = recovery(&mesh, &large, voters(&[1]), &COUNCIL);
    for place in [1, 2, 3] {
        mesh.stop_node(place).await;
    }
    // A voter who knows it: nothing is touched.
    let refused = prepare(&mesh, 1, &of_one, &small).unwrap_err();
    assert_eq!(refused.code, Code::BadRecovery, "{refused:?}");
    assert!(refused.message.contains(&format!("a checkpoint of {} leaves that counts", large.size())), "{refused:?}");
    assert_eq!(prepare(&mesh, 1, &by_one, &large).unwrap_err().code, Code::ThresholdNotMet);
    assert_eq!(prepare(&mesh, 2, &other, &large).unwrap_err().code, Code::OtherVoters);
    assert_eq!(prepare(&mesh, 1, &other, &small).unwrap_err().code, Code::BadRecovery);
    // The node that does not know it goes on all the same; the observer that does takes nothing from it.
    prepare(&mesh, 4, &too_small, &small).unwrap();
    mesh.start_node(4).await;
    assert!(mesh.node(4).core().wait_applied(small.size(), PATIENCE).await);
    let core = mesh.node(5).core();
    until("the observer refuses", || core.alarms().iter().any(|alarm| alarm.contains("it refuses"))).await;
    assert_eq!(core.ledger_size(), large.size());
    assert_eq!(core.store.ledger().root_at(large.size()).unwrap(), large.root());
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_with_leaves_that_no_checkpoint_covers_does_not_vote_again_under_its_number() {
    let slow = |config: &mut Config| {
        config.checkpoint.cosign_ms = 10_000;
        config.checkpoint.refresh_ms = 10_000;
    };
    let mut mesh = Mesh::start_with(slow).await;
    mesh.admit_domains().await;
    let (_, four) = mesh.join(slow).await;
    let leader = (1..=3).find(|n| role(&mesh, *n) == RaftRole::Leader).unwrap();
    until("a checkpoint counts", || {
        mesh.node(leader).core().checkpoints.brief().size > 0 && mesh.node(4).core().checkpoints.brief().size > 0
    })
    .await;
    let base = newest(&mesh, 4);
    // No leader comes after this one, who would have the next checkpoint signed at once.
    mesh.stop_node(4).await;
    let sealed = mesh.publish(leader, descriptor(leader, "uncovered")).await;
    assert!(sealed >= base.size() && mesh.node(leader).core().checkpoints.brief().size == base.size());
    let other = leader % 3 + 1;
    let voters = [leader.min(other), leader.max(other), four].map(|id| record(&mesh, leader, id)).to_vec();
    let command = recovery(&mesh, &base, voters, &COUNCIL);
    for place in (1..=3).filter(|place| *place != leader) {
        mesh.stop_node(place).await;
    }
    mesh.stop_node(leader).await;
    let refused = prepare(&mesh, leader, &command, &base).unwrap_err();
    assert_eq!(refused.code, Code::OtherVoters, "{refused:?}");
    assert!(refused.message.contains("meshd --recover"), "{refused:?}");
    // Nothing was changed: it is a voter of the old mesh as before.
    mesh.start_node(leader).await;
    assert_ne!(role(&mesh, leader), RaftRole::Reader);
    prepare(&mesh, 4, &command, &base).unwrap();
    mesh.stop().await;
}
