//! Access to products: what the facts of their domains ([`crate::facts`]) come to.
//!
//! | part | does |
//! |---|---|
//! | [`AccessDesk`] | answers who asked for what and what is allowed |
//! | [`AccessQuery`] | which requests are asked for |
//! | [`Terms`] | what a domain approves in advance, who issues its tokens, which count no more |
//! | [`Issued`], [`Authorized`] | tokens for what was granted, made and checked |

mod desk;
mod query;
mod terms;
mod tokens;

pub use desk::{AccessDesk, Checked, Listed};
pub use query::AccessQuery;
pub use terms::{HomeIssuer, Terms};
pub use tokens::{Authorized, Issued, Wanted};
