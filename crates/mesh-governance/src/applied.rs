//! What [`apply`](crate::apply) gives back: a leaf, changes and effects, as data.

use mesh_event::{LedgerLeaf, Outcome};
use mesh_model::{Code, Digest, DomainName, MeshId, NodeId, ProductId, PublicKey, Role, Version, VersionId};

/// One key of the state and its new value; `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Which.
    pub key: Vec<u8>,
    /// What it is from now on.
    pub value: Option<Vec<u8>>,
}

/// One decision. Its leaf and its changes belong into one durable batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The leaf.
    pub leaf: LedgerLeaf,
    /// Its bytes: hashed, stored and served.
    pub leaf_bytes: Vec<u8>,
    /// What changes in the state, sorted by key, each key once. The head is always among them.
    pub changes: Vec<StateChange>,
    /// What happened, for whoever projects or announces it.
    pub effects: Vec<Effect>,
}

impl Applied {
    /// The decision itself.
    pub fn outcome(&self) -> &Outcome {
        &self.leaf.outcome
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The mesh began.
    Founded {
        /// Its id.
        mesh_id: MeshId,
    },
    /// A domain was let in.
    DomainAdmitted {
        /// Which.
        domain: DomainName,
    },
    /// A key got a role.
    RoleGranted {
        /// Where; mesh-wide when absent.
        domain: Option<DomainName>,
        /// Whose.
        key: PublicKey,
        /// Which.
        role: Role,
    },
    /// A key lost its roles.
    KeyRevoked {
        /// Where; its mesh-wide roles when absent.
        domain: Option<DomainName>,
        /// Whose.
        key: PublicKey,
    },
    /// A node writes a domain's feed from now on.
    NodeDelegated {
        /// Whose feed.
        domain: DomainName,
        /// The feed's epoch.
        epoch: u64,
        /// Which node.
        node_id: NodeId,
    },
    /// A version was sealed.
    VersionSealed {
        /// Which.
        id: VersionId,
        /// Its descriptor's digest.
        digest: Digest,
    },
    /// A product or version was deprecated, or its notice was changed.
    Deprecated {
        /// Which product.
        product: ProductId,
        /// Which version; all that are sealed so far when absent.
        version: Option<Version>,
    },
    /// A product or version was retired.
    Retired {
        /// Which product.
        product: ProductId,
        /// Which version; the product when absent.
        version: Option<Version>,
    },
    /// Nothing, and the outcome says why.
    Rejected {
        /// The outcome's code.
        code: Code,
    },
}
