//! Secondary indexes: how to find something in a log without reading it.

use std::sync::Arc;

use crate::StoreError;
use crate::batch::Batch;
use crate::chunked::{Chunked, MAX_KEY_BYTES};
use crate::keyspace::INDEX;
use crate::kv::Entry;
use crate::range::{KeyRange, Page};
use crate::record;

const PREFIX_BYTES: usize = 2;

/// The longest key of an index entry, in bytes.
pub const MAX_INDEX_KEY_BYTES: usize = MAX_KEY_BYTES - PREFIX_BYTES;

/// One of 256 index spaces; which is which is for the crates that fill them to say. Everything here can be rebuilt from the logs, but
/// goes into the batch of what it points to, so that it need not be.
///
/// ```text
/// 0x06 | space: u8 | key -> version: u8 = 1 | value
/// ```
#[derive(Clone)]
pub struct IndexSpace {
    kv: Arc<Chunked>,
    space: u8,
}

impl IndexSpace {
    pub(crate) fn new(kv: Arc<Chunked>, space: u8) -> Self {
        Self { kv, space }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&self.key(key))?;
        stored.map(unwrap).transpose()
    }

    /// Sets `key` to `value`.
    pub fn put(&self, batch: &mut Batch, key: &[u8], value: &[u8]) {
        batch.put(self.key(key), record::wrap(value));
    }

    /// Removes `key`.
    pub fn delete(&self, batch: &mut Batch, key: &[u8]) {
        batch.delete(self.key(key));
    }

    /// A page of the entries in `range`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn range(&self, range: &KeyRange, page: Page) -> Result<Vec<Entry>, StoreError> {
        let all = KeyRange::prefix(self.key(&[]));
        let mut stored = all.from(&self.key(range.start()));
        if let Some(end) = range.end() {
            stored = stored.below(&self.key(end));
        }
        let mut entries = self.kv.range(&stored, page)?;
        for (key, value) in &mut entries {
            key.drain(..PREFIX_BYTES);
            *value = unwrap(std::mem::take(value))?;
        }
        Ok(entries)
    }

    /// A batch that removes up to `limit` entries; `None` once the space is empty. Apply it and ask again.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn clear(&self, limit: usize) -> Result<Option<Batch>, StoreError> {
        let mut batch = Batch::new();
        for key in self.kv.keys(&KeyRange::prefix(self.key(&[])), Page::first(limit))? {
            batch.delete(key);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        let mut stored = vec![INDEX, self.space];
        stored.extend_from_slice(key);
        stored
    }
}

fn unwrap(stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    record::unwrap("an index entry", stored)
}
