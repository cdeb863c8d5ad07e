//! Claims about heads of feeds that no command brings into the ledger.

use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of, keypair};
use mesh_event::{Body, Command, DomainRules, Envelope, LeafEntry, LedgerLeaf, Signer as _};
use mesh_governance::{LedgerHead, read};
use mesh_model::Code;
use mesh_node::replicas::heads;

const DEADLINE: Duration = Duration::from_secs(30);

/// Sets no rules at all in the place of set `number - 1`: an event that is no command, and stays in the feed.
async fn set_rules(mesh: &Mesh, number: u64) {
    let set = DomainRules {
        mesh_id: mesh.genesis.mesh_id,
        domain: domain_of(2),
        epoch: 1,
        number,
        author: keypair("root-2").public_key(),
        rules: Vec::new(),
        reason: format!("set {number}"),
    };
    mesh.client(2).set_domain_rules(&set.sign(&[&keypair("root-2")]).unwrap()).await.unwrap();
}

fn ledger_head(mesh: &Mesh, node: u64) -> Option<LedgerHead> {
    read::ledger_head(&mesh.node(node).core().state, &domain_of(2), 1).unwrap()
}

async fn anchored(mesh: &Mesh, size: u64) -> LedgerHead {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        if let Some(head) = ledger_head(mesh, 1).filter(|head| head.size == size) {
            return head;
        }
        assert!(tokio::time::Instant::now() < deadline, "{size} events are not anchored: {:?}", ledger_head(mesh, 1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The outcomes of all anchors that the ledger has.
fn anchors(mesh: &Mesh) -> Vec<Code> {
    let core = mesh.node(1).core();
    let leaves = core.store.ledger().leaves(0..core.ledger_size(), 10_000).unwrap();
    let outcome = |bytes: Vec<u8>| {
        let leaf = LedgerLeaf::decode(&bytes).unwrap();
        let LeafEntry::Envelope(bytes) = &leaf.entry else { return None };
        let command = Command::decode(Envelope::parse(bytes.clone()).unwrap().payload()).ok()?;
        matches!(command.body, Body::FeedAnchor(_)).then_some(leaf.outcome.code)
    };
    leaves.into_iter().filter_map(|(_, bytes)| outcome(bytes)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_no_command_brings_along_is_anchored_once_also_after_a_cut() {
    let mut mesh = Mesh::start_with(|config| config.feeds.anchor_s = 1).await;
    mesh.admit_domains().await;
    mesh.publish(2, descriptor(2, "first")).await;
    set_rules(&mesh, 1).await;
    let head = anchored(&mesh, 2).await;
    let written = heads::of_feed(mesh.node(2).core(), &mesh_event::FeedId { domain: domain_of(2), epoch: 1 });
    assert_eq!(head.root.0, *written.unwrap().unwrap().goal.root.as_bytes());
    let fence = head.fence.unwrap();
    assert_eq!((fence.size, fence.index), (2, head.index));
    assert!(fence.ledger_size > 1 && fence.ledger_size <= head.index, "{fence:?}");

    // Commands go on behind it, also after a restart.
    mesh.publish(2, descriptor(2, "second")).await;
    mesh.stop_node(2).await;
    mesh.start_node(2).await;
    mesh.publish(2, descriptor(2, "third")).await;
    assert_eq!(ledger_head(&mesh, 2).unwrap().fence, Some(fence), "their batches bring the head along");

    // Cut off, nothing can be anchored; after that it is.
    mesh.stop_node(1).await;
    mesh.stop_node(3).await;
    set_rules(&mesh, 2).await;
    mesh.start_node(1).await;
    mesh.start_node(3).await;
    anchored(&mesh, 5).await;
    mesh.publish(3, descriptor(2, "fourth")).await;
    assert_eq!(anchors(&mesh), [Code::Accepted; 2]);
    mesh.stop().await;
}
