//! What the ledger says about nodes and feeds, as the machine asks for it.

use mesh_model::{DomainName, NodeId, PublicKey};

/// A node that was admitted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Signs its packets.
    pub key: PublicKey,
    /// Whether its key was revoked.
    pub is_revoked: bool,
}

/// Who writes a domain's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// The delegation in force.
    pub epoch: u64,
    /// The node.
    pub node_id: NodeId,
    /// Its key: signs the feed's heads.
    pub key: PublicKey,
}

/// The applied ledger's answers. They may change between any two calls, as the ledger grows.
pub trait Directory: Send + Sync {
    /// A node by its number; `None` for one that the ledger, as applied here, does not know.
    fn node(&self, id: NodeId) -> Option<Admitted>;
    /// All admitted nodes whose keys are not revoked, ascending; the own one may be among them.
    fn nodes(&self) -> Vec<NodeId>;
    /// Who writes a domain's feed; `None` for nobody, or an unknown domain.
    fn writer(&self, domain: &DomainName) -> Option<Writer>;
}
