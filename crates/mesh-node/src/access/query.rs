//! Which requests for access are asked for.

use std::collections::BTreeSet;

use mesh_access::{AccessRecord, Status};
use mesh_model::{DomainName, FactId, ProductId, PublicKey, UnixMs};

/// Requests that are asked for: all that fit what is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessQuery {
    /// This one only.
    pub request: Option<FactId>,
    /// Of products of these domains; empty for all.
    pub domains: BTreeSet<DomainName>,
    /// Of this product.
    pub product: Option<ProductId>,
    /// By this domain.
    pub consumer: Option<DomainName>,
    /// Made by this key.
    pub requester: Option<PublicKey>,
    /// In one of these; empty for all.
    pub statuses: Vec<Status>,
}

impl AccessQuery {
    /// Whether a request is one of them, at a moment.
    pub fn fits(&self, record: &AccessRecord, now: UnixMs) -> bool {
        self.request.is_none_or(|id| record.request == id)
            && (self.domains.is_empty() || self.domains.contains(&record.product.domain))
            && self.product.as_ref().is_none_or(|product| record.product == *product)
            && self.consumer.as_ref().is_none_or(|consumer| record.consumer == *consumer)
            && self.requester.is_none_or(|key| record.requester == key)
            && (self.statuses.is_empty() || self.statuses.contains(&record.status(now)))
    }

    /// The domains whose products are asked for; empty for all.
    pub fn owners(&self) -> BTreeSet<DomainName> {
        match &self.product {
            Some(product) => BTreeSet::from([product.domain.clone()]),
            None => self.domains.clone(),
        }
    }

    /// Whether only what nobody decided yet is asked for.
    pub fn is_waiting(&self) -> bool {
        self.statuses == [Status::Waiting]
    }
}
