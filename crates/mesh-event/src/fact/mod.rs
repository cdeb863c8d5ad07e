//! Facts about products as they are signed: what a domain's feed says of its products beside their versions.
//!
//! They are events of the feed of the domain that owns the product, and never leaves of the ledger: nothing has to be decided the same way by
//! everybody at once. So they have a payload type of their own, and nothing that reads commands takes them for one. Who may state
//! them is judged by their domain's home, at the ledger size that the event names.

mod access;
mod quality;
pub(crate) mod scope;
mod text;
mod wire;

use mesh_model::{Digest, DomainName, FactId, MeshId, ProductId, PublicKey};
use prost::Message as _;

pub use access::{
    ApproveAccess, CancelAccess, DenyAccess, EndAccessRule, EndIssuer, GrantIssuer, RULE_CONSUMERS, RequestAccess,
    RevokeAccess, RevokeToken, SetAccessRule,
};
pub use quality::{CheckKind, CheckVerdict, MOST_CHECKS, Measured, QualityCheck, QualityRun};
pub use scope::{FIELD_BYTES, PortScope, SCOPE_ITEMS};
pub use text::{FactText, PrivateText};

use crate::convert::{Malformed, digest, key, length, text};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::proto;
use crate::signed::{Payload, Signed};
use crate::signing::Signer;

/// A statement about a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The mesh.
    pub mesh_id: MeshId,
    /// Whose feed it belongs to: the domain that owns the product.
    pub domain: DomainName,
    /// Chosen by the author: sent again, it is the same fact.
    pub id: FactId,
    /// The first signer.
    pub author: PublicKey,
    /// What is stated.
    pub body: FactBody,
}

/// What is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactBody {
    /// A domain asks for access; the fact's id is the request's.
    RequestAccess(RequestAccess),
    /// The owner grants what was asked, or a part of it.
    ApproveAccess(ApproveAccess),
    /// The owner does not.
    DenyAccess(DenyAccess),
    /// The consumer takes its request back, or gives its grant back.
    CancelAccess(CancelAccess),
    /// The owner ends a grant.
    RevokeAccess(RevokeAccess),
    /// The owner approves in advance; the fact's id is the rule's.
    SetAccessRule(SetAccessRule),
    /// The owner does so no longer.
    EndAccessRule(EndAccessRule),
    /// The root names a key that may issue tokens.
    GrantIssuer(GrantIssuer),
    /// A key issues no more of them.
    EndIssuer(EndIssuer),
    /// One token counts no more.
    RevokeToken(RevokeToken),
    /// What came out when a port's data was held against what its version promises.
    ReportQuality(Box<QualityRun>),
}

impl FactBody {
    /// Its name in texts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RequestAccess(_) => "a request for access",
            Self::ApproveAccess(_) => "an approval of access",
            Self::DenyAccess(_) => "a denial of access",
            Self::CancelAccess(_) => "a cancellation of access",
            Self::RevokeAccess(_) => "a revocation of access",
            Self::SetAccessRule(_) => "an approval in advance",
            Self::EndAccessRule(_) => "the end of an approval in advance",
            Self::GrantIssuer(_) => "a token issuer",
            Self::EndIssuer(_) => "the end of a token issuer",
            Self::RevokeToken(_) => "a revocation of a token",
            Self::ReportQuality(_) => "a quality run",
        }
    }

    /// The private text that comes with it.
    pub fn private_text(&self) -> Option<&PrivateText> {
        match self {
            Self::RequestAccess(body) => Some(&body.purpose),
            Self::ApproveAccess(body) => body.note.as_ref(),
            Self::DenyAccess(body) => Some(&body.note),
            Self::RevokeAccess(body) => Some(&body.note),
            Self::ReportQuality(run) => run.details.as_ref(),
            Self::CancelAccess(_)
            | Self::SetAccessRule(_)
            | Self::EndAccessRule(_)
            | Self::GrantIssuer(_)
            | Self::EndIssuer(_)
            | Self::RevokeToken(_) => None,
        }
    }

    /// The product that it names.
    fn product(&self) -> Option<&ProductId> {
        match self {
            Self::RequestAccess(body) => Some(&body.product),
            Self::ApproveAccess(body) => Some(&body.product),
            Self::SetAccessRule(body) => Some(&body.product),
            Self::ReportQuality(run) => Some(&run.version.product),
            _ => None,
        }
    }
}

fn fact_id(field: &str, bytes: &[u8]) -> Result<FactId, Malformed> {
    FactId::from_slice(bytes).ok_or_else(|| length(field, 16, bytes.len()))
}

impl Fact {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        proto::Fact {
            mesh_id: self.mesh_id.0.to_vec(),
            domain: self.domain.to_string(),
            id: self.id.0.to_vec(),
            author: self.author.0.to_vec(),
            body: Some(wire::to_message(&self.body)),
        }
        .encode_to_vec()
    }

    /// Signs the fact; its author has to be the first signer.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    ///
    /// # Panics
    /// When the first signer is not the author.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, EnvelopeError> {
        assert_eq!(signers.first().map(|s| s.public_key()), Some(self.author), "the author signs first");
        Envelope::sign(envelope::FACT, self.encode(), signers)
    }
}

impl Payload for Fact {
    const TYPE: &'static str = envelope::FACT;

    fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::Fact::decode(payload).map_err(|error| Malformed::new("fact", error))?;
        let body = m.body.ok_or_else(|| Malformed::new("body", "is missing or unknown to this build"))?;
        let fact = Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            domain: text("domain", &m.domain)?,
            id: fact_id("id", &m.id)?,
            author: key("author", &m.author)?,
            body: wire::from_message(body)?,
        };
        match fact.body.product().filter(|product| product.domain != fact.domain) {
            Some(product) => {
                let text = format!("{product} belongs to another domain than {}", fact.domain);
                Err(Malformed::new("product", text))
            }
            None => Ok(fact),
        }
    }
    fn mesh_id(&self) -> &MeshId {
        &self.mesh_id
    }
    fn author(&self) -> &PublicKey {
        &self.author
    }
}

/// A fact that was taken, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// SHA-256 of its signed payload.
    pub payload: Digest,
    /// The epoch of the feed that has it.
    pub epoch: u64,
    /// Its number in that feed.
    pub seq: u64,
}

/// A fact whose signatures were checked over its exact bytes.
pub type SignedFact = Signed<Fact>;

impl SignedFact {
    /// What it says.
    pub fn fact(&self) -> &Fact {
        &self.payload
    }
}

#[cfg(test)]
mod tests;
