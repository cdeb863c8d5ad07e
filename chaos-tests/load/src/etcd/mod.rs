//! etcd beside the mesh: three members on this machine, the same kind of clients, the same disk.

mod cluster;
mod wire;

use std::path::Path;

use anyhow::Result;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::measure::{Bounds, Figures, closed_loop};
use cluster::Cluster;
use wire::Kv;

/// As large as a descriptor.
const VALUE_BYTES: usize = 1_024;
const MANY: usize = 64;
const VERY_MANY: usize = 256;
const WARM_UP: usize = 300;

/// Puts with 1, 64 and 256 clients, and reads with 64. One client talks to the leader, many are spread over the members.
///
/// # Errors
/// When etcd is not there or does not start.
pub(crate) async fn all(folder: Option<&Path>, bounds: Bounds) -> Result<Vec<Figures>> {
    let cluster = Cluster::start(folder).await?;
    let leader = cluster.leader().await?;
    let a_quarter = Bounds { operations: (bounds.operations / 4).max(1), ..bounds };
    let warm_up = Bounds { operations: WARM_UP, ..bounds };
    put("etcd warm-up", cluster.clients(3).await?, warm_up).await?;
    Ok(vec![
        put("etcd put", vec![leader], a_quarter).await?,
        put("etcd put", cluster.clients(MANY).await?, bounds).await?,
        put("etcd put", cluster.clients(VERY_MANY).await?, bounds).await?,
        get(cluster.clients(MANY).await?, bounds).await?,
    ])
}

fn key(number: usize) -> Vec<u8> {
    format!("key-{number:012}").into_bytes()
}

async fn put(name: &str, clients: Vec<Kv>, bounds: Bounds) -> Result<Figures> {
    let value: Vec<u8> = rand::RngExt::random::<[u8; 32]>(&mut StdRng::seed_from_u64(1)).repeat(VALUE_BYTES / 32);
    closed_loop(name, clients, bounds, move |mut kv: Kv, number| {
        let value = value.clone();
        async move {
            let result = kv.put(key(number), value).await;
            (kv, result)
        }
    })
    .await
}

/// Serializable reads: from the member itself, as a node of the mesh answers.
async fn get(clients: Vec<Kv>, bounds: Bounds) -> Result<Figures> {
    closed_loop("etcd get", clients, bounds, move |mut kv: Kv, number| async move {
        let result = kv.get(key((number * 7_919) % WARM_UP)).await;
        (kv, result)
    })
    .await
}
