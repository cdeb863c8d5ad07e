//! From one protocol version to the next while work goes on. A node that runs an older program is one that is held back by its
//! configuration: it advertises and applies what that program would.

use std::time::Duration;

use crate::support::audit::{audit, export};
use crate::support::load::Load;
use crate::support::{Mesh, descriptor, domain_of, keypair};
use mesh_event::Body;
use mesh_event::federation::Erase;
use mesh_event::proposal::{ProposalBody, SetProtocol};
use mesh_governance::read;
use mesh_model::{Code, Digest};
use mesh_node::core::Core;
use mesh_node::{Config, Node, StartError};
use mesh_proto::status::MeshError;

const PATIENCE: Duration = Duration::from_secs(30);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 1_000;
    config.feeds.anchor_s = 1;
}

fn older(config: &mut Config) {
    quick(config);
    config.node.protocol_max = 1;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, held).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

async fn set_protocol(mesh: &Mesh, through: u64, version: u32) -> Result<u64, MeshError> {
    mesh.propose(through, ProposalBody::SetProtocol(SetProtocol { protocol_version: version })).await
}

/// Waits until the leader gives this reason; a connection that is being made anew counts as silence for a moment.
async fn refused_for(mesh: &Mesh, through: u64, reason: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let refused = set_protocol(mesh, through, 2).await.unwrap_err();
        let passing = [Code::Unavailable, Code::OutcomeUnknown, Code::Unreachable];
        if refused.code == Code::VotersHoldBack && refused.message.contains(reason) {
            return;
        }
        assert!(refused.code == Code::VotersHoldBack || passing.contains(&refused.code), "{refused:?}");
        assert!(tokio::time::Instant::now() < deadline, "expected '{reason}', found: {}", refused.message);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn accepted(mesh: &Mesh, through: u64) -> u64 {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match set_protocol(mesh, through, 2).await {
            Ok(index) => return index,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A command that came with protocol 2.
async fn erase(mesh: &Mesh, through: u64, n: u8) -> Result<u64, Code> {
    let body = Body::Erase(Erase { domain: domain_of(1), digest: Digest([n; 32]), reason: "asked for".into() });
    let envelope = mesh.builder().sign(body, &[&keypair("root-1")]).unwrap();
    let done = mesh.client(through).submit(&envelope).await.and_then(mesh_client::Acknowledgement::accepted);
    done.map(|done| done.ledger_index.unwrap()).map_err(|error| error.code)
}

/// Stops a node, and starts it with another program: up to this protocol; 0 for all that this build knows.
async fn replace(mesh: &mut Mesh, place: u64, newest: u32) {
    mesh.stop_node(place).await;
    mesh.configure(place, |config| config.node.protocol_max = newest);
    mesh.start_node(place).await;
    let through = if place == 1 { 2 } else { 1 };
    let size = mesh.node(through).core().ledger_size();
    assert!(mesh.node(place).core().wait_applied(size - 1, PATIENCE).await, "node {place} does not follow");
}

fn head(core: &Core, size: u64) -> mesh_tlog::Hash {
    core.store.ledger().root_at(size).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes_roll_from_one_protocol_to_the_next_under_load() {
    let mut mesh = Mesh::start_under(1, older).await;
    mesh.admit_domains().await;
    for _ in 0..2 {
        mesh.join(older).await;
    }
    let load = Load::start(&mesh, 3);
    load.goes_on(20).await;
    // Nobody knows it yet, and nothing of it is taken.
    refused_for(&mesh, 1, "voter 1 knows 1 to 1, voter 2 knows 1 to 1, voter 3 knows 1 to 1; nothing happened").await;
    assert_eq!(erase(&mesh, 1, 1).await, Err(Code::Malformed));

    // Observers first, then the voters. At each step those that are left are named.
    for place in [4, 5, 1] {
        replace(&mut mesh, place, 0).await;
        load.goes_on(10).await;
    }
    refused_for(&mesh, 1, "protocol version 2: voter 2 knows 1 to 1, voter 3 knows 1 to 1;").await;
    replace(&mut mesh, 2, 0).await;
    load.goes_on(10).await;
    refused_for(&mesh, 1, "protocol version 2: voter 3 knows 1 to 1; nothing happened").await;
    assert_eq!(erase(&mesh, 1, 1).await, Err(Code::Malformed));
    // A voter that is silent might know less.
    mesh.stop_node(3).await;
    refused_for(&mesh, 1, "protocol version 2: voter 3 is not heard; nothing happened").await;
    mesh.configure(3, |config| config.node.protocol_max = 0);
    mesh.start_node(3).await;
    load.goes_on(10).await;
    // As long as it is not set, everybody can go back.
    replace(&mut mesh, 2, 1).await;
    refused_for(&mesh, 1, "protocol version 2: voter 2 knows 1 to 1; nothing happened").await;
    load.goes_on(10).await;
    replace(&mut mesh, 2, 0).await;
    assert!(mesh.node(1).core().checkpoints.wait_covered(mesh.node(1).core().ledger_size() - 1, PATIENCE).await);
    let before = export(mesh.node(1).core());

    let switched = accepted(&mesh, 1).await;
    load.goes_on(30).await;
    let erased = erase(&mesh, 4, 1).await.unwrap();
    assert!(erased > switched);
    until("the heads of feeds are in the ledger", || {
        (1..=3).all(|n| read::ledger_head(&mesh.node(5).core().state, &domain_of(n), 1).unwrap().is_some())
    })
    .await;
    let sealed = load.stop().await;

    // Nothing that was acknowledged is lost, and all nodes are the same.
    let last = mesh.publish(1, descriptor(1, "last")).await;
    let ids: Vec<_> = sealed.iter().map(|(version, _)| version.clone()).collect();
    for place in 1..=5 {
        let core = mesh.node(place).core();
        assert!(core.wait_applied(last, PATIENCE).await, "node {place}");
        for version in &ids {
            assert!(read::descriptor_of(&core.state, version).unwrap().is_some(), "node {place} lost {version}");
        }
    }
    for n in 1..=5 {
        assert!(mesh.node(n).core().checkpoints.wait_covered(last, PATIENCE).await, "node {n}");
    }
    let of = |place: u64| mesh.node(place).core();
    until("all nodes have the same ledger and state", || {
        let heads: Vec<_> = (1..=5).map(|place| read::head(&of(place).state).unwrap()).collect();
        let same = heads.iter().all(|head| (head.size, head.state_digest) == (heads[0].size, heads[0].state_digest));
        same && (1..=5).all(|place| head(of(place), heads[0].size) == head(of(1), heads[0].size))
    })
    .await;

    // What was exported before comes to the same outcomes, alone and as the beginning of the whole.
    let after = export(of(5));
    let (first, outcomes) = audit(&before, mesh.genesis.mesh_id);
    let (whole, all) = audit(&after, mesh.genesis.mesh_id);
    assert!(first.header.size <= switched && whole.header.size > erased);
    assert_eq!(read::mesh(&first.state).unwrap().unwrap().protocol_version, 1);
    assert_eq!(read::mesh(&whole.state).unwrap().unwrap().protocol_version, 2);
    assert_eq!(all[..outcomes.len()], outcomes[..]);
    for (version, index) in &sealed {
        assert_eq!(all[usize::try_from(*index).unwrap()].0, Code::Accepted, "{version} at {index}");
    }

    // There is no way back behind the switch.
    mesh.stop_node(2).await;
    mesh.configure(2, |config| config.node.protocol_max = 1);
    let refused = Node::start(mesh.config(2)).await.err().unwrap();
    assert_eq!(refused.code(), Code::ProtocolTooNew);
    let text = "protocol 2 is in force; this node knows 1 to 1, held back by node.protocol_max";
    assert!(matches!(refused, StartError::NeedsProtocol { .. }) && refused.to_string() == text, "{refused}");
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_that_the_protocol_overtakes_stops_at_its_leaf_and_goes_on_with_a_newer_program() {
    let mut mesh = Mesh::start_under(1, quick).await;
    mesh.admit_domains().await;
    let (place, _) = mesh.join(older).await;
    let switched = accepted(&mesh, 1).await;
    let mut last = switched;
    for name in ["one", "two", "three"] {
        last = mesh.publish(1, descriptor(1, name)).await;
    }
    let core = mesh.node(place).core();
    assert!(core.wait_applied(switched, PATIENCE).await, "what stands before the new rules is its to decide");
    let expected = "protocol 2 is in force and this node knows 1 to 1";
    until("it says why it stands still", || core.alarms().iter().any(|alarm| alarm.contains(expected))).await;
    // It decided nothing under rules that it does not know, and takes nothing.
    assert!(!core.wait_applied(switched + 1, Duration::from_millis(500)).await);
    assert_eq!(core.ledger_size(), switched + 1);
    let status = mesh.client(place).status().await.unwrap();
    assert_eq!((status.protocol_version, status.protocol_known, status.protocol_built), (2, 1, 2));
    assert_eq!(erase(&mesh, place, 1).await, Err(Code::ProtocolTooNew));
    replace(&mut mesh, place, 0).await;
    let core = mesh.node(place).core();
    assert!(core.wait_applied(last, PATIENCE).await);
    assert_eq!(head(core, last + 1), head(mesh.node(1).core(), last + 1));
    assert!(core.alarms().is_empty(), "{:?}", core.alarms());
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_names_the_voters_and_what_they_know() {
    let mut mesh = Mesh::start_under(1, older).await;
    mesh.admit_domains().await;
    replace(&mut mesh, 2, 0).await;
    let leader = async {
        loop {
            let leads = (1..=3).find(|n| mesh.node(*n).core().raft.status().leader == Some(*n));
            if let Some(leader) = leads {
                let heard = mesh.client(leader).status().await.unwrap().voters_heard;
                if heard.iter().all(|voter| voter.protocol_max.is_some()) {
                    return heard;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let heard = tokio::time::timeout(PATIENCE, leader).await.unwrap();
    let known: Vec<_> = heard.iter().map(|voter| (voter.node_id, voter.protocol_min, voter.protocol_max)).collect();
    assert_eq!(known, [(1, Some(1), Some(1)), (2, Some(1), Some(2)), (3, Some(1), Some(1))]);
    assert!(heard.iter().all(|voter| voter.build.starts_with("datamesh/")), "{heard:?}");
    mesh.stop().await;
}
