//! The answer to a query. Keys are stable.

use mesh_model::{LedgerIndex, ProductId, Version};
use serde::Serialize;

use crate::Lifecycle;

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// How many products were found, those before and after this page included.
    pub total: usize,
    /// This page, best first.
    pub hits: Vec<Hit>,
    /// How the products found are spread.
    pub facets: Facets,
    /// Up to which ledger index this is the truth; `null` when nothing was ever committed.
    pub position: Option<LedgerIndex>,
}

/// How the products found are spread: value and count, the 20 most frequent each, then by value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// By domain.
    pub domains: Vec<(String, u64)>,
    /// By tag; a product counts for each of its tags.
    pub tags: Vec<(String, u64)>,
    /// By state.
    pub statuses: Vec<(String, u64)>,
    /// By owning team.
    pub owners: Vec<(String, u64)>,
}

/// A product that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// Which product.
    pub id: ProductId,
    /// The version that is shown.
    pub version: Version,
    /// What people call it; may be empty.
    pub title: String,
    /// The first 200 characters of its description.
    pub description: String,
    /// Where it stands.
    pub status: Lifecycle,
    /// The owning team.
    pub owner: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where the version was sealed.
    pub ledger_index: LedgerIndex,
    /// Falls from hit to hit. 100 and more: all words were found; the hundreds are the tier. 0 where all were listed.
    pub score: f32,
    /// Why it ranks where it does, weightiest first; empty unless asked for.
    pub why: Vec<Reason>,
}

/// One reason for a hit's rank.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// Where the word was found: `name`, `title`, `tag`, `field`, `rule_column`, `contact`, `description`, …
    pub field: &'static str,
    /// The query's word or phrase.
    pub term: String,
    /// What the product says there.
    pub matched: String,
    /// The points that the word gets on this level. Several fields of one level count once.
    pub weight: f32,
    /// How the two compare.
    pub how: How,
}

/// How a query's word compares with the product's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// The same, or in prose of the same stem.
    Exact,
    /// A typing error or two away.
    Close,
    /// Its beginning.
    Prefix,
}
