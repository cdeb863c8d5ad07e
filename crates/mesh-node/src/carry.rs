//! What an epoch takes over from the one before: commands that lie in the feed that it continues and that the ledger did not take
//! in time. They are appended again, with the same command ids, before anything new.

use std::sync::Arc;

use mesh_event::{Command, Envelope, EventKind, FeedEvent, FeedId, SignedCommand};
use mesh_governance::{Verify as _, read};
use mesh_model::{Code, CommandId};
use mesh_proto::status::MeshError;
use mesh_store::Batch;
use tracing::info;

use crate::core::{Core, storage_error};
use crate::feed_writer::FeedWriter;
use crate::feeds::find_command;
use crate::publish::Admitted;
use crate::replicas::copy::store_id;

/// The feed's named value that says that everything of the epoch before was taken over.
const CARRIED: &str = "carried";
const PAGE: u64 = 256;

/// A command of a feed that the ledger has no outcome for.
pub(crate) struct Unsealed {
    pub(crate) id: CommandId,
    pub(crate) envelope: Envelope,
}

/// A command that the ledger has: its outbox number and its place in the feed.
pub(crate) struct LastSealed {
    pub(crate) outbox: u64,
    pub(crate) seq: u64,
}

/// The commands below `size` that the ledger has not, in their order; and the last one that it has, with its event. Numbers are taken in
/// their order, so the search goes from the end to the first that is there.
pub(crate) fn unsealed(
    core: &Core,
    feed: &FeedId,
    size: u64,
) -> Result<(Vec<Unsealed>, Option<LastSealed>), MeshError> {
    let stored = core.store.feed(store_id(feed)?);
    let damaged = |text: String| MeshError::new(Code::Damaged, text);
    let (mut found, mut to) = (Vec::new(), size);
    while to > 0 {
        let from = to.saturating_sub(PAGE);
        let page =
            stored.log().leaves(from..to, usize::try_from(PAGE).expect("small")).map_err(|e| storage_error(&e))?;
        for (seq, bytes) in page.into_iter().rev() {
            let event = FeedEvent::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
            let EventKind::Command { outbox, envelope } = event.kind else { continue };
            let outcome = read::outbox_outcome(&core.state, &feed.domain, feed.epoch, outbox);
            if outcome.map_err(|e| core.state_error(&e))?.is_some() {
                found.reverse();
                return Ok((found, Some(LastSealed { outbox, seq })));
            }
            let envelope = Envelope::parse(envelope).map_err(|error| damaged(error.to_string()))?;
            let command = Command::decode(envelope.payload()).map_err(|error| damaged(error.to_string()))?;
            found.push(Unsealed { id: command.id, envelope });
        }
        to = from;
    }
    found.reverse();
    Ok((found, None))
}

/// Appends to a new epoch's feed what the first `size` events of `before` hold and the ledger has not. Once: a crash in between goes on
/// where it was.
///
/// # Errors
/// [`Code::Damaged`], [`Code::StorageFailed`]: the epoch is not written until it works.
pub(crate) fn carry_over(core: &Arc<Core>, writer: &FeedWriter, before: &FeedId, size: u64) -> Result<(), MeshError> {
    let stored = core.store.feed(store_id(writer.id())?);
    if stored.value(CARRIED).map_err(|e| storage_error(&e))?.is_some() {
        return Ok(());
    }
    let (commands, _) = unsealed(core, before, size)?;
    let count = commands.len();
    for Unsealed { id, envelope } in commands {
        let is_here = find_command(&core.store, &id)?.is_some_and(|position| position.feed == *writer.id());
        if is_here {
            continue;
        }
        let signed: SignedCommand = core
            .verified
            .command(envelope, &core.mesh_id)
            .map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        // Its home admitted it; the ledger judges it again, and the feed keeps the verdict.
        writer.append_carried(&Admitted::carried(signed, before.domain.clone()), core.ledger_size())?;
    }
    let mut batch = Batch::new();
    stored.put_value(&mut batch, CARRIED, &[]).map_err(|e| storage_error(&e))?;
    core.store.committer().commit_blocking(batch).map_err(|e| storage_error(&e))?;
    if count > 0 {
        info!(domain = %before.domain, epoch = writer.id().epoch, count, "commands of the epoch before were taken over");
    }
    Ok(())
}
