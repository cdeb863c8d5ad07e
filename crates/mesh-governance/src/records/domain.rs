//! Domains and the cursors of their feeds.

use mesh_model::{Digest, DomainName, LedgerIndex, NodeId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

/// A domain: the profile of its admission, and who speaks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its name, for ever.
    pub name: DomainName,
    /// What people call it.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// What it answers for.
    pub responsibilities: Vec<String>,
    /// The domain it belongs to.
    pub parent: Option<DomainName>,
    /// Who speaks for it, as of the last command that touched its root; `read::root_in_force` knows who does now.
    pub root_keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub root_threshold: u32,
    /// The version of its roster, from 1; each grant and revocation raises it by one.
    pub roster_version: u64,
    /// Whether it may act.
    pub status: DomainStatus,
    /// Who writes its feed; `None` while nobody does.
    pub delegation: Option<Delegation>,
    /// The leaf that admitted it.
    pub admitted_at: LedgerIndex,
    /// That leaf's stamp.
    pub admitted_unix_ms: UnixMs,
}

/// Whether a domain may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DomainStatus {
    /// It may.
    Active,
    /// It may not until the council says so.
    Suspended,
    /// It never may again; its name stays taken.
    Removed,
}

impl DomainStatus {
    /// The word that people and JSON see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Removed => "removed",
        }
    }
}

/// Root keys that the council gave to a domain. They take effect with the first command that touches the domain's root at or
/// after their time, unless the root in force vetoed them before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRoot {
    /// Whose.
    pub domain: DomainName,
    /// Who speaks for it then.
    pub root_keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub root_threshold: u32,
    /// The proposal that decided it.
    pub proposal: LedgerIndex,
    /// The leaf at which it was decided.
    pub decided_at: LedgerIndex,
    /// From this ledger time on it is in force.
    pub effective_unix_ms: UnixMs,
}

/// The node that writes a domain's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Which node.
    pub node_id: NodeId,
    /// The feed's epoch, from 1; each delegation raises it by one.
    pub epoch: u64,
    /// The leaf that said so.
    pub since_index: LedgerIndex,
    /// How many events of the epoch before it continues.
    pub base_size: u64,
    /// That feed's root at this size; `None` when nothing was written.
    pub base_root: Option<Digest>,
}

/// How far the ledger has taken the feed of the epoch in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCursor {
    /// The epoch in force.
    pub epoch: u64,
    /// The last outbox number that was used up; 0 before the first.
    pub last_outbox: u64,
    /// The event that carried it.
    pub last_seq: Option<u64>,
    /// The greatest ledger size that an event named, over all epochs; later ones name no smaller one.
    pub last_ledger_size: u64,
}

impl FeedCursor {
    /// Nothing taken yet in this epoch.
    pub(crate) fn open(epoch: u64, last_ledger_size: u64) -> Self {
        Self { epoch, last_outbox: 0, last_seq: None, last_ledger_size }
    }
}
