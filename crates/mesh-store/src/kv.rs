//! The small surface between the keyspaces and what keeps their bytes.

use crate::StoreError;
use crate::batch::{Batch, Write};
use crate::range::{KeyRange, Page};

/// A key and its new value; `None` removes it.
pub(crate) type Change = (Vec<u8>, Option<Vec<u8>>);

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The longest key a [`Kv`] takes, in bytes. An inner page of sled holds up to 257 keys, whole; with 256 bytes each it stays
/// under the 128 KiB from which sled puts a page into a file that it never syncs.
pub const MAX_PHYSICAL_KEY_BYTES: usize = 256;

/// The longest value a [`Kv`] takes, in bytes: 4 KiB. A leaf page holds up to 16 (19 for the moment of a merge) values, whole.
pub const MAX_PHYSICAL_VALUE_BYTES: usize = 4 << 10;

/// An ordered map of bytes to bytes with atomic batches and an explicit sync.
///
/// Implementations: [`SledKv`](crate::SledKv) on a disk, [`MemKv`](crate::MemKv) for simulation. Both refuse what one of
/// them refuses: longer values go through [`Chunked`](crate::Chunked).
pub trait Kv: Send + Sync + 'static {
    /// The value of `key`.
    ///
    /// # Errors
    /// When it can't be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries of `range`, at most `page.limit`. A page may show a part of a batch that is being applied at the same time.
    ///
    /// # Errors
    /// When they can't be read.
    fn range(&self, range: &KeyRange, page: Page) -> Result<Vec<Entry>, StoreError>;

    /// Makes the changes of `batch`, all or none, readable at once and **not yet durable**. After a crash either the whole batch is
    /// there or nothing of it, and no later batch without the earlier ones.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] with nothing changed; any other error leaves the store unusable for writing.
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Makes everything applied before durable: it survives power loss.
    ///
    /// # Errors
    /// When that is not certain. It never becomes certain later: all further writes and syncs fail too.
    fn sync(&self) -> Result<(), StoreError>;
}

/// Refuses a batch with a key or value over the limits.
pub(crate) fn check_physical(batch: &Batch) -> Result<(), StoreError> {
    for (key, value) in batch.writes() {
        if key.len() > MAX_PHYSICAL_KEY_BYTES {
            return Err(StoreError::TooLong { what: "a key", limit: MAX_PHYSICAL_KEY_BYTES, found: key.len() });
        }
        let bytes = value.map_or(0, <[u8]>::len);
        if bytes > MAX_PHYSICAL_VALUE_BYTES {
            return Err(StoreError::TooLong { what: "a value", limit: MAX_PHYSICAL_VALUE_BYTES, found: bytes });
        }
    }
    Ok(())
}

/// The changes of a batch as single writes: each cleared range becomes the removal of the keys that are in it now.
pub(crate) fn resolve(
    batch: Batch,
    keys_in: impl Fn(&KeyRange) -> Result<Vec<Vec<u8>>, StoreError>,
) -> Result<Vec<Change>, StoreError> {
    let (mut writes, cleared) = batch.into_parts();
    for range in &cleared {
        for key in keys_in(range)? {
            writes.entry(key).or_insert(Write::Delete);
        }
    }
    let value = |write| match write {
        Write::New(value) | Write::Set(value) => Some(value),
        Write::Delete => None,
    };
    Ok(writes.into_iter().map(|(key, write)| (key, value(write))).collect())
}
