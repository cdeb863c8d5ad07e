//! One seed: a mesh is founded, things go wrong while clients work, everything is put right, and then all must be well.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use mesh_proto::v1::WaitLevel;
use serde::Serialize;

use crate::clients::Clients;
use crate::draw::Draw;
use crate::inflict::Inflict;
use crate::job::Task;
use crate::network::Place;
use crate::world::{Violation, World};
use crate::{fault, finish, os};

/// Least faults that take effect in a run.
const FAULTS: u32 = 3;
/// For how long more are planned where fewer did, and how often at most.
const AGAIN: Duration = Duration::from_secs(10);
const ROUNDS: u32 = 5;
/// How long the mesh may take to come about.
const FOUNDING: Duration = Duration::from_mins(2);
/// How long it may take until all is well, once everything is put right.
const HEALING: Duration = Duration::from_mins(3);

/// What a run came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What did not hold, if anything.
    pub violation: Option<String>,
    /// Voters, and nodes beside them.
    pub nodes: (u8, u8),
    /// Virtual time that passed, in milliseconds.
    pub virtual_ms: u64,
    /// Faults that took effect, by kind.
    pub faults: BTreeMap<String, u32>,
    /// Faults that met nothing, such as a kill of a machine that was off.
    pub idle_faults: u32,
    /// Calls of clients that came to an end.
    pub calls: u64,
    /// How commands ended.
    pub outcomes: BTreeMap<String, usize>,
    /// Leaves of the ledger.
    pub leaves: u64,
    /// Packets that arrived.
    pub packets: u64,
    /// The digest of all that happened; the same seed gives the same.
    pub trace: String,
}

/// Runs a seed on this thread, which has to be fresh.
///
/// # Errors
/// When the folder can't be written. What does not hold is in the report.
pub fn run(seed: u64, folder: &Path, prints: bool) -> Result<Report> {
    os::begin(seed);
    crate::panics::remember();
    let mut draw = Draw::new(seed, "shape");
    let voters = if draw.chance(75) { 3 } else { 5 };
    let observers = u8::try_from(draw.below(3))?;
    let mut world = World::new(seed, folder, voters, observers)?;
    world.prints = prints;
    let mut clients = Clients::new(Draw::new(seed, "clients"));
    let mut inflict = Inflict::default();
    let outcome = live(&mut world, &mut clients, &mut inflict, &mut draw, (voters, observers));
    Ok(report(seed, &world, &inflict, (voters, observers), outcome.err()))
}

/// A report of what happened in a world.
pub fn report(seed: u64, world: &World, inflict: &Inflict, nodes: (u8, u8), violation: Option<Violation>) -> Report {
    Report {
        seed,
        violation: violation.map(|violation| violation.0),
        nodes,
        virtual_ms: u64::try_from(world.now.as_millis()).unwrap_or(u64::MAX),
        faults: inflict.effective().iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
        idle_faults: inflict.idle(),
        calls: world.oracle.calls(),
        outcomes: world.oracle.outcomes().into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
        leaves: world.ledger.size(),
        packets: world.net.counts().arrived,
        trace: world.trace().to_string(),
    }
}

fn live(
    world: &mut World,
    clients: &mut Clients,
    inflict: &mut Inflict,
    draw: &mut Draw,
    (voters, observers): (u8, u8),
) -> Result<(), Violation> {
    found(world, clients, voters, observers)?;
    let nodes = voters + observers;
    let from = world.now + Duration::from_millis(500);
    let to = from + Duration::from_secs(draw.between(12, 25));
    traffic(world, clients, draw, nodes, from, to);
    inflict.plan(fault::plan(draw, (voters, nodes), from, to, false));
    let (mut to, last) = (to, to + AGAIN * ROUNDS);
    loop {
        while world.now < to {
            inflict.go_on(world, draw);
            world.step()?;
            clients.go_on(world)?;
        }
        // Some of the faults may have met nothing, such as a cut way on which nobody sent.
        if inflict.count() >= FAULTS || to >= last {
            break;
        }
        inflict.plan(fault::plan(draw, (voters, nodes), to, to + AGAIN, true));
        to += AGAIN;
    }
    inflict.put_right(world);
    all_well(world, clients, HEALING)?;
    if inflict.count() < FAULTS {
        return Err(Violation(format!("only {} faults took effect: the run says nothing", inflict.count())));
    }
    finish::check(world)
}

/// Starts voters, admits and starts observers, admits a domain at home on each node.
///
/// # Errors
/// When that does not come about in time.
pub fn found(world: &mut World, clients: &mut Clients, voters: u8, observers: u8) -> Result<(), Violation> {
    let limit = world.now + FOUNDING;
    for place in 1..=voters {
        world.start(place);
    }
    until(world, clients, limit, "the mesh is not founded", |world, _| {
        world.serving().len() == usize::from(voters) && world.ledger.size() > 0
    })?;
    for place in voters + 1..=voters + observers {
        let record = Box::new(world.founding.records[usize::from(place) - 1].clone());
        clients.plan(world.now, Task::AdmitNode { place, record });
    }
    until(world, clients, limit, "observers are not admitted", |world, clients| clients.open(world).is_empty())?;
    for place in voters + 1..=voters + observers {
        world.start(place);
    }
    let nodes = voters + observers;
    until(world, clients, limit, "observers don't come in", |world, _| world.serving().len() == usize::from(nodes))?;
    let homes = (1..=nodes).map(|place| (place, world.founding.records[usize::from(place) - 1].node_id)).collect();
    clients.plan(world.now, Task::AdmitDomains { homes });
    until(world, clients, limit, "domains are not admitted", |world, clients| clients.open(world).is_empty())
}

/// Steps until something is so.
///
/// # Errors
/// When it is not so in time, or something else does not hold.
pub fn until(
    world: &mut World,
    clients: &mut Clients,
    limit: Duration,
    otherwise: &str,
    mut is_so: impl FnMut(&World, &Clients) -> bool,
) -> Result<(), Violation> {
    while !is_so(world, clients) {
        if world.now >= limit {
            let open = clients.open(world);
            return Err(Violation(format!(
                "{otherwise}; {} s of virtual time passed; open: {open:?}",
                limit.as_secs()
            )));
        }
        world.step()?;
        clients.go_on(world)?;
    }
    Ok(())
}

/// Steps until every node serves, has the whole ledger, and every promise is kept.
///
/// # Errors
/// When that is not so in time.
pub fn all_well(world: &mut World, clients: &mut Clients, within: Duration) -> Result<(), Violation> {
    let limit = world.now + within;
    let (mut size, mut since) = (0, world.now);
    let quiet = Duration::from_secs(2);
    let reached = until(world, clients, limit, "not all is well", |world, clients| {
        let whole = world.serving().iter().filter(|(_, node)| node.core.ledger_size() == world.ledger.size()).count();
        if whole < world.machines.len() - world.gone.len()
            || world.ledger.size() != size
            || !clients.open(world).is_empty()
        {
            (size, since) = (world.ledger.size(), world.now);
            return false;
        }
        world.now >= since + quiet && world.broken_promises().is_empty()
    });
    reached.map_err(|violation| {
        let sizes: Vec<String> = (world.machines.iter())
            .map(|machine| match machine.running() {
                Some(node) => format!(
                    "{}: {} of {}, {:?}",
                    machine.place,
                    node.core.ledger_size(),
                    world.ledger.size(),
                    node.core.raft.status().role
                ),
                None => format!("{}: not serving", machine.place),
            })
            .collect();
        let broken = world.broken_promises();
        Violation(format!("{violation}; nodes: {sizes:?}; promises: {broken:?}"))
    })
}

/// What clients and the council do while things go wrong.
fn traffic(world: &World, clients: &mut Clients, draw: &mut Draw, nodes: u8, from: Duration, to: Duration) {
    let span = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX);
    let mut at = {
        let mut draw = draw.clone();
        move || from + Duration::from_millis(draw.below(span))
    };
    for product in 0..draw.between(40, 80) {
        let domain = Place::try_from(draw.between(1, u64::from(nodes) + 1)).unwrap_or(1);
        let wait = match draw.below(10) {
            0..=2 => WaitLevel::Local,
            9 => WaitLevel::Receipt,
            _ => WaitLevel::Sealed,
        };
        let both = if draw.chance(15) { 2 } else { 1 };
        let by_leaver = draw.chance(15);
        for client in 1..=both {
            let licensed = draw.chance(80);
            clients.plan(at(), Task::Publish { domain, product, client, by_leaver, wait, licensed });
        }
    }
    // One seat alone, however often it says so; one seat twice and then another; two at once, and from then on licenses count.
    clients.plan(at(), Task::Propose { standard: 1, seats: vec![1], then: vec![1, 1] });
    clients.plan(at(), Task::Propose { standard: 2, seats: vec![3], then: vec![3, 2] });
    clients.plan(at(), Task::Propose { standard: 0, seats: vec![2, 3], then: Vec::new() });
    let any = |draw: &mut Draw| Place::try_from(draw.between(1, u64::from(nodes) + 1)).unwrap_or(1);
    for domain in 1..=nodes {
        if draw.chance(50) {
            clients.plan(at(), Task::Revoke { domain });
        }
    }
    for _ in 0..draw.below(3) {
        let (domain, to) = (any(draw), any(draw));
        if domain != to {
            let to = world.founding.records[usize::from(to) - 1].node_id;
            clients.plan(at(), Task::Move { domain, to });
        }
    }
}
