//! When what happened.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{DomainName, ProductId, UnixMs};

/// What happened in a mesh, as far as measures need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// When each domain was admitted.
    pub domains: BTreeMap<DomainName, UnixMs>,
    /// Each product.
    pub products: BTreeMap<ProductId, ProductLife>,
    /// Requests for access.
    pub requests: Vec<RequestLife>,
    /// Council matters.
    pub proposals: Vec<ProposalLife>,
    /// Whether every promise of severity error is kept, of the products that were measured: as it was at the moment that is asked about.
    pub kept: BTreeMap<ProductId, bool>,
}

/// One product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductLife {
    /// Its versions.
    pub versions: Vec<VersionLife>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLife {
    /// When it was sealed.
    pub sealed_unix_ms: UnixMs,
    /// When it was retired, by itself or with its product.
    pub ended_unix_ms: Option<UnixMs>,
    /// The products that it names as inputs.
    pub inputs: BTreeSet<ProductId>,
}

impl VersionLife {
    /// Whether it stood at a moment.
    pub(crate) fn stands(&self, moment: UnixMs) -> bool {
        self.sealed_unix_ms <= moment && self.ended_unix_ms.is_none_or(|ended| ended > moment)
    }
}

/// One request for access, by another domain than the product's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLife {
    /// To what.
    pub product: ProductId,
    /// By whom.
    pub consumer: DomainName,
    /// When it was made.
    pub asked_unix_ms: UnixMs,
    /// When it was granted.
    pub granted_unix_ms: Option<UnixMs>,
    /// From when on it holds no more, by somebody's word or by time; for a request that was never granted, when it was answered.
    pub ended_unix_ms: Option<UnixMs>,
}

/// One council matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalLife {
    /// When it was opened.
    pub opened_unix_ms: UnixMs,
    /// When it took effect.
    pub enacted_unix_ms: Option<UnixMs>,
}
