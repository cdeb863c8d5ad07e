//! What a batch tells the HEAD file.

use std::collections::BTreeMap;

use mesh_tlog::Frontier;

use crate::log_name::LogName;

/// The end of the raft log as the HEAD file remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RaftTail {
    /// How often the log's tail was cut off: a tail of an earlier count says nothing about the log now.
    pub(crate) truncations: u64,
    /// Index after the last entry; 0 for a log that never had one.
    pub(crate) next: u64,
    /// CRC-32 of the last entry's bytes; 0 where it isn't known.
    pub(crate) crc: u32,
}

/// A small record whose loss must be noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordMark {
    /// Grows with each write of any guarded record of this node.
    pub(crate) sequence: u64,
    /// The record's bytes.
    pub(crate) bytes: Vec<u8>,
}

/// The acknowledged heads that a batch brings once it is durable. Roots are computed when the HEAD file is written, not per batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    /// New right edges of logs.
    pub(crate) logs: BTreeMap<LogName, Frontier>,
    /// New guarded records.
    pub(crate) records: BTreeMap<String, RecordMark>,
    /// The new end of the raft log.
    pub(crate) raft: Option<RaftTail>,
    /// Whether the HEAD file must be written before the batch is acknowledged.
    pub(crate) urgent: bool,
}

impl Marks {
    /// Adds what came after.
    pub(crate) fn append(&mut self, later: Marks) {
        self.logs.extend(later.logs);
        self.records.extend(later.records);
        self.raft = later.raft.or(self.raft);
        self.urgent |= later.urgent;
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.records.is_empty() && self.raft.is_none()
    }
}
