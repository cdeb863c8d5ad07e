//! The disk of a node.
//!
//! # Place
//!
//! Row 3: below `mesh-raft` and `mesh-node`, above the pure crates. It deals in bytes and small ids; what they mean is the callers'
//! business. It is the only crate that names sled.
//!
//! # Layers, from below
//!
//! - [`Kv`]: an ordered map with atomic batches and an explicit sync. [`SledKv`] is sled behind guards, [`MemKv`] its twin on a
//!   [`MemDisk`] that loses, tears or corrupts unsynced writes on command.
//! - [`Chunked`]: values of any length, each with a checksum, over values of at most 4 KiB.
//! - [`Committer`]: group commit. Batches in, one sync for all that wait, callbacks out.
//! - Keyspaces, a file each, the layout drawn in its doc comment: [`Meta`], [`RaftLog`], [`State`], the ledger and the feeds (both a
//!   [`MerkleLog`]; see [`Feed`]), [`IndexSpace`], [`Guarded`]. They read from the store and write into a [`Batch`]; all lie in one tree, so
//!   one batch can change several.
//! - Beside the database: the HEAD file ([`Heads`]) and [`Attachments`].
//! - [`Store`] ties them together.
//!
//! # Invariants
//!
//! - A callback with `Ok` means: survives kill -9 and power loss.
//! - After a crash the store holds a prefix of the batches, in the order of the committer; each whole.
//! - After a failed write or sync nothing is accepted any more, for ever, and the fatal hook is called.
//! - The HEAD file never runs ahead of durable data. It trails by at most its interval; then it detects less, never wrongly.
//! - Bytes that are not what was written, and leaves past a log's damage, are errors, never answers.
//! - A log is appended to by one [`Appender`], which no damaged log gives out. A feed is written here or a copy, never both.
//! - No record is scanned at start: sizes come from frontiers, and checking a log's tail reads `O(log size)` hashes.

mod appender;
mod attachments;
mod batch;
mod bytes;
mod chunked;
mod claims;
mod commit_loop;
mod commit_queue;
mod commit_stats;
mod committer;
mod damage;
mod dir_lock;
mod durable_file;
mod error;
mod feed;
mod format;
mod guarded;
mod head_file;
mod heads;
mod index;
mod keyspace;
mod kv;
mod ledger;
mod live_copy;
mod log_name;
mod marks;
mod mem_disk;
mod mem_kv;
mod merkle_log;
mod meta;
mod options;
mod raft_log;
mod range;
mod record;
mod sled_kv;
mod start;
mod state;
mod store;

pub use appender::Appender;
pub use attachments::{AttachmentDigest, Attachments, MAX_ATTACHMENT_BYTES, digest_of};
pub use batch::Batch;
pub use chunked::{Chunked, MAX_KEY_BYTES, MAX_VALUE_BYTES};
pub use commit_stats::CommitSnapshot;
pub use committer::{Callback, CommitLimits, Committer, FatalHook, Refused};
pub use damage::Damage;
pub use dir_lock::DirLock;
pub use error::StoreError;
pub use feed::Feed;
pub use format::{FORMAT_VERSION, OLDEST_FORMAT_VERSION};
pub use guarded::{Guarded, HeadWrite, MAX_GUARDED_BYTES};
pub use heads::{Head, Heads};
pub use index::{IndexSpace, MAX_INDEX_KEY_BYTES};
pub use kv::{Entry, Kv, MAX_PHYSICAL_KEY_BYTES, MAX_PHYSICAL_VALUE_BYTES};
pub use log_name::{FeedId, LogName, MAX_DOMAIN_BYTES};
pub use mem_disk::{Crash, MemDisk, MemSnapshot};
pub use mem_kv::MemKv;
pub use merkle_log::MerkleLog;
pub use meta::{MAX_NAME_BYTES, Meta};
pub use options::{MemoryLoop, StoreOptions};
pub use raft_log::{RaftLog, VOTE};
pub use range::{KeyRange, Page};
pub use sled_kv::SledKv;
pub use state::{MAX_STATE_KEY_BYTES, State, StateView};
pub use store::{DiskUsage, Store};
