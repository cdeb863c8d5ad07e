//! Stores that lost something, and stores of others.

use std::sync::Arc;
use std::time::Duration;

use mesh_governance::{NoPolicy, Strict};
use mesh_raft::{RaftNode, RaftOptions, RaftRole, StartError, Target};
use mesh_store::{Store, StoreOptions};

use crate::harness::{Cluster, DEADLINE, Disk, head};

fn usual(_: &mut RaftOptions) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_its_database_never_votes_again() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    for n in 0..3 {
        let body = cluster.admission(&format!("d-{n}"));
        cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    }
    let before = cluster.agree_on(4).await;
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    // The database goes back to nothing; the HEAD file beside it knows better.
    std::fs::remove_dir_all(folder.path().join("kv")).unwrap();
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    let raft_log = |folder: &std::path::Path| {
        let store = Store::open(folder, StoreOptions::default()).unwrap();
        (store.raft_log().vote().unwrap(), store.raft_log().next_index().unwrap())
    };
    let kept = raft_log(folder.path());
    cluster.start(3).await;
    assert_eq!(cluster.node(3).status().role, RaftRole::Reader);
    // Two of three are a quorum without it; with one of the others gone there is none, for it answers nothing.
    let body = cluster.admission("with-two");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.stop(2).await;
    let body = cluster.admission("with-one");
    let alone = cluster.node(1).proposer().propose(body, Duration::from_secs(3)).await;
    assert!(alone.is_err(), "a node that forgot its votes made a quorum");
    // Its ledger is what peers bring, from the start on if need be; Raft's record of what was applied has no say.
    let tail = cluster.node(3).tail();
    assert!(!tail.follows_raft());
    let (size, root) = (4, before.0);
    let source = cluster.node(1).state().ledger().clone();
    let from = tail.next_index();
    let leaves: Vec<Vec<u8>> = (from..size).map(|index| source.leaf(index).unwrap().unwrap()).collect();
    tail.append(from, leaves, Target { size, root }, &[]).unwrap();
    assert_eq!(head(cluster.node(3)).1, root);
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    assert_eq!(raft_log(folder.path()), kept, "the raft log of a node that only reads was touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_gave_up_its_authority_reads_on_where_raft_stopped() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    let body = cluster.admission("before");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.agree_on(2).await;
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    store.give_up_authority("restored from a backup").unwrap();
    store.close().unwrap();
    drop(store);
    let body = cluster.admission("after");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.start(3).await;
    let reader = cluster.node(3);
    assert_eq!((reader.status().role, reader.tail().next_index()), (RaftRole::Reader, 2));
    let (size, root, digest) = head(cluster.node(1));
    let leaf = cluster.node(1).state().ledger().leaf(2).unwrap().unwrap();
    reader.tail().append(2, vec![leaf], Target { size, root }, &[]).unwrap();
    assert_eq!(head(reader), (size, root, digest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_start_on_the_store_of_another() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    let store = Arc::new(Store::open(folder.path(), StoreOptions::default()).unwrap());
    let started = RaftNode::start(cluster.options(2), store, Arc::new(Strict), Arc::new(NoPolicy)).await;
    assert!(matches!(started, Err(StartError::OtherStore { .. })));
}
