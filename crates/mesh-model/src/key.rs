//! Ed25519 public keys as people and files see them. Whether a key is sound is for `mesh-event` to say.

use std::fmt;
use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::name::{excerpt, text_form};

/// Why a text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no public key; expected ed25519: and the base64 of 32 bytes")]
pub struct KeyError(String);

/// The 32 bytes of an Ed25519 public key (RFC 8032). Also the `keyid` of its signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Parses `ed25519:<base64>`.
    ///
    /// # Errors
    /// [`KeyError`] for another prefix, length or spelling.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError(excerpt(text));
        let body = text.strip_prefix("ed25519:").ok_or_else(error)?;
        let bytes = STANDARD.decode(body).map_err(|_| error())?;
        bytes.try_into().map(Self).map_err(|_| error())
    }

    /// Takes exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Twenty hexadecimal digits in groups of four, short enough for two people to compare aloud: 80 bits of SHA-256.
    pub fn fingerprint(&self) -> String {
        let hex = Digest::of(&self.0).to_string();
        let groups: Vec<&str> = (0..5).map(|n| &hex[4 * n..4 * n + 4]).collect();
        groups.join("-")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", STANDARD.encode(self.0))
    }
}
text_form!(PublicKey, KeyError);
