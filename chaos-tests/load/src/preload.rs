//! A mesh with a past: filled through streams, then restarted.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{NODES, NodeNumber, Testbed};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::measure::{Drained, Figures};
use crate::mesh::drain;
use crate::versions::Versions;

const CALL: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_mins(2);
const START: Duration = Duration::from_mins(10);
const INDEX: Duration = Duration::from_hours(1);
const POLL: Duration = Duration::from_millis(200);

/// A node after its restart.
#[derive(Debug, Clone)]
pub(crate) struct Restarted {
    pub(crate) node: NodeNumber,
    /// Whether the others kept running.
    pub(crate) alone: bool,
    /// From SIGTERM to its end.
    pub(crate) stopped_after: Duration,
    /// From the start of the process to `/readyz` OK.
    pub(crate) ready_after: Duration,
    /// Resident memory then.
    pub(crate) resident_bytes: u64,
}

impl Restarted {
    pub(crate) fn json(&self) -> Value {
        json!({
            "node": self.node,
            "others_kept_running": self.alone,
            "stopped_after_seconds": self.stopped_after.as_secs_f64(),
            "ready_after_seconds": self.ready_after.as_secs_f64(),
            "resident_bytes": self.resident_bytes,
        })
    }
}

/// Publishes `count` first versions through one stream at each node, signed on the way.
///
/// # Errors
/// When not all were sealed.
pub(crate) async fn fill(testbed: &Testbed, count: usize) -> Result<Figures> {
    let started = Instant::now();
    let mut running = Vec::new();
    for node in NODES {
        let mut versions = Versions::new(testbed, "past").at_home_on(node);
        let count = count / NODES.len() + usize::from(node == 1) * (count % NODES.len());
        let client = testbed.client(&[node], CALL)?;
        // One that cannot be signed ends the stream; the count tells.
        let source = std::iter::from_fn(move || versions.next().ok().map(|prepared| prepared.outgoing)).take(count);
        running.push(async move { drain(&client, futures::stream::iter(source)).await });
    }
    let drained = Drained::sum(futures::future::try_join_all(running).await?);
    if drained.done != count as u64 {
        let Drained { done, failed, first_failure } = drained;
        let why = first_failure.unwrap_or_default();
        bail!("expected {count} versions to be sealed; {done} were and {failed} were not: {why}");
    }
    Ok(Figures::whole("preload (signing included)", NODES.len(), drained, started.elapsed()))
}

/// Stops and starts the nodes one after the other, then all at once.
///
/// # Errors
/// When one does not stop in order or does not get ready.
pub(crate) async fn restart(testbed: &mut Testbed) -> Result<Vec<Restarted>> {
    let mut restarted = Vec::new();
    for node in NODES {
        let stopping = Instant::now();
        testbed.node_mut(node).terminate(STOP).await?;
        let (stopped_after, begun) = (stopping.elapsed(), Instant::now());
        testbed.node_mut(node).start()?;
        restarted.push(look(testbed, node, true, stopped_after, begun).await?);
    }
    let stopping = Instant::now();
    if let Some(error) = testbed.terminate(STOP).await.pop() {
        return Err(error);
    }
    let (stopped_after, begun) = (stopping.elapsed(), Instant::now());
    for node in NODES {
        testbed.node_mut(node).start()?;
    }
    for node in NODES {
        restarted.push(look(testbed, node, false, stopped_after, begun).await?);
    }
    Ok(restarted)
}

async fn look(
    testbed: &mut Testbed,
    node: NodeNumber,
    alone: bool,
    stopped_after: Duration,
    begun: Instant,
) -> Result<Restarted> {
    testbed.wait_ready_until(node, begun + START).await?;
    let ready_after = begun.elapsed();
    let resident_bytes = testbed.node(node).resident_bytes()?;
    Ok(Restarted { node, alone, stopped_after, ready_after, resident_bytes })
}

/// Waits until every node has indexed what it has; how long that took.
///
/// # Errors
/// When it takes too long.
pub(crate) async fn wait_indexed(testbed: &Testbed) -> Result<Duration> {
    let started = Instant::now();
    for node in NODES {
        let client = testbed.client(&[node], CALL)?;
        loop {
            let status = client.status().await.with_context(|| format!("the status of node {node}"))?;
            if status.ledger.indexed_size >= status.ledger.size {
                break;
            }
            if started.elapsed() > INDEX {
                bail!("node {node} indexed {} of {} leaves", status.ledger.indexed_size, status.ledger.size);
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(started.elapsed())
}
