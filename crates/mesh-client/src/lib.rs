//! The Rust SDK: sign, publish, query.
//!
//! Row 4 of the workspace. Below it are the wire (`mesh-proto`) and what is signed (`mesh-event`); above it the `mesh`
//! command and anybody's own program. Generated types stop here: a caller sees domain types only.
//!
//! ```no_run
//! # async fn example() -> Result<(), mesh_client::MeshError> {
//! use mesh_client::{Client, ClientOptions, Read};
//! let client = Client::connect(ClientOptions::new(["http://127.0.0.1:7080"]))?;
//! let product = client.product("customer_experience/customer_profile", Read::default()).await?;
//! println!("{}", product.descriptor.version_id());
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`options`] | where the mesh is and how long to wait |
//! | [`client`] | [`Client`]: connections, fail-over, the pinned mesh id |
//! | `tls` | `https://` nodes: whose certificates are trusted, and what a failure means |
//! | [`retry`] | what may be tried again, and how often |
//! | [`command`] | building and signing commands: the layer that draws random ids |
//! | [`publish`], [`stream`] | plan and publish, one or many |
//! | [`catalog`], [`watch`] | reading products |
//! | [`checkpoint`] | checkpoints, receipts and proofs, verified before they are handed out |
//! | [`governance`], [`ledger`], [`node`] | domains, council, keys; the ledger; one node's state |
//! | [`node_record`] | the file of a node that is to be admitted |
//! | [`access`] | who asked for access to which product, and what is allowed |
//! | [`tokens`] | who issues tokens for what was granted, drawing and checking them |
//! | [`lineage`] | which products are made of which |
//! | [`insights`] | the guide's measures of success |
//! | [`quality`] | what was measured about products, held against what they promise |
//! | [`standards`], [`rules`] | what holds for the whole mesh; what a domain asks of itself |
//!
//! # Invariants
//! - Nothing is sent to a node before its genesis verified against the mesh id that the options pin; without a pin the
//!   first mesh that is read is pinned for the client's life.
//! - Every call has a deadline. A call is tried again only when nothing happened or when repeating it cannot change
//!   anything (a read; a publish, whose command id the home node remembers), with growing pauses and a limit.
//! - Errors are [`MeshError`]s with a stable code. `unreachable` and `unavailable` mean that nothing happened;
//!   `outcome_unknown` means that it may still take effect.

pub mod access;
pub mod acknowledgement;
pub mod catalog;
pub mod checkpoint;
pub mod client;
pub mod command;
mod convert;
pub mod feeds;
pub mod governance;
pub mod insights;
pub mod ledger;
pub mod lineage;
pub mod node;
pub mod node_record;
pub mod options;
pub mod plan;
pub mod product;
pub mod proposals;
pub mod publish;
pub mod quality;
pub mod retry;
pub mod rules;
pub mod standards;
pub mod stream;
mod tls;
pub mod tokens;
pub mod watch;

pub use access::{AccessItem, AccessListing, AccessQuery};
pub use acknowledgement::{Acknowledgement, FeedPosition, Freshness, WaitLevel};
pub use catalog::{HistoryItem, ListQuery, Listing, Read, SearchPage, SearchQuery};
pub use checkpoint::{Comparison, Finding, VerifiedCheckpoint};
pub use client::{Client, Mesh};
pub use command::CommandBuilder;
pub use feeds::FeedEnd;
pub use governance::{CouncilView, DomainView, FeedFork, KnownNode, LedgerFeedHead, RosterEntry, WhoAmI};
pub use ledger::LedgerHead;
pub use lineage::{LineageOf, LineageView, ObservedSupply, ObservedView};
pub use mesh_proto::status::MeshError;
pub use node::NodeStatus;
pub use options::ClientOptions;
pub use plan::{Plan, PlanAction, PlanProblem, PlanRequest};
pub use product::{Facet, ProductSummary, ProductView, SearchHit, VersionSummary};
pub use publish::{Attached, Outgoing};
pub use quality::{IncidentListing, MeasuredPlace, Promise, QualityIncident, QualityView, StatedRun};
pub use rules::DomainRulesView;
pub use stream::{AckStream, Delivered, StreamOptions};
pub use tokens::{AccessTerms, TokenCheck, TokenDrawn, TokenTarget, TokenWanted};
pub use watch::WatchItem;
