//! Filling one copy from one node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_event::{FeedBridge, FeedForkProof, FeedId};
use mesh_model::{Code, NodeId, PublicKey};
use mesh_proto::status::MeshError;
use mesh_store::LogName;
use mesh_tlog::check_consistency;
use tracing::{info, warn};

use super::copy::{Copy, KeptHead, is_damaged, kept_head, store_id};
use super::intake::{Flaw, check};
use super::peers::{Fault, hashes, next};
use crate::core::{Core, storage_error};

/// How long one node may take at a stretch; what came until then is kept, and the next round goes on.
const STRETCH: Duration = Duration::from_secs(30);
/// Batches that one stretch takes at most.
const BATCHES: usize = 256;

/// What a fetch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The copy has the head.
    Whole,
    /// It has more than before; the next round goes on.
    Some,
    /// Another fetch fills the copy now.
    Busy,
}

/// Brings the copy of a feed up to a head that was verified. `writer` is whose key signs the feed.
///
/// # Errors
/// [`Fault`]; what was proved before is kept.
pub async fn fetch(
    core: &Arc<Core>,
    peer: NodeId,
    feed: &FeedId,
    head: &KeptHead,
    writer: PublicKey,
) -> Result<Fetched, Fault> {
    let Some(_busy) = core.replicas.claim(feed) else { return Ok(Fetched::Busy) };
    let (opening, id) = (Arc::clone(core), feed.clone());
    let mut copy = core.offload(move || Copy::open(&opening.store, &id)).await?;
    if copy.end().size() >= head.goal.size {
        return Ok(Fetched::Whole);
    }
    let began = Instant::now();
    let mut stream = core.replicas.peers().range(peer, feed, copy.end().size(), head.goal.size).await?;
    let mut batches = 0;
    while copy.end().size() < head.goal.size {
        if batches == BATCHES || began.elapsed() > STRETCH {
            return if batches == 0 {
                Err(Fault::Silent("not one batch in time".to_owned()))
            } else {
                Ok(Fetched::Some)
            };
        }
        let Some(message) = next(&mut stream).await? else {
            // A server ends a long stream by itself; one that gave nothing has not what it says.
            return if batches == 0 {
                Err(Fault::Lie("no event of a feed that it says it has".to_owned()))
            } else {
                Ok(Fetched::Some)
            };
        };
        let proof = hashes(&message.proof)?;
        let (taking, id, events, wanted) = (Arc::clone(core), feed.clone(), message.events, head.clone());
        let taken = core.offload(move || {
            let checked = check(&taking.mesh_id, &id, copy.end(), &wanted.goal, &events, &proof, &*taking.verified);
            match checked {
                Ok(next) => {
                    copy.keep(&taking.store, &events, next, &wanted)?;
                    Ok(Ok(copy))
                }
                Err(flaw) => Ok(Err((flaw, copy))),
            }
        });
        match taken.await? {
            Ok(kept) => copy = kept,
            Err((Flaw::Sender(text), copy)) => return Err(unproved(core, peer, feed, head, writer, copy, text).await?),
            Err((flaw @ Flaw::Writer { .. }, _)) => {
                warn!(domain = %feed.domain, epoch = feed.epoch, %flaw, "a feed is not kept");
                core.replicas.flawed(&core.store, feed, &flaw.to_string());
                return Err(Fault::Here(MeshError::new(Code::Malformed, flaw.to_string())));
            }
        }
        batches += 1;
        core.replicas.progressed();
    }
    whole_again(core, feed).await?;
    Ok(Fetched::Whole)
}

/// Whether what a damaged feed lost is there again.
async fn whole_again(core: &Arc<Core>, feed: &FeedId) -> Result<(), MeshError> {
    let id = store_id(feed)?;
    if !is_damaged(&core.store, &id) {
        return Ok(());
    }
    let rechecking = Arc::clone(core);
    let found =
        core.offload(move || rechecking.store.recheck(&LogName::Feed(id)).map_err(|e| storage_error(&e))).await?;
    match found {
        None => info!(domain = %feed.domain, epoch = feed.epoch, "a damaged feed is whole again"),
        Some(damage) => warn!(%damage, "a damaged feed got what others have of it, and still lacks some"),
    }
    core.replicas.progressed();
    Ok(())
}

/// The events were not proved: the sender made them up, or the writer signed two histories, or what is here is of none that counts. The
/// sender's own word on its tree tells which.
async fn unproved(
    core: &Arc<Core>,
    peer: NodeId,
    feed: &FeedId,
    head: &KeptHead,
    writer: PublicKey,
    copy: Copy,
    text: String,
) -> Result<Fault, Fault> {
    let size = copy.end().size();
    if size == 0 {
        return Ok(Fault::Lie(text));
    }
    let store = Arc::clone(&core.store);
    let id = feed.clone();
    let kept = core.offload(move || kept_head(&store, &id)).await?;
    // What we can show to others is the last head that was signed; without one, where the copy ends.
    let (old_size, ours) = match &kept {
        Some(kept) => (kept.goal.size, kept.goal.root),
        None => (size, copy.end().frontier.root()),
    };
    let (old_root, root, proof) = core.replicas.peers().consistency(peer, feed, old_size, head.goal.size).await?;
    let is_proved =
        root == head.goal.root && check_consistency(&proof, old_size, old_root, head.goal.size, head.goal.root).is_ok();
    if !is_proved || old_root == ours {
        return Ok(Fault::Lie(text));
    }
    if let Some(kept) = kept.filter(|kept| !kept.note.is_empty() && !head.note.is_empty()) {
        let bridge = (kept.goal.size != head.goal.size).then_some(FeedBridge { root: old_root, proof });
        let heads = [kept.note, head.note.clone()];
        let fork = FeedForkProof { feed: feed.clone(), node_key: writer, heads, bridge };
        if fork.verify(&core.mesh_id).is_ok() {
            let taking = Arc::clone(core);
            let take = move || {
                taking.replicas.forks().take(fork);
                Ok(())
            };
            core.offload(take).await?;
            let text = format!("the feed of {} was signed in two histories", feed.domain);
            return Ok(Fault::Here(MeshError::new(Code::FeedForked, text)));
        }
    }
    // No signature of ours contradicts it: this copy was damaged, or its root decided for another history.
    warn!(domain = %feed.domain, epoch = feed.epoch, size, "a copy is of no history that counts; it is fetched anew");
    let store = Arc::clone(&core.store);
    core.offload(move || copy.clear(&store)).await?;
    Ok(Fault::Silent("the copy is fetched anew".to_owned()))
}
