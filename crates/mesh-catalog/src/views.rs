//! What is shown of a product: plain structs with stable JSON keys. Whoever serves them fills them from governance
//! state; nothing here is looked up in the search index.

use jiff::Timestamp;
use mesh_model::{Descriptor, Digest, LedgerIndex, ProductId, PublicKey, UnixMs, Version};
use serde::{Serialize, Serializer};

use crate::Lifecycle;

/// A product as of one version: what `mesh show -o json` prints. The descriptor's own keys stand at the top level,
/// beside these; none of them has the same name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductView<'a> {
    /// `domain/name`.
    pub id: ProductId,
    /// Where this version stands.
    pub lifecycle: LifecycleView,
    /// Where this version was sealed.
    pub ledger_index: LedgerIndex,
    /// When, as the leader stamped it.
    pub sealed_at: Stamp,
    /// The key that signed the publish.
    pub author: PublicKey,
    /// SHA-256 of the signed descriptor's bytes.
    pub digest: Digest,
    /// All versions, the highest first.
    pub versions: Vec<VersionView>,
    /// How fresh all this is.
    pub freshness: Freshness,
    /// What the version says about itself.
    #[serde(flatten)]
    pub descriptor: &'a Descriptor,
}

/// Where a version stands in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleView {
    /// The state.
    pub status: Lifecycle,
    /// From when on it may be gone.
    pub sunset: Option<Stamp>,
    /// What to use instead.
    pub successor: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl LifecycleView {
    /// A state of which nothing else is said.
    pub const fn of(status: Lifecycle) -> Self {
        Self { status, sunset: None, successor: None, reason: None }
    }
}

/// One version in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionView {
    /// Which.
    pub version: Version,
    /// Where it stands.
    pub status: Lifecycle,
    /// Where it was sealed.
    pub ledger_index: LedgerIndex,
}

/// How fresh an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// Up to which ledger index the answer is the truth; `null` before the first.
    pub ledger_index: Option<LedgerIndex>,
    /// When the leader stamped that entry.
    pub as_of: Option<Stamp>,
    /// How long ago the node last heard that this is the ledger's end, in milliseconds; `null` when it never did.
    pub age_ms: Option<u64>,
}

/// An instant; serialises as RFC 3339 in UTC, with milliseconds where there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub UnixMs);

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is beyond the year 9999 has no RFC 3339 form; shown as the last instant that has.
        let at = i64::try_from(self.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.unwrap_or(Timestamp::MAX).fmt(f)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
