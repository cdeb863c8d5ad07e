//! The replicated state machine over the store.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, TryStreamExt as _};
use mesh_event::{LedgerEntry, codec::CodecError};
use mesh_governance::{Judge, Verify, apply_with};
use mesh_store::{Batch, Store, StoreError};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::TypeConfigExt as _;
use openraft::{AsyncRuntime, EntryPayload, OptionalSend};

use crate::applied_record::AppliedRecord;
use crate::applier::{Applier, Run, SharedApplier, locked};
use crate::export::{Export, SendError};
use crate::import::{Import, ImportError, Received};
use crate::machine::Machine;
use crate::other_history::{OtherHistory, check_history};
use crate::recent_entries::cost;
use crate::sealed::{Sealed, SealedLeaf};
use crate::snapshot::{Current, Data, Snapshot, SnapshotBuilder, SnapshotData};
use crate::store_state::{StateError, StoreState};
use crate::type_config::{Entry, LogId, SnapshotMeta, StoredMembership, TypeConfig};

/// Entries that become one batch of the store.
const BATCH_ENTRIES: usize = 256;
/// The same in bytes.
const BATCH_BYTES: usize = 2 << 20;
/// Leaves of a snapshot that are copied at once, in bytes.
const COPY_BYTES: usize = 1 << 20;

/// Checks signatures for the state machine; a node's remembers what it has checked.
pub type SharedVerify = Arc<dyn Verify + Send + Sync>;
/// The evaluator of standards: part of the rules in force, so all voters use the same.
pub type SharedJudge = Arc<dyn Judge + Send + Sync>;

/// Applies committed entries.
///
/// A run of entries becomes one batch (`Applier`) with the applied log id and membership. The batch can be read when its entries are answered, and is durable with a later sync: the raft log is durable
/// already, and a restart applies again what is lost. Since the store keeps the order of batches, what is applied twice is applied
/// to the same state.
pub struct StateMachine<R: AsyncRuntime> {
    machine: Arc<Machine>,
    applier: SharedApplier,
    verify: SharedVerify,
    judge: SharedJudge,
    applied: AppliedRecord<R>,
    current: Current<R>,
}

/// Why an entry can't be applied. The node stops: to go on would be to differ from the others.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    OtherHistory(#[from] OtherHistory),
    #[error("the applied record is damaged: {0}")]
    Record(#[from] CodecError),
    #[error("the ledger has {ledger} leaves, the state is the one after {state}")]
    Apart { ledger: u64, state: u64 },
    #[error("a snapshot can't be copied: {0}")]
    Send(#[from] SendError),
    #[error("a snapshot can't be taken in: {0}")]
    Import(#[from] ImportError),
    #[error("another snapshot is coming in")]
    Busy,
    #[error("this node's ledger came from its peers: Raft has to begin with a snapshot")]
    Tailed,
}

impl From<ApplyError> for io::Error {
    fn from(error: ApplyError) -> Self {
        io::Error::other(error)
    }
}

impl<R: AsyncRuntime> StateMachine<R> {
    /// The state machine over what the store holds.
    ///
    /// # Errors
    /// When that can't be read, or ledger and state are not of one size.
    pub fn open(store: Arc<Store>, verify: SharedVerify, judge: SharedJudge) -> io::Result<Self> {
        Ok(Self::over(Applier::open(store)?.shared(), verify, judge)?)
    }

    /// The state machine that has a say over this applier once Raft brings something.
    pub(crate) fn over(applier: SharedApplier, verify: SharedVerify, judge: SharedJudge) -> Result<Self, ApplyError> {
        let machine = Arc::clone(locked(&applier).machine());
        let applied = AppliedRecord::decode(machine.state.view().applied()?.as_deref())?;
        let current = Arc::new(Mutex::new(None));
        Ok(Self { machine, applier, verify, judge, applied, current })
    }

    /// The applied state.
    pub fn state(&self) -> &StoreState {
        &self.machine.state
    }

    /// Applies entries as one batch and returns their outcomes, in order.
    fn apply_run(&mut self, entries: Vec<Entry<R>>) -> Result<Vec<Sealed>, ApplyError> {
        let mut applier = locked(&self.applier);
        if self.machine.raft_ended() || self.machine.needs_snapshot()? {
            return Err(ApplyError::Tailed);
        }
        let state = self.machine.state.clone();
        let mut run = Run::new(&state);
        let mut outcomes = Vec::with_capacity(entries.len());
        let mut stopped = None;
        for entry in entries {
            let before = self.applied.last_applied.replace(entry.log_id);
            let proposal = match entry.payload {
                EntryPayload::Blank => None,
                EntryPayload::Membership(membership) => {
                    self.applied.membership = StoredMembership::<R>::new(Some(entry.log_id), membership);
                    None
                }
                EntryPayload::Normal(proposal) => Some(proposal),
            };
            let Some(proposal) = proposal else {
                outcomes.push(Sealed::default());
                continue;
            };
            let decoded = match LedgerEntry::decode(proposal.bytes()) {
                Ok(decoded) => decoded,
                Err(error) => {
                    // Only a leader with a defect proposes such bytes. They are the same everywhere, so is this answer.
                    tracing::error!(log_id = %entry.log_id, %error, "a committed entry does not decode and makes no leaf");
                    outcomes.push(Sealed::default());
                    continue;
                }
            };
            let mut sealed = Sealed::default();
            let decided = match apply_with(run.state(), &decoded, &&*self.verify, &*self.judge) {
                // What came before it in this run stands: the leaf that sets a protocol which this program doesn't know may be there, and
                // the next start has to find it.
                Err(StateError::Damage(damage)) if damage.needs_protocol.is_some() => {
                    self.applied.last_applied = before;
                    stopped = Some(damage);
                    break;
                }
                decided => decided?,
            };
            for applied in decided {
                check_history(&applied, applier.ledger().frontier(), run.leaves())?;
                let outcome = applied.outcome();
                sealed.leaves.push(SealedLeaf::new(applied.leaf.index, outcome.code, outcome.detail.clone()));
                run.push(applied);
            }
            outcomes.push(sealed);
        }
        applier.commit(run, Some(&self.applied.encode()))?;
        self.machine.follow_raft();
        match stopped {
            Some(damage) => Err(StateError::Damage(damage).into()),
            None => Ok(outcomes),
        }
    }

    /// Puts a received snapshot in the place of the state.
    async fn switch(&mut self, meta: &SnapshotMeta<R>, received: Received) -> Result<(), ApplyError> {
        if self.machine.raft_ended() {
            return Err(ApplyError::Tailed);
        }
        let old = self.machine.state.generation();
        let generation = received.view().generation();
        let applied = AppliedRecord::of(meta);
        let mut batch = Batch::new();
        received.view().set_applied(&mut batch, &applied.encode());
        self.machine.state.state().switch(&mut batch, generation);
        let ledger = self.machine.state.ledger().install(&mut batch, received.frontier().clone())?;
        self.machine.commit(batch).await?;
        // A crash before: the old state, and the leader sends again. A crash from here on: the new one.
        self.machine.state.switched(generation);
        self.machine.follow_raft();
        self.applied = applied;
        locked(&self.applier).replaced(ledger)?;
        let machine = Arc::clone(&self.machine);
        let clearing = TypeConfig::<R>::spawn(async move {
            // The slot goes with `received`, at the end: nobody imports into what is being removed.
            if let Err(error) = machine.clear(old).await {
                tracing::warn!(%error, "the state before the snapshot is still in the store");
            }
            drop(received);
        });
        // It runs on by itself.
        drop(clearing);
        Ok(())
    }

    /// Copies another machine's state in this process.
    async fn copy(&self, from: &Arc<Machine>) -> Result<(SnapshotMeta<R>, Received), ApplyError> {
        let export = Export::<R>::begin(from)?;
        let slot = self.machine.import_slot().ok_or(ApplyError::Busy)?;
        let mut import = Import::begin(slot, export.frontier().clone()).await?;
        while let Some(page) = export.state()? {
            let (keys, values) = page.into_iter().unzip();
            import.state(keys, values).await?;
        }
        while import.next_leaf() < export.frontier().size() {
            let first = import.next_leaf();
            import.leaves(first, &export.leaves(first, COPY_BYTES)?).await?;
        }
        Ok((export.meta().clone(), import.finish()?))
    }

    fn set_current(&self, meta: &SnapshotMeta<R>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta.clone());
    }
}

impl<R: AsyncRuntime> RaftStateMachine<TypeConfig<R>> for StateMachine<R> {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = SnapshotBuilder<R>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId<R>>, StoredMembership<R>)> {
        Ok((self.applied.last_applied, self.applied.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig<R>>>> + Unpin + OptionalSend,
    {
        loop {
            let (mut run, mut responders, mut bytes) = (Vec::new(), Vec::new(), 0);
            while run.len() < BATCH_ENTRIES && bytes < BATCH_BYTES {
                let Some((entry, responder)) = entries.try_next().await? else {
                    break;
                };
                bytes += cost::<R>(&entry);
                run.push(entry);
                responders.push(responder);
            }
            if run.is_empty() {
                return Ok(());
            }
            let outcomes = self.apply_run(run)?;
            for (responder, outcome) in responders.into_iter().zip(outcomes) {
                if let Some(responder) = responder {
                    responder.send(outcome);
                }
            }
        }
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder<R> {
        let (machine, current) = (Arc::clone(&self.machine), Arc::clone(&self.current));
        SnapshotBuilder { machine, meta: self.applied.meta(), current }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta<R>, snapshot: SnapshotData) -> io::Result<()> {
        match snapshot.0 {
            Data::Received(received) => {
                assert!(
                    received.is_for(&self.machine),
                    "a snapshot is installed in the store that it was received into"
                );
                self.switch(meta, *received).await?;
                self.set_current(meta);
            }
            Data::Here(machine) if Arc::ptr_eq(&machine, &self.machine) => self.set_current(meta),
            Data::Here(machine) => {
                let (copied, received) = self.copy(&machine).await?;
                self.switch(&copied, received).await?;
                self.set_current(&copied);
            }
        }
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot<R>>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let snapshot = |meta| Snapshot::<R> { meta, snapshot: SnapshotData(Data::Here(Arc::clone(&self.machine))) };
        Ok(current.map(snapshot))
    }
}
