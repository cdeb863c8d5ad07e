//! Lets planned faults happen, and puts them right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_store::{Crash, MemSnapshot, Store, StoreError};

use crate::draw::Draw;
use crate::fault::{Fault, Planned, bit, crash};
use crate::machine::{DiskPace, Machine};
use crate::network::{Counts, Place};
use crate::world::World;

/// How long the end of a lie waits at a time for the HEAD file.
const TRAIL: Duration = Duration::from_millis(50);
/// How often: the file trails by a second at most, and a slow disk by some more.
const MOST_WAITS: u32 = 60;

struct Active {
    planned: Planned,
    /// What the network had done when it began.
    before: Counts,
    lie: Option<Lie>,
    met: bool,
}

/// What a disk that lies will go back to.
struct Lie {
    snapshot: MemSnapshot,
    /// How many leaves there were.
    size: u64,
    /// How often its end was put off.
    waited: u32,
}

impl Lie {
    /// Whether the HEAD file knows of something that would be lost. It trails: until then no node could find out.
    fn is_told(&self, machine: &Machine) -> bool {
        machine.leaves_remembered() > self.size
    }
}

/// A run's faults.
#[derive(Default)]
pub struct Inflict {
    waiting: Vec<Planned>,
    active: Vec<Active>,
    effective: BTreeMap<&'static str, u32>,
    idle: u32,
}

impl Inflict {
    /// Plans faults, in the order of their beginnings.
    pub fn plan(&mut self, faults: Vec<Planned>) {
        self.waiting.extend(faults);
    }

    /// How many took effect, by kind.
    pub fn effective(&self) -> &BTreeMap<&'static str, u32> {
        &self.effective
    }

    /// How many in all.
    pub fn count(&self) -> u32 {
        self.effective.values().sum()
    }

    /// How many met nothing.
    pub fn idle(&self) -> u32 {
        self.idle
    }

    /// Begins and ends what is due.
    pub fn go_on(&mut self, world: &mut World, draw: &mut Draw) {
        while self.waiting.first().is_some_and(|next| next.at <= world.now) {
            let planned = self.waiting.remove(0);
            self.begin(world, draw, planned);
        }
        for one in &mut self.active {
            let (Fault::LyingDisk(place), Some(lie)) = (one.planned.fault, &mut one.lie) else { continue };
            let is_due = one.planned.until <= world.now;
            let machine = world.machine(place);
            let has_more = machine.running().is_some_and(|node| node.core.ledger_size() > lie.size);
            if is_due && has_more && !lie.is_told(machine) && lie.waited < MOST_WAITS {
                lie.waited += 1;
                one.planned.until = world.now + TRAIL;
            }
        }
        let (over, active) =
            std::mem::take(&mut self.active).into_iter().partition(|one| one.planned.until <= world.now);
        self.active = active;
        let over: Vec<Active> = over;
        for one in over {
            self.end(world, one);
        }
        self.draw_ways(world);
    }

    /// Ends everything, and starts what is off.
    pub fn put_right(&mut self, world: &mut World) {
        self.waiting.clear();
        let now = world.now;
        for mut one in std::mem::take(&mut self.active) {
            one.planned.until = now;
            self.end(world, one);
        }
        world.net.heal();
        for place in 1..=Place::try_from(world.machines.len()).unwrap_or(Place::MAX) {
            let machine = world.machine(place);
            machine.skew_ms = 0;
            machine.set_pace(DiskPace::default());
            world.start(place);
        }
    }

    fn begin(&mut self, world: &mut World, draw: &mut Draw, planned: Planned) {
        world.note(&format!("{:?} until {:.3}", planned.fault, planned.until.as_secs_f64()));
        let before = world.net.counts();
        let (mut met, mut lie) = (true, None);
        match planned.fault {
            Fault::Kill(place) => {
                met = world.machine(place).is_on();
                world.kill(place, Crash::LoseNothing);
            }
            Fault::Restart(place) => {
                met = world.machine(place).is_on();
                world.kill(place, Crash::LoseNothing);
                world.start(place);
            }
            Fault::PowerCut { places } => {
                met = false;
                for place in (1..=31).filter(|place| places & bit(*place) != 0) {
                    if usize::from(place) <= world.machines.len() && world.machine(place).is_on() {
                        met = true;
                        let how = crash(draw);
                        world.kill(place, how);
                    }
                }
            }
            Fault::Pause(place) => {
                let machine = world.machine(place);
                met = machine.is_on();
                machine.paused_until = met.then_some(planned.until);
            }
            Fault::SlowDisk(place) => {
                met = world.machine(place).is_on();
                world.machine(place).set_pace(DiskPace { least_ms: 20, most_ms: 400 });
            }
            Fault::FailedSync(place) => {
                met = world.machine(place).is_on();
                if met {
                    world.failing.insert(place);
                    world.machine(place).fail_sync();
                }
            }
            Fault::Skew { place, ms } => {
                met = world.machine(place).is_on();
                world.machine(place).skew_ms = ms;
            }
            Fault::LyingDisk(place) => {
                let machine = world.machine(place);
                let snapshot = machine.snapshot();
                // What is synced may be more than what was shown yet.
                let size = if machine.is_on() { Machine::leaves_in(&snapshot) } else { 0 };
                met = size > 0;
                lie = met.then_some(Lie { snapshot, size, waited: 0 });
            }
            Fault::Partition { .. }
            | Fault::Mute(_)
            | Fault::Deaf(_)
            | Fault::Loss { .. }
            | Fault::Twice { .. }
            | Fault::Delay { .. } => {}
        }
        self.active.push(Active { planned, before, lie, met });
    }

    fn end(&mut self, world: &mut World, one: Active) {
        let Active { planned, before, lie, mut met } = one;
        let after = world.net.counts();
        match planned.fault {
            Fault::Kill(place) => world.start(place),
            Fault::PowerCut { places } => {
                for place in (1..=31).filter(|place| places & bit(*place) != 0) {
                    if usize::from(place) <= world.machines.len() {
                        world.start(place);
                    }
                }
            }
            Fault::SlowDisk(place) => world.machine(place).set_pace(DiskPace::default()),
            Fault::FailedSync(place) => {
                // It had nothing to sync meanwhile: what waits to fail is forgotten with its life.
                if world.failing.remove(&place) {
                    met = false;
                    world.kill(place, Crash::LoseUnsynced);
                }
                world.start(place);
            }
            Fault::Skew { place, .. } => world.machine(place).skew_ms = 0,
            Fault::LyingDisk(place) => met = lie.is_some_and(|lie| betray(world, place, &lie)),
            Fault::Partition { .. } | Fault::Mute(_) | Fault::Deaf(_) => met = after.cut > before.cut,
            Fault::Loss { .. } => met = after.lost > before.lost,
            Fault::Twice { .. } => met = after.twice > before.twice,
            Fault::Delay { .. } => met = after.delayed > before.delayed,
            Fault::Pause(_) | Fault::Restart(_) => {}
        }
        if met {
            *self.effective.entry(planned.fault.kind()).or_default() += 1;
        } else {
            self.idle += 1;
        }
    }

    /// The ways as all active faults together make them.
    fn draw_ways(&self, world: &World) {
        world.net.heal();
        let nodes = Place::try_from(world.machines.len()).unwrap_or(Place::MAX);
        let pairs = || (1..=nodes).flat_map(move |from| (1..=nodes).map(move |to| (from, to))).filter(|(a, b)| a != b);
        for Active { planned, .. } in &self.active {
            for (from, to) in pairs() {
                world.net.way(from, to, |way| match planned.fault {
                    Fault::Partition { side } => way.cut |= (side & bit(from) != 0) != (side & bit(to) != 0),
                    Fault::Mute(place) => way.cut |= from == place,
                    Fault::Deaf(place) => way.cut |= to == place,
                    Fault::Loss { of_1000 } => way.loss = way.loss.max(of_1000),
                    Fault::Twice { of_1000 } => way.twice = way.twice.max(of_1000),
                    Fault::Delay { ms } => way.delay = way.delay.max(Duration::from_millis(ms)),
                    _ => {}
                });
            }
        }
    }
}

/// A disk goes back to what it had, if it promised anything since; returns whether.
fn betray(world: &mut World, place: Place, lie: &Lie) -> bool {
    let Lie { snapshot, size, .. } = lie;
    let Some(node) = world.machine(place).running() else { return false };
    let now_has = node.core.ledger_size();
    if now_has <= *size || !lie.is_told(world.machine(place)) {
        return false;
    }
    let domains = written(&node.core.store).unwrap_or_default();
    drop(node);
    world.kill(place, Crash::LoseUnsynced);
    world.note(&format!("the disk of {place} goes back from {now_has} leaves to about {size}"));
    world.machine(place).set_back(snapshot);
    world.betrayed.insert(place);
    world.oracle.betrayed(|record| record.what.split_once('/').is_some_and(|(domain, _)| domains.contains(domain)));
    world.start(place);
    true
}

/// The domains of which a feed is written there, in any epoch.
fn written(store: &Store) -> Result<BTreeSet<String>, StoreError> {
    let mut domains = BTreeSet::new();
    for id in store.feeds()? {
        if !store.feed(id.clone()).is_copy()? {
            domains.insert(id.domain().to_owned());
        }
    }
    Ok(domains)
}
