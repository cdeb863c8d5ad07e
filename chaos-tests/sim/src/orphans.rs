//! Commands that were durable when their feed's epoch ended, and that the next home refused. A refusal is an answer, and the old home has
//! to show it.

use std::collections::BTreeSet;

use mesh_event::{Command, Envelope, EventKind, FeedEvent};
use mesh_model::CommandId;
use mesh_node::orphans::ORPHANS;
use mesh_store::{FeedId, KeyRange, Page, Store, StoreError};

use crate::world::World;

/// Events, or refusals, that are read at a time.
const PAGE: usize = 512;

/// What the nodes show.
pub fn refused(world: &World) -> BTreeSet<CommandId> {
    let serving = world.serving();
    serving.iter().flat_map(|(_, node)| of(&node.core.store).unwrap_or_default()).collect()
}

fn of(store: &Store) -> Result<Vec<CommandId>, StoreError> {
    let mut commands = Vec::new();
    for (key, _) in store.index(ORPHANS).range(&KeyRange::all(), Page::first(PAGE))? {
        // `domain \0 epoch outbox`
        let Some((rest, outbox)) = key.split_last_chunk::<8>() else { continue };
        let Some((rest, epoch)) = rest.split_last_chunk::<8>() else { continue };
        let domain = String::from_utf8_lossy(rest.strip_suffix(&[0]).unwrap_or(rest)).into_owned();
        let feed = store.feed(FeedId::new(&domain, u64::from_be_bytes(*epoch))?);
        commands.extend(find(&feed, u64::from_be_bytes(*outbox))?);
    }
    Ok(commands)
}

fn find(feed: &mesh_store::Feed, number: u64) -> Result<Option<CommandId>, StoreError> {
    let size = feed.log().size()?;
    let mut next = 0;
    while next < size {
        for (seq, bytes) in feed.log().leaves(next..size, PAGE)? {
            next = seq + 1;
            if let Ok(event) = FeedEvent::decode(&bytes)
                && let EventKind::Command { outbox, envelope } = event.kind
                && outbox == number
            {
                let command = Envelope::parse(envelope).ok().and_then(|parsed| Command::decode(parsed.payload()).ok());
                return Ok(command.map(|command| command.id));
            }
        }
    }
    Ok(None)
}
