//! What a start found lost or altered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::StoreError;
use crate::log_name::LogName;

/// Something that was acknowledged and isn't there any more, or not as it was. Never served; to be fetched again from peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// A log lost leaves, or its bytes don't hash to what was acknowledged.
    Log {
        /// Which log.
        log: LogName,
        /// Leaves below this index are whole and can be read.
        readable_below: u64,
        /// What was expected and found.
        reason: String,
    },
    /// The raft log lost acknowledged entries.
    RaftLog {
        /// What was expected and found.
        reason: String,
    },
    /// A guarded record (the vote, a cosigner's state) is gone, older than acknowledged, or other.
    Record {
        /// Its name.
        name: String,
        /// What was expected and found.
        reason: String,
    },
    /// The HEAD file is gone or unreadable: what was acknowledged is unknown.
    Head {
        /// What was expected and found.
        reason: String,
    },
}

impl Damage {
    /// Whether the node may have promised something it no longer knows: it must not vote or cosign under its old id again.
    pub fn costs_authority(&self) -> bool {
        !matches!(self, Self::Log { .. })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log { log, readable_below, reason } => {
                write!(f, "{log} is damaged: {reason}; readable below leaf {readable_below}")
            }
            Self::RaftLog { reason } => write!(f, "the raft log is damaged: {reason}"),
            Self::Record { name, reason } => write!(f, "the record {name} is damaged: {reason}"),
            Self::Head { reason } => write!(f, "the HEAD file is damaged: {reason}"),
        }
    }
}

/// The damage of all logs, shared by their handles.
#[derive(Debug, Clone, Default)]
pub(crate) struct DamageBoard {
    readable_below: Arc<RwLock<BTreeMap<LogName, u64>>>,
}

impl DamageBoard {
    pub(crate) fn set(&self, log: LogName, readable_below: Option<u64>) {
        let mut board = self.readable_below.write().unwrap_or_else(PoisonError::into_inner);
        match readable_below {
            Some(bound) => board.insert(log, bound),
            None => board.remove(&log),
        };
    }

    /// Refuses leaf `asked` of a log that is damaged there.
    pub(crate) fn refuse(&self, log: &LogName, asked: u64) -> Result<(), StoreError> {
        let readable_below = self.readable_below(log);
        if asked < readable_below || readable_below == u64::MAX {
            return Ok(());
        }
        Err(StoreError::Damaged { log: log.clone(), readable_below, asked })
    }

    /// The first leaf that is not served; `u64::MAX` for a whole log.
    pub(crate) fn readable_below(&self, log: &LogName) -> u64 {
        let board = self.readable_below.read().unwrap_or_else(PoisonError::into_inner);
        board.get(log).copied().unwrap_or(u64::MAX)
    }
}
