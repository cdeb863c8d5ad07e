//! Claims about nodes that lost their data and come back as new ones.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of, keypair};
use mesh_client::WaitLevel;
use mesh_event::command::DelegateNode;
use mesh_event::proposal::ProposalBody;
use mesh_event::{Body, FeedId};
use mesh_model::{Code, Digest};
use mesh_node::clock::now_unix_ms;
use mesh_node::recover::{NewNode, prepare};
use mesh_node::replicas::heads;
use mesh_node::{Config, Node, StartError};

/// Long enough for a busy machine; nothing waits that long.
const DEADLINE: Duration = Duration::from_secs(30);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 1_000;
    config.feeds.pull_ms = 100;
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_whose_disk_was_wiped_comes_back_with_its_feed_and_publishes_on() {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let mut sealed = Vec::new();
    for n in 0..5 {
        sealed.push(mesh.publish(3, descriptor(3, &format!("before_{n}"))).await);
    }
    // Copies lie elsewhere before the disk dies.
    let feed = FeedId { domain: domain_of(3), epoch: 1 };
    let keeper = Arc::clone(mesh.node(1).core());
    until("a copy is whole", async || {
        heads::of_feed(&keeper, &feed).ok().flatten().is_some_and(|head| head.goal.size >= 5)
    })
    .await;
    mesh.stop_node(3).await;
    let config = mesh.config(3);
    std::fs::remove_dir_all(&config.node.data_dir).unwrap();
    let lost = Node::start(config.clone()).await.err().unwrap();
    assert!(lost.to_string().contains("--recover"), "{lost}");
    let old_key = std::fs::read(config.node.keys_dir.join("node.pem")).unwrap();
    let prepared = prepare(&config, &mesh.genesis, &NewNode::default(), now_unix_ms()).unwrap();
    assert_eq!((prepared.old_number, prepared.record.name.as_str()), (Some(3), "node-3"));
    assert!(prepared.record.is_possessed());
    // Again, as after a crash: the same attempt goes on.
    let again = prepare(&config, &mesh.genesis, &NewNode::default(), now_unix_ms()).unwrap();
    assert_eq!(again, prepared);
    let kept = std::fs::read_dir(&config.node.keys_dir).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.to_string_lossy().contains("node.pem.lost-") && std::fs::read(path).unwrap() == old_key
    });
    assert_eq!(kept.count(), 1, "the old key stays beside the new one");
    let starting = tokio::spawn(Node::start(config.clone()));
    let id = mesh.decide(1, ProposalBody::AdmitNode(prepared.record)).await.unwrap() + 1000;
    let node = tokio::time::timeout(DEADLINE, starting).await.unwrap().unwrap().unwrap();
    mesh.nodes[2] = Some(node);
    let core = Arc::clone(mesh.node(3).core());
    assert_eq!(core.node_id(), id);
    assert!(core.wait_indexed(*sealed.last().unwrap(), DEADLINE).await);
    let head = heads::of_feed(&keeper, &feed).unwrap().unwrap();
    let body = Body::DelegateNode(DelegateNode {
        domain: domain_of(3),
        node_id: id,
        epoch: 2,
        base_size: head.goal.size,
        base_root: Some(Digest(*head.goal.root.as_bytes())),
    });
    let envelope = mesh.builder().sign(body, &[&keypair("root-3")]).unwrap();
    let index = mesh.client(1).submit(&envelope).await.unwrap().accepted().unwrap().ledger_index.unwrap();
    assert!(core.wait_applied(index, DEADLINE).await);
    // The feed comes from its keepers, and publishing goes on in the new epoch.
    let outgoing = mesh.publish_command(descriptor(3, "after"), None);
    let mut done = None;
    until("the new home publishes", async || match mesh.client(3).publish(&outgoing, WaitLevel::Sealed).await {
        Ok(acknowledgement) => {
            done = acknowledgement.ledger_index;
            true
        }
        Err(error) => {
            assert!(matches!(error.code, Code::FeedMissing | Code::Unavailable | Code::NotCaughtUp), "{error}");
            false
        }
    })
    .await;
    assert!(mesh.node(1).core().wait_applied(done.unwrap(), DEADLINE).await);
    for name in ["before_0", "before_4", "after"] {
        let found = mesh.client(3).product(&format!("domain_3/{name}"), mesh_client::Read::default()).await;
        assert!(found.is_ok(), "{name}: {found:?}");
    }
    let size = core.store.feed(mesh_store::FeedId::new("domain_3", 1).unwrap()).log().size().unwrap();
    assert!(size >= 5);
    // A restart needs no --recover, and the note of the attempt is gone. Whoever holds the core holds the store.
    drop(core);
    mesh.stop_node(3).await;
    let notes = std::fs::read_dir(&config.node.keys_dir).unwrap();
    assert!(!notes.into_iter().any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("recovering-")));
    mesh.start_node(3).await;
    assert_eq!(mesh.node(3).core().node_id(), id);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recovered_where_nothing_is_lost() {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    mesh.stop_node(2).await;
    let config = mesh.config(2);
    let keys = || {
        let mut names: Vec<_> =
            std::fs::read_dir(&config.node.keys_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = keys();
    let whole = prepare(&config, &mesh.genesis, &NewNode::default(), 1).unwrap_err();
    assert!(matches!(&whole, StartError::WrongStore(text) if text.contains("is whole")), "{whole}");
    let place = mesh.prepare(quick);
    let never = prepare(&mesh.config(place), &mesh.genesis, &NewNode::default(), 1).unwrap_err();
    assert!(matches!(&never, StartError::WrongStore(text) if text.contains("no node of this mesh ran")), "{never}");
    assert_eq!(keys(), before, "something was changed");
    // Data without authority is put aside, not deleted.
    let store = mesh_store::Store::open(&config.node.data_dir, mesh_store::StoreOptions::default()).unwrap();
    store.give_up_authority("for the test").unwrap();
    store.close().unwrap();
    drop(store);
    let mut prepared = Err(StartError::Other(String::new()));
    until("the store is free", async || {
        prepared = prepare(&config, &mesh.genesis, &NewNode::default(), 77);
        prepared.is_ok()
    })
    .await;
    let aside = prepared.unwrap().data_aside.unwrap();
    assert!(aside.join("FORMAT").exists() && !config.node.data_dir.exists());
    mesh.stop().await;
}
