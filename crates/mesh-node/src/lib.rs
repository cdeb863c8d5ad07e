//! The node daemon: one process that writes the feeds of its domains, votes on the ledger and answers everybody.
//!
//! Row 5: the only place, beside the command line, where the pure crates meet sockets, threads and the clock.
//!
//! | module | holds |
//! |---|---|
//! | [`publish`] | **the main path**: sign, decode, admit, append, order, decide, as one readable function |
//! | [`plan`] | what a publish would do, without doing it |
//! | [`feeds`], [`feed_writer`], [`feed_tail`] | the writers of the feeds that this node was delegated |
//! | [`moves`] | the home stops for a move and says where its feed ends |
//! | [`epochs`], [`carry`], [`orphans`] | when a domain moves: stops the old writer, takes over or offers again what the ledger has not |
//! | [`outbox`] | what takes a feed's commands to the ledger, and goes on after a restart |
//! | [`reads`] | products, domains, history as of the applied ledger |
//! | [`tail`], `join` | the ledger of nodes outside Raft; how a new node comes to its number |
//! | `later_voters` | a voter that was away while all others were replaced |
//! | [`pending`] | what is in the feeds of this side and not sealed yet |
//! | [`projector`], [`folded`], `commit_budget` | folds applied leaves into indexes and search, for its share of the machine |
//! | [`replicas`] | copies of feeds on other nodes: assigned, verified, served, repaired |
//! | [`attachments`] | files by digest: taken with a publish, fetched from their home |
//! | [`gossip`] | who is up, whose feeds grew: the shell around `mesh-gossip` |
//! | [`backup`] | copies of the data folder for the operator, taken while the node runs |
//! | [`recover`] | a node that lost its data comes back as a new one |
//! | [`refound`] | after a lost quorum: a stopped node prepares to vote again by the council's word |
//! | [`clock_offset`] | this node's clock beside the voters' |
//! | [`upkeep`] | what an operator watches: disk, clock, checkpoint |
//! | [`forward`] | talking to a domain's home node |
//! | [`api_port`] | the API port: TLS, and bounds per address |
//! | [`transport`] | TLS between nodes: who may connect, and who is at the other end |
//! | [`limits`] | too much, too often |
//! | [`verified`] | each signature checked once per process |
//! | [`services`] | gRPC, one file per service |
//! | [`http`] | JSON, OpenAPI, metrics and health on the same port |
//! | [`node`], [`assemble`], [`core`] | starts and stops; puts it together; what all parts share |
//! | [`network`] | what carries bytes between nodes: the system's sockets, or a simulation's |
//! | [`config`], [`keys`] | what the node is told, and its keys |
//!
//! Invariants kept here: a command is acknowledged only after its event is durable; nothing acts on bytes before their
//! signature is checked; every queue is bounded; a read says how fresh it is.

pub mod access;
pub mod anchors;
pub mod api_port;
pub mod assemble;
pub mod attachments;
pub mod backup;
pub mod carry;
pub mod checkpoints;
pub mod clock;
pub mod clock_offset;
mod commit_budget;
pub mod config;
mod contracts;
pub mod core;
mod data_folder;
mod day_use;
pub mod epochs;
pub mod erasure;
pub mod facts;
pub mod feed_rules;
pub mod feed_tail;
pub mod feed_writer;
pub mod feeds;
pub mod folded;
pub mod followed;
pub mod forward;
pub mod gossip;
pub mod http;
pub mod insights;
mod join;
pub mod keys;
mod later_voters;
pub mod limits;
pub mod lineage;
pub mod metrics;
pub mod moves;
pub mod network;
pub mod node;
pub mod orphans;
pub mod outbox;
mod own_command;
pub mod pending;
pub mod pipelines;
pub mod plan;
pub mod plan_standards;
pub mod projector;
pub mod publish;
pub mod quality;
pub mod reads;
pub mod recover;
pub mod refound;
pub mod replicas;
pub mod rules_desk;
pub mod services;
pub mod start_error;
pub mod synonyms;
pub mod tail;
pub mod tiles;
pub mod transport;
pub mod upkeep;
mod verdict;
pub mod verified;

/// Name and version of the program, as nodes greet each other with it.
pub const BUILD: &str = concat!("datamesh/", env!("CARGO_PKG_VERSION"));

pub use config::{Config, ConfigError};
pub use node::Node;
pub use start_error::StartError;
