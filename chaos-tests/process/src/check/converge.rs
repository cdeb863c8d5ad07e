//! Waits until all nodes have the same ledger and nothing waits to get into it.

use std::time::Duration;

use anyhow::{Result, bail};
use chaos_process::testbed::Testbed;
use mesh_client::{Client, NodeStatus};
use tokio::time::Instant;

const POLL: Duration = Duration::from_millis(200);
const CALL: Duration = Duration::from_secs(3);
/// Rounds in a row that have to show the same: a request that a node still works on may write once more, and one that a lossy way held up may
/// arrive long after its client gave up.
const QUIET: usize = 20;

/// Waits.
///
/// # Errors
/// When a node ended by itself or does not get ready, or they do not agree in time: what each of them shows.
pub(crate) async fn converge(testbed: &mut Testbed, deadline: Instant) -> Result<()> {
    let nodes = testbed.nodes();
    for node in nodes.iter().copied() {
        testbed.wait_ready_until(node, deadline).await?;
    }
    let clients = nodes.iter().map(|node| testbed.client(&[*node], CALL)).collect::<Result<Vec<Client>>>()?;
    let (mut quiet, mut last_size) = (0, 0);
    loop {
        let statuses = futures::future::join_all(clients.iter().map(Client::status)).await;
        let shown: Vec<String> = statuses
            .iter()
            .map(|status| match status {
                Ok(status) => describe(status),
                Err(error) => error.to_string(),
            })
            .collect();
        let statuses: Vec<NodeStatus> = statuses.into_iter().flatten().collect();
        match agreed_size(&statuses, nodes.len()) {
            Some(size) if size == last_size => quiet += 1,
            Some(size) => (quiet, last_size) = (1, size),
            None => quiet = 0,
        }
        if quiet >= QUIET {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("the nodes did not come together in time:\n  {}", shown.join("\n  "));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The size that all show, with the same root and digest and empty outboxes.
fn agreed_size(statuses: &[NodeStatus], nodes: usize) -> Option<u64> {
    let first = statuses.first().filter(|_| statuses.len() == nodes)?;
    let agree = statuses.iter().all(|status| {
        let same = |a: &NodeStatus, b: &NodeStatus| {
            (a.ledger.size, a.ledger.root, a.ledger.state_digest)
                == (b.ledger.size, b.ledger.root, b.ledger.state_digest)
        };
        same(status, first)
            && status.ledger.indexed_size >= status.ledger.size
            && status.feeds.iter().all(|feed| feed.outbox_waiting == 0)
    });
    agree.then_some(first.ledger.size)
}

fn describe(status: &NodeStatus) -> String {
    let waiting: u64 = status.feeds.iter().map(|feed| feed.outbox_waiting).sum();
    let (ledger, raft) = (&status.ledger, &status.raft);
    format!(
        "node {}: {} in term {}, leader {:?}, log {} applied {}, ledger {} root {} state {}, indexed {}, {waiting} waiting, alarms {:?}",
        status.node_id,
        raft.role,
        raft.term,
        raft.leader_id,
        raft.last_log_index,
        raft.applied_index,
        ledger.size,
        ledger.root.short(),
        ledger.state_digest.short(),
        ledger.indexed_size,
        status.alarms
    )
}
