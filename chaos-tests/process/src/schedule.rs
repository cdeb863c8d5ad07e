//! Which faults happen, and when: decided by the seed alone.

use std::time::Duration;

use chaos_process::testbed::{NODES, NodeNumber};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Something that is done to nodes, and undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One is killed.
    Kill {
        /// Which.
        node: NodeNumber,
        /// For how long.
        down: Duration,
    },
    /// Two are killed at once: no quorum is left.
    KillTwo {
        /// Which.
        nodes: [NodeNumber; 2],
        /// For how long.
        down: Duration,
    },
    /// One is killed, and another while the first is still coming back.
    KillInTurn {
        /// Which, in this order.
        nodes: [NodeNumber; 2],
        /// From the first one's restart to the second one's kill.
        between: Duration,
        /// For how long each is down.
        down: Duration,
    },
    /// One is stopped: it keeps its connections and says nothing.
    Pause {
        /// Which.
        node: NodeNumber,
        /// For how long.
        length: Duration,
    },
}

/// A fault, and the calm before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// How long nothing is done.
    pub(crate) calm: Duration,
    /// What is done then.
    pub(crate) fault: Fault,
}

/// Endless steps; the same for the same seed. Victims are drawn from a shuffled bag, so that kills are spread evenly.
pub(crate) struct Schedule {
    rng: StdRng,
    bag: Vec<NodeNumber>,
    longest_calm: Duration,
}

/// What a step does on average, by the weights and times in [`Schedule::next`].
const KILLS_PER_STEP: f64 = 1.15;
const FAULT_SECONDS: f64 = 0.6;
/// Share of the time in which the kills should be done, so that a slow machine gets there too.
const BUSY: f64 = 0.7;
/// Bounds of the longest calm, in seconds. Without any, nodes are killed before they have come back; with more, the run only
/// waits.
const CALM: (f64, f64) = (1.5, 6.0);

impl Schedule {
    /// The faults of a seed, spread so that there are about so many `kills` within the time.
    pub(crate) fn new(seed: u64, kills: usize, within: Duration) -> Self {
        let steps = f64::from(u32::try_from(kills.max(1)).unwrap_or(u32::MAX)) / KILLS_PER_STEP;
        let mean_calm = BUSY * within.as_secs_f64() / steps - FAULT_SECONDS;
        // `up_to` gives a quarter of its bound on average.
        let longest_calm = Duration::from_secs_f64((4.0 * mean_calm).clamp(CALM.0, CALM.1));
        Self { rng: StdRng::seed_from_u64(seed), bag: Vec::new(), longest_calm }
    }

    fn victim(&mut self) -> NodeNumber {
        if self.bag.is_empty() {
            self.bag.extend(NODES);
            self.bag.shuffle(&mut self.rng);
        }
        self.bag.pop().expect("filled above")
    }

    fn two_victims(&mut self) -> [NodeNumber; 2] {
        let first = self.victim();
        let mut second = self.victim();
        if second == first {
            // The bag was refilled in between; the one that is drawn instead changes places with it.
            second = self.victim();
            self.bag.push(first);
        }
        [first, second]
    }

    /// Short more often than long.
    fn up_to(&mut self, millis: u64) -> Duration {
        let upper = self.rng.random_range(1..=millis);
        Duration::from_millis(self.rng.random_range(0..=upper))
    }
}

impl Iterator for Schedule {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let calm = self.up_to(u64::try_from(self.longest_calm.as_millis()).unwrap_or(u64::MAX));
        let fault = match self.rng.random_range(0..100) {
            0..55 => Fault::Kill { node: self.victim(), down: self.up_to(2_000) },
            55..70 => Fault::KillTwo { nodes: self.two_victims(), down: self.up_to(1_500) },
            70..85 => {
                let nodes = self.two_victims();
                Fault::KillInTurn { nodes, between: self.up_to(400), down: self.up_to(1_000) }
            }
            _ => {
                let node = NODES[self.rng.random_range(0..NODES.len())];
                Fault::Pause { node, length: Duration::from_millis(200) + self.up_to(2_500) }
            }
        };
        Some(Step { calm, fault })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64) -> Schedule {
        Schedule::new(seed, 30, Duration::from_secs(80))
    }

    #[test]
    fn the_kills_come_in_time_on_average() {
        let mut schedule = Schedule::new(3, 300, Duration::from_secs(800));
        let (mut kills, mut time) = (0, Duration::ZERO);
        while kills < 300 {
            let step = schedule.next().expect("endless");
            time += step.calm;
            kills += match step.fault {
                Fault::Kill { .. } => 1,
                Fault::KillTwo { .. } | Fault::KillInTurn { .. } => 2,
                Fault::Pause { .. } => 0,
            };
        }
        assert!(time < Duration::from_secs(560), "{time:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
        let first: Vec<Step> = schedule(7).take(50).collect();
        assert_eq!(first, schedule(7).take(50).collect::<Vec<_>>());
        assert_ne!(first, schedule(8).take(50).collect::<Vec<_>>());
    }

    #[test]
    fn kills_are_spread_over_all_nodes_and_two_victims_differ() {
        for seed in 0..100 {
            let mut kills = [0usize; 3];
            let mut hit = |node: NodeNumber| kills[usize::try_from(node - 1).expect("few")] += 1;
            for step in schedule(seed).take(60) {
                match step.fault {
                    Fault::Kill { node, .. } => hit(node),
                    Fault::KillTwo { nodes, .. } | Fault::KillInTurn { nodes, .. } => {
                        assert_ne!(nodes[0], nodes[1]);
                        nodes.into_iter().for_each(&mut hit);
                    }
                    Fault::Pause { .. } => {}
                }
            }
            let (least, most) = (kills.iter().min(), kills.iter().max());
            assert!(least.zip(most).is_some_and(|(least, most)| most - least <= 2), "seed {seed}: {kills:?}");
        }
    }
}
