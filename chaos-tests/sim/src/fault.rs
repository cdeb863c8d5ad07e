//! What goes wrong, drawn from the seed: when, where, for how long.

use std::time::Duration;

use mesh_store::Crash;

use crate::draw::Draw;
use crate::network::Place;

/// Something that goes wrong, and is put right after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies; the machine stays.
    Kill(Place),
    /// The power of some machines fails: bit n of `places` stands for place n.
    PowerCut {
        /// Whose.
        places: u32,
    },
    /// The machine stands still and goes on later, with all it had.
    Pause(Place),
    /// These machines hear nothing of the others, and the others nothing of them.
    Partition {
        /// One side.
        side: u32,
    },
    /// What one machine says reaches nobody.
    Mute(Place),
    /// One machine hears nobody.
    Deaf(Place),
    /// Packets are lost everywhere.
    Loss {
        /// Of a thousand.
        of_1000: u32,
    },
    /// Datagrams come twice, and late ones behind later ones.
    Twice {
        /// Of a thousand.
        of_1000: u32,
    },
    /// Everything takes longer.
    Delay {
        /// Milliseconds, each way.
        ms: u64,
    },
    /// A disk takes its time.
    SlowDisk(Place),
    /// A sync fails: the node has to stop, and comes back.
    FailedSync(Place),
    /// A wall clock is wrong.
    Skew {
        /// Whose.
        place: Place,
        /// By how much.
        ms: i64,
    },
    /// A disk forgets what it said was durable, and the node comes back on what is left.
    LyingDisk(Place),
    /// The node is stopped and started again.
    Restart(Place),
}

/// A fault with its time.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// When it begins.
    pub at: Duration,
    /// When it is put right.
    pub until: Duration,
    /// What.
    pub fault: Fault,
}

/// All kinds, by name, in the order in which they are counted.
pub const KINDS: [&str; 14] = [
    "kill",
    "power cut",
    "pause",
    "partition",
    "mute",
    "deaf",
    "loss",
    "twice",
    "delay",
    "slow disk",
    "failed sync",
    "skew",
    "lying disk",
    "restart",
];

impl Fault {
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::PowerCut { .. } => "power cut",
            Self::Pause(_) => "pause",
            Self::Partition { .. } => "partition",
            Self::Mute(_) => "mute",
            Self::Deaf(_) => "deaf",
            Self::Loss { .. } => "loss",
            Self::Twice { .. } => "twice",
            Self::Delay { .. } => "delay",
            Self::SlowDisk(_) => "slow disk",
            Self::FailedSync(_) => "failed sync",
            Self::Skew { .. } => "skew",
            Self::LyingDisk(_) => "lying disk",
            Self::Restart(_) => "restart",
        }
    }
}

/// Bit of a place.
pub fn bit(place: Place) -> u32 {
    1 << place
}

/// What a power cut does to what is not synced.
pub fn crash(draw: &mut Draw) -> Crash {
    match draw.below(4) {
        0 => Crash::LoseNothing,
        1 => Crash::LoseSome,
        _ => Crash::LoseUnsynced,
    }
}

/// A run's faults, in the order of their beginnings; none is a lying disk if one was planned before.
pub fn plan(draw: &mut Draw, (voters, nodes): (u8, u8), from: Duration, to: Duration, mut lied: bool) -> Vec<Planned> {
    let count = draw.between(5, 9);
    let span = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX);
    let mut planned: Vec<Planned> = (0..count)
        .map(|_| {
            let at = from + Duration::from_millis(draw.below(span));
            let lasts = Duration::from_millis(draw.between(300, 9_000));
            let fault = one(draw, voters, nodes, &mut lied);
            Planned { at, until: (at + lasts).min(to), fault }
        })
        .collect();
    planned.sort_by_key(|planned| planned.at);
    planned
}

fn one(draw: &mut Draw, voters: u8, nodes: u8, lied: &mut bool) -> Fault {
    let place = Place::try_from(draw.between(1, u64::from(nodes) + 1)).expect("few places");
    let some = |draw: &mut Draw| (1..=nodes).filter(|_| draw.chance(50)).map(bit).sum::<u32>();
    match draw.below(15) {
        0 | 1 => Fault::Kill(place),
        2 => Fault::PowerCut { places: some(draw) | bit(place) },
        3 => Fault::Pause(place),
        4 | 5 => {
            let side = some(draw) | bit(place);
            let all = (1..=nodes).map(bit).sum::<u32>();
            // Everybody is no side.
            Fault::Partition { side: if side == all { bit(place) } else { side } }
        }
        6 => Fault::Mute(place),
        7 => Fault::Deaf(place),
        8 => Fault::Loss { of_1000: u32::try_from(draw.between(50, 400)).expect("small") },
        9 => Fault::Twice { of_1000: u32::try_from(draw.between(100, 600)).expect("small") },
        10 => Fault::Delay { ms: draw.between(20, 400) },
        11 => Fault::SlowDisk(place),
        12 => Fault::FailedSync(place),
        13 => {
            let ms = i64::try_from(draw.between(60_000, 3_600_000)).expect("small");
            Fault::Skew { place, ms: if draw.chance(50) { -ms } else { ms } }
        }
        // One disk of a run, or those that are left could not decide; and of three voters or more, so that a majority is honest.
        _ if !*lied && voters >= 3 => {
            *lied = true;
            Fault::LyingDisk(place)
        }
        _ => Fault::Restart(place),
    }
}
