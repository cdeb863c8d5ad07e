//! Which faults happen in a schedule, to whom, when and how long: decided by the seed alone.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos_process::testbed::NodeNumber;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Something that goes wrong for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9.
    Kill {
        /// At once.
        nodes: Vec<NodeNumber>,
    },
    /// SIGSTOP.
    Pause {
        /// Who.
        node: NodeNumber,
    },
    /// kill -9, and what was not synced is gone.
    PowerCut {
        /// At once.
        nodes: Vec<NodeNumber>,
        /// Picks what survives all the same; nothing when `None`.
        keep: Option<u64>,
    },
    /// No packet between these and the others, either way.
    Partition {
        /// One side.
        nodes: Vec<NodeNumber>,
    },
    /// Packets one way only.
    OneWay {
        /// Who.
        node: NodeNumber,
        /// Whether it hears nothing; otherwise nobody hears it.
        is_deaf: bool,
    },
    /// Packets get lost.
    Loss {
        /// On the way from and to this node; everywhere when `None`.
        node: Option<NodeNumber>,
        /// Of a hundred.
        percent: u8,
    },
    /// Packets from and to this node come late.
    Delay {
        /// Who.
        node: NodeNumber,
        /// At least, in milliseconds, each way.
        least_ms: u64,
        /// At most.
        most_ms: u64,
    },
    /// So little room that new commands are refused.
    NearlyFull {
        /// Whose disk.
        node: NodeNumber,
    },
    /// No room at all.
    Full {
        /// Whose disk.
        node: NodeNumber,
    },
    /// A wrong clock.
    Skew {
        /// Whose.
        node: NodeNumber,
        /// By how much.
        seconds: i64,
    },
    /// All nodes are restarted in order, one after the other.
    RollingRestart,
    /// The council lets these vote, and the founders again afterwards.
    SetVoters {
        /// Who votes meanwhile.
        voters: Vec<NodeNumber>,
    },
    /// The disk is replaced by an empty one.
    Wipe {
        /// Whose.
        node: NodeNumber,
    },
    /// The disk is replaced by an empty one, and the node comes back as a new one with its domains.
    Recover {
        /// Whose.
        node: NodeNumber,
    },
    /// A domain moves from its home, which stops for it, to another node.
    Move {
        /// Which, in the order of the testbed.
        domain: usize,
        /// Its next home.
        to: NodeNumber,
    },
    /// A domain moves while its home is dead or cut off.
    TakeOver {
        /// Which.
        domain: usize,
        /// Its next home.
        to: NodeNumber,
        /// Whether the home runs all the while, and its clients reach it.
        is_cut: bool,
    },
}

impl Fault {
    /// For counting.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Kill { nodes } if nodes.len() == 1 => "kill -9 of one",
            Self::Kill { .. } => "kill -9 of several at once",
            Self::Pause { .. } => "pause",
            Self::PowerCut { nodes, .. } if nodes.len() == 1 => "power cut of one",
            Self::PowerCut { .. } => "power cut of several at once",
            Self::Partition { .. } => "partition",
            Self::OneWay { is_deaf: true, .. } => "one-way cut: deaf",
            Self::OneWay { is_deaf: false, .. } => "one-way cut: mute",
            Self::Loss { .. } => "loss",
            Self::Delay { .. } => "delay",
            Self::NearlyFull { .. } => "disk nearly full",
            Self::Full { .. } => "disk full",
            Self::Skew { .. } => "clock skew",
            Self::RollingRestart => "rolling restart",
            Self::SetVoters { .. } => "voters changed",
            Self::Wipe { .. } => "disk wiped",
            Self::Recover { .. } => "wiped node recovered",
            Self::Move { .. } => "planned move of a domain",
            Self::TakeOver { is_cut: true, .. } => "unplanned move: home cut off",
            Self::TakeOver { is_cut: false, .. } => "unplanned move: home killed",
        }
    }
}

/// Faults that hold at the same time, and the calm before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// How long nothing goes wrong.
    pub(crate) calm: Duration,
    /// What goes wrong then, in this order; ended in the opposite one.
    pub(crate) faults: Vec<Fault>,
    /// For how long.
    pub(crate) length: Duration,
}

/// What one schedule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many nodes vote at first, which are all.
    pub(crate) voters: NodeNumber,
    /// Nodes beside them, numbered after them.
    pub(crate) observers: NodeNumber,
    /// How long a sync takes at least, in microseconds.
    pub(crate) sync_micros: u64,
    /// In order.
    pub(crate) steps: Vec<Step>,
}

/// Steps of a schedule: as many faults, or more where two hold at once.
const STEPS: usize = 7;
/// Of a hundred steps with a fault in the network, those in which a process, disk or clock fails too.
const TOGETHER: u32 = 40;
/// Kinds of faults as they are drawn, from [`Drawn`].
const KINDS: [Drawn; 17] = [
    Drawn::Kill,
    Drawn::KillSeveral,
    Drawn::Pause,
    Drawn::PowerCut,
    Drawn::PowerCutSeveral,
    Drawn::Partition,
    Drawn::OneWay,
    Drawn::Loss,
    Drawn::Delay,
    Drawn::Full,
    Drawn::Skew,
    Drawn::RollingRestart,
    Drawn::SetVoters,
    Drawn::Wipe,
    Drawn::Recover,
    Drawn::Move,
    Drawn::TakeOver,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Kill,
    KillSeveral,
    Pause,
    PowerCut,
    PowerCutSeveral,
    Partition,
    OneWay,
    Loss,
    Delay,
    Full,
    Skew,
    RollingRestart,
    SetVoters,
    Wipe,
    Recover,
    Move,
    TakeOver,
}

impl Drawn {
    /// Whether it happens between nodes, so that one of them can fail at the same time.
    fn is_network(self) -> bool {
        matches!(self, Self::Partition | Self::OneWay | Self::Loss | Self::Delay)
    }
}

/// What fails in a node while the network does.
const BESIDE: [Drawn; 6] =
    [Drawn::Kill, Drawn::Pause, Drawn::PowerCut, Drawn::Full, Drawn::Skew, Drawn::PowerCutSeveral];

/// What a plan is told; the rest is the seed's choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many vote: three or, once in four, five.
    pub(crate) voters: Option<NodeNumber>,
    /// How many nodes there are beside: one to three, at most two beside five.
    pub(crate) observers: Option<NodeNumber>,
    /// How many steps.
    pub(crate) steps: Option<usize>,
    /// Kinds of which only those are drawn whose names hold one of these words; all of them for none.
    pub(crate) only: Vec<String>,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn new(seed: u64, told: &Told) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let drawn = if rng.random_range(0..4) == 0 { 5 } else { 3 };
        let voters = told.voters.unwrap_or(drawn);
        let drawn = rng.random_range(1..=if voters > 3 { 2 } else { 3 });
        let observers = told.observers.unwrap_or(drawn);
        let sync_micros = rng.random_range(100..=3_000);
        let mut kinds = KINDS.to_vec();
        kinds.shuffle(&mut rng);
        let nodes: Vec<NodeNumber> = (1..=voters + observers).collect();
        let wrong_clock = rng.random_range(1..=voters + observers);
        let mut maker = Maker { rng, homes: nodes.clone(), nodes, voters, wrong_clock };
        let steps = told.steps.unwrap_or(STEPS);
        let steps = if told.only.is_empty() {
            kinds.into_iter().take(steps).map(|kind| maker.step(kind)).collect()
        } else {
            kinds.retain(|kind| told.only.iter().any(|word| format!("{kind:?}").eq_ignore_ascii_case(word)));
            kinds.into_iter().cycle().take(steps).map(|kind| maker.step(kind)).collect()
        };
        Self { voters, observers, sync_micros, steps }
    }

    /// The kinds of its faults, each once.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let faults = self.steps.iter().flat_map(|step| &step.faults);
        faults.map(Fault::kind).collect::<BTreeSet<_>>().into_iter()
    }
}

struct Maker {
    rng: StdRng,
    nodes: Vec<NodeNumber>,
    /// The first ones are voters.
    voters: NodeNumber,
    /// Where each domain is at home: one on each node at first.
    homes: Vec<NodeNumber>,
    /// The only one whose clock ever goes wrong. What is promised is that one node may be off: a stamp from the future that stays
    /// in one voter's log is taken by a second one whose clock goes wrong later, and then the mesh waits for that future.
    wrong_clock: NodeNumber,
}

impl Maker {
    fn step(&mut self, kind: Drawn) -> Step {
        let mut faults = vec![self.fault(kind)];
        if kind.is_network() && self.rng.random_range(0..100) < TOGETHER {
            let beside = BESIDE[self.rng.random_range(0..BESIDE.len())];
            faults.push(self.fault(beside));
        }
        Step { calm: self.millis(200, 1_200), faults, length: self.millis(600, 2_600) }
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(least..=most))
    }

    fn node(&mut self) -> NodeNumber {
        self.nodes[self.rng.random_range(0..self.nodes.len())]
    }

    /// So many different ones, in order.
    fn some(&mut self, count: usize) -> Vec<NodeNumber> {
        let mut nodes = self.nodes.clone();
        nodes.shuffle(&mut self.rng);
        nodes.truncate(count);
        nodes.sort_unstable();
        nodes
    }

    /// A domain, and a node that is not its home; it is, from then on.
    fn moved(&mut self) -> (usize, NodeNumber) {
        let domain = self.rng.random_range(0..self.homes.len());
        let others: Vec<NodeNumber> = self.nodes.iter().copied().filter(|node| *node != self.homes[domain]).collect();
        let to = others[self.rng.random_range(0..others.len())];
        self.homes[domain] = to;
        (domain, to)
    }

    fn several(&mut self) -> Vec<NodeNumber> {
        let count = self.rng.random_range(2..=self.nodes.len());
        self.some(count)
    }

    fn fault(&mut self, kind: Drawn) -> Fault {
        match kind {
            Drawn::Kill => Fault::Kill { nodes: vec![self.node()] },
            Drawn::KillSeveral => Fault::Kill { nodes: self.several() },
            Drawn::Pause => Fault::Pause { node: self.node() },
            Drawn::PowerCut => Fault::PowerCut { nodes: vec![self.node()], keep: self.keep() },
            Drawn::PowerCutSeveral => Fault::PowerCut { nodes: self.several(), keep: self.keep() },
            Drawn::Partition => {
                let count = self.rng.random_range(1..=self.nodes.len() / 2);
                Fault::Partition { nodes: self.some(count) }
            }
            Drawn::OneWay => Fault::OneWay { node: self.node(), is_deaf: self.rng.random_bool(0.5) },
            Drawn::Loss => {
                let node = if self.rng.random_bool(0.5) { Some(self.node()) } else { None };
                Fault::Loss { node, percent: self.rng.random_range(5..=50) }
            }
            Drawn::Delay => {
                let least_ms = self.rng.random_range(20..=250);
                Fault::Delay { node: self.node(), least_ms, most_ms: least_ms + self.rng.random_range(0..=250) }
            }
            Drawn::Full if self.rng.random_bool(0.5) => Fault::NearlyFull { node: self.node() },
            Drawn::Full => Fault::Full { node: self.node() },
            Drawn::Skew => {
                let seconds = if self.rng.random_bool(0.5) { 3_600 } else { -3_600 };
                Fault::Skew { node: self.wrong_clock, seconds }
            }
            Drawn::RollingRestart => Fault::RollingRestart,
            Drawn::SetVoters => {
                let odd = if self.voters == 3 { [1, 3].as_slice() } else { &[1, 3, 5] };
                let count = odd[self.rng.random_range(0..odd.len())];
                let mut voters = self.some(count);
                // Those that vote already would be no change.
                if voters.iter().copied().eq(1..=self.voters) {
                    voters.truncate(1);
                }
                Fault::SetVoters { voters }
            }
            Drawn::Wipe => Fault::Wipe { node: self.node() },
            Drawn::Recover => Fault::Recover { node: self.node() },
            Drawn::Move => {
                let (domain, to) = self.moved();
                Fault::Move { domain, to }
            }
            Drawn::TakeOver => {
                let (domain, to) = self.moved();
                Fault::TakeOver { domain, to, is_cut: self.rng.random_bool(0.6) }
            }
        }
    }

    fn keep(&mut self) -> Option<u64> {
        if self.rng.random_bool(0.5) { Some(self.rng.random()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(Plan::new(7, &Told::default()), Plan::new(7, &Told::default()));
        assert_ne!(Plan::new(7, &Told::default()), Plan::new(8, &Told::default()));
    }

    #[test]
    fn two_hundred_seeds_hold_every_kind_of_fault_and_each_at_least_five() {
        let mut kinds = BTreeSet::new();
        for seed in 0..200 {
            let plan = Plan::new(seed, &Told::default());
            let faults: Vec<&Fault> = plan.steps.iter().flat_map(|step| &step.faults).collect();
            assert!(faults.len() >= 5, "seed {seed}");
            kinds.extend(faults.into_iter().map(Fault::kind));
        }
        assert_eq!(kinds.len(), 20, "{kinds:?}");
    }

    #[test]
    fn a_domain_moves_to_a_node_that_is_not_its_home_and_observers_are_homes_too() {
        let mut to_observers = 0;
        for seed in 0..500 {
            let plan = Plan::new(seed, &Told::default());
            let mut homes: Vec<NodeNumber> = (1..=plan.voters + plan.observers).collect();
            for fault in plan.steps.iter().flat_map(|step| &step.faults) {
                if let Fault::Move { domain, to } | Fault::TakeOver { domain, to, .. } = fault {
                    assert_ne!(homes[*domain], *to, "seed {seed}");
                    homes[*domain] = *to;
                    to_observers += usize::from(*to > plan.voters);
                }
            }
        }
        assert!(to_observers > 50, "{to_observers}");
    }

    #[test]
    fn half_at_most_is_cut_off_and_an_odd_number_votes() {
        for seed in 0..500 {
            let plan = Plan::new(seed, &Told::default());
            for fault in plan.steps.iter().flat_map(|step| &step.faults) {
                match fault {
                    Fault::Partition { nodes } => {
                        assert!(2 * nodes.len() <= usize::try_from(plan.voters + plan.observers).expect("few"));
                    }
                    Fault::SetVoters { voters } => assert!(voters.len() % 2 == 1),
                    _ => {}
                }
            }
        }
    }
}
