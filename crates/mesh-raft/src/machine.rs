//! What state machine, snapshot sender and snapshot receiver share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh_store::{Batch, Store, StoreError};

use crate::exports::Exports;
use crate::log_store::awaitable;
use crate::refounding::Refounding;
use crate::store_state::{StateError, StoreState};

/// Keys that one batch of a clean-up removes.
const CLEAR_KEYS: usize = 1000;

/// The store and who is at work on the state. One per node.
pub(crate) struct Machine {
    pub(crate) store: Arc<Store>,
    pub(crate) state: StoreState,
    exports: Mutex<Exports>,
    importing: AtomicBool,
    /// Whether Raft decides what is applied next; undone only where Raft was ended for good.
    follows_raft: AtomicBool,
    /// Whether Raft was ended while the node runs: what its worker still holds is not applied.
    raft_ended: AtomicBool,
    /// The group by the ledger's last recovery, with its index: asked for with each frame.
    group: Mutex<Option<(u64, Vec<u8>)>>,
    /// What the store was refounded with.
    refounding: Option<Refounding>,
}

impl Machine {
    pub(crate) fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        let state = StoreState::open(&store)?;
        // What Raft applied before the node lost its authority or left stands; what follows comes from peers.
        let by_raft = Refounding::why_not(&store)?.is_none() && state.view().applied()?.is_some();
        let follows_raft = AtomicBool::new(by_raft);
        let (exports, importing) = (Mutex::default(), AtomicBool::new(false));
        let refounding = Refounding::load(&store)?;
        let (raft_ended, group) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { store, state, exports, importing, follows_raft, raft_ended, group, refounding })
    }

    /// What the store was refounded with.
    pub(crate) fn refounding(&self) -> Option<&Refounding> {
        self.refounding.as_ref()
    }

    /// Among which voters this node is, or would be.
    pub(crate) fn group(&self) -> Result<Vec<u8>, StateError> {
        let mut known = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        Refounding::group(self.refounding(), &self.state, &mut known)
    }

    /// From now on nothing of Raft's is applied.
    pub(crate) fn end_raft(&self) {
        self.raft_ended.store(true, Ordering::SeqCst);
    }

    /// Whether that was said.
    pub(crate) fn raft_ended(&self) -> bool {
        self.raft_ended.load(Ordering::SeqCst)
    }

    /// Whether Raft applied something here: then nobody else ever does again, unless the store lost its authority.
    pub(crate) fn follows_raft(&self) -> bool {
        self.follows_raft.load(Ordering::SeqCst)
    }

    /// Raft was ended on this node, which goes on with what peers send.
    pub(crate) fn follow_peers(&self) {
        self.follows_raft.store(false, Ordering::SeqCst);
    }

    /// Raft applies from now on.
    pub(crate) fn follow_raft(&self) {
        self.follows_raft.store(true, Ordering::SeqCst);
    }

    /// Whether the ledger holds what Raft did not bring: Raft's entries would be applied to it twice, so Raft has to begin with a
    /// snapshot.
    pub(crate) fn needs_snapshot(&self) -> Result<bool, StoreError> {
        Ok(!self.follows_raft() && self.state.ledger().size()? > 0)
    }

    /// Whether a snapshot is coming in.
    pub(crate) fn is_importing(&self) -> bool {
        self.importing.load(Ordering::SeqCst)
    }

    /// Held while a batch changes the state, and while an export reads a page of it.
    pub(crate) fn exports(&self) -> MutexGuard<'_, Exports> {
        self.exports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a batch and returns when it is durable.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (callback, done) = awaitable();
        self.store.committer().commit(batch, callback);
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Hands in a batch that can be read when this returns. It needn't be durable: the raft log is, and replays it.
    pub(crate) fn write_readable(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.committer().apply_relaxed_readable(batch)
    }

    /// The right to write into the generation that is not in use: one at a time.
    pub(crate) fn import_slot(self: &Arc<Self>) -> Option<ImportSlot> {
        let taken = self.importing.swap(true, Ordering::SeqCst);
        (!taken).then(|| ImportSlot(Arc::clone(self)))
    }

    /// Removes all of a generation that is not in use.
    pub(crate) async fn clear(&self, generation: u32) -> Result<(), StoreError> {
        while let Some(batch) = self.state.state().clear(generation, CLEAR_KEYS)? {
            self.commit(batch).await?;
        }
        Ok(())
    }
}

/// Whoever holds it may write the generation after the one in use.
pub(crate) struct ImportSlot(Arc<Machine>);

impl ImportSlot {
    pub(crate) fn machine(&self) -> &Arc<Machine> {
        &self.0
    }
}

impl Drop for ImportSlot {
    fn drop(&mut self) {
        self.0.importing.store(false, Ordering::SeqCst);
    }
}
