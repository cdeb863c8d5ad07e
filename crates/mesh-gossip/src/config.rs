//! What the machine is told.

use core::num::{NonZeroU8, NonZeroUsize};
use core::time::Duration;

use foca::PeriodicParams;

use crate::packet::CONTENT_BYTES;

/// Settings of the machine. All nodes of a mesh should have the same; nothing breaks when they don't, they only notice each
/// other's deaths at different times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipConfig {
    /// How often one other node, each in its turn, is asked for a sign of life. At least twice [`Self::probe_timeout`], because what
    /// others reach in this node's place has to be back within it. Lower: deaths are noticed sooner, more packets (two per period and
    /// node, whatever the size of the mesh). Higher: the reverse.
    pub probe_period: Duration,
    /// How long a node has for a direct answer, before three others are asked to reach it. More than a round trip takes on a bad day:
    /// lower, and packets are wasted on detours; higher, and the detours come too late to help.
    pub probe_timeout: Duration,
    /// How many others are asked to reach a node that did not answer. One is enough on a sound network; fewer than three, and a lossy
    /// one makes false suspicions; more only costs packets.
    pub detours: u8,
    /// How many probe periods, times the logarithm (base 10) of the number of nodes, at least one, a suspected node has to defend
    /// itself. Lower: deaths are known sooner, and nodes that pause for a moment are called down; higher: the reverse.
    pub suspicion_periods: u32,
    /// How often news is passed on while there is some. Lower: news travels faster, more packets while it does; higher than a second,
    /// and the mesh takes many seconds to hear.
    pub round: Duration,
    /// To how many nodes news is passed on in a round. Under two it can die out; many more only repeat each other.
    pub fanout: u8,
    /// How often each piece of news is passed on by a node, times the logarithm (base 10) of the number of nodes. Under four, somebody
    /// often misses it and waits for a pull; more only costs bytes.
    pub transmissions: u32,
    /// The wait after the first attempt to reach a node that is not up; it doubles with each attempt. Lower than a round trip, and
    /// attempts are wasted.
    pub retry_first: Duration,
    /// The longest wait between attempts. It bounds how long a healed partition goes unnoticed; every node that is down costs one packet
    /// in it, for ever.
    pub retry_longest: Duration,
    /// Attempts in one round at most: bounds the packets that a node sends while half of the mesh is away. Lower: a large mesh takes
    /// longer to find itself again.
    pub retries_per_round: usize,
    /// How late a timer may run before this node takes itself for slow, and before it judges others by it. Lower than the scheduling
    /// of a busy machine, and it never judges; higher than [`Self::probe_timeout`], and a starved node accuses others.
    pub late: Duration,
    /// How many times longer, at most, a slow node waits for others. Lower: a starved node may accuse; higher: it is of little use
    /// as a witness for longer.
    pub patience: u32,
    /// How often heads are compared with one other node. Two of these bound, in practice, how long a lost rumour goes unnoticed; each
    /// costs about half a kilobyte when there is no news.
    pub pull_period: Duration,
    /// How long a node may take to answer a comparison. Longer than [`Self::pull_period`], and rounds are left out.
    pub pull_timeout: Duration,
    /// Signatures of packets that are checked in a second at most; packets beyond are dropped. Each costs about 45 microseconds: this
    /// bounds what a flood can take. Lower than what the mesh sends (about 10 for each news under way), and nodes seem down.
    pub checks_per_second: u32,
}

impl Default for GossipConfig {
    fn default() -> Self {
        Self {
            probe_period: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(400),
            detours: 3,
            suspicion_periods: 4,
            round: Duration::from_millis(200),
            fanout: 3,
            transmissions: 6,
            retry_first: Duration::from_millis(250),
            retry_longest: Duration::from_secs(5),
            retries_per_round: 4,
            late: Duration::from_millis(200),
            patience: 8,
            pull_period: Duration::from_secs(2),
            pull_timeout: Duration::from_secs(3),
            checks_per_second: 5_000,
        }
    }
}

/// Settings that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {found}; expected {expected}")]
pub struct GossipConfigError {
    /// Which.
    pub setting: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub expected: &'static str,
}

impl GossipConfig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first setting that does not fit.
    pub fn check(&self) -> Result<(), GossipConfigError> {
        let (ms, hour) = (Duration::from_millis(1), Duration::from_hours(1));
        let checks: [(&'static str, String, bool, &'static str); 12] = [
            ("probe_timeout", format!("{:?}", self.probe_timeout), self.probe_timeout >= ms, "at least 1 ms"),
            (
                "probe_period",
                format!("{:?}", self.probe_period),
                self.probe_period >= 2 * self.probe_timeout && self.probe_period <= hour,
                "at least twice the probe timeout, at most an hour",
            ),
            ("detours", self.detours.to_string(), (1..=10).contains(&self.detours), "1 to 10"),
            (
                "suspicion_periods",
                self.suspicion_periods.to_string(),
                (1..=100).contains(&self.suspicion_periods),
                "1 to 100",
            ),
            ("round", format!("{:?}", self.round), self.round >= 10 * ms && self.round <= hour, "10 ms to an hour"),
            ("fanout", self.fanout.to_string(), (1..=10).contains(&self.fanout), "1 to 10"),
            ("transmissions", self.transmissions.to_string(), (1..=20).contains(&self.transmissions), "1 to 20"),
            (
                "retry_longest",
                format!("{:?}", self.retry_longest),
                self.retry_first >= ms && self.retry_longest >= self.retry_first && self.retry_longest <= hour,
                "at least the first wait, at most an hour",
            ),
            (
                "retries_per_round",
                self.retries_per_round.to_string(),
                (1..=1_000).contains(&self.retries_per_round),
                "1 to 1,000",
            ),
            ("late", format!("{:?}", self.late), self.late >= ms && self.late <= hour, "1 ms to an hour"),
            (
                "pull_period",
                format!("{:?}", self.pull_period),
                self.pull_period >= 100 * ms && self.pull_period <= hour && self.pull_timeout >= ms,
                "100 ms to an hour, with a timeout",
            ),
            (
                "checks_per_second",
                self.checks_per_second.to_string(),
                (100..=1_000_000).contains(&self.checks_per_second) && self.patience <= 100,
                "100 to 1,000,000, and patience at most 100",
            ),
        ];
        match checks.into_iter().find(|(_, _, fits, _)| !fits) {
            Some((setting, found, _, expected)) => Err(GossipConfigError { setting, found, expected }),
            None => Ok(()),
        }
    }

    /// foca's settings for a mesh of so many nodes.
    pub(crate) fn swim(&self, nodes: usize) -> foca::Config {
        let at_least_one = |number: u8| NonZeroUsize::new(number.into()).unwrap_or(NonZeroUsize::MIN);
        foca::Config {
            probe_period: self.probe_period,
            probe_rtt: self.probe_timeout,
            num_indirect_probes: at_least_one(self.detours),
            max_transmissions: scaled(self.transmissions, nodes),
            suspect_to_down_after: self.probe_period * u32::from(scaled(self.suspicion_periods, nodes).get()),
            // Who is down stays known as down: the machine greets it again and again, and it comes back in a new life.
            remove_down_after: None,
            max_packet_size: NonZeroUsize::new(CONTENT_BYTES).unwrap_or(NonZeroUsize::MIN),
            notify_down_members: true,
            periodic_announce: None,
            periodic_announce_to_down_members: None,
            periodic_gossip: Some(PeriodicParams { frequency: self.round, num_members: at_least_one(self.fanout) }),
        }
    }
}

/// `factor` times the logarithm (base 10) of the number of nodes, at least `factor`; in tenths, rounded up, and in integers, so that no
/// machine rounds differently.
fn scaled(factor: u32, nodes: usize) -> NonZeroU8 {
    // 10 x log10(2) is 3.01.
    let tenths = ((nodes.max(1) + 1).ilog2() * 301).div_ceil(100).max(10);
    let scaled = (factor * tenths).div_ceil(10);
    NonZeroU8::new(u8::try_from(scaled).unwrap_or(u8::MAX)).unwrap_or(NonZeroU8::MIN)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_defaults_fit_and_what_does_not_is_named() {
        GossipConfig::default().check().unwrap();
        let config = GossipConfig { probe_period: Duration::from_millis(500), ..GossipConfig::default() };
        let error = config.check().unwrap_err().to_string();
        assert_eq!(error, "probe_period is 500ms; expected at least twice the probe timeout, at most an hour");
    }

    #[test]
    fn larger_meshes_wait_longer_and_repeat_more() {
        let of = |nodes| scaled(4, nodes).get();
        assert_eq!((of(1), of(3), of(30), of(1_000), of(10_000)), (4, 4, 6, 12, 16));
    }
}
