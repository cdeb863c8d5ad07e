//! A domain gets another home: planned, with the old one's word on where its feed ends, or without it, while it is dead or cut off.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_model::{DomainName, NodeId};
use tokio::time::Instant;

use super::operator::{Operator, argument};

/// How long the next home may take to write, and the former one to notice.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// Commands that have to wait at a home that is cut off before its domain moves on.
const ORPHANS: u64 = 3;
const CALL: Duration = Duration::from_secs(2);

/// A domain that moved.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    pub(crate) domain: DomainName,
    pub(crate) from: NodeNumber,
    pub(crate) to: NodeNumber,
    /// The epoch that began.
    pub(crate) epoch: u64,
    /// Commands that the former home had acknowledged and the ledger had not, when it was last asked before.
    pub(crate) orphans: u64,
}

/// How a domain moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The former home stops first.
    Planned,
    /// The former home is not asked.
    Unplanned,
}

/// Moves a domain, with the key of its root.
///
/// # Errors
/// When it does not move in time.
pub(crate) async fn begin(
    testbed: &mut Testbed,
    mesh: &Path,
    domain: usize,
    to: NodeNumber,
    how: How,
) -> Result<Moved> {
    let (name, from) = testbed.domains()[domain].clone();
    let without = (how == How::Unplanned).then_some(from);
    let epoch = delegate(&Operator::without(testbed, mesh, without), testbed, &name, testbed.node_id(to), how).await?;
    testbed.moved(domain, to);
    Ok(Moved { domain: name, from, to, epoch, orphans: 0 })
}

/// Opens the next epoch of a domain's feed on a node of the ledger; which one it is.
///
/// # Errors
/// As [`begin`].
pub(crate) async fn delegate(
    operator: &Operator<'_>,
    testbed: &Testbed,
    domain: &DomainName,
    to: NodeId,
    how: How,
) -> Result<u64> {
    let client = operator.client()?;
    let before = client.domain(domain, None).await.with_context(|| format!("domain {domain}"))?.epoch;
    let (root, to_text, name) = (argument(&testbed.root_key(domain)?), to.to_string(), domain.to_string());
    let verb = if how == How::Planned { "move" } else { "delegate" };
    let arguments = ["domain", verb, &name, "--to", &to_text, "--root-key", &root];
    let mut epoch = 0;
    let is_so = async || {
        let Ok(view) = client.domain(domain, None).await else { return false };
        epoch = view.epoch;
        view.home_node_id == Some(to) && view.epoch > before
    };
    operator.achieve(&arguments, is_so).await?;
    Ok(epoch)
}

/// Waits until some acknowledged commands wait at a domain's home.
///
/// # Errors
/// When there are too few in time.
pub(crate) async fn wait_for_orphans(testbed: &Testbed, domain: &DomainName, home: NodeNumber) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while waiting(testbed, domain, home).await? < ORPHANS {
        if Instant::now() >= deadline {
            bail!("fewer than {ORPHANS} commands of {domain} wait at node {home}, which was cut off");
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// How many commands of a domain wait at a node.
///
/// # Errors
/// When it does not answer.
pub(crate) async fn waiting(testbed: &Testbed, domain: &DomainName, home: NodeNumber) -> Result<u64> {
    let status = testbed.client(&[home], CALL)?.status().await;
    let status = status.with_context(|| format!("the status of node {home}"))?;
    let feeds = status.feeds.iter().filter(|feed| feed.domain == *domain);
    Ok(feeds.map(|feed| feed.outbox_waiting).sum())
}

/// It took effect when the next home writes in the new epoch, and the former one writes no more and has nothing left to offer.
///
/// # Errors
/// What they show when time is up.
pub(crate) async fn end(testbed: &Testbed, moved: &Moved) -> Result<()> {
    let Moved { domain, from, to, epoch, .. } = moved;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let next = feeds(testbed, *to, domain).await;
        let former = feeds(testbed, *from, domain).await;
        let writes = next.as_ref().is_ok_and(|feeds| feeds.iter().any(|(at, size, _)| at == epoch && *size > 0));
        let is_fenced = former.as_ref().is_ok_and(Vec::is_empty);
        if writes && (is_fenced || from == to) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!(
                "{domain} moved to node {to} with epoch {epoch}; there it has (epoch, events, waiting) {next:?}, and at its former home, node {from}, {former:?}"
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Epoch, events and waiting commands of the feeds of a domain that a node writes, or still offers from.
async fn feeds(testbed: &Testbed, node: NodeNumber, domain: &DomainName) -> Result<Vec<(u64, u64, u64)>> {
    let status = testbed.client(&[node], CALL)?.status().await?;
    let feeds = status.feeds.into_iter().filter(|feed| feed.domain == *domain);
    Ok(feeds.map(|feed| (feed.epoch, feed.size, feed.outbox_waiting)).collect())
}
