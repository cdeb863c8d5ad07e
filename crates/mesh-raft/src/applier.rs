//! The one writer of ledger and state, whoever decides what comes next.

use std::sync::{Arc, Mutex, PoisonError};

use mesh_governance::{Applied, Effect, Overlay, read};
use mesh_model::LedgerIndex;
use mesh_store::{Appender, Batch, Store, StoreError};

use crate::applied::{Announcer, LedgerEnd};
use crate::machine::Machine;
use crate::state_machine::ApplyError;
use crate::store_state::StoreState;

/// The applier of a node: shared by Raft's state machine and the tail, of which one at a time has a say ([`Machine::follows_raft`]).
pub(crate) type SharedApplier = Arc<Mutex<Applier>>;

/// Writes decisions: leaves, subtree hashes and right edge of the ledger, and the changed state, in one batch per run.
pub(crate) struct Applier {
    machine: Arc<Machine>,
    ledger: Appender,
    announcer: Announcer,
}

/// Decisions that become one batch.
pub(crate) struct Run<'a> {
    overlay: Overlay<'a, StoreState>,
    leaves: Vec<Vec<u8>>,
    effects: Vec<(LedgerIndex, Vec<Effect>)>,
    end: Option<LedgerEnd>,
}

impl<'a> Run<'a> {
    /// No decisions yet, over the applied state.
    pub(crate) fn new(state: &'a StoreState) -> Self {
        Self { overlay: Overlay::new(state), leaves: Vec::new(), effects: Vec::new(), end: None }
    }

    /// The state after the decisions so far.
    pub(crate) fn state(&self) -> &Overlay<'a, StoreState> {
        &self.overlay
    }

    /// The leaves so far, in order.
    pub(crate) fn leaves(&self) -> &[Vec<u8>] {
        &self.leaves
    }

    /// Takes the next decision.
    pub(crate) fn push(&mut self, applied: Applied) {
        self.overlay.push(&applied);
        self.end = Some(LedgerEnd { size: applied.leaf.index + 1, last_stamp: applied.leaf.stamp_unix_ms });
        self.effects.push((applied.leaf.index, applied.effects));
        self.leaves.push(applied.leaf_bytes);
    }
}

impl Applier {
    /// Over what the store holds.
    ///
    /// # Errors
    /// When that can't be read, or ledger and state are not of one size.
    pub(crate) fn open(store: Arc<Store>) -> Result<Self, ApplyError> {
        let machine = Arc::new(Machine::open(store)?);
        let ledger = machine.state.ledger().appender()?;
        let head = read::head(&machine.state)?;
        if head.size != ledger.size() {
            return Err(ApplyError::Apart { ledger: ledger.size(), state: head.size });
        }
        let announcer = Announcer::new(LedgerEnd { size: head.size, last_stamp: head.last_stamp });
        Ok(Self { machine, ledger, announcer })
    }

    pub(crate) fn shared(self) -> SharedApplier {
        Arc::new(Mutex::new(self))
    }

    pub(crate) fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    pub(crate) fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    /// The ledger's right edge.
    pub(crate) fn ledger(&self) -> &Appender {
        &self.ledger
    }

    /// Hands in a run as one batch, with Raft's record of it if Raft decided: readable when this returns, durable with a later sync. What
    /// is lost is decided again, by Raft's log or a peer's ledger.
    ///
    /// # Errors
    /// When the store fails; nothing changed then.
    ///
    /// # Panics
    /// When the run does not begin where the ledger ends.
    pub(crate) fn commit(&mut self, run: Run<'_>, raft_record: Option<&[u8]>) -> Result<(), StoreError> {
        let Run { overlay, leaves, effects, end } = run;
        let view = self.machine.state.view();
        let first = effects.first().map(|(index, _)| *index);
        assert!(first.is_none_or(|first| first == self.ledger.size()), "leaves are dense");
        let mut batch = Batch::new();
        self.ledger.append_all(&mut batch, leaves);
        let changes = overlay.into_changes();
        if let Some(record) = raft_record {
            view.set_applied(&mut batch, record);
        }
        // Whoever reads a page of the state for a follower waits for the batch, or the batch for them.
        let mut exports = self.machine.exports();
        exports.before_changes(&view, &changes)?;
        view.apply(&mut batch, changes.into_iter().map(|change| (change.key, change.value)));
        self.machine.write_readable(batch)?;
        drop(exports);
        if let Some(end) = end {
            self.announcer.announce(end, effects);
        }
        Ok(())
    }

    /// Another state was put in the place of the applied one.
    ///
    /// # Errors
    /// When that can't be read.
    pub(crate) fn replaced(&mut self, ledger: Appender) -> Result<(), ApplyError> {
        self.ledger = ledger;
        let head = read::head(&self.machine.state)?;
        self.announcer.announce(LedgerEnd { size: head.size, last_stamp: head.last_stamp }, Vec::new());
        Ok(())
    }
}

/// The applier, whoever panicked with it before: a batch is handed in whole or not at all.
pub(crate) fn locked(applier: &SharedApplier) -> std::sync::MutexGuard<'_, Applier> {
    applier.lock().unwrap_or_else(PoisonError::into_inner)
}
