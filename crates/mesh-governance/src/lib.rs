//! The replicated state machine: [`apply`] takes a state and a committed entry, and gives leaves, changes and effects.
//!
//! Row 2 of the workspace, pure. It is step 5 (*decide*) of the path of a publish, and the dry run of step 2 (*admit*).
//! Every voter runs it on every committed entry, and whoever audits an export runs it again: the same ledger prefix
//! gives the same leaves, byte for byte, on every node and every build of one protocol version.
//!
//! ```text
//!              LedgerEntry (an envelope, or a batch of one feed's events)
//!                   |
//!   StateRead --> apply --> [Applied { leaf, leaf_bytes, changes, effects }]   one per leaf, in order
//!   (on disk)                     |            |         |
//!                        ledger, Merkle tree   state     catalog, watch streams
//! ```
//!
//! Nothing is held in memory between calls: the state is a key-value map that is read through [`StateRead`], so a node
//! starts without replay. The caller commits `changes` and the leaf in one batch; [`Overlay`] lets it apply further
//! entries before that batch is durable.
//!
//! # Rules
//!
//! - The stamp in effect is the later of the entry's and the last leaf's. There is no other time.
//! - Every committed command is one leaf, accepted or not. What is rejected changes nothing but the head; a domain
//!   command whose fence was right (epoch in force, number = last + 1) uses its outbox number up all the same.
//! - Details are texts of our own, never a library's: they are hashed into the leaf and have to be the same in every
//!   build.
//! - No bytes that a caller hands in make it panic.
//!
//! | module | holds |
//! |---|---|
//! | [`state`] | how state is read: [`StateRead`], [`Damage`] |
//! | [`keys`], [`records`] | the layout of the state's keys and values |
//! | [`read`] | what nodes and tools ask of a state |
//! | [`applied`] | what `apply` gives back |
//! | `feed`, `direct` | the two ways into the ledger: a domain's feed, or straight (root, council, genesis) |
//! | `commands` | one file per command, and one per matter that a proposal can decide |
//! | `proposals`, `tally` | council matters from opening to closing; who may answer, and what the answers come to |
//! | `roots` | who speaks for a domain now |
//! | `epochs` | what a new epoch of a feed must continue, and what stays known of the one before |
//! | [`judge`], [`policy`] | the seam to the evaluator of standards, and the one behind it |
//! | [`semantics`] | projections for people: what words mean, and which fields carry them |
//! | [`compliance`] | projections for people: who keeps the standards, and who would keep one that is proposed |
//! | `actor`, `authority`, `life` | who may: roles; thresholds and purposes of keys; expiry and remembered ids |
//! | [`own_rules`] | a domain's own rules: asked by its home node, never by `apply` |
//! | [`admit`](mod@admit) | dry runs before anything is appended or proposed |
//! | [`verify`] | signature checks, which a node may answer from memory |
//! | [`roles`] | `docs/roles.md` |

mod actor;
pub mod admit;
pub mod applied;
mod apply;
mod authority;
mod calendar;
mod chain;
mod commands;
pub mod compliance;
mod decision;
mod direct;
mod epochs;
mod facts;
mod feed;
pub mod judge;
pub mod keys;
mod life;
pub mod mem;
pub mod overlay;
pub mod own_rules;
pub mod policy;
mod proposals;
pub mod read;
pub mod records;
pub mod roles;
mod roots;
pub mod semantics;
mod standard_form;
pub mod state;
mod tally;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod verify;

pub use admit::{
    Admission, admit_domain_command, admit_domain_command_with, admit_entry, admit_entry_among, admit_entry_with,
    suppose_domain_command, suppose_domain_command_with,
};
pub use applied::{Applied, Effect, StateChange};
pub use apply::{apply, apply_with};
pub use chain::next_state_digest;
pub use decision::{DETAIL_BYTES, Rejection};
pub use facts::{FactCase, admit_fact, grants_count, lacks, may_state};
pub use feed::HEAD_NOTE_BYTES;
pub use judge::{Case, FirstSealed, InForce, Judge, NoPolicy, Verdict, Violation};
pub use mem::MemState;
pub use overlay::Overlay;
pub use own_rules::{OwnRules, OwnViolation, admit_rules, own_violations};
pub use policy::PolicyJudge;
pub use records::{
    AnchorFence, Containment, Delegation, Domain, DomainStatus, Electorate, EnactedStandard, EndedEpoch, Ending,
    Erasure, FeedCursor, Grant, GrantedWaiver, Head, KeyPurpose, KnownNode, Lapse, LastSealed, LedgerHead, Mesh,
    NodeRevocation, Notice, PendingRoot, Product, Proposal, ProposalStatus, Recovery, Remark, ResolvedFork,
    RosterEntry, SealedVersion, StandardStatus, Status, Terms, Vote, VotersInForce, Vouched,
};
pub use roles::roles_markdown;
pub use standard_form::standard_flaws;
pub use state::{Damage, StateRead};
pub use verify::{Strict, Verify};
