//! What the configuration says about gossip.

use std::time::Duration;

use mesh_gossip::GossipConfig;
use serde::{Deserialize, Serialize};

/// Who is up, and whose feeds grew. `mesh_gossip::GossipConfig` says how the settings depend on each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GossipSection {
    /// Milliseconds between two questions for a sign of life.
    pub probe_ms: u64,
    /// Milliseconds that a node has for its answer.
    pub answer_ms: u64,
    /// Probe periods that a suspected node has to defend itself; more in a large mesh.
    pub suspicion_periods: u32,
    /// Milliseconds between two rounds of passing news on.
    pub round_ms: u64,
    /// To how many nodes in a round.
    pub fanout: u8,
    /// Most milliseconds between two attempts to reach a node that is down.
    pub retry_ms: u64,
    /// Milliseconds between two comparisons of heads.
    pub pull_ms: u64,
    /// Packets whose signatures are checked in a second at most.
    pub checks_per_second: u32,
}

impl Default for GossipSection {
    fn default() -> Self {
        let ms = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let machine = GossipConfig::default();
        Self {
            probe_ms: ms(machine.probe_period),
            answer_ms: ms(machine.probe_timeout),
            suspicion_periods: machine.suspicion_periods,
            round_ms: ms(machine.round),
            fanout: machine.fanout,
            retry_ms: ms(machine.retry_longest),
            pull_ms: ms(machine.pull_period),
            checks_per_second: machine.checks_per_second,
        }
    }
}

impl GossipSection {
    /// The machine's settings.
    pub fn machine(&self) -> GossipConfig {
        let retry_longest = Duration::from_millis(self.retry_ms);
        let machine = GossipConfig::default();
        GossipConfig {
            probe_period: Duration::from_millis(self.probe_ms),
            probe_timeout: Duration::from_millis(self.answer_ms),
            suspicion_periods: self.suspicion_periods,
            round: Duration::from_millis(self.round_ms),
            fanout: self.fanout,
            retry_first: machine.retry_first.min(retry_longest),
            retry_longest,
            pull_period: Duration::from_millis(self.pull_ms),
            checks_per_second: self.checks_per_second,
            ..machine
        }
    }
}
