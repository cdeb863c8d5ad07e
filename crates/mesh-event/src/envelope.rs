//! DSSE envelopes (Dead Simple Signing Envelope 1.0.2): `PAE(type, payload)` is signed, the exact bytes are kept.

use std::collections::BTreeSet;

use mesh_model::{Code, Digest, PublicKey, limits};
use prost::Message as _;

use crate::proto;
use crate::signing::{self, Signer};

/// Payload type of a founding document.
pub const GENESIS: &str = "application/vnd.datamesh.genesis.v1";
/// Payload type of a command.
pub const COMMAND: &str = "application/vnd.datamesh.command.v1";
/// Payload type of a request to read private bytes.
pub const READ: &str = "application/vnd.datamesh.read.v1";
/// Payload type of a request that a domain's home stops appending.
pub const SEAL: &str = "application/vnd.datamesh.seal.v1";
/// Payload type of a domain's own rules.
pub const RULES: &str = "application/vnd.datamesh.rules.v1";
/// Payload type of a fact about a product.
pub const FACT: &str = "application/vnd.datamesh.fact.v1";
/// Payload type of a request for an access token.
pub const TOKEN_REQUEST: &str = "application/vnd.datamesh.token-request.v1";

/// Why bytes are no envelope, or its signatures don't hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Over the limit; checked before anything is decoded.
    #[error("an envelope has {0} bytes; at most {max} are taken", max = limits::ENVELOPE_BYTES)]
    TooLarge(usize),
    /// Not an envelope.
    #[error("not an envelope: {0}")]
    Malformed(String),
    /// Another payload type than the one that may stand here.
    #[error("the envelope holds {found}; expected {expected}")]
    PayloadType {
        /// What it says.
        found: String,
        /// What may stand here.
        expected: &'static str,
    },
    /// A signature that does not verify.
    #[error("the signature of key {0} does not verify")]
    BadSignature(String),
    /// None at all.
    #[error("the envelope has no signature")]
    Unsigned,
}

impl EnvelopeError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge(_) => Code::TooLarge,
            Self::Malformed(_) | Self::PayloadType { .. } => Code::Malformed,
            Self::BadSignature(_) | Self::Unsigned => Code::BadSignature,
        }
    }
}

/// An envelope with the exact bytes that it came in. Its signatures are *not* checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    bytes: Vec<u8>,
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<(PublicKey, Vec<u8>)>,
}

/// `DSSEv1 <len> <type> <len> <payload>`, lengths in decimal.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

impl Envelope {
    /// Signs a payload with every signer, in their order.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`] when the result is over the limit.
    pub fn sign(payload_type: &str, payload: Vec<u8>, signers: &[&dyn Signer]) -> Result<Self, EnvelopeError> {
        let message = pae(payload_type, &payload);
        let signatures = signers
            .iter()
            .map(|signer| proto::Signature {
                keyid: signer.public_key().0.to_vec(),
                sig: signer.sign(&message).to_vec(),
            })
            .collect();
        let message = proto::Envelope { payload_type: payload_type.to_owned(), payload, signatures };
        Self::parse(message.encode_to_vec())
    }

    /// The same payload with one more signature. The bytes are new ones; only files that collect signatures do this,
    /// never anything that was ordered.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`] when the result is over the limit.
    pub fn with_signature(&self, signer: &dyn Signer) -> Result<Self, EnvelopeError> {
        let mut message = proto::Envelope::decode(self.bytes.as_slice()).expect("parsed before");
        let keyid = signer.public_key().0.to_vec();
        let sig = signer.sign(&pae(&self.payload_type, &self.payload)).to_vec();
        message.signatures.retain(|signature| signature.keyid != keyid);
        message.signatures.push(proto::Signature { keyid, sig });
        Self::parse(message.encode_to_vec())
    }

    /// Takes an envelope's bytes, limits first.
    ///
    /// # Errors
    /// [`EnvelopeError`]; nothing is trusted yet either way.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        if bytes.len() > limits::ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge(bytes.len()));
        }
        let malformed = |what: &str| EnvelopeError::Malformed(what.to_owned());
        let message =
            proto::Envelope::decode(bytes.as_slice()).map_err(|error| EnvelopeError::Malformed(error.to_string()))?;
        if message.signatures.is_empty() {
            return Err(EnvelopeError::Unsigned);
        }
        if message.signatures.len() > limits::SIGNATURES {
            return Err(malformed("it has more than 64 signatures"));
        }
        let mut signatures = Vec::with_capacity(message.signatures.len());
        for signature in message.signatures {
            let key =
                PublicKey::from_slice(&signature.keyid).ok_or_else(|| malformed("a keyid is not 32 bytes long"))?;
            if signature.sig.len() != 64 {
                return Err(malformed("a signature is not 64 bytes long"));
            }
            signatures.push((key, signature.sig));
        }
        Ok(Self { bytes, payload_type: message.payload_type, payload: message.payload, signatures })
    }

    /// Checks every signature and returns the keys that signed, each once.
    ///
    /// One bad signature spoils the whole: an envelope is forwarded as it is, and nobody should have to guess which part of
    /// it holds.
    ///
    /// # Errors
    /// [`EnvelopeError::PayloadType`] or [`EnvelopeError::BadSignature`].
    pub fn verify(&self, expected: &'static str) -> Result<BTreeSet<PublicKey>, EnvelopeError> {
        if self.payload_type != expected {
            let found = self.payload_type.chars().take(80).collect();
            return Err(EnvelopeError::PayloadType { found, expected });
        }
        let message = pae(&self.payload_type, &self.payload);
        let mut keys = BTreeSet::new();
        for (key, signature) in &self.signatures {
            if !signing::verify(key, &message, signature) {
                return Err(EnvelopeError::BadSignature(key.fingerprint()));
            }
            keys.insert(*key);
        }
        Ok(keys)
    }

    /// The keys that claim to have signed. Only a hint.
    pub fn claimed_keys(&self) -> impl Iterator<Item = PublicKey> + '_ {
        self.signatures.iter().map(|(key, _)| *key)
    }
    /// The exact bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// The exact bytes, taken.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
    /// What the payload says it is.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }
    /// The signed bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
    /// SHA-256 of the signed bytes: what approvals of a proposal name. The same whoever signed.
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }
    /// SHA-256 of the exact bytes: the key under which a node remembers that it verified them.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::signing::Keypair;
    use zeroize::Zeroizing;

    fn keypair(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    #[test]
    fn pae_is_the_specification_s_example() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let envelope = Envelope::sign(COMMAND, b"payload".to_vec(), &[&keypair(1)]).unwrap();
        assert_eq!(envelope.verify(COMMAND).unwrap(), BTreeSet::from([keypair(1).public_key()]));
        for at in 0..envelope.bytes().len() {
            for bit in 0..8 {
                let mut bytes = envelope.bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let holds = Envelope::parse(bytes).is_ok_and(|e| e.verify(COMMAND).is_ok());
                assert!(!holds, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn one_key_counts_once_and_a_bad_signature_spoils_the_whole() {
        let (a, b) = (keypair(1), keypair(2));
        let twice = Envelope::sign(COMMAND, b"p".to_vec(), &[&a, &a]).unwrap();
        assert_eq!(twice.verify(COMMAND).unwrap().len(), 1);
        let both = Envelope::sign(COMMAND, b"p".to_vec(), &[&a]).unwrap().with_signature(&b).unwrap();
        assert_eq!(both.verify(COMMAND).unwrap().len(), 2);
        let mut message = proto::Envelope::decode(both.bytes()).unwrap();
        message.signatures[1].sig[0] ^= 1;
        let spoilt = Envelope::parse(message.encode_to_vec()).unwrap();
        assert!(matches!(spoilt.verify(COMMAND), Err(EnvelopeError::BadSignature(_))));
    }

    #[test]
    fn a_payload_signed_for_one_use_does_not_verify_for_another() {
        let envelope = Envelope::sign(READ, b"p".to_vec(), &[&keypair(1)]).unwrap();
        assert!(matches!(envelope.verify(COMMAND), Err(EnvelopeError::PayloadType { .. })));
    }

    #[test]
    fn size_is_checked_before_decoding() {
        assert_eq!(Envelope::parse(vec![0xff; limits::ENVELOPE_BYTES + 1]).unwrap_err().code(), Code::TooLarge);
        assert_eq!(Envelope::parse(vec![0xff; 9]).unwrap_err().code(), Code::Malformed);
        assert_eq!(Envelope::parse(vec![]).unwrap_err().code(), Code::BadSignature);
    }
}
