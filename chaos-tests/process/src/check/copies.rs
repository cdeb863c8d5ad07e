//! Every feed has its copies on other nodes, as nodes show it, and as their disks have it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_event::FeedId;
use tokio::time::Instant;

use super::Findings;
use super::ledger::Ledger;

const POLL: Duration = Duration::from_millis(50);
const CALL: Duration = Duration::from_secs(3);
/// As `feeds.copies` of the nodes' configuration: they keep its default.
const COPIES: usize = 2;
/// Two rounds of `feeds.pull_ms`, each up to a quarter longer.
const TWO_ROUNDS: Duration = Duration::from_millis(2 * 1_250);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

/// How many other nodes have to hold a feed.
pub(crate) fn wanted(testbed: &Testbed) -> usize {
    COPIES.min(testbed.nodes().len() - 1)
}

/// How many events of each feed each node shows.
type Held = BTreeMap<FeedId, BTreeMap<NodeNumber, (u64, bool)>>;

/// Once the nodes have the same ledger and nothing waits any more: within two rounds of comparison every feed in force is whole on as
/// many others as are to keep it. Says how long it took.
///
/// # Errors
/// When a node does not answer.
pub(crate) async fn in_force(testbed: &Testbed, findings: &mut Findings) -> Result<()> {
    let began = Instant::now();
    loop {
        let held = held(testbed).await?;
        let mut newest: BTreeMap<_, &FeedId> = BTreeMap::new();
        for feed in held.keys() {
            newest.insert(&feed.domain, feed);
        }
        let lacking: Vec<String> = newest.values().filter_map(|feed| lacks(testbed, feed, &held[*feed])).collect();
        if is_over(began, lacking, ("feeds with whole copies on others", newest.len()), findings) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The same of epochs that ended, as far as the next one goes on with them; however long that took.
///
/// # Errors
/// When a node does not answer.
pub(crate) async fn ended(testbed: &Testbed, ledger: &Ledger, findings: &mut Findings) -> Result<()> {
    let began = Instant::now();
    loop {
        let held = held(testbed).await?;
        let mut lacking = Vec::new();
        let mut count = 0;
        for feed in ledger.epochs.keys() {
            let Some(end) = ledger.ended_at(feed).filter(|end| *end > 0) else { continue };
            let home = testbed.domains().iter().find(|(domain, _)| *domain == feed.domain).map(|(_, home)| *home);
            let holders = held.get(feed).cloned().unwrap_or_default();
            let whole = |(_, (size, _)): &(&NodeNumber, &(u64, bool))| *size >= end;
            let has: Vec<NodeNumber> = holders.iter().filter(whole).map(|(node, _)| *node).collect();
            let others = has.iter().filter(|node| Some(**node) != home).count();
            count += 1;
            if others < wanted(testbed) || !home.is_some_and(|home| has.contains(&home)) {
                let name = format!("{}/{}", feed.domain, feed.epoch);
                lacking.push(format!("the {end} events of {name}, which ended, are on {has:?}; its home is {home:?}"));
            }
        }
        if is_over(began, lacking, ("ended epochs with whole copies on others", count), findings) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether there is nothing to wait for: nothing is lacking any more, or it has been for too long.
fn is_over(
    began: Instant,
    lacking: Vec<String>,
    (what, count): (&'static str, usize),
    findings: &mut Findings,
) -> bool {
    if lacking.is_empty() {
        findings.checked(what, count);
        return true;
    }
    let is_late = began.elapsed() > TWO_ROUNDS + SLACK;
    if is_late {
        for what in lacking {
            findings.violation(format!("two rounds after healing, {what}"));
        }
    }
    is_late
}

async fn held(testbed: &Testbed) -> Result<Held> {
    let mut held = Held::new();
    for node in testbed.nodes() {
        let status = testbed.client(&[node], CALL)?.status().await;
        let status = status.with_context(|| format!("the status of node {node}"))?;
        for feed in status.held_feeds {
            let id = FeedId { domain: feed.domain, epoch: feed.epoch };
            held.entry(id).or_default().insert(node, (feed.size, feed.written_here));
        }
    }
    Ok(held)
}

/// What a feed in force lacks, if it does.
fn lacks(testbed: &Testbed, feed: &FeedId, holders: &BTreeMap<NodeNumber, (u64, bool)>) -> Option<String> {
    let home = testbed.domains().iter().find(|(domain, _)| *domain == feed.domain)?.1;
    let size = holders.get(&home).map(|(size, _)| *size)?;
    let others = holders.iter().filter(|(node, (held, _))| **node != home && *held == size).count();
    let longer = holders.values().any(|(held, _)| *held > size);
    (size > 0 && others < wanted(testbed) || longer).then(|| {
        format!(
            "{}/{} has {size} events at its home, node {home}, and is held so: {holders:?}",
            feed.domain, feed.epoch
        )
    })
}
