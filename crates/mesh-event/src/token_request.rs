//! A consumer asks an owner's home for a token: signed, because what it gets is as good as the grant for an hour.

use mesh_model::{DomainName, MeshId, ProductId, PublicKey, UnixMs};
use prost::Message as _;

use crate::convert::{Malformed, digest, key, text};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::fact::{PortScope, scope};
use crate::proto;
use crate::signed::{Payload, Signed};
use crate::signing::Signer;

/// What a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The mesh.
    pub mesh_id: MeshId,
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// The domain that reads.
    pub consumer: DomainName,
    /// A part of what was granted; empty for all of it.
    pub scope: Vec<PortScope>,
    /// For how long.
    pub seconds: u32,
    /// The first signer: a key of the consumer's.
    pub author: PublicKey,
    /// When it was signed: it counts for some minutes only.
    pub at_unix_ms: UnixMs,
}

impl TokenRequest {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        proto::TokenRequest {
            mesh_id: self.mesh_id.0.to_vec(),
            product: self.product.to_string(),
            major: self.major,
            consumer: self.consumer.to_string(),
            scope: scope::to_messages(&self.scope),
            seconds: self.seconds,
            author: self.author.0.to_vec(),
            at_unix_ms: self.at_unix_ms,
        }
        .encode_to_vec()
    }

    /// Signs the request, as its author.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    ///
    /// # Panics
    /// When the signer is not the author.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Envelope, EnvelopeError> {
        assert_eq!(signer.public_key(), self.author, "the author signs");
        Envelope::sign(envelope::TOKEN_REQUEST, self.encode(), &[signer])
    }
}

impl Payload for TokenRequest {
    const TYPE: &'static str = envelope::TOKEN_REQUEST;

    fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::TokenRequest::decode(payload).map_err(|error| Malformed::new("token request", error))?;
        Ok(Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            product: text("product", &m.product)?,
            major: m.major,
            consumer: text("consumer", &m.consumer)?,
            scope: scope::from_messages(m.scope)?,
            seconds: m.seconds,
            author: key("author", &m.author)?,
            at_unix_ms: m.at_unix_ms,
        })
    }
    fn mesh_id(&self) -> &MeshId {
        &self.mesh_id
    }
    fn author(&self) -> &PublicKey {
        &self.author
    }
}

/// A request for a token whose signatures were checked over its exact bytes.
pub type SignedTokenRequest = Signed<TokenRequest>;

impl SignedTokenRequest {
    /// What it says.
    pub fn request(&self) -> &TokenRequest {
        &self.payload
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::signing::Keypair;
    use mesh_model::Code;
    use zeroize::Zeroizing;

    #[test]
    fn a_request_comes_back_as_it_was_signed_and_for_its_own_mesh_only() {
        let keypair = Keypair::from_seed(&Zeroizing::new([1; 32]));
        let request = TokenRequest {
            mesh_id: MeshId([7; 32]),
            product: "orders/returns".parse().unwrap(),
            major: 2,
            consumer: "finance".parse().unwrap(),
            scope: vec![PortScope { port: "daily".parse().unwrap(), fields: vec!["id".into()] }],
            seconds: 60,
            author: keypair.public_key(),
            at_unix_ms: 5,
        };
        let envelope = request.sign(&keypair).unwrap();
        let signed = SignedTokenRequest::verify(envelope.clone(), &MeshId([7; 32])).unwrap();
        assert_eq!(*signed.request(), request);
        let foreign = SignedTokenRequest::verify(envelope, &MeshId([8; 32])).unwrap_err();
        assert_eq!(foreign.code(), Code::WrongMesh);
        let fact = Envelope::sign(envelope::FACT, request.encode(), &[&keypair]).unwrap();
        assert_eq!(SignedTokenRequest::verify(fact, &MeshId([7; 32])).unwrap_err().code(), Code::Malformed);
    }
}
