//! openraft's own log: entries that are purged after snapshots, and its small records.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::StoreError;
use crate::batch::Batch;
use crate::bytes::Reader;
use crate::chunked::Chunked;
use crate::guarded::{Guarded, HeadWrite};
use crate::keyspace::RAFT_LOG;
use crate::marks::RaftTail;
use crate::range::{KeyRange, Page};
use crate::record;

const COMMITTED: u8 = 0x01;
const PURGED: u8 = 0x02;
const TRUNCATIONS: u8 = 0x03;
const ENTRY: u8 = 0x10;

/// Name of the guarded record that holds the vote.
pub const VOTE: &str = "raft/vote";

/// Entries by index, and what openraft remembers beside them. What the bytes mean is `mesh-raft`'s business.
///
/// ```text
/// 0x02 | 0x01              -> version: u8 = 1 | committed log id
/// 0x02 | 0x02              -> version: u8 = 1 | last purged index: u64 | last purged log id
/// 0x02 | 0x03              -> version: u8 = 1 | how often the tail was cut off: u64
/// 0x02 | 0x10 | index: u64 -> version: u8 = 1 | entry
/// ```
///
/// The vote is the guarded record [`VOTE`]: entries and vote share the database, so that their order on disk is kept, and the
/// vote is in the HEAD file too before it is acknowledged.
#[derive(Clone)]
pub struct RaftLog {
    kv: Arc<Chunked>,
    guarded: Guarded,
    truncations: Arc<AtomicU64>,
}

impl RaftLog {
    pub(crate) fn open(kv: Arc<Chunked>, guarded: Guarded, acknowledged: u64) -> Result<Self, StoreError> {
        let truncations = match small(&kv, TRUNCATIONS)? {
            Some(bytes) => Reader::new(&bytes).u64().ok_or_else(|| StoreError::corrupt("the count of truncations"))?,
            None => 0,
        };
        Ok(Self { kv, guarded, truncations: Arc::new(AtomicU64::new(truncations.max(acknowledged))) })
    }

    /// Writes `entries` at `first` and the indexes after it. There must be no gap to what is there, except after a purge.
    pub fn append<I>(&self, batch: &mut Batch, first: u64, entries: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut tail = None;
        for (index, bytes) in (first..).zip(entries) {
            let bytes = bytes.as_ref();
            tail = Some(RaftTail {
                truncations: self.truncations.load(Ordering::SeqCst),
                next: index + 1,
                crc: crc32fast::hash(bytes),
            });
            batch.put_new(entry_key(index), record::wrap(bytes));
        }
        let marks = batch.marks_mut();
        marks.raft = tail.or(marks.raft);
    }

    /// The entries in `range`, by index, at most `limit`.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn entries(&self, range: Range<u64>, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let range = KeyRange::new(entry_key(range.start), entry_key(range.end));
        let page = self.kv.range(&range, Page::first(limit))?;
        page.into_iter().map(decode_entry).collect()
    }

    /// The entry at `index`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&entry_key(index))?;
        stored.map(|stored| record::unwrap("a raft entry", stored)).transpose()
    }

    /// The last entry.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn last(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let last = self.kv.last(&KeyRange::prefix([RAFT_LOG, ENTRY]))?;
        last.map(decode_entry).transpose()
    }

    /// Removes the entries from `index` on: they lost to another leader's.
    pub fn truncate_from(&self, batch: &mut Batch, index: u64) {
        let truncations = self.truncations.fetch_add(1, Ordering::SeqCst) + 1;
        batch.delete_range(KeyRange::prefix([RAFT_LOG, ENTRY]).from(&entry_key(index)));
        put_truncations(batch, truncations);
        batch.marks_mut().raft = Some(RaftTail { truncations, next: index, crc: 0 });
    }

    /// Gives up entries, vote and all that was remembered of them: what is behind this batch is an empty log. For a mesh that is refounded
    /// without the voters to whom this log promised something.
    ///
    /// # Errors
    /// When the vote can't be replaced.
    pub fn begin_anew(&self, batch: &mut Batch) -> Result<(), StoreError> {
        self.truncate_from(batch, 0);
        batch.delete([RAFT_LOG, PURGED]);
        batch.delete([RAFT_LOG, COMMITTED]);
        // A guarded record is never removed, lest that looks like its loss.
        self.guarded.put(batch, VOTE, &[], HeadWrite::Now)
    }

    /// Removes the entries up to and with `index`, which a snapshot covers, and remembers `log_id` as the last purged.
    pub fn purge_to(&self, batch: &mut Batch, index: u64, log_id: &[u8]) {
        let mut purged = index.to_be_bytes().to_vec();
        purged.extend_from_slice(log_id);
        batch.put([RAFT_LOG, PURGED], record::wrap(&purged));
        let all = KeyRange::prefix([RAFT_LOG, ENTRY]);
        batch.delete_range(match index.checked_add(1) {
            Some(next) => all.below(&entry_key(next)),
            None => all,
        });
    }

    /// Index and log id of what was purged last.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn purged(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let Some(bytes) = small(&self.kv, PURGED)? else {
            return Ok(None);
        };
        let mut reader = Reader::new(&bytes);
        let index = reader.u64().ok_or_else(|| StoreError::corrupt("the last purged index"))?;
        Ok(Some((index, reader.rest().to_vec())))
    }

    /// The index after the last entry there is or was.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn next_index(&self) -> Result<u64, StoreError> {
        let last = self.last()?.map_or(0, |(index, _)| index.saturating_add(1));
        let purged = self.purged()?.map_or(0, |(index, _)| index.saturating_add(1));
        Ok(last.max(purged))
    }

    /// Remembers the committed log id. It may be lost: a relaxed batch will do.
    pub fn save_committed(&self, batch: &mut Batch, log_id: &[u8]) {
        batch.put([RAFT_LOG, COMMITTED], record::wrap(log_id));
    }

    /// The committed log id.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn committed(&self) -> Result<Option<Vec<u8>>, StoreError> {
        small(&self.kv, COMMITTED)
    }

    /// Remembers the vote. The batch is acknowledged when vote and HEAD file are durable.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] over [`MAX_GUARDED_BYTES`](crate::MAX_GUARDED_BYTES).
    pub fn save_vote(&self, batch: &mut Batch, vote: &[u8]) -> Result<(), StoreError> {
        self.guarded.put(batch, VOTE, vote, HeadWrite::Now)
    }

    /// The vote; `None` also where it was given up.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn vote(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.guarded.get(VOTE)?.filter(|vote| !vote.is_empty()))
    }

    /// Catches up with a count of truncations that only the HEAD file knows, once the loss of those was noticed.
    pub(crate) fn keep_truncations(&self, batch: &mut Batch) {
        put_truncations(batch, self.truncations.load(Ordering::SeqCst));
    }

    /// What is lost of an acknowledged tail, in words.
    pub(crate) fn check(&self, acknowledged: RaftTail) -> Result<Option<String>, StoreError> {
        let stored = match small(&self.kv, TRUNCATIONS)? {
            Some(bytes) => Reader::new(&bytes).u64().unwrap_or(0),
            None => 0,
        };
        if stored > acknowledged.truncations {
            // The tail was cut off after the HEAD file was written: what it says about the end no longer holds.
            return Ok(None);
        }
        let next = self.next_index()?;
        if stored < acknowledged.truncations || next < acknowledged.next {
            let expected = acknowledged.next;
            return Ok(Some(format!("acknowledged up to raft index {expected}, found up to {next}")));
        }
        let Some(last) = acknowledged.next.checked_sub(1) else {
            return Ok(None);
        };
        // It may be purged.
        match self.entry(last)? {
            Some(entry) if acknowledged.crc != 0 && crc32fast::hash(&entry) != acknowledged.crc => {
                Ok(Some(format!("raft entry {last} is not the acknowledged one")))
            }
            _ => Ok(None),
        }
    }
}

fn small(kv: &Chunked, which: u8) -> Result<Option<Vec<u8>>, StoreError> {
    let stored = kv.get(&[RAFT_LOG, which])?;
    stored.map(|stored| record::unwrap("a raft record", stored)).transpose()
}

fn put_truncations(batch: &mut Batch, truncations: u64) {
    let record = record::wrap(&truncations.to_be_bytes());
    batch.put([RAFT_LOG, TRUNCATIONS], record);
}

fn entry_key(index: u64) -> Vec<u8> {
    let mut key = vec![RAFT_LOG, ENTRY];
    key.extend_from_slice(&index.to_be_bytes());
    key
}

fn decode_entry((key, stored): (Vec<u8>, Vec<u8>)) -> Result<(u64, Vec<u8>), StoreError> {
    Ok((record::key_index(&key)?, record::unwrap("a raft entry", stored)?))
}
