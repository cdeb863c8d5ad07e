//! The version byte in front of every stored record.

use crate::StoreError;

/// The version of all record layouts of this crate.
pub(crate) const RECORD_VERSION: u8 = 1;

/// `bytes` with the version in front.
pub(crate) fn wrap(bytes: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(1 + bytes.len());
    record.push(RECORD_VERSION);
    record.extend_from_slice(bytes);
    record
}

/// The bytes behind the version; `what` names the record in an error.
pub(crate) fn unwrap(what: &str, mut record: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    match record.first() {
        Some(&RECORD_VERSION) => {
            record.drain(..1);
            Ok(record)
        }
        Some(&newer) if newer > RECORD_VERSION => {
            Err(StoreError::NewerFormat { found: newer.into(), supported: RECORD_VERSION.into() })
        }
        _ => Err(StoreError::corrupt(what)),
    }
}

/// The big-endian integer at the end of `key`.
pub(crate) fn key_index(key: &[u8]) -> Result<u64, StoreError> {
    key.last_chunk()
        .map(|index| u64::from_be_bytes(*index))
        .ok_or_else(|| StoreError::corrupt("a key that ends in an index"))
}
