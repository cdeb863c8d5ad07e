//! Private texts of facts: purposes and notes.

use mesh_model::{Digest, DomainName, FactId};
use serde::{Deserialize, Serialize};

use crate::convert::{Malformed, digest};
use crate::proto;

/// A text that names people or their reasons: a private attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateText {
    /// SHA-256 of salt and text.
    pub digest: Digest,
    /// Bytes of the text, without the salt.
    pub size: u64,
}

/// The bytes of a private text without their salt: which fact they belong to, and the text. So whoever names somebody else's digest in
/// a fact of their own gets nothing by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactText {
    /// Whose feed has the fact.
    pub domain: DomainName,
    /// Which fact.
    pub fact: FactId,
    /// What people read.
    pub text: String,
}

impl FactText {
    const BEGINNING: &'static [u8] = b"datamesh fact text 1\0";

    /// The bytes that are salted.
    pub fn encode(&self) -> Vec<u8> {
        [Self::BEGINNING, self.domain.as_str().as_bytes(), &[0], &self.fact.0, self.text.as_bytes()].concat()
    }

    /// Reads them; `None` for bytes that are no text of a fact.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(Self::BEGINNING)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let domain = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        let (fact, text) = rest[end + 1..].split_first_chunk()?;
        Some(Self { domain, fact: FactId(*fact), text: std::str::from_utf8(text).ok()?.to_owned() })
    }
}

impl PrivateText {
    pub(super) fn to_message(self) -> proto::PrivateText {
        proto::PrivateText { digest: self.digest.0.to_vec(), size: self.size }
    }

    pub(super) fn from_message(field: &str, message: &proto::PrivateText) -> Result<Self, Malformed> {
        let digest = digest("digest", &message.digest).map_err(|error| error.within(field))?;
        Ok(Self { digest, size: message.size })
    }

    pub(super) fn required(field: &str, message: Option<proto::PrivateText>) -> Result<Self, Malformed> {
        Self::from_message(field, &message.ok_or_else(|| Malformed::missing(field))?)
    }
}
