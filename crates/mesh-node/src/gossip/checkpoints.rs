//! Checkpoints and gossip: tells of those that were judged good here, and fetches those that others hint at.

use std::sync::Arc;

use mesh_model::NodeId;
use mesh_proto::status::MeshError;
use tokio::sync::Semaphore;
use tracing::debug;

use super::handle::Ask;
use crate::core::Core;

/// Tells of each newer checkpoint that the own ledger agrees with, as long as the node runs.
pub async fn announce(core: Arc<Core>) {
    let mut brief = core.checkpoints.follow();
    brief.mark_changed();
    let mut told = 0;
    loop {
        tokio::select! {
            changed = brief.changed() => if changed.is_err() { return },
            () = core.stopping.cancelled() => return,
        }
        brief.borrow_and_update();
        let Some((last, _)) = core.checkpoints.last().filter(|(last, _)| last.size() > told) else { continue };
        told = last.size();
        let ask = Ask::AnnounceCheckpoint { size: told, root: last.root(), note: last.bytes() };
        if !core.gossip.ask(ask).await {
            return;
        }
    }
}

/// Follows one hint at a time: what was hinted at meanwhile is hinted at again by whoever has it.
pub struct HintFollower {
    busy: Arc<Semaphore>,
}

impl Default for HintFollower {
    fn default() -> Self {
        Self { busy: Arc::new(Semaphore::new(1)) }
    }
}

impl HintFollower {
    /// Takes the checkpoint that a node says it has, from the hint itself or from that node; it is believed for its signatures and
    /// the own ledger only.
    pub fn follow(&self, core: &Arc<Core>, from: NodeId, size: u64, note: Vec<u8>) {
        if size <= core.checkpoints.brief().size {
            return;
        }
        let Ok(permit) = Arc::clone(&self.busy).try_acquire_owned() else { return };
        let here = Arc::clone(core);
        core.tasks.spawn(async move {
            if let Err(error) = hear(&here, from, note).await {
                debug!(peer = from, %error, "a checkpoint that was hinted at was not taken");
            }
            drop(permit);
        });
    }
}

async fn hear(core: &Arc<Core>, from: NodeId, note: Vec<u8>) -> Result<(), MeshError> {
    let note = if note.is_empty() {
        let (note, handovers) = core.federation.checkpoint(&from.into()).await?;
        core.hear_handovers(handovers).await?;
        note
    } else {
        note
    };
    if !note.is_empty() {
        core.hear_checkpoint(note).await?;
    }
    Ok(())
}
