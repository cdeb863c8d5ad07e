//! A domain's root asks its home to stop appending, so that the domain can move: what was appended until then is what the next epoch
//! goes on with. It is no command and never reaches the ledger; the DelegateNode that follows does.

use std::collections::BTreeSet;

use mesh_model::{DomainName, MeshId, PublicKey, UnixMs};
use prost::Message as _;

use crate::command::CommandError;
use crate::convert::{Malformed, digest, text};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::proto;
use crate::signing::Signer;

/// What the domain's root signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRequest {
    /// The mesh.
    pub mesh_id: MeshId,
    /// Whose feed.
    pub domain: DomainName,
    /// The epoch that is to end.
    pub epoch: u64,
    /// When it was signed; the home judges it by its own clock.
    pub at_unix_ms: UnixMs,
}

impl SealRequest {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        proto::SealRequest {
            mesh_id: self.mesh_id.0.to_vec(),
            domain: self.domain.to_string(),
            epoch: self.epoch,
            at_unix_ms: self.at_unix_ms,
        }
        .encode_to_vec()
    }

    /// Decodes payload bytes.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::SealRequest::decode(payload).map_err(|error| Malformed::new("seal", error))?;
        Ok(Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            domain: text("domain", &m.domain)?,
            epoch: m.epoch,
            at_unix_ms: m.at_unix_ms,
        })
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, EnvelopeError> {
        Envelope::sign(envelope::SEAL, self.encode(), signers)
    }

    /// Checks every signature, then decodes; who signed, each once.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verify(envelope: &Envelope, mesh: &MeshId) -> Result<(Self, BTreeSet<PublicKey>), CommandError> {
        let signers = envelope.verify(envelope::SEAL)?;
        let request = Self::decode(envelope.payload())?;
        if request.mesh_id != *mesh {
            return Err(CommandError::WrongMesh { expected: mesh.short(), found: request.mesh_id.short() });
        }
        Ok((request, signers))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::signing::Keypair;
    use zeroize::Zeroizing;

    #[test]
    fn a_request_is_believed_for_its_own_mesh_and_type_only() {
        let root = Keypair::from_seed(&Zeroizing::new([1; 32]));
        let domain = DomainName::parse("sales").unwrap();
        let request = SealRequest { mesh_id: MeshId([7; 32]), domain, epoch: 3, at_unix_ms: 5 };
        let envelope = request.sign(&[&root]).unwrap();
        let (read, signers) = SealRequest::verify(&envelope, &MeshId([7; 32])).unwrap();
        assert_eq!((read, signers), (request.clone(), BTreeSet::from([root.public_key()])));
        assert!(matches!(SealRequest::verify(&envelope, &MeshId([8; 32])), Err(CommandError::WrongMesh { .. })));
        let other = Envelope::sign(envelope::RULES, request.encode(), &[&root]).unwrap();
        assert!(SealRequest::verify(&other, &MeshId([7; 32])).is_err());
    }
}
