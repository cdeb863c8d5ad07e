//! One signature line of a note, and how keys are told apart (C2SP signed-note).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::excerpt::excerpt;

/// An em dash and a space begin a signature line.
const LINE_PREFIX: &str = "\u{2014} ";

const KEY_HASH_BYTES: usize = size_of::<u32>();

/// What a key signs and with which algorithm. Both types here have Ed25519 keys of 32 bytes; one
/// key must not serve both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SignatureType {
    /// 0x01: Ed25519 over the note text.
    Ed25519,
    /// 0x04: a [`Cosignature`](crate::Cosignature) of the checkpoint that the note text is.
    CosignatureV1,
}

impl SignatureType {
    /// The identifier byte.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    /// The type with this identifier byte, if it is one of ours.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// The key id: `SHA-256(name || 0x0A || type || public key)[..4]`, big-endian (C2SP signed-note,
/// "Signatures").
///
/// It is a label, short enough to collide at will; only a verified signature says who signed.
pub fn key_hash(name: &str, signature_type: SignatureType, public_key: &[u8; 32]) -> u32 {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', signature_type.byte()])
        .chain_update(public_key)
        .finalize();
    let (first, _) = digest.split_first_chunk().expect("a SHA-256 hash has 32 bytes");
    u32::from_be_bytes(*first)
}

/// A signature by the key `name` + `key_hash`. Nothing says that it is a right one.
///
/// `Display` and `FromStr` are the line without its newline: `— <name> <base64 of key hash and signature>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteSignature {
    name: String,
    key_hash: u32,
    signature: Vec<u8>,
}

/// A text or combination of parts that is no [`NoteSignature`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not dash, name and base64 with a space between.
    #[error("expected a signature line \"\u{2014} <name> <base64>\", found {found:?}")]
    Line {
        /// The line.
        found: String,
    },
    /// The name is empty or has a space, plus or control character.
    #[error("expected a key name without spaces, plus and control characters, found {found:?}")]
    Name {
        /// The name.
        found: String,
    },
    /// Not canonical base64 of a key hash and a signature.
    #[error("expected canonical base64 of a key hash of 4 bytes and a signature, found {found:?}")]
    Base64 {
        /// The text.
        found: String,
    },
    /// There is nothing after the key hash.
    #[error("expected a signature by {name}, found an empty one")]
    Empty {
        /// The key's name.
        name: String,
    },
}

impl NoteSignature {
    /// The signature by the key with this name and key hash.
    ///
    /// # Errors
    /// [`SignatureError::Name`] or [`SignatureError::Empty`].
    pub fn new(name: impl Into<String>, key_hash: u32, signature: Vec<u8>) -> Result<Self, SignatureError> {
        let name = name.into();
        check_name(&name)?;
        if signature.is_empty() {
            return Err(SignatureError::Empty { name });
        }
        Ok(Self { name, key_hash, signature })
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id.
    pub fn key_hash(&self) -> u32 {
        self.key_hash
    }

    /// The signature, in the form of the key's type, without the key id.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_hash.to_be_bytes(), self.signature.as_slice()].concat();
        write!(f, "{LINE_PREFIX}{} {}", self.name, STANDARD.encode(bytes))
    }
}

impl FromStr for NoteSignature {
    type Err = SignatureError;

    fn from_str(line: &str) -> Result<Self, SignatureError> {
        let (name, base64) = line
            .strip_prefix(LINE_PREFIX)
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(|| SignatureError::Line { found: excerpt(line) })?;
        let wrong = || SignatureError::Base64 { found: excerpt(base64) };
        let bytes = STANDARD.decode(base64).map_err(|_| wrong())?;
        let (key_hash, signature) = bytes.split_first_chunk::<KEY_HASH_BYTES>().ok_or_else(wrong)?;
        Self::new(name, u32::from_be_bytes(*key_hash), signature.to_vec())
    }
}

/// Key names are not empty and have no Unicode space and no plus (which separates the parts of a
/// verifier key).
pub(crate) fn check_name(name: &str) -> Result<(), SignatureError> {
    let wrong = |c: char| c.is_whitespace() || c < ' ' || c == '+';
    if name.is_empty() || name.contains(wrong) {
        return Err(SignatureError::Name { found: excerpt(name) });
    }
    Ok(())
}
