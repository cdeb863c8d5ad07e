//! Counters of the commit loop.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bucket `n` counts syncs of less than `2^n` microseconds: the last begins at about 17 minutes.
const BUCKETS: usize = 31;

/// Counters that only grow; read with [`CommitStats::snapshot`].
#[derive(Debug, Default)]
pub(crate) struct CommitStats {
    commits: AtomicU64,
    relaxed: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
    largest_group: AtomicU64,
    sync_micros: AtomicU64,
    histogram: [AtomicU64; BUCKETS],
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitSnapshot {
    /// Durable commits acknowledged.
    pub commits: u64,
    /// Relaxed batches taken.
    pub relaxed: u64,
    /// Bytes of keys and values taken, before chunking.
    pub bytes: u64,
    /// Syncs: flush and fdatasync.
    pub syncs: u64,
    /// The most commits that one sync made durable.
    pub largest_group: u64,
    /// Time spent in syncs, microseconds.
    pub sync_micros: u64,
    /// 99 of 100 syncs took less than this, microseconds, rounded up to a power of two. 0 before the first.
    pub sync_p99_micros: u64,
}

impl CommitStats {
    pub(crate) fn taken(&self, relaxed: bool, bytes: usize) {
        if relaxed {
            self.relaxed.fetch_add(1, Relaxed);
        }
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn synced(&self, commits: usize, took: Duration) {
        let commits = commits as u64;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(commits, Relaxed);
        self.syncs.fetch_add(1, Relaxed);
        self.largest_group.fetch_max(commits, Relaxed);
        self.sync_micros.fetch_add(micros, Relaxed);
        let bits = u64::BITS - micros.leading_zeros();
        let bucket = (bits as usize).min(BUCKETS - 1);
        self.histogram[bucket].fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> CommitSnapshot {
        CommitSnapshot {
            commits: self.commits.load(Relaxed),
            relaxed: self.relaxed.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            largest_group: self.largest_group.load(Relaxed),
            sync_micros: self.sync_micros.load(Relaxed),
            sync_p99_micros: self.p99(),
        }
    }

    fn p99(&self) -> u64 {
        let counts: Vec<u64> = self.histogram.iter().map(|n| n.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let mut left = total - total / 100;
        for (bucket, count) in counts.iter().enumerate() {
            left = left.saturating_sub(*count);
            if left == 0 && total > 0 {
                return 1 << bucket;
            }
        }
        0
    }
}
