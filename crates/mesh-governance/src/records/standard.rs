//! Standards that were enacted, and waivers.

use mesh_event::proposal::WaiverScope;
use mesh_model::{Digest, LedgerIndex, Name, UnixMs, Version};
use serde::{Deserialize, Serialize};

/// Where a version of a standard stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StandardStatus {
    /// It binds from its effective date.
    InForce,
    /// A later version took its place.
    Superseded {
        /// Which.
        by: Version,
        /// The leaf that enacted that one.
        index: LedgerIndex,
    },
    /// It ended.
    Retired {
        /// The leaf that said so.
        index: LedgerIndex,
        /// Why.
        reason: String,
    },
}

impl StandardStatus {
    /// The word that people and JSON see.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::Superseded { .. } => "superseded",
            Self::Retired { .. } => "retired",
        }
    }
}

/// A version of a standard: everything but its text, which is a record of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnactedStandard {
    /// Which standard.
    pub id: Name,
    /// Which version.
    pub version: Version,
    /// One line for lists.
    pub title: String,
    /// `mesh_event::standard_digest`.
    pub digest: Digest,
    /// The proposal that enacted it.
    pub proposal: LedgerIndex,
    /// The leaf at which it was enacted.
    pub enacted_at: LedgerIndex,
    /// That leaf's stamp.
    pub enacted_unix_ms: UnixMs,
    /// Where it stands.
    pub status: StandardStatus,
}

impl EnactedStandard {
    /// Whether it was in force once the ledger had the leaf of this index.
    pub fn is_in_force_at(&self, index: LedgerIndex) -> bool {
        let ended = match self.status {
            StandardStatus::InForce => None,
            StandardStatus::Superseded { index, .. } | StandardStatus::Retired { index, .. } => Some(index),
        };
        self.enacted_at <= index && ended.is_none_or(|ended| ended > index)
    }
}

/// A waiver: a product or a domain is let off a standard for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedWaiver {
    /// The leaf at which it was granted: its name.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub granted_unix_ms: UnixMs,
    /// The proposal that granted it.
    pub proposal: LedgerIndex,
    /// The standard's id.
    pub standard: Name,
    /// For whom.
    pub scope: WaiverScope,
    /// Why.
    pub reason: String,
    /// The last moment at which it holds.
    pub expires_unix_ms: UnixMs,
    /// The leaf that took it back.
    pub revoked_at: Option<LedgerIndex>,
}

impl GrantedWaiver {
    /// Whether it holds at this ledger time.
    pub fn holds_at(&self, now: UnixMs) -> bool {
        self.revoked_at.is_none() && now <= self.expires_unix_ms
    }
}
