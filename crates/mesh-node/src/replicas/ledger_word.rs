//! What is here of feeds, beside the ledger's own word: commands and anchors put heads of feeds into it, signed by their writers. So a
//! history that a writer shows to copies alone is found out even where nobody has another copy.

use std::sync::Arc;

use mesh_event::{Body, Command, Envelope, FeedId, LeafEntry, LedgerLeaf};
use mesh_governance::read;
use mesh_model::{Code, LedgerIndex};
use mesh_proto::status::MeshError;
use mesh_tlog::Hash;
use tracing::debug;

use super::copy::store_id;
use super::forks::forked;
use super::turn::contradiction;
use super::{heads, writers};
use crate::core::{Core, storage_error};

/// Compares every feed that this node has to do with, where the ledger has a head of it that was not compared yet. For a thread that may
/// block.
///
/// # Errors
/// When store or state cannot be read.
pub(super) fn compare_all(core: &Arc<Core>) -> Result<(), MeshError> {
    for duty in core.replicas.duties.all(core)? {
        let feed = FeedId { domain: duty.domain, epoch: duty.epoch };
        if feed.epoch > 0
            && forked(core, &feed.domain)?.is_none()
            && let Err(error) = compare(core, &feed)
        {
            debug!(domain = %feed.domain, %error, "a feed was not compared with the ledger");
        }
    }
    Ok(())
}

fn compare(core: &Arc<Core>, feed: &FeedId) -> Result<(), MeshError> {
    // First the ledger's word: what is written here only grows after it.
    let known = read::ledger_head(&core.state, &feed.domain, feed.epoch).map_err(|e| core.state_error(&e))?;
    let Some(known) = known.filter(|known| core.replicas.agreed(feed) != Some(known.index)) else { return Ok(()) };
    // What is missing here is fetched first.
    let Some(kept) = heads::of_feed(core, feed)?.filter(|kept| kept.goal.size >= known.size) else { return Ok(()) };
    let stored = core.store.feed(store_id(feed)?);
    let here = stored.log().root_at(known.size).map_err(|e| storage_error(&e))?;
    if here == Hash::new(known.root.0) {
        core.replicas.agree(feed, known.index);
        return Ok(());
    }
    let Some(writer) = writers::of(core, feed)? else { return Ok(()) };
    let Some(note) = note_of(core, known.index)? else { return Ok(()) };
    if let Some(fork) = contradiction(core, feed, writer.key, (known.size, note), (kept.goal.size, kept.note))? {
        core.replicas.forks().take(fork);
    }
    if !stored.is_copy().map_err(|e| storage_error(&e))? && writer.node == core.node_id() {
        let (domain, index) = (&feed.domain, known.index);
        let why = format!(
            "leaf {index} of the ledger has another history of the feed of {domain}, signed by this node's key: it forgot some, or its key is \
             used elsewhere; the domain's root delegates anew: `mesh domain move`"
        );
        core.feeds.fence(core, feed, &why)?;
    }
    Ok(())
}

/// The signed head that a leaf carries.
fn note_of(core: &Core, index: LedgerIndex) -> Result<Option<Vec<u8>>, MeshError> {
    let damaged = |error: &dyn std::fmt::Display| MeshError::new(Code::Damaged, error.to_string());
    let bytes = core.store.ledger().leaf(index).map_err(|e| storage_error(&e))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let leaf = LedgerLeaf::decode(&bytes).map_err(|error| damaged(&error))?;
    if let Some(note) = leaf.head_note {
        return Ok(Some(note));
    }
    let LeafEntry::Envelope(bytes) = leaf.entry else { return Ok(None) };
    let envelope = Envelope::parse(bytes).map_err(|error| damaged(&error))?;
    let command = Command::decode(envelope.payload()).map_err(|error| damaged(&error))?;
    Ok(match command.body {
        Body::FeedAnchor(anchor) => Some(anchor.head_note),
        _ => None,
    })
}
