//! When an acknowledgement as `local` may come to nothing: its one node's disk is gone, or its domain moved and its new home refuses it and says so.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::Testbed;
use mesh_event::FeedId;
use mesh_model::{DomainName, NodeId};

use super::ledger::Ledger;

/// For notes.
pub(crate) const REFUSED: &str = "refused by the domain's next home, as its former home shows";
/// For notes.
pub(crate) const LOST: &str = "gone with the only disk that had them";
const CALL: Duration = Duration::from_secs(5);

/// What is excused.
#[derive(Debug, Default)]
pub(crate) struct Excuses {
    /// Domain, epoch and outbox number of commands of ended epochs that nodes show as refused later.
    pub(crate) refused: BTreeSet<(String, u64, u64)>,
    /// Numbers of nodes whose disks are gone.
    pub(crate) gone: BTreeSet<NodeId>,
}

impl Excuses {
    /// Asks every node.
    ///
    /// # Errors
    /// When one does not answer.
    pub(crate) async fn ask(testbed: &Testbed, ledger: &Ledger) -> Result<Self> {
        let mut excuses = Self::default();
        for node in testbed.nodes() {
            let status = testbed.client(&[node], CALL)?.status().await;
            let status = status.with_context(|| format!("the status of node {node}"))?;
            excuses.refused.extend(status.alarms.iter().filter_map(|alarm| refused(alarm)));
        }
        let is_gone = |id: &NodeId| testbed.node_of(*id).is_some_and(|(_, is_gone)| is_gone);
        excuses.gone = ledger.epochs.values().map(|epoch| epoch.node_id).filter(is_gone).collect();
        Ok(excuses)
    }

    /// Whether a node shows that a command of an ended epoch was refused later.
    pub(crate) fn is_refused(&self, feed: &FeedId, outbox: u64) -> bool {
        self.refused.contains(&(feed.domain.to_string(), feed.epoch, outbox))
    }

    /// Whether only a disk that is gone had an event: no later epoch went on with it.
    pub(crate) fn is_lost(&self, ledger: &Ledger, feed: &FeedId, seq: u64) -> bool {
        let is_gone = ledger.epochs.get(feed).is_some_and(|epoch| self.gone.contains(&epoch.node_id));
        is_gone && ledger.ended_at(feed).is_none_or(|end| seq >= end)
    }
}

/// Reads `command 3 of DOMAIN/EPOCH was acknowledged here and refused later: ...`.
fn refused(alarm: &str) -> Option<(String, u64, u64)> {
    let (outbox, rest) = alarm.strip_prefix("command ")?.split_once(" of ")?;
    let (feed, _) = rest.split_once(" was acknowledged here and refused later")?;
    let (domain, epoch) = feed.split_once('/')?;
    let domain = DomainName::parse(domain).ok()?;
    Some((domain.to_string(), epoch.parse().ok()?, outbox.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_the_alarm_that_nodes_show() {
        let alarm = "command 12 of domain_1_1/2 was acknowledged here and refused later: it is so (MESH-0013)";
        assert_eq!(refused(alarm), Some(("domain_1_1".to_owned(), 2, 12)));
        assert_eq!(refused("free disk space is below the reserve"), None);
    }
}
