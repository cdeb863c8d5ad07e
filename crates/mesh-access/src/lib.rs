//! Access to products: who asked for what, who answered, and what holds now.
//!
//! Row 2 of the workspace, pure: facts and times in, records out. Above the signed facts of `mesh-event`, below the node that keeps the
//! records beside the feeds.
//!
//! ```text
//!             approve            revoke
//!   waiting ----------> granted ----------> revoked
//!      |                   | `-- days pass: expired
//!      | deny              | cancel
//!      +-------> denied    +-------> cancelled
//!      | cancel
//!      +-------> cancelled
//! ```
//!
//! A request is for one **major** version of a product: its grant holds for all versions of that major, those that come later included, and
//! for none of another. What is granted is what was asked or a part of it ([`Scope`]), for as many days or fewer.
//!
//! An **approval in advance** ([`AccessRule`]) grants what fits it as it is taken: `waiting` is skipped.
//!
//! What was granted is shown to gateways by **tokens** (`mesh-token`). Which keys may sign them is the root's to say ([`Issuer`]); which of
//! them count no more before their time, either domain's ([`RevokedToken`]).
//!
//! A [`Book`] has all requests of one owning domain. It is a function of the domain's facts in the order of its feed, so every node that has
//! the feed has the same one.
//!
//! **Invariants.** A record changes by [`AccessRecord::follow`] only. What has ended never comes back; nothing but time turns a grant into an
//! expired one, and that is never written down ([`AccessRecord::status`] takes the time). Whoever asked does not decide, in advance either. Who has the
//! right role is not judged here: that is the ledger's to say (`mesh-governance`).

mod book;
mod issuer;
mod record;
mod rule;
mod scope;

pub use book::{
    Book, MOST_IN_A_DAY, MOST_ISSUERS, MOST_RULES, MOST_TOKENS, MOST_WAITING, Next, Readers, TOKEN_MEMORY_MS,
};
pub use issuer::{Issuer, RevokedToken};
pub use record::{AccessRecord, End, Ending, Grant, Refused, Status};
pub use rule::AccessRule;
pub use scope::Scope;

/// Longest time that access is asked for, in days (five years).
pub const MOST_DAYS: u32 = 1_830;
