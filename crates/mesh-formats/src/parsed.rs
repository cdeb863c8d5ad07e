//! What a file becomes: products with their attachments, and what should be looked at.

use mesh_model::{Attachment, AttachmentPurpose, Descriptor, Digest, DomainName};

use crate::problem::Problem;

/// An attachment with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentBody {
    /// What the descriptor says of it; digest and size are filled in.
    pub attachment: Attachment,
    /// Its bytes.
    pub body: Vec<u8>,
    /// 128 random bits, when it is private.
    pub salt: Option<[u8; 16]>,
}

impl AttachmentBody {
    /// An attachment that everybody may read.
    pub fn public(
        name: impl Into<String>,
        media_type: impl Into<String>,
        purpose: AttachmentPurpose,
        body: Vec<u8>,
    ) -> Self {
        Self::new(name.into(), media_type.into(), purpose, body, None)
    }

    /// An attachment for named readers; its digest is salted, so that a short body cannot be guessed from it.
    pub fn private(
        name: impl Into<String>,
        media_type: impl Into<String>,
        purpose: AttachmentPurpose,
        body: Vec<u8>,
        salt: [u8; 16],
    ) -> Self {
        Self::new(name.into(), media_type.into(), purpose, body, Some(salt))
    }

    fn new(
        name: String,
        media_type: String,
        purpose: AttachmentPurpose,
        body: Vec<u8>,
        salt: Option<[u8; 16]>,
    ) -> Self {
        let attachment = Attachment {
            digest: digest_of(salt.as_ref(), &body),
            name,
            media_type,
            size: body.len() as u64,
            purpose,
            private: salt.is_some(),
        };
        Self { attachment, body, salt }
    }
}

/// The digest that names a body: of salt and body when there is a salt.
pub(crate) fn digest_of(salt: Option<&[u8; 16]>, body: &[u8]) -> Digest {
    salt.map_or_else(|| Digest::of(body), |salt| Digest::salted(salt, body))
}

/// One product, as read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// What the file says of it. `version` is 1.0.0 when the file names none.
    pub descriptor: Descriptor,
    /// Whether the file names the version; where it does not, the planner chooses it.
    pub version_given: bool,
    /// The attachments whose bytes the file brought along.
    pub attachments: Vec<AttachmentBody>,
}

impl Product {
    /// A product without attachments.
    pub fn new(descriptor: Descriptor, version_given: bool) -> Self {
        Self { descriptor, version_given, attachments: Vec::new() }
    }

    /// Adds an attachment to the descriptor and to the bodies, and returns its digest. One that is there already is
    /// not added twice.
    pub fn attach(&mut self, body: AttachmentBody) -> Digest {
        let digest = body.attachment.digest;
        if !self.descriptor.attachments.iter().any(|known| known.digest == digest) {
            self.descriptor.attachments.push(body.attachment.clone());
        }
        if !self.attachments.iter().any(|known| known.attachment.digest == digest) {
            self.attachments.push(body);
        }
        digest
    }
}

/// A file that was read without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The products in the file's order; at least one.
    pub products: Vec<Product>,
    /// What should be looked at.
    pub warnings: Vec<Problem>,
}

/// What reading a file needs from outside: this crate has no clock, no randomness and no file system.
pub struct Context<'a> {
    /// The domain of products whose file names none.
    pub domain: Option<&'a DomainName>,
    /// Draws 128 fresh random bits for one private attachment.
    pub salt: &'a mut dyn FnMut() -> [u8; 16],
    /// The size of the descriptor's signed encoding, in bytes.
    pub encoded_len: &'a dyn Fn(&Descriptor) -> usize,
    /// The file's name without its folder.
    pub file_name: &'a str,
    /// Reads a file that lies beside this one, such as a contract that it refers to; `None` when there is none.
    pub load: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}
