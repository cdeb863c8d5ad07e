//! What can go wrong between a node and its disk.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::log_name::{FeedId, LogName};

/// A failure of the store. It is `Clone` because one failed sync is told to everybody whose batch was in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has the directory open. Nothing was touched.
    #[error("store is in use by another process ({path})")]
    InUse {
        /// The lock file.
        path: String,
    },
    /// The store was written by a newer program. Nothing was touched.
    #[error("expected a store of format version {supported} or older, found version {found}: use a newer program")]
    NewerFormat {
        /// The version on the disk.
        found: u64,
        /// The newest this program knows.
        supported: u64,
    },
    /// A key, value or name that the store never accepts; nothing was written.
    #[error("expected {what} of at most {limit} bytes, found {found}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// The longest there may be, in bytes.
        limit: usize,
        /// How long it is, in bytes.
        found: usize,
    },
    /// A name or key that can't be stored; nothing was written.
    #[error("expected {expected}, found {found:?}")]
    Invalid {
        /// What is asked for.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// Bytes on the disk are not what was written there. They are never served.
    #[error("expected {expected}, found damaged bytes")]
    Corrupt {
        /// Which record.
        expected: String,
    },
    /// A log lost acknowledged leaves or was altered: it is not read from `readable_below` on, and not appended to.
    #[error("{log} is damaged: it is readable below leaf {readable_below}, {}; fetch it from a peer", what(*.asked))]
    Damaged {
        /// Which log.
        log: LogName,
        /// Leaves below this index are whole.
        readable_below: u64,
        /// The leaf that was asked for; the largest number stands for what is to be appended.
        asked: u64,
    },
    /// The feed is a copy of what another node wrote: it is never appended to as if it were written here.
    #[error("the feed of {feed} is a copy; expected one that this node writes")]
    Copy {
        /// Which feed.
        feed: FeedId,
    },
    /// The feed is written by this node: no copy goes into it.
    #[error("the feed of {feed} is written by this node; expected a copy")]
    Written {
        /// Which feed.
        feed: FeedId,
    },
    /// The subtree hash isn't stored: the size was never reached, or the range below an installed snapshot isn't fetched yet.
    #[error("{log} has no hash of subtree ({level}, {index})")]
    MissingHash {
        /// Which log.
        log: LogName,
        /// Level of the subtree; 0 is the leaves.
        level: u8,
        /// Position within the level.
        index: u64,
    },
    /// As many commits are waiting as may wait. Nothing was written; try again after some were done.
    #[error("expected room for one more commit, found {waiting} commits waiting")]
    Full {
        /// How many wait.
        waiting: usize,
    },
    /// An earlier write or sync failed. What reached the disk is unknown, so nothing is accepted for ever; the node must stop.
    #[error("the store stopped accepting writes after a failure: {reason}")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// The store was closed (or, in simulation, crashed) under this handle.
    #[error("expected an open store, found it closed")]
    Closed,
    /// The operating system or the storage engine failed.
    #[error("could not {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// An I/O failure while `doing` something to `path`.
    pub(crate) fn io(doing: &str, path: &Path, source: io::Error) -> Self {
        Self::engine(format!("{doing} {}", path.display()), source)
    }

    /// A failure of the storage engine while `doing` something.
    pub(crate) fn engine(doing: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Io { doing: doing.into(), source: Arc::new(source) }
    }

    /// A record that doesn't read back.
    pub(crate) fn corrupt(expected: impl fmt::Display) -> Self {
        Self::Corrupt { expected: expected.to_string() }
    }

    /// The error with its causes, in one line: for a log line and for [`StoreError::Poisoned`].
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

/// What was asked for of a damaged log; whoever wants to append asks for no leaf at all.
fn what(leaf: u64) -> String {
    if leaf == u64::MAX { "nothing is appended to it".to_owned() } else { format!("asked for leaf {leaf}") }
}
