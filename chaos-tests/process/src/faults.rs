//! Does to the nodes what the schedule says.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use chaos_process::testbed::{NodeNumber, Testbed};

use crate::schedule::Fault;

/// What was done, for the report.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Faults by kind.
    pub(crate) by_kind: BTreeMap<&'static str, usize>,
    /// Kills by node.
    pub(crate) kills: BTreeMap<NodeNumber, usize>,
    /// Pauses by node.
    pub(crate) pauses: BTreeMap<NodeNumber, usize>,
}

impl Done {
    pub(crate) fn kills(&self) -> usize {
        self.kills.values().sum()
    }

    fn kill(&mut self, testbed: &mut Testbed, node: NodeNumber) -> Result<()> {
        testbed.node_mut(node).kill()?;
        *self.kills.entry(node).or_default() += 1;
        Ok(())
    }

    /// Does one fault and undoes it. Nodes run again when this returns; they may not be ready yet.
    ///
    /// # Errors
    /// When a node had ended by itself, which it never may.
    pub(crate) async fn inflict(&mut self, testbed: &mut Testbed, fault: Fault) -> Result<()> {
        let kind = match fault {
            Fault::Kill { node, down } => {
                self.kill(testbed, node)?;
                tokio::time::sleep(down).await;
                testbed.node_mut(node).start()?;
                "kill one"
            }
            Fault::KillTwo { nodes, down } => {
                for node in nodes {
                    self.kill(testbed, node)?;
                }
                tokio::time::sleep(down).await;
                for node in nodes {
                    testbed.node_mut(node).start()?;
                }
                "kill two at once"
            }
            Fault::KillInTurn { nodes, between, down } => {
                for (node, wait) in nodes.into_iter().zip([between, Duration::ZERO]) {
                    self.kill(testbed, node)?;
                    tokio::time::sleep(down).await;
                    testbed.node_mut(node).start()?;
                    tokio::time::sleep(wait).await;
                }
                "kill two in turn"
            }
            Fault::Pause { node, length } => {
                testbed.node_mut(node).pause()?;
                tokio::time::sleep(length).await;
                testbed.node_mut(node).resume()?;
                *self.pauses.entry(node).or_default() += 1;
                "pause one"
            }
        };
        *self.by_kind.entry(kind).or_default() += 1;
        Ok(())
    }
}
