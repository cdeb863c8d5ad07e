//! Private attachments: personal data that never enters ledger or feed bytes, referenced by a salted digest.

use mesh_model::Digest;
use prost::Message as _;

use crate::convert::{Malformed, length};
use crate::proto;

/// A private attachment as it lies on disk: the salt beside the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateAttachment {
    /// 128 random bits.
    pub salt: [u8; 16],
    /// The bytes that named readers see.
    pub body: Vec<u8>,
}

impl PrivateAttachment {
    /// SHA-256 of salt and body: what the descriptor names.
    pub fn digest(&self) -> Digest {
        Digest::salted(&self.salt, &self.body)
    }

    /// The file form.
    pub fn to_bytes(&self) -> Vec<u8> {
        proto::PrivateAttachment { salt: self.salt.to_vec(), body: self.body.clone() }.encode_to_vec()
    }

    /// Reads the file form. Whether it is the one that was asked for is for [`PrivateAttachment::digest`] to say.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are no private attachment.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let message =
            proto::PrivateAttachment::decode(bytes).map_err(|error| Malformed::new("private attachment", error))?;
        let salt = message.salt.as_slice().try_into().map_err(|_| length("salt", 16, message.salt.len()))?;
        Ok(Self { salt, body: message.body })
    }
}
