//! Stores that lost something, and stores of others.

use std::sync::Arc;

use mesh_governance::{NoPolicy, Strict};
use mesh_raft::{RaftNode, RaftOptions, StartError};
use mesh_store::{Store, StoreOptions};

use crate::harness::{Cluster, DEADLINE, Disk};

fn usual(_: &mut RaftOptions) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_its_database_never_votes_again() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    let body = cluster.admission("d-0");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    // The database goes back to nothing; the HEAD file beside it knows better.
    std::fs::remove_dir_all(folder.path().join("kv")).unwrap();
    let store = Arc::new(Store::open(folder.path(), StoreOptions::default()).unwrap());
    let started = RaftNode::start(cluster.options(3), store, Arc::new(Strict), Arc::new(NoPolicy)).await;
    assert!(matches!(started, Err(StartError::LostAuthority { node_id: 3, .. })));
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
