//! Stops the writers of feeds whose epoch ended, as soon as the leaf that says so is applied.

use std::sync::Arc;

use tracing::warn;

use crate::core::Core;

/// Runs until the node stops.
pub async fn run(core: Arc<Core>) {
    let mut end = core.follow();
    loop {
        end.borrow_and_update();
        if let Err(error) = core.feeds.close_ended(&core) {
            warn!(%error, "whether feeds are still written here was not looked at");
        }
        tokio::select! {
            changed = end.changed() => if changed.is_err() { return },
            () = core.stopping.cancelled() => return,
        }
    }
}
