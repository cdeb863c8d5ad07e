//! The feeds: our own and copies of peers'.

use std::sync::Arc;

use crate::StoreError;
use crate::batch::Batch;
use crate::chunked::Chunked;
use crate::claims::Claims;
use crate::damage::DamageBoard;
use crate::keyspace::FEED;
use crate::log_name::{FeedId, LogName};
use crate::merkle_log::{FeedMarks, MerkleLog};
use crate::meta::check_name;
use crate::range::{KeyRange, Page};
use crate::record;

const LISTING: u8 = 0x01;
const LOG: u8 = 0x02;
const VALUE: u8 = 0x03;
const COPY: u8 = 0x04;
const PAGE: usize = 1024;

/// One feed: a Merkle log and small named values beside it (its last signed head, an outbox cursor).
///
/// ```text
/// 0x05 | 0x01 | feed        -> version: u8 = 1                     there is such a feed; written with its first leaf
/// 0x05 | 0x02 | feed | ...  -> a Merkle log, see MerkleLog
/// 0x05 | 0x03 | feed | name -> version: u8 = 1 | bytes
/// 0x05 | 0x04 | feed        -> version: u8 = 1                     it is a copy; written with its first leaf, never removed
/// feed: see FeedId
/// ```
///
/// A feed is either written here, through [`MerkleLog::appender`], or a copy of what another node writes, filled through
/// [`MerkleLog::repairer`]. Neither hand gets a feed of the other: a copy is never appended to as if it were written here, nor the other way
/// round. What was written here can become a copy ([`Feed::give_up`]), for ever.
#[derive(Clone)]
pub struct Feed {
    kv: Arc<Chunked>,
    id: FeedId,
    log: MerkleLog,
}

impl Feed {
    pub(crate) fn new(kv: Arc<Chunked>, id: FeedId, damage: DamageBoard, claims: Claims) -> Self {
        let marks = FeedMarks { id: id.clone(), listing: key(LISTING, &id), copy: key(COPY, &id), claims };
        let log = MerkleLog::new(Arc::clone(&kv), LogName::Feed(id.clone()), key(LOG, &id), Some(marks), damage);
        Self { kv, id, log }
    }

    /// Which feed this is.
    pub fn id(&self) -> &FeedId {
        &self.id
    }

    /// The feed's leaves.
    pub fn log(&self) -> &MerkleLog {
        &self.log
    }

    /// Whether this is a copy of what another node wrote, or of what this one wrote before it lost some of it.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn is_copy(&self) -> Result<bool, StoreError> {
        self.log.is_copy()
    }

    /// Makes it a copy, with the batch: this node never appends to it as its writer again.
    ///
    /// # Errors
    /// [`StoreError::Written`] while its writer is at work; the batch is as it was.
    pub fn give_up(&self, batch: &mut Batch) -> Result<(), StoreError> {
        if self.log.turn_into_copy(batch) {
            return Ok(());
        }
        Err(StoreError::Written { feed: self.id.clone() })
    }

    /// What takes a damaged copy back to the leaves before the damage, in batches to be applied in their order. A crash in between is
    /// found at the next start. Nothing for a whole one. See [`Store::recheck`](crate::Store::recheck).
    ///
    /// # Errors
    /// When the hashes of what is left can't be read.
    pub fn cut_damage(&self) -> Result<Vec<Batch>, StoreError> {
        self.log.cut_damage(PAGE)
    }

    /// The value called `name`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&self.value_key(name))?;
        stored.map(|stored| record::unwrap("a value of a feed", stored)).transpose()
    }

    /// Sets the value called `name`.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] for a name over [`MAX_NAME_BYTES`](crate::MAX_NAME_BYTES).
    pub fn put_value(&self, batch: &mut Batch, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        check_name(name)?;
        batch.put(self.value_key(name), record::wrap(bytes));
        Ok(())
    }

    /// Removes the value called `name`.
    pub fn delete_value(&self, batch: &mut Batch, name: &str) {
        batch.delete(self.value_key(name));
    }

    fn value_key(&self, name: &str) -> Vec<u8> {
        let mut key = key(VALUE, &self.id);
        key.extend_from_slice(name.as_bytes());
        key
    }
}

/// All feeds that have a leaf, by domain, then epoch.
pub(crate) fn list(kv: &Chunked) -> Result<Vec<FeedId>, StoreError> {
    listed(kv, KeyRange::prefix([FEED, LISTING]))
}

/// The feeds of one domain that have a leaf, by epoch.
pub(crate) fn list_of(kv: &Chunked, domain: &str) -> Result<Vec<FeedId>, StoreError> {
    listed(kv, KeyRange::prefix([&[FEED, LISTING], domain.as_bytes(), &[0]].concat()))
}

fn listed(kv: &Chunked, mut rest: KeyRange) -> Result<Vec<FeedId>, StoreError> {
    let mut feeds = Vec::new();
    loop {
        let page = kv.keys(&rest, Page::first(PAGE))?;
        let Some(last) = page.last() else {
            return Ok(feeds);
        };
        rest = rest.after(last);
        for key in page {
            let feed = FeedId::from_key(&key[2..]);
            feeds.push(feed.ok_or_else(|| StoreError::corrupt("a feed's name"))?);
        }
    }
}

fn key(part: u8, id: &FeedId) -> Vec<u8> {
    let mut key = vec![FEED, part];
    key.extend_from_slice(&id.to_key());
    key
}
