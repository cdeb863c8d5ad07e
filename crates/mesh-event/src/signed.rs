//! What was signed, with the signatures checked over its exact bytes: one type for everything that is no command.

use std::collections::BTreeSet;

use mesh_model::{Digest, MeshId, PublicKey};

use crate::command::CommandError;
use crate::convert::Malformed;
use crate::envelope::Envelope;

/// What an envelope of one payload type holds.
pub trait Payload: Sized {
    /// The payload type, which is signed, too.
    const TYPE: &'static str;

    /// Decodes payload bytes.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    fn decode(payload: &[u8]) -> Result<Self, Malformed>;
    /// The mesh that it was signed for.
    fn mesh_id(&self) -> &MeshId;
    /// Who says it: one of the signers.
    fn author(&self) -> &PublicKey;
}

/// A payload whose signatures were checked over its exact bytes. The only ways to one are [`Signed::verify`], and
/// [`Signed::verified_before`] for what was checked before it was kept.
#[derive(Debug, Clone)]
pub struct Signed<T> {
    envelope: Envelope,
    pub(crate) payload: T,
    signers: BTreeSet<PublicKey>,
}

impl<T: Payload> Signed<T> {
    /// Checks every signature, then decodes.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verify(envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        let signers = envelope.verify(T::TYPE)?;
        let payload = T::decode(envelope.payload())?;
        if payload.mesh_id() != mesh {
            return Err(CommandError::WrongMesh { expected: mesh.short(), found: payload.mesh_id().short() });
        }
        if !signers.contains(payload.author()) {
            return Err(CommandError::AuthorDidNotSign(payload.author().fingerprint()));
        }
        Ok(Self { envelope, payload, signers })
    }

    /// One whose signatures were checked before it was kept.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn verified_before(envelope: Envelope) -> Result<Self, Malformed> {
        let payload = T::decode(envelope.payload())?;
        let signers = envelope.claimed_keys().collect();
        Ok(Self { envelope, payload, signers })
    }

    /// Who signed, each once.
    pub fn signers(&self) -> &BTreeSet<PublicKey> {
        &self.signers
    }

    /// The exact bytes.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// SHA-256 of the signed bytes: the same whoever signed.
    pub fn digest(&self) -> Digest {
        self.envelope.payload_digest()
    }
}
