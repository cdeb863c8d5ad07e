//! The one place where bincode is configured: for the disk and for frames between nodes, never for signed bytes.
//!
//! Fixed-width little-endian integers, a limit, no trailing bytes. Every record starts with a format version byte that
//! its owner chooses; decoding goes from slices whose length was capped before.

use bincode::Options as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest record, in bytes. Longer ones are a defect on our side, not input.
pub const RECORD_BYTES: u64 = 64 * 1024 * 1024;

/// Why stored bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// No bytes at all.
    #[error("a record is empty; expected a format version byte")]
    Empty,
    /// A format that this build does not know.
    #[error("a record has format {found}; this build reads {expected}")]
    Format {
        /// The version byte found.
        found: u8,
        /// The one that was expected.
        expected: u8,
    },
    /// The bytes behind the version do not decode.
    #[error("a record of format {format} does not decode: {source}")]
    Bytes {
        /// Its format version.
        format: u8,
        /// What bincode says.
        source: bincode::Error,
    },
}

fn options() -> impl bincode::Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(RECORD_BYTES)
        .reject_trailing_bytes()
}

/// Encodes a value behind its format version.
///
/// # Panics
/// When the value is over [`RECORD_BYTES`], or a type that serde cannot write without knowing its length: both are
/// defects of the caller.
pub fn encode<T: Serialize>(format: u8, value: &T) -> Vec<u8> {
    let mut bytes = vec![format];
    options().serialize_into(&mut bytes, value).expect("records are plain data within the limit");
    bytes
}

/// Decodes a value of exactly this format version.
///
/// # Errors
/// [`CodecError`]; nothing is ever read past the slice.
pub fn decode<T: DeserializeOwned>(format: u8, bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        None => Err(CodecError::Empty),
        Some((&found, body)) if found == format => {
            options().deserialize(body).map_err(|source| CodecError::Bytes { format, source })
        }
        Some((&found, _)) => Err(CodecError::Format { found, expected: format }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn refuses_other_formats_and_trailing_bytes() {
        let bytes = encode(1, &(7_u32, "x".to_owned()));
        assert_eq!(decode::<(u32, String)>(1, &bytes).unwrap(), (7, "x".to_owned()));
        assert!(matches!(decode::<(u32, String)>(2, &bytes), Err(CodecError::Format { found: 1, expected: 2 })));
        assert!(matches!(
            decode::<(u32, String)>(1, &[bytes.as_slice(), &[0]].concat()),
            Err(CodecError::Bytes { .. })
        ));
        assert!(matches!(decode::<(u32, String)>(1, &bytes[..5]), Err(CodecError::Bytes { .. })));
        assert!(matches!(decode::<u8>(1, &[]), Err(CodecError::Empty)));
    }

    #[test]
    fn a_claimed_length_reserves_no_memory() {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode::<Vec<u8>>(1, &bytes).is_err());
    }
}
