//! Keys: what they are for, and which roles they have or had.

use mesh_model::{Action, DomainName, LedgerIndex, NodeId, PublicKey, Role};
use serde::{Deserialize, Serialize};

/// The one purpose of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyPurpose {
    /// Votes for a seat of the council.
    Council,
    /// Speaks for a domain.
    Root(DomainName),
    /// Holds roles, in any number of domains.
    RoleHolder,
    /// Signs for a node.
    Node(NodeId),
    /// Signs a voter's checkpoints.
    Log,
    /// Cosigns checkpoints for a voter.
    Cosigner,
    /// May restore the council.
    Recovery,
}

impl std::fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Council => f.write_str("a council seat"),
            Self::Root(domain) => write!(f, "a root key of {domain}"),
            Self::RoleHolder => f.write_str("a role holder"),
            Self::Node(id) => write!(f, "the key of node {id}"),
            Self::Log => f.write_str("a voter's log key"),
            Self::Cosigner => f.write_str("a voter's cosigner key"),
            Self::Recovery => f.write_str("a recovery key"),
        }
    }
}

/// A role from one leaf to another. Revoked and granted again makes two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which role.
    pub role: Role,
    /// The leaf that granted it.
    pub granted_at: LedgerIndex,
    /// The leaf that revoked it.
    pub revoked_at: Option<LedgerIndex>,
}

impl Grant {
    /// Whether it is in force.
    pub fn is_held(&self) -> bool {
        self.revoked_at.is_none()
    }

    /// Whether somebody who had applied `ledger_size` leaves saw it in force.
    pub fn is_held_at(&self, ledger_size: u64) -> bool {
        self.granted_at < ledger_size && self.revoked_at.is_none_or(|at| at >= ledger_size)
    }
}

/// All grants of one key in one place, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grants(pub Vec<Grant>);

impl Grants {
    /// Whether a role that was held at this ledger size allows the action.
    pub fn allow(&self, action: Action, ledger_size: u64) -> bool {
        self.0.iter().any(|grant| grant.is_held_at(ledger_size) && grant.role.allows(action))
    }

    /// Whether they allowed an action at some time that somebody who had applied `ledger_size` leaves knew of.
    pub fn ever_allowed(&self, action: Action, ledger_size: u64) -> bool {
        self.0.iter().any(|grant| grant.granted_at < ledger_size && grant.role.allows(action))
    }
}

/// A key's grants in one place, as rosters and key pages show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterEntry {
    /// Where; mesh-wide when absent.
    pub domain: Option<DomainName>,
    /// Whose.
    pub key: PublicKey,
    /// Which, in the order in which they were made, revoked ones included.
    pub grants: Vec<Grant>,
}
