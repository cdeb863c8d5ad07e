//! Snapshots as openraft handles them: markers, not copies.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use openraft::{AsyncRuntime, RaftSnapshotBuilder};

use crate::import::Received;
use crate::machine::Machine;
use crate::type_config::{SnapshotMeta, TypeConfig};

/// Where a snapshot's data is. Ledger and state are in the store, durable in the order of the log, so a snapshot is only the
/// statement that entries up to some log id aren't needed any more. Bytes are read when a follower asks for them, and are then of the
/// moment of asking, which is later: the sender says which.
pub struct SnapshotData(pub(crate) Data);

pub(crate) enum Data {
    /// In this node's store.
    Here(Arc<Machine>),
    /// Received from a leader, waiting to be put in use.
    Received(Box<Received>),
}

/// The last snapshot, shared by state machine and builder.
pub(crate) type Current<R> = Arc<Mutex<Option<SnapshotMeta<R>>>>;

/// Declares what is applied now to be a snapshot.
pub struct SnapshotBuilder<R: AsyncRuntime> {
    pub(crate) machine: Arc<Machine>,
    pub(crate) meta: SnapshotMeta<R>,
    pub(crate) current: Current<R>,
}

pub(crate) type Snapshot<R> = openraft::type_config::alias::SnapshotOf<TypeConfig<R>, SnapshotData>;

impl<R: AsyncRuntime> RaftSnapshotBuilder<TypeConfig<R>> for SnapshotBuilder<R> {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot<R>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // A snapshot that was installed meanwhile is newer.
        if current.as_ref().is_none_or(|current| current.last_log_id <= self.meta.last_log_id) {
            *current = Some(self.meta.clone());
        }
        let meta = current.clone().expect("set just now");
        Ok(Snapshot::<R> { meta, snapshot: SnapshotData(Data::Here(Arc::clone(&self.machine))) })
    }
}
