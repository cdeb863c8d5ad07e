//! Follows the ledger and closes the connections of what it revoked.

use std::sync::Arc;

use mesh_governance::Effect;
use mesh_raft::Applied;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::info;

use super::Transport;
use super::verifier::standing;

/// Runs until the ledger's announcements end.
pub async fn follow(transport: Arc<Transport>, mut applied: Receiver<Applied>) {
    loop {
        let look = match applied.recv().await {
            Ok(batch) => may_revoke(&batch),
            // What was missed may have revoked somebody.
            Err(RecvError::Lagged(_)) => true,
            Err(RecvError::Closed) => return,
        };
        if look {
            close_revoked(&transport);
        }
    }
}

/// A batch without effects is a snapshot: anything may have happened.
fn may_revoke(batch: &Applied) -> bool {
    let effects = &batch.effects;
    effects.is_empty()
        || effects.iter().flat_map(|(_, effects)| effects).any(|effect| matches!(effect, Effect::NodeRevoked { .. }))
}

fn close_revoked(transport: &Transport) {
    for key in transport.connections.keys() {
        if let Err(why) = standing(&key, &*transport.admitted) {
            let count = transport.connections.end(&key);
            info!(%why, count, "connections were closed");
        }
    }
}
