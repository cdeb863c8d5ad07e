//! One node's turn: its heads are compared with ours, and what is missing here is fetched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use mesh_event::{FeedBridge, FeedForkProof, FeedHead, FeedId};
use mesh_model::{Code, DomainName, NodeId, PublicKey};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{FeedPlace, SignedFeedHead};
use tracing::{debug, info};

use super::copy::{Copy, KeptHead, is_damaged, kept_head, note_head, store_id};
use super::fetch::fetch;
use super::forks::forked;
use super::intake::Goal;
use super::peers::{Fault, hash};
use super::writers::{self, Delegated};
use super::{files, heads};
use crate::core::{Core, storage_error};

/// Domains in one question.
pub(crate) const DOMAINS: usize = 256;
/// Heads in one answer.
pub(crate) const HEADS: usize = 2_048;

/// Asks one node about these domains, which are sorted.
///
/// # Errors
/// The first [`Fault::Silent`] or [`Fault::Lie`]: then the node is left alone for a while. What concerns one feed alone ends nothing.
pub(super) async fn turn(core: &Arc<Core>, peer: NodeId, domains: &[DomainName]) -> Result<(), Fault> {
    for chunk in domains.chunks(DOMAINS) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let (reading, asked) = (Arc::clone(core), rest.to_vec());
            let held = core.offload(move || places(&reading, &asked)).await?;
            let page = core.replicas.peers().heads(peer, rest, held).await?;
            if page.heads.len() > HEADS {
                return Err(Fault::Lie(format!("{} heads in one answer", page.heads.len())));
            }
            let asked: BTreeSet<&str> = rest.iter().map(DomainName::as_str).collect();
            for head in page.heads {
                match consider(core, peer, &asked, head).await {
                    Err(fault @ (Fault::Silent(_) | Fault::Lie(_))) => return Err(fault),
                    Err(fault) => debug!(node = peer, %fault, "a feed was not fetched"),
                    Ok(()) => {}
                }
            }
            rest = match page.next_domain.as_str() {
                "" => &[],
                next => match rest.iter().position(|domain| domain.as_str() == next) {
                    Some(at) if at > 0 => &rest[at..],
                    _ => return Err(Fault::Lie("the same page of heads again".to_owned())),
                },
            };
        }
    }
    for domain in domains {
        files::fetch(core, peer, domain).await?;
    }
    Ok(())
}

/// What is held here of these domains.
fn places(core: &Arc<Core>, domains: &[DomainName]) -> Result<Vec<FeedPlace>, MeshError> {
    let mut places = Vec::new();
    for domain in domains {
        for (id, head) in heads::of_domain(core, domain)? {
            places.push(place(&id, head.goal));
        }
    }
    places.truncate(HEADS);
    Ok(places)
}

/// A feed at one size, as it travels.
pub(crate) fn place(id: &FeedId, goal: Goal) -> FeedPlace {
    let (domain, root) = (id.domain.to_string(), goal.root.as_bytes().to_vec());
    FeedPlace { domain, epoch: id.epoch, size: goal.size, root }
}

/// Reads a place as it travels.
pub(crate) fn read_place(place: &FeedPlace) -> Option<(FeedId, Goal)> {
    let domain = DomainName::parse(&place.domain).ok()?;
    let root = mesh_tlog::Hash::try_from(place.root.as_slice()).ok()?;
    Some((FeedId { domain, epoch: place.epoch }, Goal { size: place.size, root }))
}

/// Looks at one head that a node shows.
async fn consider(core: &Arc<Core>, peer: NodeId, asked: &BTreeSet<&str>, shown: SignedFeedHead) -> Result<(), Fault> {
    let place = shown.place.unwrap_or_default();
    hash(&place.root)?;
    let Some((feed, goal)) = read_place(&place).filter(|(feed, _)| asked.contains(feed.domain.as_str())) else {
        return Err(Fault::Lie("a head of a feed that it was not asked for".to_owned()));
    };
    // An epoch that this node does not know of yet comes with the ledger.
    let Some(writer) = writers::of(core, &feed)? else { return Ok(()) };
    core.replicas.copies().heard(&feed, peer, goal.size, Instant::now());
    if forked(core, &feed.domain)?.is_some_and(|epoch| feed.epoch >= epoch) || core.replicas.is_flawed(&feed) {
        return Ok(());
    }
    let signed = signed_head(core, &feed, &writer, goal, &shown.note)?;
    let stored = core.store.feed(store_id(&feed)?);
    let here = stored.log().frontier().map_err(|e| storage_error(&e))?.size();
    let is_mine = writer.node == core.node_id() && writer.ended_at.is_none();
    if (here > 0 || is_mine) && !stored.is_copy().map_err(|e| storage_error(&e))? {
        return own(core, peer, &feed, &writer, signed.map(|head| (head, shown.note))).await;
    }
    let Some(head) = aim(&writer, goal, signed, shown.note) else { return Ok(()) };
    if writer.ended_at.is_some() && is_of_another_history(core, &feed, head.goal)? {
        return anew(core, &feed).await;
    }
    if head.goal.size > here || is_damaged(&core.store, stored.id()) {
        fetch(core, peer, &feed, &head, writer.key).await?;
        return Ok(());
    }
    compare(core, &feed, &writer, head).await
}

/// Checks the note, if there is one: signed by the feed's writer, for this very size and root.
fn signed_head(
    core: &Core,
    feed: &FeedId,
    writer: &Delegated,
    goal: Goal,
    note: &[u8],
) -> Result<Option<FeedHead>, Fault> {
    if note.is_empty() {
        return Ok(None);
    }
    let head = FeedHead::verify(note, &core.mesh_id, feed, &writer.key)
        .map_err(|error| Fault::Lie(format!("a head of {}/{}: {error}", feed.domain, feed.epoch)))?;
    if (head.size, head.root) != (goal.size, goal.root) {
        return Err(Fault::Lie(format!("the head of {}/{} for another place", feed.domain, feed.epoch)));
    }
    Ok(Some(head))
}

/// Up to where the feed is to be copied: the signed head while its epoch is in force and its writer not revoked; after that what the
/// next epoch continues, for which the domain's root has signed. Anything beyond is an orphan, and its home's to offer again.
fn aim(writer: &Delegated, shown: Goal, signed: Option<FeedHead>, note: Vec<u8>) -> Option<KeptHead> {
    if let Some(end) = writer.ended_at {
        let note = if (end.size, end.root) == (shown.size, shown.root) { note } else { Vec::new() };
        return (end.size > 0 && shown.size >= end.size).then_some(KeptHead { goal: end, note });
    }
    let head = signed.filter(|_| !writer.is_revoked)?;
    Some(KeptHead { goal: Goal { size: head.size, root: head.root }, note })
}

/// A head that is not longer than what is here: the same history, or the proof of another one.
async fn compare(core: &Arc<Core>, feed: &FeedId, writer: &Delegated, head: KeptHead) -> Result<(), Fault> {
    let (reading, id) = (Arc::clone(core), feed.clone());
    let (size, key) = (head.goal.size, writer.key);
    let looked = core.offload(move || {
        let log = reading.store.feed(store_id(&id)?);
        let ours = log.log().root_at(size).map_err(|e| storage_error(&e))?;
        let kept = kept_head(&reading.store, &id)?;
        if ours == head.goal.root {
            if kept.is_none_or(|kept| kept.goal.size < size) {
                note_head(&reading.store, &id, &head)?;
                reading.replicas.progressed();
            }
            return Ok(());
        }
        let Some(kept) = kept else { return Ok(()) };
        if let Some(fork) = contradiction(&reading, &id, key, (size, head.note), (kept.goal.size, kept.note))? {
            reading.replicas.forks().take(fork);
        }
        Ok(())
    });
    looked.await.map_err(Fault::from)
}

/// The proof that two signed heads contradict each other, where our own tree has the larger one and another root at the smaller one's
/// size. `None` where they prove nothing.
pub(super) fn contradiction(
    core: &Core,
    feed: &FeedId,
    node_key: PublicKey,
    (size, theirs): (u64, Vec<u8>),
    (own_size, ours): (u64, Vec<u8>),
) -> Result<Option<FeedForkProof>, MeshError> {
    let stored = core.store.feed(store_id(feed)?);
    let bridge = if own_size > size {
        let root = stored.log().root_at(size).map_err(|e| storage_error(&e))?;
        let proof = mesh_tlog::prove_consistency(stored.log(), size, own_size);
        Some(FeedBridge { root, proof: proof.map_err(|error| MeshError::new(Code::Damaged, error.to_string()))? })
    } else {
        None
    };
    let proof = FeedForkProof { feed: feed.clone(), node_key, heads: [theirs, ours], bridge };
    Ok(proof.verify(&core.mesh_id).is_ok().then_some(proof))
}

/// Whether a copy follows a history that the domain's root decided against.
fn is_of_another_history(core: &Core, feed: &FeedId, end: Goal) -> Result<bool, MeshError> {
    let stored = core.store.feed(store_id(feed)?);
    let fail = |e: mesh_store::StoreError| storage_error(&e);
    if end.size == 0 || is_damaged(&core.store, stored.id()) || stored.log().size().map_err(fail)? < end.size {
        return Ok(false);
    }
    Ok(stored.log().root_at(end.size).map_err(fail)? != end.root)
}

/// Throws a copy away, so that it is fetched anew.
async fn anew(core: &Arc<Core>, feed: &FeedId) -> Result<(), Fault> {
    let Some(_busy) = core.replicas.claim(feed) else { return Ok(()) };
    info!(domain = %feed.domain, epoch = feed.epoch, "the copy of a history that does not count is fetched anew");
    let (clearing, id) = (Arc::clone(core), feed.clone());
    core.offload(move || Copy::open(&clearing.store, &id)?.clear(&clearing.store)).await?;
    core.replicas.poke(feed.domain.clone());
    Ok(())
}

/// A feed that is written here: nobody can hold more of it than this node appended, or other events, unless this node forgot some or
/// its key is used elsewhere. Then it never writes this epoch again.
async fn own(
    core: &Arc<Core>,
    peer: NodeId,
    feed: &FeedId,
    writer: &Delegated,
    signed: Option<(FeedHead, Vec<u8>)>,
) -> Result<(), Fault> {
    let Some((head, note)) = signed.filter(|_| writer.ended_at.is_none() && writer.node == core.node_id()) else {
        return Ok(());
    };
    let stored = core.store.feed(store_id(feed)?);
    let size = stored.log().size().map_err(|e| storage_error(&e))?;
    if head.size <= size && stored.log().root_at(head.size).is_ok_and(|root| root == head.root) {
        return Ok(());
    }
    let why = format!(
        "node {peer} holds {} events of epoch {} signed by this node's key, and this node has {size} or other ones: it forgot some, or its key \
         is used elsewhere; the domain's root delegates anew: `mesh domain move`",
        head.size, feed.epoch
    );
    // Before the fence: its writer still says where the feed ends.
    let (proving, id, key) = (Arc::clone(core), feed.clone(), writer.key);
    core.offload(move || {
        if let Some(kept) = heads::of_feed(&proving, &id)?.filter(|kept| kept.goal.size >= head.size)
            && let Some(fork) = contradiction(&proving, &id, key, (head.size, note), (kept.goal.size, kept.note))?
        {
            proving.replicas.forks().take(fork);
        }
        proving.feeds.fence(&proving, &id, &why)
    })
    .await?;
    Ok(())
}
