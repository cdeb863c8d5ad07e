//! The applied state as governance reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mesh_governance::{Damage, StateRead, state::Pair};
use mesh_model::LedgerIndex;
use mesh_store::{KeyRange, MerkleLog, Page, State, StateView, Store, StoreError};

/// Why the state can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is not what governance wrote.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The ledger lacks a leaf below its size.
    #[error("expected leaf {index} of a ledger of {size} leaves, found none")]
    MissingLeaf {
        /// Which.
        index: LedgerIndex,
        /// How many there should be.
        size: u64,
    },
}

/// The state in use and the ledger, as of the last applied batch. Clones follow along when a snapshot takes the state's place.
///
/// Single reads are consistent; several reads may see a batch come in between. What needs more asks twice.
#[derive(Clone)]
pub struct StoreState {
    state: State,
    ledger: MerkleLog,
    generation: Arc<AtomicU32>,
}

impl StoreState {
    /// The state in use.
    ///
    /// # Errors
    /// When it can't be read which one that is.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let state = store.state();
        let generation = Arc::new(AtomicU32::new(state.generation()?));
        Ok(Self { state, ledger: store.ledger(), generation })
    }

    /// The ledger.
    pub fn ledger(&self) -> &MerkleLog {
        &self.ledger
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(crate) fn view(&self) -> StateView {
        self.state.view(self.generation())
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Another generation is in use from now on; the switch is durable.
    pub(crate) fn switched(&self, generation: u32) {
        self.generation.store(generation, Ordering::SeqCst);
    }

    /// The same ledger with another generation of the state, in use or not.
    pub(crate) fn at(&self, generation: u32) -> Self {
        let generation = Arc::new(AtomicU32::new(generation));
        Self { state: self.state.clone(), ledger: self.ledger.clone(), generation }
    }
}

impl StateRead for StoreState {
    type Error = StateError;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.view().get(key)?)
    }

    fn last_below(&self, prefix: &[u8], below: &[u8]) -> Result<Option<Pair>, StateError> {
        Ok(self.view().last_below(prefix, below)?)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StateError> {
        let range = KeyRange::prefix(prefix);
        let range = after.map_or_else(|| range.clone(), |after| range.after(after));
        if range.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.view().range(&range, Page::first(limit))?)
    }

    fn leaf(&self, index: LedgerIndex) -> Result<Option<Vec<u8>>, StateError> {
        if let Some(leaf) = self.ledger.leaf(index)? {
            return Ok(Some(leaf));
        }
        let size = self.ledger.size()?;
        if index < size { Err(StateError::MissingLeaf { index, size }) } else { Ok(None) }
    }
}
