//! The end of the ceremony: the document is frozen, signed and sealed.

use mesh_event::Signer;
use mesh_event::envelope::{self, Envelope};
use mesh_event::genesis::SealedGenesis;
use mesh_event::proto;
use mesh_model::Digest;
use prost::Message as _;

use super::check::envelope_of;
use super::draft::{Draft, DraftError, FrozenDocument, SignaturePart};
use crate::text_bytes::TextBytes;

impl Draft {
    /// Freezes the document, if it is not yet, and adds a member's signature over its exact bytes.
    ///
    /// # Errors
    /// A draft with any flaw is not signed, nor one that founds no mesh, nor with a key that has no seat.
    pub(crate) fn sign(&mut self, signer: &dyn Signer) -> Result<(), DraftError> {
        self.check_signable()?;
        let key = signer.public_key();
        if !self.seats.iter().any(|seat| seat.key == key) {
            return Err(DraftError::NotASeat(key.fingerprint()));
        }
        let bytes = match &self.document {
            Some(document) => document.bytes.0.clone(),
            None => self.document_of_parts().encode(),
        };
        let signed = Envelope::sign(envelope::GENESIS, bytes.clone(), &[signer])?;
        let message = proto::Envelope::decode(signed.bytes()).expect("it was encoded a line ago");
        let signature = message.signatures.into_iter().next().expect("one signer makes one signature").sig;
        self.document = Some(FrozenDocument { mesh_id: Digest::of(&bytes), bytes: TextBytes(bytes) });
        self.signatures.retain(|other| other.key != key);
        self.signatures.push(SignaturePart { key, signature: TextBytes(signature) });
        self.sort();
        Ok(())
    }

    /// Whether the draft is whole: no part forged, and a mesh can be founded on it.
    ///
    /// # Errors
    /// [`DraftError::Flawed`] with everything that was forged, or [`DraftError::Incomplete`] with everything that is
    /// missing.
    pub(crate) fn check_signable(&self) -> Result<(), DraftError> {
        let flaws = self.flaws();
        if !flaws.is_empty() {
            return Err(DraftError::Flawed(flaws));
        }
        let missing = self.document_of_parts().check();
        if missing.is_empty() { Ok(()) } else { Err(DraftError::Incomplete(missing)) }
    }

    /// The founding envelope, once the threshold of the council has signed.
    ///
    /// # Errors
    /// As [`Draft::check_signable`], or [`DraftError::Genesis`] when signatures are missing.
    pub(crate) fn seal(&self) -> Result<SealedGenesis, DraftError> {
        self.check_signable()?;
        let Some(document) = &self.document else {
            let unsigned = mesh_event::genesis::GenesisError::Threshold { signed: 0, threshold: self.threshold };
            return Err(unsigned.into());
        };
        let envelope = envelope_of(&document.bytes.0, &self.signatures)?;
        Ok(SealedGenesis::parse(envelope.into_bytes())?)
    }
}
