//! Stops the writers of feeds whose epoch ended, as soon as the leaf that says so is applied. Whoever publishes asks the state itself;
//! this is for writers that nobody asks for.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::core::Core;

/// The ledger may grow a thousand times a second; the writers are not looked through as often.
const REST: Duration = Duration::from_millis(20);

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
        tokio::time::sleep(REST).await;
    }
}
