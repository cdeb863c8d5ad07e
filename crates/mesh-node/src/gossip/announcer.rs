//! Step 7 of a publish: the feed's new head goes into gossip. Nothing is lost when it does not: pulls bring it.

use std::sync::Arc;
use std::time::Duration;

use mesh_gossip::SignedHead;
use mesh_model::DomainName;
use mesh_proto::status::MeshError;
use tracing::{debug, warn};

use super::handle::Ask;
use crate::core::{Core, storage_error};
use crate::feed_writer::FeedWriter;

/// Least time between two heads of one feed: under load one signature covers what was appended meanwhile.
const GAP: Duration = Duration::from_millis(100);

/// Tells of each new durable head of a feed that is written here, as long as the node runs. One run per writer.
pub async fn announce(core: Arc<Core>, writer: Arc<FeedWriter>) {
    let mut durable = writer.follow_durable();
    durable.mark_changed();
    loop {
        tokio::select! {
            changed = durable.changed() => if changed.is_err() { return },
            () = core.stopping.cancelled() => return,
        }
        let size = *durable.borrow_and_update();
        if size > 0 {
            match sign(&core, &writer, size).await {
                Ok(head) => {
                    if !core.gossip.ask(Ask::AnnounceHead(head)).await {
                        return;
                    }
                }
                Err(error) => warn!(feed = ?writer.id(), %error, "the feed's new head is not told of"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(GAP) => {}
            () = core.stopping.cancelled() => return,
        }
    }
}

/// The signed head over what is durable: never over more, because a crash would make the node sign another history.
async fn sign(core: &Arc<Core>, writer: &Arc<FeedWriter>, size: u64) -> Result<SignedHead, MeshError> {
    let (reader, mesh, key) = (Arc::clone(writer), core.mesh_id, Arc::clone(&core.keypair));
    let signed = move || {
        let head = reader.head_at(size)?;
        let note = head.sign(&mesh, &*key).expect("a mesh id and a domain name always make an origin");
        Ok(SignedHead { feed: head.feed, size, note })
    };
    core.offload(signed).await
}

/// Opens the writers of all feeds that lie here and were delegated to this node, so that their heads are told of after a restart.
///
/// # Errors
/// When the store or the state cannot be read.
pub fn open_writers(core: &Arc<Core>) -> Result<(), MeshError> {
    for feed in core.store.feeds().map_err(|error| storage_error(&error))? {
        let Ok(domain) = DomainName::parse(feed.domain()) else { continue };
        // A feed that is another node's by now, or must not be written, is not told of; the latter is an alarm already.
        if let Err(error) = core.feeds.writer(core, &domain) {
            debug!(%domain, %error, "the feed is not told of");
        }
    }
    Ok(())
}
