//! Taking in a snapshot.

use mesh_event::LedgerLeaf;
use mesh_governance::read;
use mesh_store::{Batch, StateView, StoreError};
use mesh_tlog::{Frontier, leaf_hash};

use crate::machine::ImportSlot;
use crate::store_state::StateError;

/// Why a snapshot is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("expected a snapshot of at least {own} leaves, found one of {found}")]
    Older { own: u64, found: u64 },
    #[error("expected leaf {expected} of the snapshot, found leaf {found}")]
    Order { expected: u64, found: u64 },
    #[error("expected as many keys as values, found {keys} and {values}")]
    Uneven { keys: usize, values: usize },
    #[error("the snapshot's {what} contradicts its ledger: expected {expected}, found {found}")]
    Contradiction { what: &'static str, expected: String, found: String },
}

/// A snapshot that is coming in, into the generation that is not in use. Nothing that is in use changes: its leaves lie behind the
/// ledger's right edge, where they would come to lie anyway.
pub(crate) struct Import {
    slot: ImportSlot,
    view: StateView,
    /// The ledger with the leaves that came so far.
    frontier: Frontier,
    target: Frontier,
}

/// A snapshot that is here whole and checked, not in use yet.
pub(crate) struct Received {
    slot: ImportSlot,
    view: StateView,
    frontier: Frontier,
}

impl Received {
    pub(crate) fn view(&self) -> &StateView {
        &self.view
    }

    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Whether it was received for this machine.
    pub(crate) fn is_for(&self, machine: &std::sync::Arc<crate::machine::Machine>) -> bool {
        std::sync::Arc::ptr_eq(self.slot.machine(), machine)
    }
}

impl Import {
    /// Makes room for a snapshot whose ledger ends in `target`.
    pub(crate) async fn begin(slot: ImportSlot, target: Frontier) -> Result<Self, ImportError> {
        let machine = slot.machine();
        let frontier = machine.state.ledger().frontier()?;
        if frontier.size() > target.size() {
            return Err(ImportError::Older { own: frontier.size(), found: target.size() });
        }
        let generation = machine.state.generation().wrapping_add(1);
        // What an attempt before this one left.
        machine.clear(generation).await?;
        let view = machine.state.state().view(generation);
        Ok(Self { slot, view, frontier, target })
    }

    /// The first leaf that is lacking.
    pub(crate) fn next_leaf(&self) -> u64 {
        self.frontier.size()
    }

    /// Takes state entries.
    pub(crate) async fn state(&mut self, keys: Vec<Vec<u8>>, values: Vec<Vec<u8>>) -> Result<(), ImportError> {
        if keys.len() != values.len() {
            return Err(ImportError::Uneven { keys: keys.len(), values: values.len() });
        }
        let mut batch = Batch::new();
        self.view.apply(&mut batch, keys.into_iter().zip(values).map(|(key, value)| (key, Some(value))));
        Ok(self.slot.machine().commit(batch).await?)
    }

    /// Takes leaves, from the first that is lacking on.
    pub(crate) async fn leaves(&mut self, first: u64, leaves: &[Vec<u8>]) -> Result<(), ImportError> {
        if first != self.next_leaf() {
            return Err(ImportError::Order { expected: self.next_leaf(), found: first });
        }
        let ledger = self.slot.machine().state.ledger();
        let mut batch = Batch::new();
        for leaf in leaves {
            ledger.put_leaf(&mut batch, self.frontier.size(), leaf);
            ledger.put_subtrees(&mut batch, self.frontier.append(leaf_hash(leaf)));
        }
        Ok(self.slot.machine().commit(batch).await?)
    }

    /// Checks that the leaves make the ledger that was announced, and that the state is the one after its last leaf.
    pub(crate) fn finish(self) -> Result<Received, ImportError> {
        let Self { slot, view, frontier, target } = self;
        let differs = |what, expected: &dyn ToString, found: &dyn ToString| ImportError::Contradiction {
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        };
        if frontier.size() != target.size() {
            return Err(differs("size", &target.size(), &frontier.size()));
        }
        if frontier.root() != target.root() {
            return Err(differs("root", &target.root(), &frontier.root()));
        }
        let state = slot.machine().state.at(view.generation());
        let head = read::head(&state)?;
        if head.size != frontier.size() {
            return Err(differs("state", &frontier.size(), &head.size));
        }
        if let Some(last) = frontier.size().checked_sub(1) {
            let leaf = state.ledger().leaf(last)?.ok_or(StateError::MissingLeaf { index: last, size: head.size })?;
            let digest = LedgerLeaf::decode(&leaf).map(|leaf| leaf.outcome.state_digest);
            match digest {
                Ok(digest) if digest == head.state_digest => {}
                Ok(digest) => return Err(differs("state digest", &digest, &head.state_digest)),
                Err(error) => return Err(differs("last leaf", &"a leaf", &error)),
            }
        }
        Ok(Received { slot, view, frontier })
    }
}
