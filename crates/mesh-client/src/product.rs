//! Products as a reader sees them.

use mesh_model::{Descriptor, Digest, LedgerIndex, PublicKey, UnixMs, Version};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::convert::{descriptor, digest, key, missing, parse};

/// One version with what the ledger says about it, and its siblings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProductView {
    /// As signed: parts that overflowed are in attachments.
    pub descriptor: Descriptor,
    /// `active`, `deprecated` or `retired`.
    pub status: String,
    /// The day after which nobody should rely on it, `YYYY-MM-DD`; empty when none is set.
    pub sunset: String,
    /// What takes its place; empty for nothing.
    pub successor: String,
    /// Why it was deprecated or retired; empty when it was not.
    pub reason: String,
    /// The leaf that sealed it.
    pub ledger_index: LedgerIndex,
    /// When, in ledger time.
    pub sealed_unix_ms: UnixMs,
    /// Who published it.
    pub author: PublicKey,
    /// What plans and conflicts name it by.
    pub descriptor_digest: Digest,
    /// It is in its domain's feed and not sealed: the ledger may still refuse it. Then index and time of the seal say nothing.
    pub pending: bool,
    /// All versions of the product, this one included.
    pub versions: Vec<VersionSummary>,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// One version in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionSummary {
    /// Which.
    pub version: Version,
    /// `active`, `deprecated` or `retired`.
    pub status: String,
    /// The leaf that sealed it.
    pub ledger_index: LedgerIndex,
    /// When, in ledger time.
    pub sealed_unix_ms: UnixMs,
    /// It is not sealed.
    pub pending: bool,
}

impl ProductView {
    pub(crate) fn of(message: v1::GetProductResponse) -> Result<Self, MeshError> {
        let product = message.product.ok_or_else(|| missing("product"))?;
        let versions = message.versions.into_iter().map(|version| {
            Ok(VersionSummary {
                version: parse("versions.version", &version.version)?,
                status: version.status,
                ledger_index: version.ledger_index,
                sealed_unix_ms: version.sealed_unix_ms,
                pending: version.pending,
            })
        });
        Ok(Self {
            descriptor: descriptor(&product.descriptor.ok_or_else(|| missing("product.descriptor"))?)?,
            status: product.status,
            sunset: product.sunset,
            successor: product.successor,
            reason: product.reason,
            ledger_index: product.ledger_index,
            sealed_unix_ms: product.sealed_unix_ms,
            author: key("product.author", &product.author)?,
            descriptor_digest: digest("product.descriptor_digest", &product.descriptor_digest)?,
            pending: product.pending,
            versions: versions.collect::<Result<_, MeshError>>()?,
            freshness: Freshness::of(message.freshness),
        })
    }
}

/// A product in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProductSummary {
    /// `domain/name`.
    pub id: String,
    /// Its newest version.
    pub version: String,
    /// `active`, `deprecated` or `retired`.
    pub status: String,
    /// What people call it.
    pub title: String,
    /// What it is; may be cut.
    pub description: String,
    /// The owning team.
    pub owner: String,
    /// Free words.
    pub tags: Vec<String>,
    /// The leaf that sealed the version.
    pub ledger_index: LedgerIndex,
    /// It is not sealed: the ledger may still refuse it.
    pub pending: bool,
}

impl From<v1::ProductSummary> for ProductSummary {
    fn from(m: v1::ProductSummary) -> Self {
        Self {
            id: m.id,
            version: m.version,
            status: m.status,
            title: m.title,
            description: m.description,
            owner: m.owner,
            tags: m.tags,
            ledger_index: m.ledger_index,
            pending: m.pending,
        }
    }
}

/// A product that a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchHit {
    /// Which.
    #[serde(flatten)]
    pub product: ProductSummary,
    /// How well it fits; comparable within one answer only.
    pub score: f32,
    /// Why, when it was asked for.
    pub why: Vec<Reason>,
}

/// One reason why a product was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// Where: `name`, `fields`, `description`, …
    pub field: String,
    /// The word that was asked for.
    pub term: String,
    /// The word that was found.
    pub matched: String,
    /// `exact`, `close` or `prefix`.
    pub how: String,
    /// What it adds to the score.
    pub weight: f32,
}

/// How many hits share a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// `domain`, `tag`, `status` or `owner`.
    pub name: String,
    /// Values and counts, the most frequent first.
    pub values: Vec<FacetValue>,
}

/// One value of a facet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    /// Which.
    pub value: String,
    /// How many hits have it.
    pub count: u64,
}

impl From<v1::SearchHit> for SearchHit {
    fn from(m: v1::SearchHit) -> Self {
        let why = m.why.into_iter().map(|r| Reason {
            field: r.field,
            term: r.term,
            matched: r.matched,
            how: r.how,
            weight: r.weight,
        });
        Self { product: m.product.unwrap_or_default().into(), score: m.score, why: why.collect() }
    }
}

impl From<v1::Facet> for Facet {
    fn from(m: v1::Facet) -> Self {
        let values = m.values.into_iter().map(|v| FacetValue { value: v.value, count: v.count }).collect();
        Self { name: m.name, values }
    }
}
