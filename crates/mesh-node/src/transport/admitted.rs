//! Whose key counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mesh_event::genesis::SealedGenesis;
use mesh_governance::{KeyPurpose, read};
use mesh_model::{LedgerIndex, NodeId, PublicKey};
use mesh_raft::{StateError, StoreState};

/// What is known of a node key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A node of the mesh.
    Admitted {
        /// Which.
        node_id: NodeId,
    },
    /// It was one.
    Revoked {
        /// Which.
        node_id: NodeId,
        /// By which leaf.
        index: LedgerIndex,
    },
    /// Nobody admitted it, as far as this node knows.
    Unknown,
    /// This node can't tell, so it lets nobody in.
    Unreadable(String),
}

/// Whom the transport asks about a key, at every handshake and again at every revocation.
pub trait Admitted: Send + Sync {
    /// What is known of the key now.
    fn standing(&self, key: &PublicKey) -> Standing;
}

/// For a node whose ledger knows nobody yet, or nobody who is still there. It asks for the ledger and for nothing else, and what it gets
/// is proved by signatures, whoever sent it. It lets nobody in.
pub struct Anybody {
    own: PublicKey,
}

impl Anybody {
    /// Anybody but the node with this key: it would learn nothing from itself.
    pub fn but(own: PublicKey) -> Self {
        Self { own }
    }
}

impl Admitted for Anybody {
    fn standing(&self, key: &PublicKey) -> Standing {
        if *key == self.own { Standing::Unknown } else { Standing::Admitted { node_id: super::NO_NUMBER } }
    }
}

/// The ledger's word; before the ledger has one, the founding document's. Keys that were pinned from elsewhere count as long as the
/// ledger doesn't know them.
pub struct LedgerAdmitted {
    founders: BTreeMap<PublicKey, NodeId>,
    state: RwLock<Option<StoreState>>,
    pins: Mutex<BTreeMap<PublicKey, NodeId>>,
}

/// Most keys that are pinned at a time.
const MOST_PINS: usize = 1_000;

impl LedgerAdmitted {
    /// Knows the founders; the ledger is handed in later, by [`LedgerAdmitted::follow`].
    pub fn new(genesis: &SealedGenesis) -> Arc<Self> {
        let founders = genesis.document.voters.iter().map(|voter| (voter.key, voter.node_id)).collect();
        Arc::new(Self { founders, state: RwLock::default(), pins: Mutex::default() })
    }

    /// From now on the applied state decides.
    pub fn follow(&self, state: StoreState) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// The node stops: nobody is let in any more, and connections that end late don't keep its store open.
    pub fn release(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Lets a node in that this node's ledger doesn't know of yet, and for which somebody else's word was verified: the answer to a join
    /// request, or a later part of the ledger with its proofs. Returns whether there was room.
    pub fn pin(&self, key: PublicKey, node_id: NodeId) -> bool {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let room = pins.len() < MOST_PINS || pins.contains_key(&key);
        if room {
            pins.insert(key, node_id);
        }
        room
    }
}

/// The ledger's word; `None` while it has none.
fn of_ledger(state: &StoreState, key: &PublicKey) -> Result<Option<Standing>, StateError> {
    let node_id = match read::key_purpose(state, key)? {
        Some(KeyPurpose::Node(node_id)) => node_id,
        Some(_) => return Ok(Some(Standing::Unknown)),
        None => {
            let founded = read::mesh(state)?.is_some();
            return Ok(founded.then_some(Standing::Unknown));
        }
    };
    let revoked = read::node_revocation(state, node_id)?;
    Ok(Some(match revoked {
        Some(revoked) => Standing::Revoked { node_id, index: revoked.index },
        None => Standing::Admitted { node_id },
    }))
}

impl Admitted for LedgerAdmitted {
    fn standing(&self, key: &PublicKey) -> Standing {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(state) = state else {
            // The node starts or stops: nothing is decided without the ledger.
            return Standing::Unreadable("the ledger is not open".to_owned());
        };
        let pinned = || {
            let pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
            pins.get(key).map(|node_id| Standing::Admitted { node_id: *node_id })
        };
        match of_ledger(&state, key) {
            Ok(Some(Standing::Unknown)) => pinned().unwrap_or(Standing::Unknown),
            Ok(Some(standing)) => standing,
            Ok(None) => {
                let founder = self.founders.get(key).map(|node_id| Standing::Admitted { node_id: *node_id });
                founder.or_else(pinned).unwrap_or(Standing::Unknown)
            }
            Err(error) => Standing::Unreadable(error.to_string()),
        }
    }
}
