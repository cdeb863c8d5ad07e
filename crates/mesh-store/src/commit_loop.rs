//! The loop behind the committer: apply what waits, sync once, tell everybody.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::chunked::Chunked;
use crate::commit_queue::Queue;
use crate::commit_stats::CommitStats;
use crate::committer::{Callback, CommitLimits, FatalHook};
use crate::head_file::HeadFile;

/// Told that something waits.
pub(crate) type Bell = Arc<dyn Fn() + Send + Sync>;

/// Who runs the commit loop.
pub(crate) enum Mode {
    /// A thread of its own.
    Thread,
    /// Whoever commits, before the call returns.
    Inline,
    /// Whoever calls [`Committer::step`], told by the bell.
    Manual(Bell),
}

/// What the handles and the thread share.
pub(crate) struct Shared {
    pub(crate) kv: Arc<Chunked>,
    pub(crate) mode: Mode,
    pub(crate) limits: CommitLimits,
    pub(crate) stats: CommitStats,
    pub(crate) fatal: FatalHook,
    /// Held while batches move from the queue into the store, so that they do so in order. Taken before `queue`.
    pub(crate) applying: Mutex<()>,
    /// Held while syncing. Taken before `applying`, never while it is held.
    pub(crate) head: Mutex<HeadFile>,
    pub(crate) queue: Mutex<Queue>,
    /// Something to do for the loop.
    pub(crate) work: Condvar,
    /// Room in the queue.
    pub(crate) room: Condvar,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Applies all waiting batches, in order. Returns whether that went well; if not, everybody was told.
    pub(crate) fn apply_waiting(&self) -> bool {
        let failure = self.move_waiting();
        self.room.notify_all();
        let well = failure.is_none();
        if let Some(failure) = failure {
            self.tell(failure);
        }
        well
    }

    fn move_waiting(&self) -> Option<Failure> {
        let _applying = lock(&self.applying);
        loop {
            let mut group = lock(&self.queue).next_group(self.limits.apply_bytes)?;
            let marks = group.batch.take_marks();
            let changes = !group.batch.is_empty();
            if changes && let Err(error) = self.kv.apply(group.batch) {
                return Some(self.fail(error, group.callbacks));
            }
            lock(&self.queue).applied(group.callbacks, marks, changes);
        }
    }

    /// Applies all waiting batches and makes everything applied durable. Returns how many commits were called back.
    pub(crate) fn sync_waiting(&self) -> usize {
        let callbacks = match self.make_durable() {
            Ok(callbacks) => callbacks,
            Err(failure) => {
                self.tell(failure);
                return 0;
            }
        };
        self.room.notify_all();
        let count = callbacks.len();
        for callback in callbacks {
            callback(Ok(()));
        }
        // After the callbacks, so that nobody waits for it; the loop comes back for it if it isn't due.
        self.write_head_if_due();
        count
    }

    fn make_durable(&self) -> Result<Vec<Callback>, Failure> {
        let mut head = lock(&self.head);
        if let Some(failure) = self.move_waiting() {
            return Err(failure);
        }
        let Some(group) = lock(&self.queue).take_applied() else {
            return Ok(Vec::new());
        };
        if group.changed {
            let started = Instant::now();
            if let Err(error) = self.kv.sync() {
                return Err(self.fail(error, group.callbacks));
            }
            self.stats.synced(group.callbacks.len(), started.elapsed());
        }
        // A crash here: durable, nobody was told, the HEAD file trails.
        match head.synced(group.marks) {
            Ok(()) => Ok(group.callbacks),
            Err(error) => Err(self.fail(error, group.callbacks)),
        }
    }

    /// Returns after how long the HEAD file is due, if it trails.
    fn write_head_if_due(&self) -> Option<Duration> {
        let written = lock(&self.head).write_if_due();
        written.unwrap_or_else(|error| {
            let failure = self.fail(error, Vec::new());
            self.tell(failure);
            None
        })
    }

    /// Ends the loop for ever: what is on the disk is no longer known. Called while the lock is held under which that was noticed, so that
    /// no later sync can seem to succeed.
    fn fail(&self, error: StoreError, mut callbacks: Vec<Callback>) -> Failure {
        let (first, left) = lock(&self.queue).poison(&error);
        callbacks.extend(left);
        Failure { error, first, callbacks }
    }

    /// Tells everybody of a failure, with no lock held.
    fn tell(&self, failure: Failure) {
        self.room.notify_all();
        self.work.notify_all();
        for callback in failure.callbacks {
            callback(Err(failure.error.clone()));
        }
        if failure.first {
            tracing::error!(error = %failure.error.chain(), "the store can't write any more");
            (self.fatal)(&failure.error);
        }
    }

    /// Lets a thread finish what waits, and waits for it.
    pub(crate) fn end(&self) {
        lock(&self.queue).closing = true;
        self.work.notify_all();
        self.room.notify_all();
        let thread = lock(&self.thread).take();
        // A callback may drop the last handle: a thread can't wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            // A panic there has told everybody already.
            drop(thread.join());
        }
    }
}

/// A failure that somebody is still to be told of.
struct Failure {
    error: StoreError,
    /// Whether it is the first: the one that stops the node.
    first: bool,
    callbacks: Vec<Callback>,
}

/// Poisons the committer if the commit thread panics, so that nobody waits for ever.
struct PanicGuard<'a>(&'a Shared);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let error = StoreError::Poisoned { reason: "the commit thread panicked".into() };
            let failure = self.0.fail(error, Vec::new());
            self.0.tell(failure);
        }
    }
}

/// The commit thread.
pub(crate) fn run(shared: &Shared) {
    let _guard = PanicGuard(shared);
    let mut head_due = None;
    loop {
        match next_turn(shared, head_due) {
            Turn::Ended => return,
            Turn::Finish => return finish(shared),
            Turn::Sync => _ = shared.sync_waiting(),
            Turn::Apply => _ = shared.apply_waiting(),
            Turn::Head => {}
        }
        head_due = shared.write_head_if_due().map(|pause| Instant::now() + pause);
    }
}

/// What the loop does next.
enum Turn {
    Sync,
    Apply,
    Head,
    Finish,
    Ended,
}

/// Waits until there is something to do.
fn next_turn(shared: &Shared, head_due: Option<Instant>) -> Turn {
    let mut queue = lock(&shared.queue);
    loop {
        if queue.has_ended() {
            return Turn::Ended;
        }
        let work = queue.has_work(&shared.limits);
        if queue.closing && !work {
            return Turn::Finish;
        }
        if queue.wants_sync(shared.limits.relaxed_sync) {
            return Turn::Sync;
        }
        if work {
            return Turn::Apply;
        }
        let head = head_due.map(|due| due.saturating_duration_since(Instant::now()));
        if head.is_some_and(|left| left.is_zero()) {
            return Turn::Head;
        }
        let relaxed = queue.until_relaxed_sync(shared.limits.relaxed_sync);
        queue = match head.into_iter().chain(relaxed).min() {
            None => shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            Some(pause) => shared.work.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}

/// The last turn: relaxed batches that no sync made durable yet, and a HEAD file that trails.
fn finish(shared: &Shared) {
    shared.sync_waiting();
    let written = lock(&shared.head).write_if_dirty();
    if let Err(error) = written {
        let failure = shared.fail(error, Vec::new());
        shared.tell(failure);
    }
}

/// A panic while a lock was held has poisoned the committer already; the data behind the lock is still consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
