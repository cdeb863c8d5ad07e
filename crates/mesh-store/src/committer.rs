//! Group commit: many writers, one sync.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::StoreError;
use crate::batch::Batch;
use crate::chunked::Chunked;
use crate::commit_loop::{Bell, Mode, Shared, lock, run};
use crate::commit_queue::{Queue, Waiting};
use crate::commit_stats::{CommitSnapshot, CommitStats};
use crate::head_file::HeadFile;
use crate::heads::Heads;
use crate::log_name::LogName;
use crate::marks::RecordMark;

/// Told once, from the commit loop, whether the batch is durable. It must not block.
pub type Callback = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Told once when the store can't go on: stop the node and say why.
pub type FatalHook = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// Bounds of the commit loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitLimits {
    /// Commits that may wait. Too low and groups stay small; too high and a slow disk shows as memory. 1 or more.
    pub waiting: usize,
    /// Bytes that may wait. One batch is taken even if it alone is larger.
    pub waiting_bytes: usize,
    /// Bytes of waiting batches that are applied as one.
    pub apply_bytes: usize,
    /// After how long at the latest a relaxed batch becomes durable when no commit comes.
    pub relaxed_sync: Duration,
}

impl Default for CommitLimits {
    fn default() -> Self {
        Self { waiting: 4096, waiting_bytes: 64 << 20, apply_bytes: 4 << 20, relaxed_sync: Duration::from_millis(500) }
    }
}

/// A commit that was not taken, handed back whole: [`StoreError::Full`], or why no commit is taken any more.
pub struct Refused {
    /// Why.
    pub error: StoreError,
    /// What was to be committed.
    pub batch: Batch,
    /// What would have been called.
    pub callback: Callback,
}

/// The only way to write to the store. Clones share one loop.
///
/// Batches are applied in the order in which they were handed in, as many at once as wait; then one sync makes all of them durable;
/// then each is told. A crash before the sync loses batches that nobody was told about, from the end.
#[derive(Clone)]
pub struct Committer {
    shared: Arc<Shared>,
    _ender: Arc<Ender>,
}

/// Ends the thread when the last [`Committer`] goes: the thread itself holds only what is shared.
struct Ender(Arc<Shared>);

impl Drop for Ender {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Committer {
    /// Starts the commit thread.
    pub(crate) fn start(
        kv: Arc<Chunked>,
        limits: CommitLimits,
        head: HeadFile,
        fatal: FatalHook,
    ) -> Result<Self, StoreError> {
        let committer = Self::new(kv, Mode::Thread, limits, head, fatal);
        let shared = Arc::clone(&committer.shared);
        let thread = thread::Builder::new()
            .name("mesh-commit".into())
            .spawn(move || run(&shared))
            .map_err(|error| StoreError::engine("start the commit thread", error))?;
        *lock(&committer.shared.thread) = Some(thread);
        Ok(committer)
    }

    /// A committer without a thread: a commit is durable and called back when the call returns.
    pub(crate) fn inline(kv: Arc<Chunked>, limits: CommitLimits, head: HeadFile, fatal: FatalHook) -> Self {
        Self::new(kv, Mode::Inline, limits, head, fatal)
    }

    /// A committer without a thread: commits wait for [`Committer::step`].
    pub(crate) fn manual(kv: Arc<Chunked>, limits: CommitLimits, head: HeadFile, fatal: FatalHook, bell: Bell) -> Self {
        Self::new(kv, Mode::Manual(bell), limits, head, fatal)
    }

    fn new(kv: Arc<Chunked>, mode: Mode, limits: CommitLimits, head: HeadFile, fatal: FatalHook) -> Self {
        let shared = Arc::new(Shared {
            kv,
            mode,
            limits,
            stats: CommitStats::default(),
            fatal,
            applying: Mutex::new(()),
            head: Mutex::new(head),
            queue: Mutex::new(Queue::default()),
            work: Condvar::new(),
            room: Condvar::new(),
            thread: Mutex::new(None),
        });
        Self { _ender: Arc::new(Ender(Arc::clone(&shared))), shared }
    }

    /// Hands in a batch; `callback` is called once, when it is durable or can't be. Waits while the queue is full (with a manual loop:
    /// takes it anyway, since nobody would make room).
    pub fn commit(&self, batch: Batch, callback: Callback) {
        if let Err(error) = Chunked::check(&batch) {
            callback(Err(error));
            return;
        }
        match self.wait_for_room() {
            Ok(queue) => self.push(queue, batch, Some(callback)),
            Err(error) => callback(Err(error)),
        }
    }

    /// [`Committer::commit`] that doesn't wait.
    ///
    /// # Errors
    /// [`Refused`] with all that was handed in, when the queue is full, the batch can't be stored, or the loop ended. Nothing was done.
    pub fn try_commit(&self, batch: Batch, callback: Callback) -> Result<(), Box<Refused>> {
        let taken = Chunked::check(&batch).and_then(|()| {
            let queue = lock(&self.shared.queue);
            queue.refuse_if_ended()?;
            if queue.is_full(&self.shared.limits) {
                let waiting = queue.waiting();
                return Err(StoreError::Full { waiting });
            }
            Ok(queue)
        });
        match taken {
            Ok(queue) => {
                self.push(queue, batch, Some(callback));
                Ok(())
            }
            Err(error) => Err(Box::new(Refused { error, batch, callback })),
        }
    }

    /// [`Committer::commit`], returning when it is durable. With a manual loop it takes the steps itself.
    ///
    /// # Errors
    /// When the batch can't be stored, or it isn't certain that it is durable.
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.commit(
            batch,
            Box::new(move |result| {
                // Fails only if the caller's thread is gone.
                drop(tell.send(result));
            }),
        );
        if matches!(self.shared.mode, Mode::Manual(_)) {
            self.step();
        }
        told.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// [`Committer::commit`] whose batch, and all before it, can be read when the call returns. Durable is later, as always.
    pub fn commit_readable(&self, batch: Batch, callback: Callback) {
        self.commit(batch, callback);
        self.shared.apply_waiting();
    }

    /// Hands in a batch that nobody waits for. It is applied in order with the rest and durable with the next sync.
    ///
    /// # Errors
    /// When the batch can't be stored or the loop ended.
    pub fn apply_relaxed(&self, batch: Batch) -> Result<(), StoreError> {
        Chunked::check(&batch)?;
        let queue = self.wait_for_room()?;
        self.push(queue, batch, None);
        Ok(())
    }

    /// [`Committer::apply_relaxed`] whose batch, and all before it, can be read when the call returns. For what a log that is
    /// durable already can make again.
    ///
    /// # Errors
    /// When the batch can't be stored or the loop ended.
    pub fn apply_relaxed_readable(&self, batch: Batch) -> Result<(), StoreError> {
        self.apply_relaxed(batch)?;
        self.shared.apply_waiting();
        self.failure().map_or(Ok(()), Err)
    }

    /// Makes everything handed in before durable.
    ///
    /// # Errors
    /// As [`Committer::commit_blocking`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.commit_blocking(Batch::new())
    }

    /// One turn of the loop: applies what waits, syncs, calls back. Returns how many commits it called back. Only for a loop without a
    /// thread; a thread takes its steps itself and this returns 0.
    pub fn step(&self) -> usize {
        match self.shared.mode {
            Mode::Thread => 0,
            Mode::Inline | Mode::Manual(_) => self.shared.sync_waiting(),
        }
    }

    /// The counters.
    pub fn stats(&self) -> CommitSnapshot {
        self.shared.stats.snapshot()
    }

    /// How many commits wait to be applied or synced.
    pub fn waiting(&self) -> usize {
        lock(&self.shared.queue).waiting()
    }

    /// Why nothing is accepted any more, if that is so.
    pub fn failure(&self) -> Option<StoreError> {
        lock(&self.shared.queue).refuse_if_ended().err()
    }

    /// What was acknowledged so far, as the HEAD file has it or will have it.
    pub fn acknowledged(&self) -> Heads {
        lock(&self.shared.head).heads().clone()
    }

    pub(crate) fn reset_authority(&self, kept: BTreeMap<String, RecordMark>) -> Result<(), StoreError> {
        lock(&self.shared.head).reset_authority(kept)
    }

    pub(crate) fn forget_head(&self, log: &LogName) -> Result<(), StoreError> {
        lock(&self.shared.head).forget(log)
    }

    /// Makes everything handed in before durable, writes the HEAD file and ends the loop; later commits are refused.
    ///
    /// # Errors
    /// When it isn't certain that all is durable.
    pub fn close(&self) -> Result<(), StoreError> {
        let flushed = self.flush();
        self.shared.end();
        match flushed {
            // Closed before.
            Err(StoreError::Closed) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => lock(&self.shared.head).write_if_dirty(),
        }
    }

    fn wait_for_room(&self) -> Result<MutexGuard<'_, Queue>, StoreError> {
        let mut queue = lock(&self.shared.queue);
        loop {
            queue.refuse_if_ended()?;
            if !matches!(self.shared.mode, Mode::Thread) || !queue.is_full(&self.shared.limits) {
                return Ok(queue);
            }
            queue = self.shared.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn push(&self, mut queue: MutexGuard<'_, Queue>, batch: Batch, callback: Option<Callback>) {
        self.shared.stats.taken(callback.is_none(), batch.bytes());
        queue.push(Waiting { batch, callback });
        drop(queue);
        match self.shared.mode {
            Mode::Thread => self.shared.work.notify_one(),
            Mode::Inline => {
                self.shared.sync_waiting();
            }
            Mode::Manual(ref bell) => bell(),
        }
    }
}
