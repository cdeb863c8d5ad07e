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
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), bag: Vec::new() }
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
        let calm = self.up_to(1_500);
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

    #[test]
    fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
        let first: Vec<Step> = Schedule::new(7).take(50).collect();
        assert_eq!(first, Schedule::new(7).take(50).collect::<Vec<_>>());
        assert_ne!(first, Schedule::new(8).take(50).collect::<Vec<_>>());
    }

    #[test]
    fn kills_are_spread_over_all_nodes_and_two_victims_differ() {
        for seed in 0..100 {
            let mut kills = [0usize; 3];
            let mut hit = |node: NodeNumber| kills[usize::try_from(node - 1).expect("few")] += 1;
            for step in Schedule::new(seed).take(60) {
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
