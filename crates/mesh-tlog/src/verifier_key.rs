//! Verifier keys: a public key with its name, as one line (C2SP signed-note, "Verifier keys").

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::excerpt::excerpt;
use crate::signature::{SignatureError, SignatureType, check_name, key_hash};

const PUBLIC_KEY_BYTES: usize = 32;

/// Who may sign notes, and with what: `<name>+<key hash, hex>+<base64 of type and public key>`.
///
/// It is what other tools take on their command line to verify our notes. That the 32 bytes are a
/// point of the curve is for the signature library to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    signature_type: SignatureType,
    public_key: [u8; PUBLIC_KEY_BYTES],
}

/// A text that is no [`VerifierKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyError {
    /// Not name, key hash and key with a plus between, each in its one spelling.
    #[error("expected a verifier key <name>+<hex>+<base64>, found {found:?}")]
    Form {
        /// The text.
        found: String,
    },
    /// The name can't name a key.
    #[error(transparent)]
    Name(#[from] SignatureError),
    /// The type byte is none of [`SignatureType`].
    #[error("expected a signature type 0x01 or 0x04, found {found:#04x}")]
    Type {
        /// The byte.
        found: u8,
    },
    /// The key hash is not that of this name, type and key.
    #[error("expected the key hash {expected:08x}, found {found}")]
    KeyHash {
        /// The hash of the other parts.
        expected: u32,
        /// The one in the text.
        found: String,
    },
}

impl VerifierKey {
    /// The verifier key of these parts.
    ///
    /// # Errors
    /// [`VerifierKeyError::Name`].
    pub fn new(
        name: impl Into<String>,
        signature_type: SignatureType,
        public_key: [u8; PUBLIC_KEY_BYTES],
    ) -> Result<Self, VerifierKeyError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, signature_type, public_key })
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The public key, encoded as RFC 8032 says.
    pub fn public_key(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public_key
    }

    /// The key id.
    pub fn key_hash(&self) -> u32 {
        key_hash(&self.name, self.signature_type, &self.public_key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.signature_type.byte()], self.public_key.as_slice()].concat();
        let (name, hash) = (&self.name, self.key_hash());
        write!(f, "{name}+{hash:08x}+{}", STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let wrong = || VerifierKeyError::Form { found: excerpt(text) };
        // The base64 may hold a plus, the name and the hash can't.
        let (name, rest) = text.split_once('+').ok_or_else(wrong)?;
        let (hash, base64) = rest.split_once('+').ok_or_else(wrong)?;
        let key = STANDARD.decode(base64).map_err(|_| wrong())?;
        let (&byte, public_key) = key.split_first().ok_or_else(wrong)?;
        let signature_type = SignatureType::from_byte(byte).ok_or(VerifierKeyError::Type { found: byte })?;
        let public_key = public_key.try_into().map_err(|_| wrong())?;
        let key = Self::new(name, signature_type, public_key)?;
        let expected = key.key_hash();
        if hash != format!("{expected:08x}") {
            return Err(VerifierKeyError::KeyHash { expected, found: excerpt(hash) });
        }
        Ok(key)
    }
}
