//! What nodes show of each other by gossip: everybody who was admitted and not taken out, and how they are.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_client::NodeStatus;
use mesh_model::NodeId;
use tokio::time::Instant;

use super::Findings;

const POLL: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(3);
/// A node that is down is greeted every five seconds at most, and its life begins anew then.
const UP_WITHIN: Duration = Duration::from_secs(30);
/// A round of questions among eight nodes, the time of a suspicion, and a slow machine.
const DEAD_WITHIN: Duration = Duration::from_secs(20);

/// After healing: all see all as up, and nobody was forgotten.
///
/// # Errors
/// When a node cannot be asked.
pub(crate) async fn all_up(testbed: &Testbed, findings: &mut Findings) -> Result<()> {
    let deadline = Instant::now() + UP_WITHIN;
    let nodes = testbed.nodes();
    loop {
        let mut wrong = Vec::new();
        for node in &nodes {
            let status = status(testbed, *node).await.with_context(|| format!("the status of node {node}"))?;
            wrong.extend(not_up(testbed, *node, &status));
        }
        if wrong.is_empty() {
            findings.checked("pairs of nodes that see each other as up", nodes.len() * (nodes.len() - 1));
            return Ok(());
        }
        if Instant::now() >= deadline {
            for what in wrong {
                findings.violation(format!("{UP_WITHIN:?} after healing {what}"));
            }
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// While nodes are dead: within a time each of these others shows none of them as alive, and none of them as gone.
///
/// # Errors
/// Who shows what when the time is up.
pub(crate) async fn seen_dead(testbed: &Testbed, dead: &[NodeNumber], by: &[NodeNumber]) -> Result<()> {
    let deadline = Instant::now() + DEAD_WITHIN;
    let mut left: Vec<NodeNumber> = by.to_vec();
    loop {
        let mut shown = Vec::new();
        let mut still = Vec::new();
        for node in left {
            // One that does not answer, for its peers are away or its disk is full, shows nothing wrong.
            let Ok(status) = status(testbed, node).await else { continue };
            let states = states(&status);
            let mut is_done = true;
            for other in dead {
                let state = states.get(&testbed.node_id(*other)).copied();
                is_done &= state.is_some_and(|state| state != "alive");
                shown.push(format!("node {node} shows node {other} as {state:?}"));
            }
            if !is_done {
                still.push(node);
            }
        }
        if still.is_empty() {
            return Ok(());
        }
        left = still;
        anyhow::ensure!(Instant::now() < deadline, "dead for {DEAD_WITHIN:?}, and {}", shown.join(", "));
        tokio::time::sleep(POLL).await;
    }
}

async fn status(testbed: &Testbed, node: NodeNumber) -> Result<NodeStatus> {
    Ok(testbed.client(&[node], CALL)?.status().await?)
}

fn states(status: &NodeStatus) -> BTreeMap<NodeId, &str> {
    status.peers.iter().map(|peer| (peer.node_id, peer.state.as_str())).collect()
}

fn not_up(testbed: &Testbed, node: NodeNumber, status: &NodeStatus) -> Vec<String> {
    let mut states = states(status);
    let mut wrong = Vec::new();
    for other in testbed.nodes().into_iter().filter(|other| *other != node) {
        match states.remove(&testbed.node_id(other)) {
            Some("alive") => {}
            Some(state) => wrong.push(format!("node {node} shows node {other} as {state}")),
            None => wrong.push(format!("node {node} does not know node {other}")),
        }
    }
    let more = states.into_iter().map(|(id, state)| {
        format!("node {node} shows node {id} of the ledger, which was taken out or never let in, as {state}")
    });
    wrong.extend(more);
    wrong
}
