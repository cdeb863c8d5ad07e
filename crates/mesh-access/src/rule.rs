//! Approvals in advance: which requests are granted as they are taken.

use mesh_event::Fact;
use mesh_event::fact::SetAccessRule;
use mesh_model::{DomainName, FactId, ProductId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

use crate::MOST_DAYS;
use crate::record::{AccessRecord, Refused};
use crate::scope::Scope;

/// An approval in advance. It is plain data, so every node that has the feed grants the same by it, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// The id of the fact that set it.
    pub id: FactId,
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// Whose requests; empty for everybody's.
    pub consumers: Vec<DomainName>,
    /// What they may ask for.
    pub scope: Scope,
    /// For how many days at most.
    pub days: u32,
    /// Who stated it.
    pub by: PublicKey,
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
}

impl AccessRule {
    pub(crate) fn begin(fact: &Fact, body: &SetAccessRule, at: UnixMs) -> Result<Self, Refused> {
        if !(1..=MOST_DAYS).contains(&body.days) {
            return Err(Refused::Days { found: body.days });
        }
        if body.consumers.contains(&fact.domain) {
            return Err(Refused::Owner(fact.domain.clone()));
        }
        Ok(Self {
            id: fact.id,
            product: body.product.clone(),
            major: body.major,
            consumers: body.consumers.clone(),
            scope: Scope(body.scope.clone()),
            days: body.days,
            by: fact.author,
            at_unix_ms: at,
        })
    }

    /// Whether it grants a request. Never one of whoever stated it: nobody decides their own.
    pub fn fits(&self, request: &AccessRecord) -> bool {
        self.product == request.product
            && self.major == request.major
            && (self.consumers.is_empty() || self.consumers.contains(&request.consumer))
            && self.scope.contains(&request.asked)
            && request.days <= self.days
            && self.by != request.requester
    }
}
