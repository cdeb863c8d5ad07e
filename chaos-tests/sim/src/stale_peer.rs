//! Each voter in turn is cut off from the other voters, but not from the observer: one of them is the peer whose ledger the observer tails,
//! and it goes on answering with what it had. What is sealed meanwhile has to be at the observer soon all the same.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use mesh_proto::v1::WaitLevel;

use crate::clients::Clients;
use crate::draw::Draw;
use crate::inflict::Inflict;
use crate::job::Task;
use crate::network::Place;
use crate::os;
use crate::run::{Report, all_well, found, report, until};
use crate::world::{Violation, World};

const VOTERS: u8 = 3;
const OBSERVER: Place = 4;
/// How long sealing may take: the others may have to elect a leader first.
const SEALED: Duration = Duration::from_secs(20);
/// How long a sealed leaf may take to the observer: much less than a checkpoint that only repeats the last one is late.
const SOON: Duration = Duration::from_secs(5);
const HEALED: Duration = Duration::from_mins(1);

/// Runs it on this thread, which has to be fresh.
///
/// # Errors
/// When the folder can't be written. What does not hold is in the report.
pub fn run(seed: u64, folder: &Path, prints: bool) -> Result<Report> {
    os::begin(seed);
    crate::panics::remember();
    let mut world = World::new(seed, folder, VOTERS, 1)?;
    world.prints = prints;
    let mut clients = Clients::new(Draw::new(seed, "clients"));
    clients.home_percent = 100;
    let outcome = live(&mut world, &mut clients);
    Ok(report(seed, &world, &Inflict::default(), (VOTERS, 1), outcome.err()))
}

fn live(world: &mut World, clients: &mut Clients) -> Result<(), Violation> {
    found(world, clients, VOTERS, 1)?;
    for stale in 1..=VOTERS {
        for other in (1..=VOTERS).filter(|place| *place != stale) {
            world.net.way(stale, other, |way| way.cut = true);
            world.net.way(other, stale, |way| way.cut = true);
        }
        let (domain, size) = (stale % VOTERS + 1, world.ledger.size());
        let task = Task::Publish {
            domain,
            product: u64::from(stale),
            client: 1,
            by_leaver: false,
            wait: WaitLevel::Sealed,
            licensed: true,
        };
        clients.plan(world.now, task);
        let limit = world.now + SEALED;
        until(world, clients, limit, "nothing is sealed", |world, _| world.ledger.size() > size)?;
        let limit = world.now + SOON;
        until(world, clients, limit, &format!("voter {stale} is stale, and so is the observer"), |world, _| {
            let serving = world.serving();
            serving.iter().any(|(place, node)| *place == OBSERVER && node.core.ledger_size() > size)
        })?;
        world.net.heal();
        all_well(world, clients, HEALED)?;
    }
    Ok(())
}
