//! Values of any length on top of a [`Kv`] that takes 4 KiB, each with a checksum.

use std::sync::{Arc, PoisonError, RwLock};

use crate::StoreError;
use crate::batch::{Batch, Write};
use crate::kv::{Entry, Kv, MAX_PHYSICAL_VALUE_BYTES};
use crate::range::{KeyRange, Page};

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 240;

/// The longest value, in bytes: 16 MiB.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// First byte of the keys that hold the further chunks of long values. The keyspaces' first bytes are lower.
const OVERFLOW: u8 = 0xF0;

const WHOLE: u8 = 0;
const LONG: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
const WHOLE_HEADER: usize = 1 + CHECKSUM_BYTES;
const LONG_HEADER: usize = WHOLE_HEADER + 4;
const FIRST_CHUNK: usize = MAX_PHYSICAL_VALUE_BYTES - LONG_HEADER;
const PAGE: usize = 256;

/// The layer that all keyspaces write through.
///
/// ```text
/// key -> 0x00 | crc32 | value                                     up to 4,091 bytes
/// key -> 0x01 | crc32 | length: u32 | the first 4,087 bytes       longer
/// 0xF0 | key length: u8 | key | n: u16 -> the next 4,096 bytes    n = 0, 1, ... in the same batch
/// ```
///
/// The CRC-32 covers key and value, so bytes that were altered or belong to another key are [`StoreError::Corrupt`], never served.
/// The further chunks lie apart from their key, so a range reads what it would read without them. A read sees whole batches.
pub struct Chunked {
    kv: Arc<dyn Kv>,
    /// Held for writing while a batch is applied: the chunks of one value are read together or not at all.
    batches: RwLock<()>,
}

impl Chunked {
    /// The layer over `kv`.
    pub fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv, batches: RwLock::new(()) }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or when it can't be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _batches = self.batches.read().unwrap_or_else(PoisonError::into_inner);
        match self.kv.get(key)? {
            Some(stored) => self.unwrap(key, stored).map(Some),
            None => Ok(None),
        }
    }

    /// Whether `key` has a value, which isn't looked at.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.kv.get(key)?.is_some())
    }

    /// The entries of `range`, at most `page.limit`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when one of them is, or when they can't be read.
    pub fn range(&self, range: &KeyRange, page: Page) -> Result<Vec<Entry>, StoreError> {
        let range = range.below(&[OVERFLOW]);
        let _batches = self.batches.read().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.kv.range(&range, page)?;
        for (key, value) in &mut entries {
            *value = self.unwrap(key, std::mem::take(value))?;
        }
        Ok(entries)
    }

    /// The keys of `range`, at most `page.limit`; the values are not looked at, damaged or not.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn keys(&self, range: &KeyRange, page: Page) -> Result<Vec<Vec<u8>>, StoreError> {
        let entries = self.kv.range(&range.below(&[OVERFLOW]), page)?;
        Ok(entries.into_iter().map(|(key, _)| key).collect())
    }

    /// The last entry of `range`.
    ///
    /// # Errors
    /// As [`Chunked::range`].
    pub fn last(&self, range: &KeyRange) -> Result<Option<Entry>, StoreError> {
        Ok(self.range(range, Page::last(1))?.pop())
    }

    /// Refuses a batch that [`Chunked::apply`] would refuse, before anything is done with it.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] or [`StoreError::Invalid`].
    pub fn check(batch: &Batch) -> Result<(), StoreError> {
        for (key, value) in batch.writes() {
            if key.len() > MAX_KEY_BYTES {
                return Err(StoreError::TooLong { what: "a key", limit: MAX_KEY_BYTES, found: key.len() });
            }
            if key.first().is_none_or(|&first| first >= OVERFLOW) {
                return Err(StoreError::Invalid {
                    expected: "a key that begins with a keyspace's byte",
                    found: format!("{key:02x?}"),
                });
            }
            let bytes = value.map_or(0, <[u8]>::len);
            if bytes > MAX_VALUE_BYTES {
                return Err(StoreError::TooLong { what: "a value", limit: MAX_VALUE_BYTES, found: bytes });
            }
        }
        Ok(())
    }

    /// [`Kv::apply`] of the batch with its values wrapped and split.
    ///
    /// # Errors
    /// As [`Chunked::check`] with nothing changed, and as [`Kv::apply`].
    pub fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        Self::check(&batch)?;
        let _batches = self.batches.write().unwrap_or_else(PoisonError::into_inner);
        let (writes, cleared) = batch.into_parts();
        let mut physical = Batch::new();
        for range in &cleared {
            self.clear(&range.below(&[OVERFLOW]), &mut physical)?;
        }
        for (key, write) in writes {
            let is_new = matches!(write, Write::New(_));
            if !is_new && let Some(old) = self.kv.get(&key)? {
                delete_overflow(&key, &old, &mut physical);
            }
            match write {
                Write::New(value) | Write::Set(value) => put_wrapped(key, &value, &mut physical),
                Write::Delete => physical.delete(key),
            }
        }
        self.kv.apply(physical)
    }

    /// [`Kv::sync`].
    ///
    /// # Errors
    /// As [`Kv::sync`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.kv.sync()
    }

    fn clear(&self, range: &KeyRange, physical: &mut Batch) -> Result<(), StoreError> {
        let mut rest = range.clone();
        loop {
            let page = self.kv.range(&rest, Page::first(PAGE))?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            rest = rest.after(last);
            for (key, old) in page {
                delete_overflow(&key, &old, physical);
                physical.delete(key);
            }
        }
    }

    /// The value in `stored`, with its further chunks.
    fn unwrap(&self, key: &[u8], stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let damaged = || StoreError::corrupt(format_args!("the value of key {key:02x?}"));
        let (kind, crc) = match stored.first_chunk::<WHOLE_HEADER>() {
            Some(&[kind, a, b, c, d]) => (kind, u32::from_be_bytes([a, b, c, d])),
            None => return Err(damaged()),
        };
        let value = match kind {
            WHOLE => {
                let mut value = stored;
                value.drain(..WHOLE_HEADER);
                value
            }
            LONG => {
                let length = long_length(&stored).ok_or_else(damaged)?;
                let mut value = Vec::with_capacity(length);
                value.extend_from_slice(&stored[LONG_HEADER..]);
                for n in 0..overflow_count(length) {
                    let chunk = self.kv.get(&overflow_key(key, n))?.ok_or_else(damaged)?;
                    value.extend_from_slice(&chunk);
                }
                if value.len() != length {
                    return Err(damaged());
                }
                value
            }
            _ => return Err(damaged()),
        };
        if checksum(key, &value) != crc {
            return Err(damaged());
        }
        Ok(value)
    }
}

fn put_wrapped(key: Vec<u8>, value: &[u8], physical: &mut Batch) {
    let crc = checksum(&key, value);
    if value.len() <= MAX_PHYSICAL_VALUE_BYTES - WHOLE_HEADER {
        let mut stored = Vec::with_capacity(WHOLE_HEADER + value.len());
        stored.push(WHOLE);
        stored.extend_from_slice(&crc.to_be_bytes());
        stored.extend_from_slice(value);
        physical.put(key, stored);
        return;
    }
    let (first, rest) = value.split_at(FIRST_CHUNK);
    let length = u32::try_from(value.len()).expect("checked against MAX_VALUE_BYTES");
    let mut stored = Vec::with_capacity(MAX_PHYSICAL_VALUE_BYTES);
    stored.push(LONG);
    stored.extend_from_slice(&crc.to_be_bytes());
    stored.extend_from_slice(&length.to_be_bytes());
    stored.extend_from_slice(first);
    for (n, chunk) in (0..).zip(rest.chunks(MAX_PHYSICAL_VALUE_BYTES)) {
        physical.put(overflow_key(&key, n), chunk);
    }
    physical.put(key, stored);
}

/// Removes the further chunks of the value that `key` had before.
fn delete_overflow(key: &[u8], old: &[u8], physical: &mut Batch) {
    if old.first() == Some(&LONG) {
        // A damaged length leaves chunks behind that nobody reads.
        for n in 0..long_length(old).map_or(0, overflow_count) {
            physical.delete(overflow_key(key, n));
        }
    }
}

/// The length of a long value according to its header.
fn long_length(stored: &[u8]) -> Option<usize> {
    let (header, _) = stored.split_first_chunk::<LONG_HEADER>()?;
    let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
    usize::try_from(length).ok().filter(|length| (FIRST_CHUNK..=MAX_VALUE_BYTES).contains(length))
}

fn overflow_count(length: usize) -> u16 {
    let chunks = (length - FIRST_CHUNK).div_ceil(MAX_PHYSICAL_VALUE_BYTES);
    u16::try_from(chunks).expect("16 MiB are 4,096 chunks")
}

fn overflow_key(key: &[u8], n: u16) -> Vec<u8> {
    let mut overflow = Vec::with_capacity(key.len() + 4);
    overflow.push(OVERFLOW);
    overflow.push(u8::try_from(key.len()).expect("checked against MAX_KEY_BYTES"));
    overflow.extend_from_slice(key);
    overflow.extend_from_slice(&n.to_be_bytes());
    overflow
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(value);
    crc.finalize()
}
