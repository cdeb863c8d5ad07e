//! Ed25519 (RFC 8032) through `ed25519-dalek`: strict verification, keys as PKCS#8 v1 PEM.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use mesh_model::PublicKey;
use zeroize::Zeroizing;

/// Why a text is no usable private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeypairError {
    /// Not PEM, not PKCS#8, not Ed25519.
    #[error("not a PKCS#8 private key of Ed25519 in PEM form: {0}")]
    Form(String),
    /// A passphrase protects it.
    #[error("the key is encrypted; decrypt it first")]
    Encrypted,
}

/// Something that signs for one public key: a key in memory here, an agent or a token elsewhere.
pub trait Signer: Send + Sync {
    /// The key it signs for.
    fn public_key(&self) -> PublicKey;
    /// A signature over exactly these bytes.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A private key in memory, wiped when dropped.
#[derive(Clone)]
pub struct Keypair(SigningKey);

impl Keypair {
    /// The key of 32 random bytes, which the caller draws.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads PKCS#8 PEM.
    ///
    /// # Errors
    /// [`KeypairError`] says what the text is instead.
    pub fn from_pem(pem: &str) -> Result<Self, KeypairError> {
        if pem.contains("ENCRYPTED PRIVATE KEY") || pem.starts_with("-----BEGIN AGE ENCRYPTED FILE") {
            return Err(KeypairError::Encrypted);
        }
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|error| KeypairError::Form(error.to_string()))
    }

    /// Writes PKCS#8 **version 1** PEM: version 2, which carries the public key too, is refused by OpenSSL, Python and
    /// browsers.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes always encode")
    }
}

impl Keypair {
    /// Writes PKCS#8 version 1 DER, as [`Keypair::to_pem`] without its frame.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        Zeroizing::new(bytes.to_pkcs8_der().expect("32 bytes always encode").as_bytes().to_vec())
    }

    /// The 32 bytes that the key is made of, for libraries that sign by themselves.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// A key of the same holder for another purpose: HKDF-SHA256 (RFC 5869) over the seed, with the purpose's type string as salt and
    /// what it is for as info. Whoever knows it learns nothing about this key.
    pub(crate) fn derive(&self, purpose: &[u8], info: &[u8]) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        let secret = Zeroizing::new(self.0.to_bytes());
        hkdf::Hkdf::<sha2::Sha256>::new(Some(purpose), secret.as_slice())
            .expand(info, seed.as_mut_slice())
            .expect("32 bytes are one block of the hash");
        Self::from_seed(&seed)
    }
}

impl Signer for Keypair {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for Keypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keypair({})", self.public_key().fingerprint())
    }
}

/// Whether the bytes are a point of the curve that is not of small order. Such keys are refused at admission: a weak
/// key verifies signatures that nobody made.
pub fn is_sound(key: &PublicKey) -> bool {
    VerifyingKey::from_bytes(&key.0).is_ok_and(|key| !key.is_weak())
}

/// `verify_strict`: cofactorless, canonical, no weak keys; the one verification in the workspace.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_bytes(&key.0), Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keypair(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    #[test]
    fn pem_is_version_one_and_round_trips() {
        let pem = keypair(7).to_pem();
        assert_eq!(pem.lines().count(), 3, "{}", pem.as_str());
        // RFC 8410: 48 bytes for version 1 without the public key, so one line of 64 characters.
        assert_eq!(pem.lines().nth(1).unwrap().len(), 64);
        assert_eq!(Keypair::from_pem(&pem).unwrap().public_key(), keypair(7).public_key());
        assert!(matches!(Keypair::from_pem("nonsense"), Err(KeypairError::Form(_))));
    }

    #[test]
    fn verifies_only_the_exact_message_and_key() {
        let signature = keypair(1).sign(b"message");
        assert!(verify(&keypair(1).public_key(), b"message", &signature));
        assert!(!verify(&keypair(1).public_key(), b"messagf", &signature));
        assert!(!verify(&keypair(2).public_key(), b"message", &signature));
        assert!(!verify(&keypair(1).public_key(), b"message", &signature[..63]));
    }

    #[test]
    fn refuses_weak_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(!is_sound(&PublicKey(identity)));
        assert!(!is_sound(&PublicKey([0; 32])));
        assert!(is_sound(&keypair(1).public_key()));
    }
}
