//! One SHA-256 hash, and the three formulas of RFC 6962 that make them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::excerpt::excerpt;

/// The length of a [`Hash`](struct@Hash), in bytes.
pub const HASH_BYTES: usize = 32;

/// RFC 6962, 2.1 keeps leaves and inner nodes apart by their first byte, so that neither can pass
/// for the other.
const LEAF_PREFIX: [u8; 1] = [0x00];
const NODE_PREFIX: [u8; 1] = [0x01];

/// A SHA-256 hash: of a leaf, of an inner node, or of a whole tree.
///
/// `Display` and `FromStr` are lower-case hex; notes carry base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hash([u8; HASH_BYTES]);

/// A text or byte string that is no [`Hash`](struct@Hash).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashParseError {
    /// Not 32 bytes.
    #[error("expected a hash of 32 bytes, found {found}")]
    Length {
        /// How many bytes there were.
        found: usize,
    },
    /// Not 64 lower-case hex digits.
    #[error("expected a hash as 64 lower-case hex digits, found {found:?}")]
    Hex {
        /// The text.
        found: String,
    },
    /// Not padded standard base64 in its one canonical form.
    #[error("expected a hash as canonical base64 of 32 bytes, found {found:?}")]
    Base64 {
        /// The text.
        found: String,
    },
}

impl Hash {
    /// The hash with these bytes.
    pub const fn new(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// The bytes, by value.
    pub const fn to_bytes(self) -> [u8; HASH_BYTES] {
        self.0
    }

    /// Standard base64 with padding (RFC 4648, section 4), 44 characters: the form in a checkpoint.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`Hash::to_base64`] writes.
    ///
    /// # Errors
    /// [`HashParseError::Base64`] unless the text is the canonical base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, HashParseError> {
        let mut bytes = [0; HASH_BYTES];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(HASH_BYTES) => Ok(Self(bytes)),
            _ => Err(HashParseError::Base64 { found: excerpt(text) }),
        }
    }
}

impl From<[u8; HASH_BYTES]> for Hash {
    fn from(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }
}

impl From<Hash> for [u8; HASH_BYTES] {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = HashParseError;

    fn try_from(bytes: &[u8]) -> Result<Self, HashParseError> {
        match bytes.try_into() {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(HashParseError::Length { found: bytes.len() }),
        }
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashParseError;

    fn from_str(text: &str) -> Result<Self, HashParseError> {
        let wrong = || HashParseError::Hex { found: excerpt(text) };
        if text.len() != 2 * HASH_BYTES {
            return Err(wrong());
        }
        let mut bytes = [0; HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let high = hex_digit(pair[0]).ok_or_else(wrong)?;
            let low = hex_digit(pair[1]).ok_or_else(wrong)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The value of a lower-case hex digit; upper case is not canonical here.
fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The hash of a leaf: `SHA-256(0x00 || data)` (RFC 6962, 2.1).
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update(LEAF_PREFIX).chain_update(data).finalize().into())
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)` (RFC 6962, 2.1).
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    Hash(Sha256::new().chain_update(NODE_PREFIX).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the tree without leaves: `SHA-256()` of nothing (RFC 6962, 2.1).
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}
