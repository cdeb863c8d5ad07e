//! Nodes outside Raft: they join by the ledger, tail it from any peer, serve what voters serve, and can be called to vote.

use std::time::Duration;

use crate::support::{Mesh, descriptor};
use mesh_client::{SearchQuery, WaitLevel};
use mesh_event::proposal::{ProposalBody, RevokeNode, SetVoters};
use mesh_model::{Descriptor, DomainName};
use mesh_node::{Config, Node, StartError};
use mesh_raft::RaftRole;

const PATIENCE: Duration = Duration::from_secs(30);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 1_000;
}

async fn start() -> Mesh {
    let mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    mesh
}

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, held).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

fn role(mesh: &Mesh, place: u64) -> RaftRole {
    mesh.node(place).core().raft.status().role
}

/// A size and the root there, which two nodes have alike.
fn same_ledger(mesh: &Mesh, one: u64, other: u64) {
    let (one, other) = (mesh.node(one).core(), mesh.node(other).core());
    let size = one.ledger_size().min(other.ledger_size());
    let root = |core: &mesh_node::core::Core| core.store.ledger().root_at(size).unwrap();
    assert_eq!(root(one), root(other), "the ledgers differ within {size} leaves");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_has_the_whole_ledger_and_answers_discovery_with_its_age() {
    let mut mesh = start().await;
    let before = mesh.publish(1, descriptor(1, "orders")).await;
    let (place, id) = mesh.join(quick).await;
    assert!(id > 1000);
    assert!(mesh.node(place).core().wait_applied(before, PATIENCE).await);
    assert_eq!(role(&mesh, place), RaftRole::Observer);
    // What is sealed from now on comes along by itself.
    let after = mesh.publish(2, descriptor(2, "stock")).await;
    let core = mesh.node(place).core();
    assert!(core.wait_indexed(after, PATIENCE).await);
    same_ledger(&mesh, 1, place);
    let client = mesh.client(place);
    let query = SearchQuery { query: "stock".into(), ..SearchQuery::default() };
    let found = client.search(&query).await.unwrap();
    assert_eq!(found.hits.len(), 1);
    assert!(core.checkpoints.wait_covered(after, PATIENCE).await);
    // How old it is, it knows when it hears of the next checkpoint.
    until("its age is known", || mesh_node::services::freshness(core).is_current).await;
    let freshness = mesh_node::services::freshness(core);
    assert!(freshness.checkpoint_size > after, "{freshness:?}");
    mesh_node::services::is_ready(core).unwrap();
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_works_through_an_observer_and_at_one_that_is_a_domain_s_home() {
    let mut mesh = start().await;
    let (place, id) = mesh.join(quick).await;
    // Through it, to the home that is a voter.
    let index = mesh.publish(place, descriptor(1, "orders")).await;
    assert!(mesh.node(place).core().wait_applied(index, PATIENCE).await);
    // At it, as the home; and from a voter to it.
    mesh.admit_domain_at("late", id).await;
    let late = |name: &str| {
        let mut product = descriptor(1, name);
        product.domain = DomainName::parse("late").unwrap();
        product
    };
    until("the observer knows its domain", || {
        let domain = DomainName::parse("late").unwrap();
        mesh_governance::read::domain(&mesh.node(place).core().state, &domain).unwrap().is_some()
    })
    .await;
    for (through, name) in [(place, "first"), (2, "second")] {
        let product: Descriptor = late(name);
        let outgoing = mesh.publish_command(product, None);
        let done = mesh.client(through).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
        let index = done.ledger_index.expect("sealed");
        assert!(mesh.node(3).core().wait_applied(index, PATIENCE).await);
    }
    same_ledger(&mesh, 3, place);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_waits_until_it_is_admitted_and_takes_its_number_from_the_ledger() {
    let mut mesh = start().await;
    let place = mesh.prepare(quick);
    let mut starting = tokio::spawn(Node::start(mesh.config(place)));
    // It is refused as long as nobody admitted it; then it starts.
    let early = tokio::time::timeout(Duration::from_millis(700), &mut starting).await;
    assert!(early.is_err(), "it started without being admitted");
    let id = mesh.admit(place).await;
    let node = tokio::time::timeout(PATIENCE, starting).await.unwrap().unwrap().unwrap();
    assert_eq!(node.core().node_id(), id);
    node.shutdown().await;
    // From now on its own ledger knows it: no peer has to be named.
    let mut config = mesh.config(place);
    config.join.peers.clear();
    let again = Node::start(config.clone()).await.unwrap();
    assert_eq!(again.core().node_id(), id);
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    assert!(again.core().wait_applied(index, PATIENCE).await);
    again.shutdown().await;
    // And one that lost its disk does not come back under that number.
    std::fs::remove_dir_all(&config.node.data_dir).unwrap();
    let lost = Node::start(config).await.err().unwrap();
    assert!(matches!(&lost, StartError::WrongStore(text) if text.contains("ran in this mesh before")), "{lost}");
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_anybody_to_ask_says_so_and_changes_nothing() {
    let mut mesh = start().await;
    let place = mesh.prepare(quick);
    let mut config = mesh.config(place);
    config.join.peers.clear();
    let refused = Node::start(config).await.err().unwrap();
    let text = refused.to_string();
    assert!(text.contains("join.peers says nobody to ask") && text.contains("node-1, node-2, node-3"), "{text}");
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_serves_nothing_before_the_pinned_checkpoint_is_in_its_ledger() {
    let mut mesh = start().await;
    let place = mesh.prepare(quick);
    mesh.admit(place).await;
    // A checkpoint of a history that this mesh does not have: as large, with another root.
    let keeper = &mesh.node(1).core().checkpoints;
    assert!(keeper.wait_covered(0, PATIENCE).await);
    let (last, _) = keeper.last().unwrap();
    let other = mesh_tlog::Checkpoint::new(last.checkpoint().origin(), last.size(), mesh_tlog::leaf_hash(b"other"));
    let note = mesh_tlog::Note::new(other.unwrap().to_string(), last.note().signatures().to_vec()).unwrap();
    let path = mesh.folder.path().join("other.note");
    std::fs::write(&path, note.to_string()).unwrap();
    let mut config = mesh.config(place);
    config.join.checkpoint = path.clone();
    let waiting = tokio::time::timeout(Duration::from_secs(1), Node::start(config.clone())).await;
    assert!(waiting.is_err(), "it took another history for the pinned one");
    // With the right one it starts, on the ledger that it has by now.
    std::fs::write(&path, last.bytes()).unwrap();
    let node = tokio::time::timeout(PATIENCE, Node::start(config)).await.unwrap().unwrap();
    node.shutdown().await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_goes_on_with_another_peer_when_its_own_is_gone() {
    let mut mesh = start().await;
    let (place, _) = mesh.join(quick).await;
    for gone in 1..=3 {
        mesh.stop_node(gone).await;
        let through = if gone == 1 { 2 } else { 1 };
        let index = mesh.publish(through, descriptor(through, &format!("without_{gone}"))).await;
        assert!(mesh.node(place).core().wait_applied(index, PATIENCE).await, "without node {gone}");
        mesh.start_node(gone).await;
        let index = mesh.publish(gone, descriptor(gone, "back")).await;
        assert!(mesh.node(place).core().wait_applied(index, PATIENCE).await, "with node {gone} again");
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_are_called_to_vote_and_take_over_from_the_founders() {
    let mut mesh = start().await;
    let mut joined = Vec::new();
    for _ in 0..3 {
        joined.push(mesh.join(quick).await);
    }
    for name in ["one", "two", "three"] {
        mesh.publish(1, descriptor(1, name)).await;
    }
    let ids: Vec<u64> = joined.iter().map(|(_, id)| *id).collect();
    let change = SetVoters { voters: ids.clone(), replaces: vec![1, 2, 3] };
    mesh.decide(1, ProposalBody::SetVoters(change)).await.unwrap();
    let (first, _) = joined[0];
    until("Raft follows the ledger", || {
        let raft = mesh.node(first).core().raft.status();
        raft.voters == ids && !raft.joint && raft.leader.is_some_and(|leader| ids.contains(&leader))
    })
    .await;
    // The new voters order and vouch; the old ones are not needed any more.
    let index = mesh.publish(1, descriptor(1, "four")).await;
    assert!(mesh.node(first).core().checkpoints.wait_covered(index, PATIENCE).await);
    let revoke = |node_id| ProposalBody::RevokeNode(RevokeNode { node_id, reason: "retired".into() });
    let revoked = mesh.decide(first, revoke(3)).await.unwrap();
    for (place, _) in &joined {
        assert!(mesh.node(*place).core().wait_applied(revoked, PATIENCE).await);
        same_ledger(&mesh, 1, *place);
    }
    // After a restart, too, what Raft brings is all that they take.
    mesh.stop_node(first).await;
    mesh.start_node(first).await;
    let index = mesh.publish(first, descriptor(2, "five")).await;
    assert!(mesh.node(first).core().wait_applied(index, PATIENCE).await);
    same_ledger(&mesh, 2, first);
    mesh.stop().await;
}

async fn leads_alone(mesh: &Mesh, place: u64, id: u64) {
    until("it leads alone", || {
        let raft = mesh.node(place).core().raft.status();
        raft.voters == [id] && !raft.joint && raft.leader == Some(id)
    })
    .await;
}

/// Whoever leads after the founders is in no configuration of Raft that a newcomer has.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_no_founder_brings_others_to_vote() {
    let mut mesh = start().await;
    let (leader, leader_id) = mesh.join(quick).await;
    let alone = SetVoters { voters: vec![leader_id], replaces: vec![1, 2, 3] };
    mesh.decide(1, ProposalBody::SetVoters(alone)).await.unwrap();
    leads_alone(&mesh, leader, leader_id).await;
    let (newcomer, newcomer_id) = mesh.join(quick).await;
    let mut ids = vec![1, leader_id, newcomer_id];
    ids.sort_unstable();
    let change = SetVoters { voters: ids.clone(), replaces: vec![leader_id] };
    mesh.decide(leader, ProposalBody::SetVoters(change)).await.unwrap();
    until("the newcomer votes", || {
        let raft = mesh.node(newcomer).core().raft.status();
        raft.voters == ids && !raft.joint
    })
    .await;
    let index = mesh.publish(newcomer, descriptor(1, "orders")).await;
    assert!(mesh.node(newcomer).core().wait_applied(index, PATIENCE).await);
    same_ledger(&mesh, leader, newcomer);
    mesh.stop().await;
}

/// Its log says that it votes with those of old, and nobody named an address to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_was_away_when_the_votes_moved_to_an_observer_hears_of_it() {
    let mut mesh = start().await;
    let (place, id) = mesh.join(quick).await;
    let known = mesh.publish(1, descriptor(1, "before")).await;
    assert!(mesh.node(1).core().wait_applied(known, PATIENCE).await);
    mesh.stop_node(1).await;
    let change = SetVoters { voters: vec![id], replaces: vec![1, 2, 3] };
    mesh.decide(2, ProposalBody::SetVoters(change)).await.unwrap();
    leads_alone(&mesh, place, id).await;
    let after = mesh.publish(2, descriptor(2, "after")).await;
    mesh.start_node(1).await;
    assert!(mesh.node(1).core().wait_applied(after, PATIENCE).await, "it stays with what it knew");
    same_ledger(&mesh, 1, place);
    mesh.stop().await;
}

/// By the newest checkpoint the founders vote again; the observer still leads, because one of them has not caught up. That is this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_was_away_while_the_votes_moved_and_were_called_back_hears_who_still_leads() {
    let mut mesh = start().await;
    let (place, id) = mesh.join(quick).await;
    mesh.stop_node(1).await;
    let change = SetVoters { voters: vec![id], replaces: vec![1, 2, 3] };
    mesh.decide(2, ProposalBody::SetVoters(change)).await.unwrap();
    leads_alone(&mesh, place, id).await;
    let back = SetVoters { voters: vec![1, 2, 3], replaces: vec![id] };
    let back = mesh.decide(place, ProposalBody::SetVoters(back)).await.unwrap();
    // The founders that are up vouch for what comes behind.
    let after = mesh.publish(2, descriptor(2, "after")).await;
    assert!(after > back && mesh.node(2).core().checkpoints.wait_covered(after, PATIENCE).await);
    mesh.start_node(1).await;
    until("the votes are back", || {
        let raft = mesh.node(2).core().raft.status();
        raft.voters == [1, 2, 3] && !raft.joint && raft.leader.is_some()
    })
    .await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_observer_hears_nothing_more() {
    let mut mesh = start().await;
    let (place, id) = mesh.join(quick).await;
    let revoke = ProposalBody::RevokeNode(RevokeNode { node_id: id, reason: "stolen".into() });
    let revoked = mesh.decide(1, revoke).await.unwrap();
    mesh.stop_node(place).await;
    let after = mesh.publish(1, descriptor(1, "orders")).await;
    assert!(after > revoked);
    mesh.start_node(place).await;
    let heard = mesh.node(place).core().wait_applied(after, Duration::from_secs(1)).await;
    assert!(!heard, "a revoked node was shown leaf {after}");
    mesh.stop().await;
}
