//! What waits for the commit loop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::batch::Batch;
use crate::committer::{Callback, CommitLimits};
use crate::marks::Marks;

/// One batch that was handed in. Without a callback it is relaxed.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) callback: Option<Callback>,
}

/// Batches to apply as one.
pub(crate) struct Group {
    pub(crate) batch: Batch,
    pub(crate) callbacks: Vec<Callback>,
}

/// What was applied since the last sync.
#[derive(Default)]
pub(crate) struct Applied {
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) marks: Marks,
    /// Whether there is anything for a sync to do.
    pub(crate) changed: bool,
}

/// First waiting, then applied, then taken away to be synced.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// Those of `waiting` that somebody waits for.
    commits: usize,
    applied: Applied,
    /// Since when the oldest batch that no sync made durable is here, applied or waiting.
    unsynced_since: Option<Instant>,
    failure: Option<String>,
    pub(crate) closing: bool,
}

impl Queue {
    pub(crate) fn push(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.batch.bytes();
        match waiting.callback {
            Some(_) => self.commits += 1,
            None => _ = self.unsynced_since.get_or_insert_with(Instant::now),
        }
        self.waiting.push_back(waiting);
    }

    /// Commits that nobody was told about yet, those in a running sync not counted.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + self.applied.callbacks.len()
    }

    pub(crate) fn is_full(&self, limits: &CommitLimits) -> bool {
        let waiting = self.waiting();
        waiting >= limits.waiting.max(1) || (waiting > 0 && self.waiting_bytes >= limits.waiting_bytes)
    }

    pub(crate) fn refuse_if_ended(&self) -> Result<(), StoreError> {
        match &self.failure {
            Some(reason) => Err(StoreError::Poisoned { reason: reason.clone() }),
            None if self.closing => Err(StoreError::Closed),
            None => Ok(()),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether a commit waits to be applied or synced, or there is no room for more. Relaxed batches alone are no work: they go along
    /// with the next commit, since the engine's cost is by the batch, or by themselves when they have waited long enough.
    pub(crate) fn has_work(&self, limits: &CommitLimits) -> bool {
        self.commits > 0 || !self.applied.callbacks.is_empty() || self.is_full(limits)
    }

    /// Whether somebody waits for a sync, or relaxed batches have waited long enough.
    pub(crate) fn wants_sync(&self, relaxed_sync: Duration) -> bool {
        !self.applied.callbacks.is_empty()
            || self.commits > 0
            || self.closing
            || self.until_relaxed_sync(relaxed_sync).is_some_and(|left| left.is_zero())
    }

    /// How long relaxed batches may still wait for a sync; `None` where there are none.
    pub(crate) fn until_relaxed_sync(&self, relaxed_sync: Duration) -> Option<Duration> {
        let since = self.unsynced_since?;
        Some(relaxed_sync.saturating_sub(since.elapsed()))
    }

    /// Takes the first waiting batches as one, up to `bytes` (but at least one batch).
    pub(crate) fn next_group(&mut self, bytes: usize) -> Option<Group> {
        let first = self.waiting.pop_front()?;
        let mut group = Group { batch: first.batch, callbacks: first.callback.into_iter().collect() };
        while group.batch.bytes() < bytes {
            let Some(next) = self.waiting.pop_front() else {
                break;
            };
            group.batch.append(next.batch);
            group.callbacks.extend(next.callback);
        }
        // A merged batch counts the bytes of all its parts.
        self.waiting_bytes -= group.batch.bytes();
        self.commits -= group.callbacks.len();
        Some(group)
    }

    /// Notes what the store now has.
    pub(crate) fn applied(&mut self, callbacks: Vec<Callback>, marks: Marks, changed: bool) {
        self.applied.callbacks.extend(callbacks);
        self.applied.marks.append(marks);
        if changed {
            self.applied.changed = true;
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
    }

    /// Takes what the next sync makes durable; `None` where there is nothing.
    pub(crate) fn take_applied(&mut self) -> Option<Applied> {
        if self.applied.callbacks.is_empty() && !self.applied.changed {
            return None;
        }
        self.unsynced_since = None;
        Some(std::mem::take(&mut self.applied))
    }

    /// Refuses everything from now on. Returns whether this is the first failure, and who is to be told.
    pub(crate) fn poison(&mut self, error: &StoreError) -> (bool, Vec<Callback>) {
        let first = self.failure.is_none();
        if first {
            self.failure = Some(error.chain());
        }
        let mut left = std::mem::take(&mut self.applied.callbacks);
        let waiting = std::mem::take(&mut self.waiting);
        left.extend(waiting.into_iter().filter_map(|waiting| waiting.callback));
        self.waiting_bytes = 0;
        self.commits = 0;
        (first, left)
    }
}
