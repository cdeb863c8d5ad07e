//! A node lost its disk and comes back as a new one, as its operator, the council and the domains' roots do it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::lab::network::{API_PORT, PEER_PORT, address};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_model::NodeId;
use tokio::time::Instant;

use super::moves::{How, Moved, delegate, end as domain_moved};
use super::operator::{Operator, argument};

const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(2);

/// A node that is on its way back.
#[derive(Debug, Clone)]
pub(crate) struct Recovering {
    node: NodeNumber,
    /// The number that nobody has any more.
    old: NodeId,
    /// Its domains, each in the epoch that goes on.
    domains: Vec<Moved>,
}

/// Wipes a node's disk and brings it back: `meshd --recover`, then what that says is to be done.
///
/// # Errors
/// What did not work.
pub(crate) async fn begin(testbed: &mut Testbed, mesh: &Path, node: NodeNumber) -> Result<Recovering> {
    testbed.node_mut(node).kill()?;
    testbed.machine(node).wipe()?;
    let (old, name) = (testbed.node_id(node), format!("node-{node}"));
    let address = |port: u16| format!("{}:{port}", address(node));
    let (api, peer) = (address(API_PORT), address(PEER_PORT));
    let told = ["--recover", "--name", &name, "--public-api", &api, "--public-peer", &peer];
    // Nothing but the data said who a node is that the founding document does not name.
    let is_founder = old == node;
    let before = records(testbed, node)?;
    testbed.node_mut(node).start_with(if is_founder { &told[..1] } else { &told })?;
    let record = record(testbed, node, &before).await?;
    let operator = Operator::without(testbed, mesh, Some(node));
    let client = operator.client()?;
    let seats = operator.seats();
    let with_seats = |arguments: &[&str]| -> Vec<String> {
        arguments.iter().map(|text| (*text).to_owned()).chain(seats.iter().cloned()).collect()
    };

    let mut new = 0;
    let is_admitted = async || {
        let Ok(known) = client.known_nodes().await else { return false };
        let mut same = known.items.into_iter().filter(|known| known.record.name == name);
        new = same.by_ref().map(|known| known.record.node_id).max().unwrap_or(0);
        new > old
    };
    let arguments = with_seats(&["proposal", "open", "admit-node", &argument(&record)]);
    operator.achieve(&as_text(&arguments), is_admitted).await.context("its admission")?;

    if testbed.voters().contains(&node) {
        let id = |voter: NodeNumber| if voter == node { new } else { testbed.node_id(voter) };
        let voters: Vec<NodeId> = testbed.voters().into_iter().map(id).collect();
        operator.set_voters(&voters).await.context("its vote")?;
    }

    let is_out = async || {
        let Ok(known) = client.known_nodes().await else { return false };
        known.items.iter().any(|known| known.record.node_id == old && known.standing == "revoked")
    };
    let old_text = old.to_string();
    let arguments = with_seats(&["proposal", "open", "revoke-node", &old_text, "--reason", "its disk is gone"]);
    operator.achieve(&as_text(&arguments), is_out).await.context("the old number's end")?;

    let mut domains = Vec::new();
    for (domain, home) in testbed.domains().to_vec() {
        if home == node {
            let epoch = delegate(&operator, testbed, &domain, new, How::Unplanned).await?;
            domains.push(Moved { domain, from: node, to: node, epoch, orphans: 0 });
        }
    }
    testbed.replaced(node, new);
    Ok(Recovering { node, old, domains })
}

/// It took effect when the node is ready under its new number, writes its domains' feeds on, and nobody counts the old one among the nodes.
///
/// # Errors
/// What is not so when time is up.
pub(crate) async fn end(testbed: &mut Testbed, recovering: &Recovering) -> Result<()> {
    let Recovering { node, old, domains } = recovering;
    let deadline = Instant::now() + PATIENCE;
    testbed.wait_ready_until(*node, deadline).await?;
    loop {
        let mut wrong = Vec::new();
        for other in testbed.nodes() {
            let status = testbed.client(&[other], CALL)?.status().await;
            match status {
                Ok(status) if status.node_id != testbed.node_id(other) => {
                    wrong.push(format!("node {other} has number {}", status.node_id));
                }
                Ok(status) if status.peers.iter().any(|peer| peer.node_id == *old) => {
                    wrong.push(format!("node {other} still counts number {old}, which was revoked"));
                }
                Ok(_) => {}
                Err(error) => wrong.push(format!("node {other}: {error}")),
            }
        }
        if wrong.is_empty() {
            break;
        }
        if Instant::now() >= deadline {
            bail!("node {node} came back: {}", wrong.join("; "));
        }
        tokio::time::sleep(POLL).await;
    }
    for moved in domains {
        domain_moved(testbed, moved).await?;
    }
    Ok(())
}

/// Waits for the signed record that `meshd --recover` writes beside the keys.
async fn record(testbed: &mut Testbed, node: NodeNumber, before: &[PathBuf]) -> Result<PathBuf> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(path) = records(testbed, node)?.into_iter().find(|path| !before.contains(path)) {
            return Ok(path);
        }
        if let Some(status) = testbed.node_mut(node).ended() {
            bail!("meshd --recover ended ({status}):\n{}", testbed.node(node).last_words());
        }
        if Instant::now() >= deadline {
            bail!("meshd --recover wrote no record:\n{}", testbed.node(node).last_words());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The records of a node that came back, each time as another.
fn records(testbed: &Testbed, node: NodeNumber) -> Result<Vec<PathBuf>> {
    let start = format!("node-{node}.lost-");
    let mut found = Vec::new();
    for entry in fs::read_dir(testbed.keys_folder(node)).context("cannot list the keys")? {
        let path = entry.context("cannot list the keys")?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(&start) && path.extension().is_some_and(|ending| ending == "json") {
            found.push(path);
        }
    }
    Ok(found)
}

fn as_text(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
