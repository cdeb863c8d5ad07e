//! The replicated state: what `mesh-governance` reads and writes.

use std::sync::Arc;

use crate::StoreError;
use crate::batch::Batch;
use crate::chunked::{Chunked, MAX_KEY_BYTES};
use crate::keyspace::STATE;
use crate::kv::Entry;
use crate::range::{KeyRange, Page};
use crate::record;

const CURRENT: u8 = 0x00;
const VALUE: u8 = 0x01;
const APPLIED: u8 = 0x02;
const PREFIX_BYTES: usize = 6;

/// The longest key of a state value, in bytes.
pub const MAX_STATE_KEY_BYTES: usize = MAX_KEY_BYTES - PREFIX_BYTES;

/// The state, in generations: a snapshot is installed beside the state in use, and one key switches.
///
/// ```text
/// 0x03 | 0x00                          -> version: u8 = 1 | generation in use: u32
/// 0x03 | 0x01 | generation: u32 | key  -> version: u8 = 1 | value
/// 0x03 | 0x02 | generation: u32        -> version: u8 = 1 | applied record
/// ```
#[derive(Clone)]
pub struct State {
    kv: Arc<Chunked>,
}

/// The state of one generation.
#[derive(Clone)]
pub struct StateView {
    kv: Arc<Chunked>,
    generation: u32,
}

impl State {
    pub(crate) fn new(kv: Arc<Chunked>) -> Self {
        Self { kv }
    }

    /// The generation in use; 0 at first.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn generation(&self) -> Result<u32, StoreError> {
        let what = "the state generation in use";
        let Some(stored) = self.kv.get(&[STATE, CURRENT])? else {
            return Ok(0);
        };
        let bytes = record::unwrap(what, stored)?;
        let bytes = <[u8; 4]>::try_from(bytes).map_err(|_| StoreError::corrupt(what))?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// The state in use. After a switch it still shows the old generation: take a new one.
    ///
    /// # Errors
    /// When it can't be read which one that is.
    pub fn current(&self) -> Result<StateView, StoreError> {
        self.generation().map(|generation| self.view(generation))
    }

    /// The state of a generation, in use or not.
    pub fn view(&self, generation: u32) -> StateView {
        StateView { kv: Arc::clone(&self.kv), generation }
    }

    /// Puts `generation` in use: the last step of installing a snapshot.
    pub fn switch(&self, batch: &mut Batch, generation: u32) {
        batch.put([STATE, CURRENT], record::wrap(&generation.to_be_bytes()));
    }

    /// A batch that removes up to `limit` values of a generation that is not in use; `None` once nothing is left. Apply it (relaxed will
    /// do) and ask again: before a snapshot is written into a generation, and after the old one went out of use.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for the generation in use, or when it can't be read.
    pub fn clear(&self, generation: u32, limit: usize) -> Result<Option<Batch>, StoreError> {
        if generation == self.generation()? {
            return Err(StoreError::Invalid {
                expected: "a state generation that is not in use",
                found: generation.to_string(),
            });
        }
        let view = self.view(generation);
        let mut batch = Batch::new();
        for key in self.kv.keys(&KeyRange::prefix(view.key(&[])), Page::first(limit))? {
            batch.delete(key);
        }
        let applied = view.applied_key();
        if batch.is_empty() && self.kv.contains(&applied)? {
            batch.delete(applied);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}

impl StateView {
    /// Which generation this is.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&self.key(key))?;
        stored.map(unwrap).transpose()
    }

    /// The last entry that begins with `prefix` and whose key is below `bound`, with its whole key.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn last_below(&self, prefix: &[u8], bound: &[u8]) -> Result<Option<Entry>, StoreError> {
        let range = KeyRange::prefix(self.key(prefix)).below(&self.key(bound));
        let last = self.kv.last(&range)?;
        last.map(|entry| self.decode(entry)).transpose()
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
        let entries = self.kv.range(&stored, page)?;
        entries.into_iter().map(|entry| self.decode(entry)).collect()
    }

    /// Makes `changes`: a new value, or none to remove the key. [`StoreError::TooLong`] for a key over [`MAX_STATE_KEY_BYTES`] comes
    /// when the batch is committed.
    pub fn apply<I, K, V>(&self, batch: &mut Batch, changes: I)
    where
        I: IntoIterator<Item = (K, Option<V>)>,
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        for (key, value) in changes {
            let key = self.key(key.as_ref());
            match value {
                Some(value) => batch.put(key, record::wrap(value.as_ref())),
                None => batch.delete(key),
            }
        }
    }

    /// Remembers up to where the ledger is applied: goes into the batch of the changes it speaks of.
    pub fn set_applied(&self, batch: &mut Batch, applied: &[u8]) {
        batch.put(self.applied_key(), record::wrap(applied));
    }

    /// Up to where the ledger is applied.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn applied(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&self.applied_key())?;
        stored.map(unwrap).transpose()
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        let mut stored = Vec::with_capacity(PREFIX_BYTES + key.len());
        stored.extend_from_slice(&[STATE, VALUE]);
        stored.extend_from_slice(&self.generation.to_be_bytes());
        stored.extend_from_slice(key);
        stored
    }

    fn applied_key(&self) -> Vec<u8> {
        let mut stored = vec![STATE, APPLIED];
        stored.extend_from_slice(&self.generation.to_be_bytes());
        stored
    }

    fn decode(&self, (mut key, stored): Entry) -> Result<Entry, StoreError> {
        debug_assert!(key.starts_with(&self.key(&[])));
        key.drain(..PREFIX_BYTES);
        Ok((key, unwrap(stored)?))
    }
}

fn unwrap(stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    record::unwrap("a state value", stored)
}
