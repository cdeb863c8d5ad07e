//! openraft's log over the store.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;
use futures::stream::{self, Stream};
use mesh_event::codec;
use mesh_store::{Batch, Callback, Committer, RaftLog, Store, StoreError};
use openraft::entry::RaftEntry as _;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{AsyncRuntime, LogState, OptionalSend, RaftLogReader};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::recent_entries::{RecentEntries, cost};
use crate::type_config::{Entry, LogId, TypeConfig, Vote};

/// Format version of the records here.
const FORMAT: u8 = 1;
/// Bytes of entries that one read hands to replication: bounds a message.
pub(crate) const READ_BYTES: usize = 2 << 20;
/// Entries per page of a read from the disk.
const PAGE: usize = 256;

/// Entries, vote and committed log id in the store's raft log. Clones share one log; there is one writer, openraft's core.
///
/// An appended entry is readable at once, from memory, and reported durable by the commit loop's callback: many appends share
/// one sync. All writes go through the one committer, so that their order on the disk is that of the calls.
pub struct LogStore<R: AsyncRuntime> {
    shared: Arc<Shared<R>>,
}

struct Shared<R: AsyncRuntime> {
    log: RaftLog,
    committer: Committer,
    tail: Mutex<Tail<R>>,
}

/// What is known without reading.
struct Tail<R: AsyncRuntime> {
    recent: RecentEntries<R>,
    /// Index of the first entry there is, or will be.
    first: u64,
    last: Option<LogId<R>>,
    purged: Option<LogId<R>>,
    vote: Option<Vote<R>>,
    committed: Option<LogId<R>>,
}

impl<R: AsyncRuntime> Clone for LogStore<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: AsyncRuntime> LogStore<R> {
    /// Reads vote and ends of the log.
    ///
    /// # Errors
    /// When they can't be read or are not what this build writes.
    pub fn open(store: &Store) -> io::Result<Self> {
        let log = store.raft_log();
        let purged = match log.purged().map_err(failed)? {
            Some((_, bytes)) => Some(decode::<LogId<R>>(&bytes)?),
            None => None,
        };
        let last = match log.last().map_err(failed)? {
            Some((_, bytes)) => Some(decode::<Entry<R>>(&bytes)?.log_id()),
            None => purged,
        };
        let first = log.entries(0..u64::MAX, 1).map_err(failed)?.first().map(|(index, _)| *index);
        let first = first.unwrap_or_else(|| last.map_or(0, |last| last.index + 1));
        let vote = log.vote().map_err(failed)?.map(|bytes| decode(&bytes)).transpose()?;
        let committed = log.committed().map_err(failed)?.map(|bytes| decode(&bytes)).transpose()?;
        let recent = RecentEntries::new(last.map_or(0, |last| last.index + 1));
        let tail = Mutex::new(Tail { recent, first, last, purged, vote, committed });
        let committer = store.committer().clone();
        Ok(Self { shared: Arc::new(Shared { log, committer, tail }) })
    }

    fn tail(&self) -> MutexGuard<'_, Tail<R>> {
        self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries from `start` below `end` that the log has, until `budget` bytes are reached; one at least if there is one.
    fn read(&self, start: u64, end: u64, budget: usize) -> io::Result<Vec<Entry<R>>> {
        let (start, end, in_memory) = {
            let tail = self.tail();
            let start = start.max(tail.first);
            let end = end.min(tail.last.map_or(0, |last| last.index + 1));
            if start >= end {
                return Ok(Vec::new());
            }
            let in_memory = tail.recent.first().map_or(end, |first| first.min(end));
            if start >= in_memory {
                return Ok(tail.recent.range(start, end, budget));
            }
            (start, end, in_memory)
        };
        let mut found = Vec::new();
        let mut spent = 0;
        let mut next = start;
        while next < in_memory {
            let page = self.shared.log.entries(next..in_memory, PAGE).map_err(failed)?;
            if page.first().is_none_or(|(index, _)| *index != next) {
                let found = page.first().map_or_else(|| "nothing".to_owned(), |(index, _)| format!("entry {index}"));
                return Err(io::Error::other(format!("expected raft entry {next} on the disk, found {found}")));
            }
            for (index, bytes) in page {
                let entry: Entry<R> = decode(&bytes)?;
                spent += cost::<R>(&entry);
                if index != next || (spent > budget && !found.is_empty()) {
                    break;
                }
                found.push(entry);
                next += 1;
            }
            if spent > budget {
                return Ok(found);
            }
        }
        if next < end {
            found.extend(self.read(next, end, budget.saturating_sub(spent))?);
        }
        Ok(found)
    }

    /// Whether the log has this entry. May wait for the disk.
    ///
    /// # Errors
    /// When the log can't be read.
    pub(crate) fn has(&self, entry: LogId<R>) -> io::Result<bool> {
        let found = self.read(entry.index, entry.index + 1, 0)?;
        Ok(found.first().is_some_and(|found| found.log_id() == entry))
    }

    /// Commits a batch and returns when it is durable.
    async fn commit(&self, batch: Batch) -> io::Result<()> {
        let (callback, done) = awaitable();
        self.shared.committer.commit(batch, callback);
        done.await.unwrap_or(Err(StoreError::Closed)).map_err(failed)
    }
}

impl<R: AsyncRuntime> RaftLogReader<TypeConfig<R>> for LogStore<R> {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry<R>>> {
        let (start, end) = bounds(&range);
        let mut found = self.read(start, end, usize::MAX)?;
        // The log may have got longer while its older part was read.
        found.retain(|entry| entry.index() < end);
        Ok(found)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry<R>>> {
        self.read(start, end, READ_BYTES)
    }

    async fn entries_stream<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry<R>>> + OptionalSend {
        let (start, end) = bounds(&range);
        let log = self.clone();
        let pages = stream::try_unfold(start, move |next| {
            let page = if next < end { log.read(next, end, READ_BYTES) } else { Ok(Vec::new()) };
            async move {
                let page = page?;
                let next = page.last().map(|entry| entry.index() + 1);
                Ok::<_, io::Error>(next.map(|next| (stream::iter(page.into_iter().map(Ok)), next)))
            }
        });
        Box::pin(futures::TryStreamExt::try_flatten(pages))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote<R>>> {
        Ok(self.tail().vote)
    }
}

impl<R: AsyncRuntime> RaftLogStorage<TypeConfig<R>> for LogStore<R> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig<R>>> {
        let tail = self.tail();
        Ok(LogState { last_purged_log_id: tail.purged, last_log_id: tail.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<R>) -> io::Result<()> {
        let mut batch = Batch::new();
        self.shared.log.save_vote(&mut batch, &encode(vote)).map_err(failed)?;
        self.commit(batch).await?;
        self.tail().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId<R>>) -> io::Result<()> {
        self.tail().committed = committed;
        if let Some(committed) = committed {
            let mut batch = Batch::new();
            self.shared.log.save_committed(&mut batch, &encode(&committed));
            self.shared.committer.apply_relaxed(batch).map_err(failed)?;
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId<R>>> {
        Ok(self.tail().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig<R>>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry<R>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry<R>> = entries.into_iter().collect();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            callback.io_completed(Ok(()));
            return Ok(());
        };
        let (first, last) = (first.index(), last.log_id());
        let mut batch = Batch::new();
        self.shared.log.append(&mut batch, first, entries.iter().map(encode));
        {
            let mut tail = self.tail();
            if tail.last.is_none_or(|last| last.index < tail.first) {
                tail.first = first;
            }
            for entry in entries {
                tail.recent.push(entry);
            }
            tail.last = Some(last);
        }
        let shared = Arc::clone(&self.shared);
        let durable = move |result: Result<(), StoreError>| {
            if result.is_ok() {
                let mut tail = shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.recent.durable_below(last.index + 1);
            }
            callback.io_completed(result.map_err(failed));
        };
        self.shared.committer.commit(batch, Box::new(durable));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId<R>>) -> io::Result<()> {
        let next = last.map_or(0, |last| last.index + 1);
        if self.tail().last.is_none_or(|end| end.index < next) {
            return Ok(());
        }
        let mut batch = Batch::new();
        self.shared.log.truncate_from(&mut batch, next);
        // Durable before anything is appended in its place: then what is in memory and what is on the disk never disagree about
        // which entries are durable. It is rare.
        self.commit(batch).await?;
        let mut tail = self.tail();
        tail.recent.truncate_from(next);
        tail.last = last.or(tail.purged);
        tail.first = tail.first.min(next);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId<R>) -> io::Result<()> {
        let mut batch = Batch::new();
        self.shared.log.purge_to(&mut batch, log_id.index, &encode(&log_id));
        {
            let mut tail = self.tail();
            tail.purged = Some(log_id);
            tail.first = tail.first.max(log_id.index + 1);
            tail.last = tail.last.filter(|last| last.index > log_id.index).or(Some(log_id));
            tail.recent.purge_below(log_id.index + 1);
        }
        // A lost purge is repeated; the state that stands for the entries was handed in before, so it can't be lost without the purge.
        self.shared.committer.apply_relaxed(batch).map_err(failed)
    }
}

/// A callback for the commit loop, and where its answer arrives.
pub(crate) fn awaitable() -> (Callback, oneshot::Receiver<Result<(), StoreError>>) {
    let (tell, told) = oneshot::channel();
    // Fails only if nobody waits any more.
    (Box::new(move |result| drop(tell.send(result))), told)
}

/// A failure of the store as openraft takes it.
pub(crate) fn failed(error: StoreError) -> io::Error {
    io::Error::other(error)
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    codec::encode(FORMAT, value)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    codec::decode(FORMAT, bytes).map_err(io::Error::other)
}

/// First index, and the one after the last.
fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}
