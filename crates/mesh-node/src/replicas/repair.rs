//! Feeds that a start found damaged: given up as our own, cut back to what is whole, and then fetched like any other copy.

use std::sync::Arc;

use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_store::{Batch, Damage, LogName, Store};
use tracing::{info, warn};

use crate::core::{Core, storage_error};

/// Prepares every damaged feed for being filled from others. What they have of it is fetched by the rounds that follow.
pub(super) async fn prepare(core: &Arc<Core>) {
    for damage in core.store.damage() {
        let Damage::Log { log: LogName::Feed(id), readable_below, .. } = damage else { continue };
        let (store, feed) = (Arc::clone(&core.store), id.clone());
        match core.offload(move || cut(&store, &feed)).await {
            Ok(()) => info!(feed = %id, readable_below, "a damaged feed waits for what others have of it"),
            Err(error) => warn!(feed = %id, %error, "a damaged feed cannot be repaired"),
        }
    }
}

fn cut(store: &Store, id: &mesh_store::FeedId) -> Result<(), MeshError> {
    let feed = store.feed(id.clone());
    let fail = |e: mesh_store::StoreError| storage_error(&e);
    if !feed.is_copy().map_err(fail)? {
        // Whoever lost events that it had acknowledged never writes this epoch again: under a new one the domain goes on.
        let mut batch = Batch::new();
        feed.give_up(&mut batch).map_err(|e| MeshError::new(Code::ReadOnly, e.to_string()))?;
        store.committer().commit_blocking(batch).map_err(fail)?;
    }
    let batches = match feed.cut_damage() {
        Ok(batches) => batches,
        Err(error) => {
            warn!(feed = %id, %error, "nothing of a damaged feed can be kept; all of it is fetched anew");
            let mut batches = Vec::new();
            while let Some(batch) = feed.log().clear(1_024).map_err(fail)? {
                store.committer().commit_blocking(batch).map_err(fail)?;
                batches.clear();
            }
            batches
        }
    };
    for batch in batches {
        store.committer().commit_blocking(batch).map_err(fail)?;
    }
    Ok(())
}
