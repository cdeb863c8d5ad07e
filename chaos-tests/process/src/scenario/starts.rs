//! Nodes that are started at the same moment: each soon sees all others.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_client::Client;
use tokio::time::Instant;

use super::{Spread, Stage};
use crate::options::StartsOptions;

const CALL: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);
/// Longest a node may take to stop in order.
const STOP: Duration = Duration::from_secs(20);
/// How a node calls another one that answers it.
const ALIVE: &str = "alive";

/// Whether it holds.
///
/// # Errors
/// When the mesh cannot be founded, or a node does not start or stop.
pub(crate) async fn run(options: &StartsOptions) -> Result<bool> {
    let mut stage = Stage::set(&options.common, options.voters, options.observers).await?;
    let nodes = stage.testbed.nodes();
    let clients = nodes.iter().map(|node| stage.testbed.client(&[*node], CALL)).collect::<Result<Vec<_>>>()?;
    let (mut took, mut missed) = (Vec::new(), 0);
    for number in 0..options.starts {
        // In turn: a node that said goodbye, and one that could not.
        let is_killed = number % 2 == 1;
        stop_all(&mut stage.testbed, is_killed).await?;
        let began = Instant::now();
        for node in &nodes {
            stage.testbed.node_mut(*node).start()?;
        }
        let deadline = began + options.within;
        let others = nodes.len() - 1;
        let views = nodes.iter().zip(&clients).map(|(node, client)| sees_all(*node, client, others, deadline));
        match futures::future::try_join_all(views).await {
            Ok(_) => took.push(began.elapsed()),
            Err(what) => {
                missed += 1;
                println!("start {number}: {what}");
                let ended = ended(&mut stage.testbed, &nodes);
                anyhow::ensure!(ended.is_empty(), "of nodes that were started, some ended by themselves:\n{ended}");
            }
        }
    }
    println!(
        "{} of {} starts: each of {} nodes saw all others within {:.0} s; after {}",
        took.len(),
        options.starts,
        nodes.len(),
        options.within.as_secs_f64(),
        Spread::of(took)
    );
    if options.common.keep || missed > 0 {
        println!("kept: {}", stage.testbed.keep_folder().display());
    }
    Ok(missed == 0)
}

async fn stop_all(testbed: &mut Testbed, is_killed: bool) -> Result<()> {
    if is_killed {
        return testbed.nodes().into_iter().try_for_each(|node| testbed.node_mut(node).kill());
    }
    let failed = testbed.terminate(STOP).await;
    failed.into_iter().next().map_or(Ok(()), Err).context("a node did not stop in order")
}

/// What nodes said that ended by themselves.
fn ended(testbed: &mut Testbed, nodes: &[NodeNumber]) -> String {
    let mut said = String::new();
    for node in nodes {
        if testbed.node_mut(*node).ended().is_some() {
            said.push_str(&testbed.node(*node).last_words());
        }
    }
    said
}

/// Until the node shows so many others, all of them alive; else what it shows instead.
async fn sees_all(node: NodeNumber, client: &Client, others: usize, deadline: Instant) -> Result<(), String> {
    let mut seen = "it does not answer".to_owned();
    while Instant::now() < deadline {
        match client.status().await {
            Ok(status) => {
                let alive = status.peers.iter().filter(|peer| peer.state == ALIVE).count();
                if alive == others && status.peers.len() == others {
                    return Ok(());
                }
                let peer = |peer: &mesh_client::node::PeerStatus| format!("{} is {}", peer.node_id, peer.state);
                seen = status.peers.iter().map(peer).collect::<Vec<_>>().join(", ");
            }
            Err(error) => seen = error.to_string(),
        }
        tokio::time::sleep(POLL).await;
    }
    Err(format!("node {node} did not see all others in time: {seen}"))
}
