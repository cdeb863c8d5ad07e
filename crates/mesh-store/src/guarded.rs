//! Small records whose loss must be noticed: the vote, what a cosigner signed last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::StoreError;
use crate::batch::Batch;
use crate::bytes::Reader;
use crate::chunked::Chunked;
use crate::keyspace::GUARDED;
use crate::marks::RecordMark;
use crate::meta::check_name;
use crate::range::{KeyRange, Page};
use crate::record;

/// The longest guarded record, in bytes: a copy of each is in the HEAD file.
pub const MAX_GUARDED_BYTES: usize = 1024;

/// Most guarded records that are looked at when the store is opened.
const MAX_GUARDED_RECORDS: usize = 4096;

/// When the HEAD file learns of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadWrite {
    /// Before the batch is acknowledged: costs a second sync. For what is rare and must never be forgotten.
    Now,
    /// When the HEAD file is written next.
    Soon,
}

/// Named records with a copy in the HEAD file.
///
/// ```text
/// 0x07 | name -> version: u8 = 1 | sequence: u64 | bytes
/// ```
///
/// The sequence grows with each write of any of them, so that an old record is told from a new one.
#[derive(Clone)]
pub struct Guarded {
    kv: Arc<Chunked>,
    sequence: Arc<AtomicU64>,
}

impl Guarded {
    /// `acknowledged`: the highest sequence the HEAD file knows, lest a lost one is given twice.
    pub(crate) fn open(kv: Arc<Chunked>, acknowledged: u64) -> Result<Self, StoreError> {
        let mut highest = acknowledged;
        let page = Page::first(MAX_GUARDED_RECORDS);
        for key in kv.keys(&KeyRange::prefix([GUARDED]), page)? {
            match kv.get(&key).transpose() {
                Some(Ok(stored)) => {
                    highest = highest.max(decode("a guarded record", stored)?.sequence);
                }
                // It shows when it is asked for, or compared with the HEAD file.
                Some(Err(StoreError::Corrupt { .. })) | None => {}
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(Self { kv, sequence: Arc::new(AtomicU64::new(highest)) })
    }

    /// The record called `name`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.mark(name)?.map(|mark| mark.bytes))
    }

    /// Sets the record called `name`.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] for a name over [`MAX_NAME_BYTES`](crate::MAX_NAME_BYTES) or bytes over [`MAX_GUARDED_BYTES`].
    pub fn put(&self, batch: &mut Batch, name: &str, bytes: &[u8], head: HeadWrite) -> Result<(), StoreError> {
        check_name(name)?;
        if bytes.len() > MAX_GUARDED_BYTES {
            return Err(StoreError::TooLong { what: "a guarded record", limit: MAX_GUARDED_BYTES, found: bytes.len() });
        }
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        let mut stored = sequence.to_be_bytes().to_vec();
        stored.extend_from_slice(bytes);
        batch.put(key(name), record::wrap(&stored));
        let marks = batch.marks_mut();
        let mark = RecordMark { sequence, bytes: bytes.to_vec() };
        marks.records.insert(name.to_owned(), mark);
        marks.urgent |= head == HeadWrite::Now;
        Ok(())
    }

    pub(crate) fn mark(&self, name: &str) -> Result<Option<RecordMark>, StoreError> {
        let stored = self.kv.get(&key(name))?;
        stored.map(|stored| decode(name, stored)).transpose()
    }
}

fn key(name: &str) -> Vec<u8> {
    let mut key = vec![GUARDED];
    key.extend_from_slice(name.as_bytes());
    key
}

fn decode(name: &str, stored: Vec<u8>) -> Result<RecordMark, StoreError> {
    let bytes = record::unwrap(name, stored)?;
    let mut reader = Reader::new(&bytes);
    let sequence = reader.u64().ok_or_else(|| StoreError::corrupt(name))?;
    Ok(RecordMark { sequence, bytes: reader.rest().to_vec() })
}
