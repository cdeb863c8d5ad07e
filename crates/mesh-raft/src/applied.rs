//! What the state machine tells the rest of the node.

use std::sync::Arc;

use mesh_governance::Effect;
use mesh_model::{LedgerIndex, UnixMs};
use tokio::sync::{broadcast, watch};

/// Batches that a slow subscriber may lag behind before it has to read the ledger instead.
const LAG: usize = 1024;

/// One applied batch.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Leaves in the ledger after it.
    pub ledger_size: u64,
    /// The last leaf's stamp.
    pub last_stamp: UnixMs,
    /// What happened, by leaf. Empty after a snapshot was installed: read the ledger from where you were.
    pub effects: Arc<Vec<(LedgerIndex, Vec<Effect>)>>,
}

/// Where the ledger ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerEnd {
    /// Leaves in the ledger.
    pub size: u64,
    /// The last leaf's stamp; 0 before Genesis.
    pub last_stamp: UnixMs,
}

/// Tells subscribers, after each batch could be read.
#[derive(Debug, Clone)]
pub(crate) struct Announcer {
    end: watch::Sender<LedgerEnd>,
    applied: broadcast::Sender<Applied>,
}

impl Announcer {
    pub(crate) fn new(end: LedgerEnd) -> Self {
        Self { end: watch::Sender::new(end), applied: broadcast::Sender::new(LAG) }
    }

    pub(crate) fn announce(&self, end: LedgerEnd, effects: Vec<(LedgerIndex, Vec<Effect>)>) {
        self.end.send_replace(end);
        let effects = Arc::new(effects);
        // Fails only while nobody listens.
        drop(self.applied.send(Applied { ledger_size: end.size, last_stamp: end.last_stamp, effects }));
    }

    pub(crate) fn end(&self) -> LedgerEnd {
        *self.end.borrow()
    }

    pub(crate) fn watch_end(&self) -> watch::Receiver<LedgerEnd> {
        self.end.subscribe()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Applied> {
        self.applied.subscribe()
    }
}
