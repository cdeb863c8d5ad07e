//! What the node does not want to be ordered at present.

use std::sync::{Arc, OnceLock};

use mesh_event::ledger::EntryBody;

use crate::propose_error::ProposeError;

type Refuses = dyn Fn(&EntryBody) -> Option<ProposeError> + Send + Sync;

/// Asked by the leader before it hands an entry to Raft, wherever the entry came from. Nothing is refused until it is closed for the
/// first time. Clones are one gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<OnceLock<Box<Refuses>>>);

impl Gate {
    /// From now on this is asked. Only the first call counts.
    pub(crate) fn keep(&self, refuses: Box<Refuses>) {
        // A second keeper would be a defect of the node; the first one stays.
        drop(self.0.set(refuses));
    }

    /// Why an entry is not ordered now.
    pub(crate) fn refuses(&self, body: &EntryBody) -> Option<ProposeError> {
        self.0.get().and_then(|refuses| refuses(body))
    }
}
