//! A text and the signatures under it (C2SP signed-note).

use std::fmt;
use std::str::FromStr;

use crate::signature::{NoteSignature, SignatureError};

/// The largest note that is read or made, in bytes: 64 KiB.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// The most signatures a note may have.
pub const MAX_SIGNATURES: usize = 100;

/// A text with one or more signatures, verified or not: until [`Note::verify`] has said so, the
/// text is anybody's.
///
/// `Display` and `FromStr` (or [`Note::parse`], for bytes) are the note as it is stored and sent:
///
/// ```text
/// <text, which ends in a newline>
/// <empty line>
/// — <key name> <base64 of key hash and signature>
/// [— ...]...
/// ```
///
/// A key (name and key hash) signs a note once. The specification leaves that open; here a second
/// signature is an error, so that counting signatures counts keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// Signs note texts with one key. The algorithm lives with the implementor.
pub trait NoteSigner {
    /// The name of the key: not empty, without spaces and plus.
    fn name(&self) -> &str;

    /// The key id; see [`key_hash`](crate::key_hash).
    fn key_hash(&self) -> u32;

    /// The signature of `text`, in the form of the key's type and without the key id.
    fn sign(&self, text: &str) -> Vec<u8>;
}

/// Verifies the signatures of one key. The algorithm lives with the implementor.
pub trait NoteVerifier {
    /// The name of the key.
    fn name(&self) -> &str;

    /// The key id; see [`key_hash`](crate::key_hash).
    fn key_hash(&self) -> u32;

    /// Whether `signature` (without the key id) is this key's signature of `text`. Bytes of a wrong
    /// form are a plain no.
    fn verify(&self, text: &str, signature: &[u8]) -> bool;
}

/// Why something is no [`Note`], or one not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`MAX_NOTE_BYTES`].
    #[error("expected a note of at most 65536 bytes, found {found}")]
    TooLarge {
        /// Its length in bytes.
        found: usize,
    },
    /// More than [`MAX_SIGNATURES`].
    #[error("expected a note with at most 100 signatures, found {found}")]
    TooManySignatures {
        /// How many there are.
        found: usize,
    },
    /// Not UTF-8, or a control character other than newline.
    #[error("expected a note in UTF-8 without control characters, found a wrong byte at {position}")]
    Character {
        /// The first wrong byte, counted from 0.
        position: usize,
    },
    /// The text does not end in a newline.
    #[error("expected a note text that ends in a newline")]
    NoFinalNewline,
    /// No empty line with signature lines after it.
    #[error("expected a note text, an empty line and signature lines")]
    NoSignatures,
    /// A signature line is wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A key signed twice.
    #[error("expected one signature by {name} ({key_hash:08x}), found two")]
    DuplicateSignature {
        /// The key's name.
        name: String,
        /// The key id.
        key_hash: u32,
    },
    /// Two of the verifiers have the same name and key hash.
    #[error("expected one verifier for {name} ({key_hash:08x}), found two")]
    AmbiguousVerifier {
        /// The key's name.
        name: String,
        /// The key id.
        key_hash: u32,
    },
    /// A known key's signature is wrong.
    #[error("the signature by {name} ({key_hash:08x}) is invalid")]
    InvalidSignature {
        /// The key's name.
        name: String,
        /// The key id.
        key_hash: u32,
    },
    /// None of the keys that signed is known.
    #[error("expected a signature by a known key, found none")]
    NoKnownKey,
}

impl Note {
    /// The note with this text and these signatures, in this order.
    ///
    /// # Errors
    /// [`NoteError`] where they make no note.
    pub fn new(text: impl Into<String>, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let note = Self { text: text.into(), signatures };
        note.check()?;
        Ok(note)
    }

    /// The note with this text, signed by each of `signers` in order.
    ///
    /// # Errors
    /// [`NoteError`] where text and signatures make no note.
    pub fn sign(text: impl Into<String>, signers: &[&dyn NoteSigner]) -> Result<Self, NoteError> {
        let text = text.into();
        let signatures = signers
            .iter()
            .map(|signer| NoteSignature::new(signer.name(), signer.key_hash(), signer.sign(&text)))
            .collect::<Result<_, _>>()?;
        Self::new(text, signatures)
    }

    /// Adds a signature made elsewhere, last in order.
    ///
    /// # Errors
    /// [`NoteError`] when the key signed already or a limit is passed; the note is as it was.
    pub fn add_signature(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        self.signatures.push(signature);
        let checked = self.check();
        if checked.is_err() {
            self.signatures.pop();
        }
        checked
    }

    /// The text, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, in the note's order, those of unknown keys too.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The signatures by the keys of `verifiers`, in the note's order; each was verified, and there
    /// is at least one. Those of other keys are passed over.
    ///
    /// # Errors
    /// [`NoteError::InvalidSignature`] when any known key's signature is wrong,
    /// [`NoteError::NoKnownKey`] when none signed, and [`NoteError::AmbiguousVerifier`] when two
    /// verifiers are of one name and key hash.
    pub fn verify(&self, verifiers: &[&dyn NoteVerifier]) -> Result<Vec<&NoteSignature>, NoteError> {
        let mut verified = Vec::new();
        for signature in &self.signatures {
            let mut known = verifiers
                .iter()
                .filter(|verifier| verifier.key_hash() == signature.key_hash() && verifier.name() == signature.name());
            let Some(verifier) = known.next() else {
                continue;
            };
            let name = signature.name().to_owned();
            let key_hash = signature.key_hash();
            if known.next().is_some() {
                return Err(NoteError::AmbiguousVerifier { name, key_hash });
            }
            if !verifier.verify(&self.text, signature.signature()) {
                return Err(NoteError::InvalidSignature { name, key_hash });
            }
            verified.push(signature);
        }
        if verified.is_empty() {
            return Err(NoteError::NoKnownKey);
        }
        Ok(verified)
    }

    /// Reads a note as it was stored or sent. Limits come first, so a large or hostile one costs
    /// little.
    ///
    /// # Errors
    /// [`NoteError`]: anything but the one form drawn at [`Note`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        check_len(bytes.len())?;
        let note = str::from_utf8(bytes).map_err(|error| NoteError::Character { position: error.valid_up_to() })?;
        // The text may have empty lines itself; the last one of the note separates.
        let end = note.rfind("\n\n").ok_or(NoteError::NoSignatures)? + 1;
        let (text, rest) = note.split_at(end);
        let lines = rest[1..].strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        check_count(lines.split('\n').count())?;
        let signatures = lines.split('\n').map(str::parse).collect::<Result<_, _>>()?;
        Self::new(text, signatures)
    }

    /// All that makes a note, besides what its signatures ensure themselves.
    fn check(&self) -> Result<(), NoteError> {
        check_count(self.signatures.len())?;
        let wrong = |byte: u8| byte < 0x20 && byte != b'\n';
        if let Some(position) = self.text.bytes().position(wrong) {
            return Err(NoteError::Character { position });
        }
        if !self.text.ends_with('\n') {
            return Err(NoteError::NoFinalNewline);
        }
        for (position, signature) in self.signatures.iter().enumerate() {
            let same =
                |other: &NoteSignature| other.key_hash() == signature.key_hash() && other.name() == signature.name();
            if self.signatures[..position].iter().any(same) {
                return Err(NoteError::DuplicateSignature {
                    name: signature.name().to_owned(),
                    key_hash: signature.key_hash(),
                });
            }
        }
        check_len(self.to_string().len())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        Self::parse(note.as_bytes())
    }
}

fn check_len(found: usize) -> Result<(), NoteError> {
    if found > MAX_NOTE_BYTES {
        return Err(NoteError::TooLarge { found });
    }
    Ok(())
}

fn check_count(found: usize) -> Result<(), NoteError> {
    match found {
        0 => Err(NoteError::NoSignatures),
        1..=MAX_SIGNATURES => Ok(()),
        _ => Err(NoteError::TooManySignatures { found }),
    }
}
