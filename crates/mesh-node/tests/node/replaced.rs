//! Nodes that were away while all that they knew were replaced: they find the mesh by one address and by what the voters that they knew
//! signed, and believe nobody.

use std::time::Duration;

use crate::support::{Mesh, descriptor};
use mesh_client::WaitLevel;
use mesh_event::proposal::{ProposalBody, SetVoters};
use mesh_model::DomainName;
use mesh_node::Config;

const PATIENCE: Duration = Duration::from_mins(1);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 1_000;
    config.gossip.retry_ms = 1_000;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, held).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

/// Sets other voters, and waits until a node sees that Raft followed and that those before handed over.
async fn set_voters(mesh: &Mesh, through: u64, at: u64, before: &[u64], after: &[u64]) {
    let change = SetVoters { voters: after.to_vec(), replaces: before.to_vec() };
    mesh.decide(through, ProposalBody::SetVoters(change)).await.unwrap();
    let core = mesh.node(at).core();
    let mut expected = after.to_vec();
    expected.sort_unstable();
    until("the voters changed", || {
        let raft = core.raft.status();
        let vouching: Vec<u64> = core.checkpoints.followed_voters().iter().map(|voter| voter.id).collect();
        raft.voters == expected
            && !raft.joint
            && raft.leader.is_some_and(|leader| after.contains(&leader))
            && vouching == expected
    })
    .await;
}

async fn publish_late(mesh: &Mesh, through: u64, name: &str) -> u64 {
    let mut product = descriptor(1, name);
    product.domain = DomainName::parse("late").unwrap();
    let outgoing = mesh.publish_command(product, None);
    mesh.client(through).publish(&outgoing, WaitLevel::Sealed).await.unwrap().ledger_index.unwrap()
}

fn same_ledger(mesh: &Mesh, one: u64, other: u64) {
    let (one, other) = (mesh.node(one).core(), mesh.node(other).core());
    let size = one.ledger_size().min(other.ledger_size());
    let root = |core: &mesh_node::core::Core| core.store.ledger().root_at(size).unwrap();
    assert_eq!(root(one), root(other), "the ledgers differ within {size} leaves");
}

/// Node 3 sleeps while 1 and 2 are replaced, one after the other; `knows_them`: its ledger has the new ones already, as observers.
async fn a_voter_sleeps(knows_them: bool) {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    if !knows_them {
        mesh.stop_node(3).await;
    }
    let ((a, a_id), (b, b_id)) = (mesh.join(quick).await, mesh.join(quick).await);
    mesh.admit_domain_at("late", a_id).await;
    let known = publish_late(&mesh, 1, "before").await;
    if knows_them {
        assert!(mesh.node(3).core().wait_applied(known, PATIENCE).await);
        mesh.stop_node(3).await;
    }
    set_voters(&mesh, 1, a, &[1, 2, 3], &[2, 3, a_id]).await;
    set_voters(&mesh, 2, a, &[2, 3, a_id], &[3, a_id, b_id]).await;
    mesh.stop_node(1).await;
    mesh.stop_node(2).await;
    let index = publish_late(&mesh, b, "meanwhile").await;

    let address = mesh.node(a).peer_address().to_string();
    mesh.tune(3, |config| config.join.peers = vec![address.clone()]);
    mesh.start_node(3).await;
    let sleeper = mesh.node(3).core();
    assert!(sleeper.wait_applied(index, PATIENCE).await, "{:?}", sleeper.raft.status());
    same_ledger(&mesh, 3, a);
    assert!(!sleeper.config.node.data_dir.join("later-ledger").exists());
    // It votes again: without it there is no majority.
    mesh.stop_node(b).await;
    let index = publish_late(&mesh, a, "after").await;
    assert!(mesh.node(3).core().wait_applied(index, PATIENCE).await);
    assert!(mesh.node(3).core().checkpoints.wait_covered(index, PATIENCE).await, "it does not vouch");
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_slept_through_the_replacement_of_all_others_catches_up_and_votes() {
    a_voter_sleeps(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_whose_ledger_knows_the_new_ones_as_observers_does_so_too() {
    a_voter_sleeps(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_that_slept_through_the_replacement_of_all_voters_catches_up() {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let (sleeper, _) = mesh.join(quick).await;
    mesh.stop_node(sleeper).await;
    let mut joined = Vec::new();
    for _ in 0..3 {
        joined.push(mesh.join(quick).await);
    }
    let ids: Vec<u64> = joined.iter().map(|(_, id)| *id).collect();
    let (first, first_id) = joined[0];
    mesh.admit_domain_at("late", first_id).await;
    set_voters(&mesh, 1, first, &[1, 2, 3], &ids).await;
    for gone in 1..=3 {
        mesh.stop_node(gone).await;
    }
    let index = publish_late(&mesh, first, "meanwhile").await;
    let address = mesh.node(first).peer_address().to_string();
    mesh.tune(sleeper, |config| config.join.peers = vec![address.clone()]);
    mesh.start_node(sleeper).await;
    assert!(mesh.node(sleeper).core().wait_applied(index, PATIENCE).await);
    same_ledger(&mesh, sleeper, first);
    mesh.stop().await;
}
