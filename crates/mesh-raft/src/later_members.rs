//! Members that the own membership does not have yet.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use mesh_model::NodeId;

/// Who votes by a later part of the ledger, as the node verified it. A node that was away while the members were replaced has to hear them
/// before its own log can say who they are: Raft is safe whoever is heard, for a term has one leader. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaterMembers(Arc<RwLock<BTreeSet<NodeId>>>);

impl LaterMembers {
    /// These, instead of those before.
    pub(crate) fn set(&self, members: BTreeSet<NodeId>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = members;
    }

    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }
}
