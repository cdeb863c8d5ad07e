//! Who is greeted again and when: every admitted node that is not up, for ever.

use core::time::Duration;
use std::collections::BTreeMap;

use mesh_model::NodeId;

use crate::config::GossipConfig;
use crate::random::Random;

#[derive(Debug, Clone, Copy)]
struct Attempt {
    due: Duration,
    pause: Duration,
}

/// The next attempt at each node that is not up.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    attempts: BTreeMap<NodeId, Attempt>,
}

impl Retries {
    /// Greets this node from now on, the first time at once.
    pub(crate) fn begin(&mut self, now: Duration, node: NodeId, config: &GossipConfig) {
        self.attempts.entry(node).or_insert(Attempt { due: now, pause: config.retry_first });
    }

    /// There is news of it: the next attempt is now.
    pub(crate) fn hurry(&mut self, now: Duration, node: NodeId) {
        if let Some(attempt) = self.attempts.get_mut(&node) {
            attempt.due = attempt.due.min(now);
        }
    }

    /// It is up, or no part of the mesh.
    pub(crate) fn end(&mut self, node: NodeId) {
        self.attempts.remove(&node);
    }

    /// Keeps those only.
    pub(crate) fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.attempts.retain(|node, _| keep(*node));
    }

    /// Whom to greet now: those that wait longest, no more than the limit of one round. Each waits twice as long afterwards, up to
    /// the limit, and a quarter more or less by chance, so that nodes started together don't greet together for ever.
    pub(crate) fn take_due(&mut self, now: Duration, config: &GossipConfig, random: &mut Random) -> Vec<NodeId> {
        let mut due: Vec<(Duration, NodeId)> =
            self.attempts.iter().filter(|(_, a)| a.due <= now).map(|(node, a)| (a.due, *node)).collect();
        // Those that are due together come in a random order: else all nodes of a mesh would greet the same few first.
        random.shuffle(&mut due);
        due.sort_by_key(|(due, _)| *due);
        due.truncate(config.retries_per_round);
        for (_, node) in &due {
            let attempt = self.attempts.get_mut(node).expect("it was due");
            let pause = attempt.pause;
            attempt.due = now + pause * 3 / 4 + pause.mul_f64(0.5 * random.unit());
            attempt.pause = (pause * 2).min(config.retry_longest);
        }
        due.into_iter().map(|(_, node)| node).collect()
    }
}
