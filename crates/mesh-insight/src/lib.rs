//! The guide's measures of success ("Measuring success", step 6), computed from the history of a mesh alone, for any moment in the past.
//!
//! Row 2 of the workspace, pure: times are arguments. The node above knows when what happened ([`History`]); here is what that comes to at a moment
//! ([`Insights`]). Nothing is counted while it happens, so a measure that somebody thinks of tomorrow can be asked about last year.
//!
//! ```text
//!   ledger: domains, versions, ends, proposals ──┐
//!                                                ├──> History ──> Insights::at(moment)
//!   feeds: requests and grants, quality runs ────┘
//! ```
//!
//! | measure | formula | unit |
//! |---|---|---|
//! | `time_to_access` | median of *granted - asked*, over requests that were granted | ms |
//! | `time_to_first_consumer` | median of *first use by another domain - first version*, over products that have one | ms |
//! | `cross_domain_use` | active products that another domain uses / active products | % |
//! | `quality_met` | active products of which every promise of severity error is kept / active products that were measured | % |
//! | `quality_measured` | active products that were measured / active products | % |
//! | `proposal_wait` | median of *enacted - opened*, over proposals that were enacted | ms |
//! | `active_products` | products with a version that stands | products |
//! | `adoption` | domains with an active product / domains | % |
//!
//! **Use** by another domain is a grant, or an active product of it that names this one as an input. A median of an even number of values is the lower of the
//! two in the middle: it is one that happened. Shares are rounded to a tenth of a percent, halves up.
//!
//! **Invariant.** What is known of a moment does not depend on what happened later: everything behind it is left out before anything is counted.

mod history;
mod insights;
mod objective;

#[cfg(test)]
mod tests;

pub use history::{History, ProductLife, ProposalLife, RequestLife, VersionLife};
pub use insights::{DomainInsights, Insights, Measure, Unit};
pub use objective::{Objective, Progress};
