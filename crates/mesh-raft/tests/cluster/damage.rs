//! Stores that lost something, and stores of others.

use std::sync::Arc;
use std::time::Duration;

use mesh_governance::{NoPolicy, Strict};
use mesh_raft::{RaftNode, RaftOptions, RaftRole, StartError, TailError, Target};
use mesh_store::{Store, StoreOptions};

use crate::harness::{Cluster, DEADLINE, Disk, eventually, head};

fn usual(_: &mut RaftOptions) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_its_database_never_votes_again() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    let body = cluster.admission("d-0");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.agree_on(2).await;
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    // The database goes back to nothing; the HEAD file beside it knows better, of the ledger too: there is nothing to read on from.
    std::fs::remove_dir_all(folder.path().join("kv")).unwrap();
    let open = async || Store::open(folder.path(), StoreOptions::default()).ok();
    let store = Arc::new(eventually("the store is free", open).await);
    let started = RaftNode::start(cluster.options(3), store, Arc::new(Strict), Arc::new(NoPolicy)).await;
    assert!(matches!(started, Err(StartError::LostAuthority { node_id: 3, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_lost_its_authority_reads_on_where_raft_stopped_and_makes_no_quorum() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    let body = cluster.admission("before");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.agree_on(2).await;
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    let path = folder.path().to_owned();
    let raft_log = |store: &Store| (store.raft_log().vote().unwrap(), store.raft_log().next_index().unwrap());
    let store = eventually("the store is free", async || Store::open(&path, StoreOptions::default()).ok()).await;
    store.give_up_authority("restored from a backup").unwrap();
    let kept = raft_log(&store);
    store.close().unwrap();
    drop(store);
    // Two of three are a quorum without it.
    let body = cluster.admission("after");
    cluster.node(1).proposer().propose(body, DEADLINE).await.unwrap();
    cluster.start(3).await;
    let reader = cluster.node(3);
    assert_eq!((reader.status().role, reader.tail().next_index()), (RaftRole::Reader, 2));
    // What comes next it takes from peers: what Raft applied before has no say.
    assert!(!reader.tail().follows_raft());
    let (size, root, digest) = head(cluster.node(1));
    let leaf = cluster.node(1).state().ledger().leaf(2).unwrap().unwrap();
    // What an interrupted snapshot may have left is removed first.
    eventually("the tail may append", async || {
        match reader.tail().append(2, vec![leaf.clone()], Target { size, root }, &[]) {
            Err(TailError::Busy) => None,
            appended => {
                appended.unwrap();
                Some(())
            }
        }
    })
    .await;
    assert_eq!(head(reader), (size, root, digest));
    // One of three and a node that forgot its votes are none.
    cluster.stop(2).await;
    let body = cluster.admission("with-one");
    let alone = cluster.node(1).proposer().propose(body, Duration::from_secs(3)).await;
    assert!(alone.is_err(), "a node that forgot its votes made a quorum");
    assert_eq!(raft_log(&cluster.running[&3].store), kept, "the raft log of a node that only reads was touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_start_on_the_store_of_another() {
    let mut cluster = Cluster::on_disk(3, usual).await;
    cluster.leader().await;
    cluster.stop(3).await;
    let Disk::Folder(folder) = cluster.disk(3) else { unreachable!() };
    // The last handles of the run before go a moment after it.
    let open = async || Store::open(folder.path(), StoreOptions::default()).ok();
    let store = Arc::new(eventually("the store is free", open).await);
    let started = RaftNode::start(cluster.options(2), store, Arc::new(Strict), Arc::new(NoPolicy)).await;
    assert!(matches!(started, Err(StartError::OtherStore { .. })));
}
