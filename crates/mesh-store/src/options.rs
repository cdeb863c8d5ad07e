//! Settings of a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::committer::{CommitLimits, FatalHook};

/// How a store on a disk is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// Bound of the page cache, in bytes. Too low and reads go to the disk; sled holds about as much again beside it.
    pub cache_bytes: u64,
    /// Bounds of the commit loop.
    pub limits: CommitLimits,
    /// The HEAD file is at most this old while there are commits. Shorter detects the loss of younger acknowledgements; each write costs
    /// two syncs, so much below 100 ms commits get slower.
    pub head_interval: Duration,
    /// Called once when the store can't write any more: stop the node. By default the failure only shows in every later commit.
    pub fatal: FatalHook,
    /// Called after each batch that waits for [`Committer::step`](crate::Committer::step): whoever takes the steps has something to do.
    /// It must not block. A loop that runs by itself doesn't call it.
    pub bell: Arc<dyn Fn() + Send + Sync>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 128 << 20,
            limits: CommitLimits::default(),
            head_interval: Duration::from_secs(1),
            fatal: Arc::new(|_| {}),
            bell: Arc::new(|| {}),
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("cache_bytes", &self.cache_bytes)
            .field("limits", &self.limits)
            .field("head_interval", &self.head_interval)
            .finish_non_exhaustive()
    }
}

/// Who runs the commit loop of a store in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLoop {
    /// Each commit is durable and called back when the call returns.
    Inline,
    /// Commits wait until [`Committer::step`](crate::Committer::step).
    Manual,
    /// A thread, as on a disk.
    Thread,
}
