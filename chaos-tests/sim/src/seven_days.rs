//! A domain is cut off for seven days and goes on publishing, while the others enact a standard and take a key's rights. Afterwards all it
//! wrote is decided once, in order, on every node, within ten seconds; what is refused says why in the feed.
//!
//! Between two publishes all machines are asleep, as when a data centre's power is saved: seven days of signs of life would take hours.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use mesh_event::{EventKind, FeedEvent};
use mesh_model::Code;
use mesh_proto::v1::WaitLevel;

use crate::clients::Clients;
use crate::draw::Draw;
use crate::founding::domain;
use crate::inflict::Inflict;
use crate::job::Task;
use crate::network::Place;
use crate::run::{Report, all_well, found, report, until};
use crate::world::{Violation, World};
use crate::{finish, os};

const VOTERS: u8 = 3;
const OBSERVERS: u8 = 1;
/// Who is cut off.
const ALONE: Place = 3;
/// Versions that it publishes meanwhile.
const VERSIONS: u64 = 1_000;
const SEVEN_DAYS: Duration = Duration::from_hours(7 * 24);
/// How long it may take until all is decided.
const DECIDED: Duration = Duration::from_secs(10);

/// Runs it on this thread, which has to be fresh.
///
/// # Errors
/// When the folder can't be written. What does not hold is in the report.
pub fn run(seed: u64, folder: &Path, prints: bool) -> Result<Report> {
    os::begin(seed);
    crate::panics::remember();
    let mut world = World::new(seed, folder, VOTERS, OBSERVERS)?;
    world.prints = prints;
    let mut clients = Clients::new(Draw::new(seed, "clients"));
    clients.home_percent = 100;
    let outcome = live(&mut world, &mut clients);
    Ok(report(seed, &world, &Inflict::default(), (VOTERS, OBSERVERS), outcome.err()))
}

fn live(world: &mut World, clients: &mut Clients) -> Result<(), Violation> {
    found(world, clients, VOTERS, OBSERVERS)?;
    for other in (1..=VOTERS + OBSERVERS).filter(|place| *place != ALONE) {
        world.net.way(ALONE, other, |way| way.cut = true);
        world.net.way(other, ALONE, |way| way.cut = true);
    }
    let began = world.now;
    let pause = SEVEN_DAYS / u32::try_from(VERSIONS).expect("small");
    for product in 0..VERSIONS {
        match product {
            300 => clients.plan(world.now, Task::Propose { standard: 0, seats: vec![1, 2], then: Vec::new() }),
            600 => clients.plan(world.now, Task::Revoke { domain: ALONE }),
            _ => {}
        }
        let task = Task::Publish {
            domain: ALONE,
            product,
            client: 1,
            by_leaver: product % 20 == 7,
            wait: WaitLevel::Local,
            licensed: product % 10 != 3,
        };
        clients.plan(world.now, task);
        let limit = world.now + Duration::from_mins(1);
        until(world, clients, limit, "not durable at home", |world, clients| clients.open(world).is_empty())?;
        world.sleep(pause)?;
    }
    let decided = world.ledger.versions();
    if decided > 0 {
        return Err(Violation(format!("{decided} versions are sealed, and their home was cut off")));
    }
    world.note(&format!("{} days have passed", world.now.saturating_sub(began).as_secs() / 86_400));
    world.net.heal();
    all_well(world, clients, DECIDED)?;
    let refused = refused(world);
    verdicts(world, &refused)?;
    finish::check(world)
}

/// Outbox numbers of what the standard refused.
fn refused(world: &World) -> Vec<(u64, Code)> {
    let leaves = world.ledger.leaves().iter().filter_map(|bytes| mesh_event::LedgerLeaf::decode(bytes).ok());
    leaves
        .filter_map(|leaf| match &leaf.entry {
            mesh_event::LeafEntry::FeedEvent(bytes) => match FeedEvent::decode_proposed(bytes).ok()?.kind {
                EventKind::Command { outbox, .. } if leaf.outcome.code == Code::StandardViolated => {
                    Some((outbox, leaf.outcome.code))
                }
                _ => None,
            },
            mesh_event::LeafEntry::Envelope(_) => None,
        })
        .collect()
}

/// Each refusal is in the feed of its home.
fn verdicts(world: &World, refused: &[(u64, Code)]) -> Result<(), Violation> {
    if refused.is_empty() {
        return Err(Violation("the standard refused nothing: the run says nothing".to_owned()));
    }
    let home = world.serving().into_iter().find(|(place, _)| *place == ALONE);
    let (_, home) = home.ok_or_else(|| Violation("the home does not serve".to_owned()))?;
    let unreadable = |error: &dyn std::fmt::Display| Violation(format!("the home's feed: {error}"));
    let id = mesh_store::FeedId::new(domain(ALONE).as_str(), 1).map_err(|error| unreadable(&error))?;
    let feed = home.core.store.feed(id);
    let size = feed.log().size().map_err(|error| unreadable(&error))?;
    let mut told = std::collections::BTreeMap::new();
    let mut next = 0;
    while next < size {
        for (seq, bytes) in feed.log().leaves(next..size, 512).map_err(|error| unreadable(&error))? {
            let event = FeedEvent::decode(&bytes).map_err(|error| unreadable(&error))?;
            if let EventKind::Verdict { outbox, code, .. } = event.kind {
                told.insert(outbox, code);
            }
            next = seq + 1;
        }
    }
    match refused.iter().find(|(outbox, code)| told.get(outbox) != Some(&code.number())) {
        Some((outbox, code)) => {
            Err(Violation(format!("number {outbox} was refused with {code}, and the feed says {:?}", told.get(outbox))))
        }
        None => Ok(()),
    }
}
