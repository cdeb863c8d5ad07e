//! Products and their sealed versions.
//!
//! A command that speaks of a whole product writes the product only, however many versions it has: what a version is, is
//! read from both ([`SealedVersion::status`]).

use mesh_model::{Digest, LedgerIndex, ProductId, PublicKey, UnixMs, Version};
use serde::{Deserialize, Serialize};

/// Where a product or version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// May be relied on.
    Active,
    /// Consumers should leave.
    Deprecated,
    /// Is no longer.
    Retired,
}

impl Status {
    /// The word that people and JSON see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A notice of deprecation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The day after which consumers must not rely on it, `YYYY-MM-DD`; empty when none is set.
    pub sunset: String,
    /// What takes its place, `domain/name` or `domain/name@version`; empty for none.
    pub successor: String,
    /// Why.
    pub reason: String,
    /// The leaf that said so.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
}

/// The end of a product or version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub reason: String,
    /// The leaf that said so.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
}

/// The last version of a product in the order of the ledger: what the next one has to be planned against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSealed {
    /// Which.
    pub version: Version,
    /// Its descriptor's digest.
    pub digest: Digest,
    /// Its leaf.
    pub index: LedgerIndex,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Which.
    pub id: ProductId,
    /// The leaf of its first version.
    pub first_index: LedgerIndex,
    /// The last version in the order of the ledger.
    pub last_sealed: LastSealed,
    /// The highest version.
    pub highest: Version,
    /// How many versions it has.
    pub versions: u64,
    /// How many of them are active.
    pub active: u64,
    /// How many of them were retired one by one.
    pub retired: u64,
    /// The deprecation of all versions that were sealed before it.
    pub deprecation: Option<Notice>,
    /// The end of the product with all its versions.
    pub retirement: Option<Ending>,
}

impl Product {
    /// Where it stands: retired when it or each of its versions is, deprecated when none of its versions is active.
    pub fn status(&self) -> Status {
        if self.retirement.is_some() || self.retired == self.versions {
            Status::Retired
        } else if self.active == 0 {
            Status::Deprecated
        } else {
            Status::Active
        }
    }
}

/// Counts of one major of a product: a major whose every version is retired takes no further ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Major {
    /// How many versions it has.
    pub versions: u64,
    /// How many of them were retired one by one.
    pub retired: u64,
}

/// A sealed version. Its content is in its leaf and never changes; only the two last fields do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedVersion {
    /// Which.
    pub version: Version,
    /// Its leaf.
    pub ledger_index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// Who published it.
    pub author: PublicKey,
    /// `mesh_event::descriptor_digest` of its descriptor.
    pub descriptor_digest: Digest,
    /// How long the signed payload is, in bytes.
    pub payload_bytes: u32,
    /// Its own deprecation.
    pub deprecation: Option<Notice>,
    /// Its own end.
    pub retirement: Option<Ending>,
}

impl SealedVersion {
    /// The notice in force: the later of its own and that of its product, as far as that one covers it.
    pub fn notice<'a>(&'a self, product: &'a Product) -> Option<&'a Notice> {
        let covering = product.deprecation.as_ref().filter(|notice| notice.index > self.ledger_index);
        self.deprecation.iter().chain(covering).max_by_key(|notice| notice.index)
    }

    /// The end in force: its own, or else its product's.
    pub fn ending<'a>(&'a self, product: &'a Product) -> Option<&'a Ending> {
        self.retirement.as_ref().or(product.retirement.as_ref())
    }

    /// Where it stands.
    pub fn status(&self, product: &Product) -> Status {
        if self.ending(product).is_some() {
            Status::Retired
        } else if self.notice(product).is_some() {
            Status::Deprecated
        } else {
            Status::Active
        }
    }
}
