//! What this node holds of feeds, as it shows it to others: only what lies under a signed head.

use std::sync::Arc;

use mesh_event::{FeedHead, FeedId};
use mesh_governance::read;
use mesh_model::DomainName;
use mesh_proto::status::MeshError;
use mesh_tlog::leaf_hash;

use super::copy::{KeptHead, is_damaged, kept_head, store_id};
use super::forks::forked;
use super::intake::Goal;
use crate::core::{Core, storage_error};

/// The head of one feed as this node holds it; `None` where it has nothing that it can vouch for.
///
/// # Errors
/// When the store cannot be read.
pub fn of_feed(core: &Arc<Core>, id: &FeedId) -> Result<Option<KeptHead>, MeshError> {
    let fail = |e: mesh_store::StoreError| storage_error(&e);
    let stored = core.store.feed(store_id(id)?);
    if stored.is_copy().map_err(fail)? {
        return kept_head(&core.store, id);
    }
    if is_damaged(&core.store, stored.id()) || core.store.lost_authority().map_err(fail)?.is_some() {
        return Ok(None);
    }
    let record = read::domain(&core.state, &id.domain).map_err(|e| core.state_error(&e))?;
    let in_force = record.and_then(|record| record.delegation);
    let is_here = in_force.is_some_and(|one| one.node_id == core.node_id() && one.epoch == id.epoch);
    // The writer knows what is durable; a feed that is to be written is opened first.
    let writer = if is_here { core.feeds.writer(core, &id.domain).ok() } else { core.feeds.known(id) };
    if let Some(writer) = writer {
        let signed = writer.signed_head(&*core.keypair)?;
        return Ok(signed.map(|(head, note)| KeptHead { goal: Goal { size: head.size, root: head.root }, note }));
    }
    if is_here {
        return Ok(None);
    }
    // Of an epoch that ended: nobody appends to it, and all of it was read from the disk.
    let size = stored.log().size().map_err(fail)?;
    let Some(last) = size.checked_sub(1) else { return Ok(None) };
    let Some(leaf) = stored.log().leaf(last).map_err(fail)? else { return Ok(None) };
    let root = stored.log().root_at(size).map_err(fail)?;
    let head = FeedHead { feed: id.clone(), size, root, last_leaf: leaf_hash(&leaf) };
    let note = head.sign(&core.mesh_id, &*core.keypair).expect("a mesh id and a domain name always make an origin");
    Ok(Some(KeptHead { goal: Goal { size, root }, note }))
}

/// The heads of a domain's feed, by epoch. None of an epoch that was signed in two histories: it is not served until that is resolved.
///
/// # Errors
/// When the store cannot be read.
pub fn of_domain(core: &Arc<Core>, domain: &DomainName) -> Result<Vec<(FeedId, KeptHead)>, MeshError> {
    let forked = forked(core, domain)?;
    let mut heads = Vec::new();
    for feed in core.store.feeds_of(domain.as_str()).map_err(|e| storage_error(&e))? {
        if forked.is_some_and(|epoch| feed.epoch() >= epoch) {
            continue;
        }
        let id = FeedId { domain: domain.clone(), epoch: feed.epoch() };
        if let Some(head) = of_feed(core, &id)? {
            heads.push((id, head));
        }
    }
    Ok(heads)
}

/// How much of a feed is here, and whether it is written here; without signing anything. For people.
///
/// # Errors
/// When the store cannot be read.
pub fn brief(core: &Core, id: &FeedId) -> Result<(Goal, bool), MeshError> {
    let stored = core.store.feed(store_id(id)?);
    if stored.is_copy().map_err(|e| storage_error(&e))? {
        let nothing = Goal { size: 0, root: mesh_tlog::empty_root() };
        return Ok((kept_head(&core.store, id)?.map_or(nothing, |head| head.goal), false));
    }
    let frontier = stored.log().frontier().map_err(|e| storage_error(&e))?;
    Ok((Goal { size: frontier.size(), root: frontier.root() }, true))
}
