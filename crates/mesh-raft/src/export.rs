//! Sending a snapshot.

use std::sync::Arc;

use mesh_event::codec::CodecError;
use mesh_store::StoreError;
use mesh_tlog::Frontier;
use openraft::AsyncRuntime;

use crate::applied_record::AppliedRecord;
use crate::exports::{ExportError, StatePage};
use crate::machine::Machine;
use crate::type_config::SnapshotMeta;

/// Leaves that are read at once.
const LEAVES: usize = 128;

/// The state as of one moment, read page by page while entries go on being applied; see [`Exports`](crate::exports::Exports).
pub(crate) struct Export<R: AsyncRuntime> {
    machine: Arc<Machine>,
    id: u64,
    meta: SnapshotMeta<R>,
    frontier: Frontier,
}

/// Why no snapshot can be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the applied record is damaged: {0}")]
    Record(#[from] CodecError),
    #[error("expected leaf {0} in the own ledger, found none")]
    MissingLeaf(u64),
}

impl<R: AsyncRuntime> Export<R> {
    /// Takes hold of the state as it is now.
    pub(crate) fn begin(machine: &Arc<Machine>) -> Result<Self, SendError> {
        let mut exports = machine.exports();
        let view = machine.state.view();
        let meta = AppliedRecord::<R>::decode(view.applied()?.as_deref())?.meta();
        let frontier = machine.state.ledger().frontier()?;
        let id = exports.begin(&view);
        drop(exports);
        Ok(Self { machine: Arc::clone(machine), id, meta, frontier })
    }

    /// What the snapshot is of.
    pub(crate) fn meta(&self) -> &SnapshotMeta<R> {
        &self.meta
    }

    /// The ledger's right edge.
    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The next state entries, by key; `None` after the last.
    pub(crate) fn state(&self) -> Result<Option<StatePage>, SendError> {
        let mut exports = self.machine.exports();
        Ok(exports.page(self.id, &self.machine.state.view())?)
    }

    /// Leaves from `first` on, about `budget` bytes of them; none at the end.
    pub(crate) fn leaves(&self, first: u64, budget: usize) -> Result<Vec<Vec<u8>>, SendError> {
        let mut leaves = Vec::new();
        let mut bytes = 0;
        if first >= self.frontier.size() {
            return Ok(leaves);
        }
        for (index, leaf) in self.machine.state.ledger().leaves(first..self.frontier.size(), LEAVES)? {
            let expected = first + leaves.len() as u64;
            if index != expected {
                return Err(SendError::MissingLeaf(expected));
            }
            bytes += leaf.len();
            if bytes > budget && !leaves.is_empty() {
                break;
            }
            leaves.push(leaf);
        }
        if leaves.is_empty() { Err(SendError::MissingLeaf(first)) } else { Ok(leaves) }
    }
}

impl<R: AsyncRuntime> Drop for Export<R> {
    fn drop(&mut self) {
        self.machine.exports().end(self.id);
    }
}
