//! The end of the log in memory.

use std::collections::VecDeque;

use openraft::entry::RaftEntry as _;
use openraft::{AsyncRuntime, EntryPayload};

use crate::type_config::Entry;

/// Entries that are kept though they are on the disk, in bytes: what followers and the state machine read next.
const KEEP_BYTES: usize = 16 << 20;
/// The same as a count.
const KEEP_ENTRIES: usize = 8192;

/// The last entries of the log, without a gap. Everything that may not be readable on the disk yet is among them.
pub(crate) struct RecentEntries<R: AsyncRuntime> {
    entries: VecDeque<(Entry<R>, usize)>,
    bytes: usize,
    /// Entries below this index are on the disk for good.
    durable_below: u64,
}

impl<R: AsyncRuntime> RecentEntries<R> {
    /// None. Everything below `durable_below` is on the disk.
    pub(crate) fn new(durable_below: u64) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, durable_below }
    }

    /// Index of the first entry here.
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.front().map(|(entry, _)| entry.index())
    }

    /// Adds the entry after the last.
    pub(crate) fn push(&mut self, entry: Entry<R>) {
        let last = self.entries.back().map(|(entry, _)| entry.index());
        assert!(last.is_none_or(|last| last + 1 == entry.index()), "the log has no gaps");
        let bytes = cost::<R>(&entry);
        self.bytes += bytes;
        self.entries.push_back((entry, bytes));
    }

    /// Entries below `index` are durable: those that are too many go.
    pub(crate) fn durable_below(&mut self, index: u64) {
        self.durable_below = self.durable_below.max(index);
        while self.bytes > KEEP_BYTES || self.entries.len() > KEEP_ENTRIES {
            if self.first().is_none_or(|first| first >= self.durable_below) {
                return;
            }
            self.drop_first();
        }
    }

    /// Forgets the entries from `index` on. The log is durable before.
    pub(crate) fn truncate_from(&mut self, index: u64) {
        while self.entries.back().is_some_and(|(entry, _)| entry.index() >= index) {
            let (_, bytes) = self.entries.pop_back().expect("looked at just now");
            self.bytes -= bytes;
        }
        self.durable_below = self.durable_below.min(index);
    }

    /// Forgets the entries below `index`.
    pub(crate) fn purge_below(&mut self, index: u64) {
        while self.first().is_some_and(|first| first < index) {
            self.drop_first();
        }
    }

    /// The entries from `start` below `end`, all of which are here, until `budget` bytes are reached; one at least.
    pub(crate) fn range(&self, start: u64, end: u64, budget: usize) -> Vec<Entry<R>> {
        let Some(first) = self.first() else {
            return Vec::new();
        };
        assert!(start >= first, "only what is here is asked for");
        let skip = usize::try_from(start - first).unwrap_or(usize::MAX);
        let mut spent = 0;
        let found = self.entries.iter().skip(skip).take_while(|(entry, bytes)| {
            let fits = spent == 0 || spent + bytes <= budget;
            spent += bytes;
            fits && entry.index() < end
        });
        found.map(|(entry, _)| entry.clone()).collect()
    }

    fn drop_first(&mut self) {
        if let Some((_, bytes)) = self.entries.pop_front() {
            self.bytes -= bytes;
        }
    }
}

/// About how many bytes an entry takes in memory and in a frame.
pub(crate) fn cost<R: AsyncRuntime>(entry: &Entry<R>) -> usize {
    const OVERHEAD: usize = 128;
    match &entry.payload {
        EntryPayload::Normal(proposal) => proposal.bytes().len() + OVERHEAD,
        EntryPayload::Blank | EntryPayload::Membership(_) => OVERHEAD,
    }
}
