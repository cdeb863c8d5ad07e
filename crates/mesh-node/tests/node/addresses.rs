//! Nodes that listen elsewhere than the ledger says are found by their own word, without a command.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::support::{Mesh, descriptor, free_address};
use mesh_client::WaitLevel;
use mesh_gossip::PeerState;
use mesh_model::DomainName;
use mesh_node::Config;
use mesh_node::core::Core;

const PATIENCE: Duration = Duration::from_secs(30);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 1_000;
    // What is listened for here is that a node is found, not how seldom it is looked for.
    config.gossip.retry_ms = 1_000;
}

/// Waits until a node sees so many others up.
async fn sees(core: &Core, others: usize) {
    let up = |view: &mesh_node::gossip::GossipView| {
        view.peers.iter().filter(|peer| peer.state == PeerState::Up).count() == others
    };
    let mut view = core.gossip.follow_view();
    let seen = tokio::time::timeout(PATIENCE, view.wait_for(up)).await;
    assert!(seen.is_ok_and(|seen| seen.is_ok()), "node {} sees {:?}", core.node_id(), core.gossip.view().peers);
}

/// Stops a node and starts it with another peer port. What is at the old one from then on answers nobody.
async fn moves(mesh: &mut Mesh, node: u64) -> (SocketAddr, TcpListener) {
    let (before, after) = (mesh.node(node).peer_address(), free_address());
    mesh.stop_node(node).await;
    mesh.tune(node, |config| config.peer.listen = after);
    let deaf = TcpListener::bind(before).unwrap();
    mesh.start_node(node).await;
    (after, deaf)
}

/// Waits until a node knows by another one's own word where that is.
async fn knows(core: &Core, node: u64, address: SocketAddr) {
    let known = async {
        while core.addresses.claimed(node) != Some(address) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, known).await.is_ok(), "{:?}", core.addresses.claims());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_and_an_observer_that_moved_are_found_by_raft_forwarding_and_tails() {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let (place, id) = mesh.join(quick).await;
    mesh.admit_domain_at("late", id).await;
    for node in [1, 2, 3, place] {
        sees(mesh.node(node).core(), 3).await;
    }
    let (voter_at, _deaf_voter) = moves(&mut mesh, 2).await;
    let (observer_at, _deaf_observer) = moves(&mut mesh, place).await;
    for node in [1, 3] {
        knows(mesh.node(node).core(), 2, voter_at).await;
        knows(mesh.node(node).core(), id, observer_at).await;
    }
    // The ledger says something else, and was not asked to change.
    let record = mesh_governance::read::node(&mesh.node(1).core().state, 2).unwrap().unwrap().record;
    assert_ne!(record.peer_address, voter_at.to_string());

    // Raft: the quorum needs the one that moved.
    mesh.stop_node(3).await;
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    for node in [2, place] {
        assert!(mesh.node(node).core().wait_applied(index, PATIENCE).await, "node {node} has no leaf {index}");
    }
    // Forwarding: to the voter that moved, to the observer that moved, and between the two.
    let late = |name: &str| {
        let mut product = descriptor(1, name);
        product.domain = DomainName::parse("late").unwrap();
        product
    };
    for (through, product) in
        [(1, descriptor(2, "stock")), (1, late("first")), (2, late("second")), (place, descriptor(2, "shelf"))]
    {
        let outgoing = mesh.publish_command(product, None);
        let done = mesh.client(through).publish(&outgoing, WaitLevel::Sealed).await;
        assert!(done.as_ref().is_ok_and(|done| done.ledger_index.is_some()), "through {through}: {done:?}");
    }
    // Tails, and all of it again after a restart of whoever did not move, which remembers where the others went.
    mesh.start_node(3).await;
    mesh.stop_node(1).await;
    mesh.start_node(1).await;
    assert_eq!(mesh.node(1).core().addresses.claimed(2), Some(voter_at));
    let index = mesh.publish(1, descriptor(2, "again")).await;
    for node in [1, 2, 3, place] {
        assert!(mesh.node(node).core().wait_applied(index, PATIENCE).await, "node {node} has no leaf {index}");
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_voters_that_moved_at_once_find_each_other_after_a_restart_of_all() {
    let mut mesh = Mesh::start_with(quick).await;
    for node in 1..=3 {
        sees(mesh.node(node).core(), 2).await;
    }
    let (one_at, _deaf_one) = moves(&mut mesh, 1).await;
    let (two_at, _deaf_two) = moves(&mut mesh, 2).await;
    knows(mesh.node(1).core(), 2, two_at).await;
    knows(mesh.node(2).core(), 1, one_at).await;
    for node in 1..=3 {
        mesh.stop_node(node).await;
    }
    // The third, whom both would find, stays away.
    for node in 1..=2 {
        mesh.start_node(node).await;
    }
    sees(mesh.node(1).core(), 1).await;
    // Both are needed to order it.
    mesh.admit_domains().await;
    mesh.stop().await;
}
