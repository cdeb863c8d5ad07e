//! Digests and the ids that are digests or random numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::name::{excerpt, text_form};

/// Why a text is no id of fixed length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is no {kind}; expected {hex} lower-case hexadecimal digits")]
pub struct HexError {
    kind: &'static str,
    hex: usize,
    found: String,
}

fn hex_of(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in bytes {
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn bytes_of<const N: usize>(text: &str, kind: &'static str) -> Result<[u8; N], HexError> {
    let error = || HexError { kind, hex: 2 * N, found: excerpt(text) };
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(error());
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| error())?;
    }
    Ok(bytes)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $type:ident, $bytes:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $type(pub [u8; $bytes]);

        impl $type {
            /// Parses lower-case hexadecimal digits.
            ///
            /// # Errors
            /// [`HexError`] for another length or character.
            pub fn parse(text: &str) -> Result<Self, HexError> {
                bytes_of(text, $kind).map(Self)
            }
            /// Takes exactly the right number of bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
            /// The first eight hexadecimal digits, for people.
            pub fn short(&self) -> String {
                self.to_string()[..8].to_owned()
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex_of(&self.0, f)
            }
        }
        text_form!($type, HexError);
    };
}

hex_id!(
    /// A SHA-256 digest.
    Digest, 32, "digest"
);
hex_id!(
    /// The mesh: SHA-256 of its genesis document.
    MeshId, 32, "mesh id"
);
hex_id!(
    /// What names one command: 128 random bits, chosen by its author.
    CommandId, 16, "command id"
);

hex_id!(
    /// What names one fact of a feed, such as a request for access: 128 random bits, chosen by its author.
    FactId, 16, "fact id"
);

/// What names one block of an access token, so that it can be revoked: the block's signature.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Vec<u8>);

impl TokenId {
    /// Most bytes of one: a signature of any kind that tokens are signed with.
    pub const MOST_BYTES: usize = 80;

    /// Takes 1 to [`Self::MOST_BYTES`] bytes.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=Self::MOST_BYTES).contains(&bytes.len()).then_some(Self(bytes))
    }
    /// Parses lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`TokenIdError`].
    pub fn parse(text: &str) -> Result<Self, TokenIdError> {
        let error = || TokenIdError { found: excerpt(text) };
        let digits = text.as_bytes();
        let is_digit = |digit: &u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit);
        if !digits.len().is_multiple_of(2) || !digits.iter().all(is_digit) {
            return Err(error());
        }
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| error());
        let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Result<_, _>>()?;
        Self::new(bytes).ok_or_else(error)
    }
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why a text is no id of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is no token id; expected 2 to {most} lower-case hexadecimal digits", most = 2 * TokenId::MOST_BYTES)]
pub struct TokenIdError {
    found: String,
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex_of(&self.0, f)
    }
}
text_form!(TokenId, TokenIdError);

impl Digest {
    /// SHA-256 of the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of a private attachment's salt (128 random bits) and body: without the salt, a short body such as an
    /// address could be guessed from its digest.
    pub fn salted(salt: &[u8; 16], body: &[u8]) -> Self {
        Self(Sha256::new().chain_update(salt).chain_update(body).finalize().into())
    }
}

impl From<Digest> for MeshId {
    fn from(digest: Digest) -> Self {
        Self(digest.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses_other_forms() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::parse(&digest.to_string()).unwrap(), digest);
        for bad in ["", "e3", &digest.to_string().to_uppercase(), &"ä".repeat(32)] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }
}
