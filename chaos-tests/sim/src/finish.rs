//! At the end: an audit of the whole ledger by the off-line verifier, and what lies on the disks after a last power cut.

use std::collections::BTreeMap;
use std::io::BufReader;

use mesh_event::{FeedEvent, FeedId, LeafEntry, LedgerLeaf};
use mesh_model::DomainName;
use mesh_store::{Crash, LogName, Store};
use mesh_tlog::{Hash, leaf_hash};
use mesh_verify::Options;

use crate::network::Place;
use crate::world::{Violation, World};

/// Events that are read at a time.
const PAGE: usize = 512;

/// Checks everything that is left to be checked; the machines are off afterwards.
///
/// # Errors
/// What does not hold.
pub fn check(world: &mut World) -> Result<(), Violation> {
    let broken = world.broken_promises();
    if let Some(first) = broken.first() {
        return Err(Violation(format!("{first} ({} in all)", broken.len())));
    }
    audit(world)?;
    let events = events(world)?;
    for place in 1..=Place::try_from(world.machines.len()).unwrap_or(Place::MAX) {
        world.kill(place, Crash::LoseUnsynced);
        let store = world.machine(place).open_disk();
        let store = store.map_err(|error| Violation(format!("the disk of {place} does not open: {error}")))?;
        disk(world, place, &store, &events).map_err(|what| Violation(format!("the disk of {place}: {what}")))?;
    }
    Ok(())
}

/// The off-line verifier comes to the same, with the newest checkpoint of every node.
fn audit(world: &World) -> Result<(), Violation> {
    let mut notes = BTreeMap::new();
    for (_, node) in world.serving() {
        if let Some((checkpoint, _)) = node.core.checkpoints.last()
            && checkpoint.size() <= world.ledger.size()
        {
            notes.entry(checkpoint.size()).or_insert_with(|| checkpoint.bytes());
        }
    }
    let notes: Vec<Vec<u8>> = notes.into_values().collect();
    let mesh_id = world.founding.genesis.mesh_id;
    let violation = |error: &dyn std::fmt::Display| Violation(format!("the audit of the ledger: {error}"));
    let export = mesh_verify::write_export(Vec::new(), mesh_id, world.ledger.leaves(), &notes);
    let export = export.map_err(|error| violation(&error))?;
    let options = Options { mesh_id: Some(mesh_id), threads: 1 };
    let verified =
        mesh_verify::check(BufReader::new(export.as_slice()), &options, &mut ()).map_err(|error| violation(&error))?;
    if verified.checkpoints.len() < notes.len() {
        return Err(Violation("the audit took fewer checkpoints than the nodes count".to_owned()));
    }
    Ok(())
}

type Events = BTreeMap<(DomainName, u64, u64), Hash>;

/// The leaf hash of every event that the ledger has in the epoch that was in force.
fn events(world: &World) -> Result<Events, Violation> {
    let mut events = Events::new();
    for bytes in world.ledger.leaves() {
        let leaf = LedgerLeaf::decode(bytes).map_err(|error| Violation(error.to_string()))?;
        if let LeafEntry::FeedEvent(bytes) = &leaf.entry
            && leaf.outcome.code == mesh_model::Code::Accepted
            && let Ok(event) = FeedEvent::decode_proposed(bytes)
        {
            events.insert((event.feed.domain, event.feed.epoch, event.seq), leaf_hash(bytes));
        }
    }
    Ok(events)
}

fn disk(world: &World, place: Place, store: &Store, events: &Events) -> Result<(), String> {
    let text = |error: mesh_store::StoreError| error.to_string();
    let betrayed = world.betrayed.contains(&place);
    let damaged = store.damage();
    if let Some(damage) = damaged.first().filter(|_| !betrayed) {
        return Err(format!("{damage}"));
    }
    let ledger = store.ledger();
    let size = ledger.size().map_err(text)?;
    if !damaged.iter().any(|damage| matches!(damage, mesh_store::Damage::Log { log: LogName::Ledger, .. }))
        && size > 0
        && world.ledger.root_at(size) != Some(ledger.root().map_err(text)?)
    {
        return Err(format!("its ledger of {size} leaves has another root"));
    }
    for id in store.feeds().map_err(text)? {
        let domain = DomainName::parse(id.domain()).map_err(|error| error.to_string())?;
        let feed = FeedId { domain, epoch: id.epoch() };
        let stored = store.feed(id);
        let log = stored.log();
        let size = log.size().map_err(text)?;
        let is_whole = !damaged
            .iter()
            .any(|damage| matches!(damage, mesh_store::Damage::Log { log: name, .. } if name == log.name()));
        if !is_whole {
            continue;
        }
        let mut seq = 0;
        while seq < size {
            for (at, bytes) in log.leaves(seq..size, PAGE).map_err(text)? {
                let known = events.get(&(feed.domain.clone(), feed.epoch, at));
                if known.is_some_and(|known| *known != leaf_hash(&bytes)) {
                    return Err(format!("event {at} of {}/{} is not the ledger's", feed.domain, feed.epoch));
                }
                seq = at + 1;
            }
        }
        if stored.is_copy().map_err(text)? || betrayed {
            continue;
        }
        // Whoever wrote it has all of it.
        let from = (feed.domain.clone(), feed.epoch, size);
        let to = (feed.domain.clone(), feed.epoch, u64::MAX);
        if let Some(((_, _, lost), _)) = events.range(from..=to).next() {
            return Err(format!("event {lost} of {}/{} is in the ledger and not in the feed", feed.domain, feed.epoch));
        }
    }
    Ok(())
}
