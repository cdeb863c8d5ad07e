//! Copies of a node's data folder for its operator: taken while the node runs, verified after writing, read back into an empty folder.
//!
//! ```text
//! BACKUP/
//!   MANIFEST.json   what it is of, and size and SHA-256 of every other file; written last
//!   genesis.bin     the founding envelope
//!   node.toml       the configuration, with its tokens: mode 0600
//!   data/           the data folder, without the search index, which is made again
//!   keys/           the node's private keys, only where they were asked for
//! ```
//!
//! A copy is of a moment that passed: votes, cosignatures and feed heads that came later are unknown to it. So a copy has lost its authority
//! from the moment it is written, however it gets back to a machine: a node on it reads, follows the ledger and serves, and never votes,
//! cosigns or writes a feed under its number.
//!
//! | part | does |
//! |---|---|
//! | [`take`] | writes a backup and verifies it |
//! | [`restore`] | verifies one and puts it in place |
//! | [`control`] | the socket in the data folder by which the operator asks a running node for one |

pub mod control;
mod files;
mod manifest;
pub mod restore;
pub mod take;

pub use files::BackupError;
pub use manifest::{LedgerMark, ListedFile, Manifest};
