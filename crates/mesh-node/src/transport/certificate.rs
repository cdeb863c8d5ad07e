//! A node's certificate: made from its keys at every start, and read from others.
//!
//! ```text
//! self-signed X.509 v3, Ed25519, subject CN = "datamesh node"
//! extension 2.25.7308901745621860237 (not critical): OCTET STRING of
//!   version: u8 = 1 | node key: 32 bytes | certification: 64 bytes
//! ```
//!
//! The certification is the node key's signature over mesh id and TLS key ([`mesh_event::certify_tls_key`]).

use mesh_event::{Keypair, Signer as _, certify_tls_key, is_tls_key_of, tls_keypair};
use mesh_model::{MeshId, PublicKey};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, PKCS_ED25519};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::der_parser::asn1_rs::oid;
use x509_parser::oid_registry::{OID_SIG_ED25519, Oid};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Our extension, under the arc that needs no registration.
const EXTENSION: [u64; 3] = [2, 25, 7_308_901_745_621_860_237];
const VERSION: u8 = 1;
/// `OCTET STRING`, its length, then version, node key and certification.
const CONTENT_BYTES: usize = 1 + 32 + 64;
const CONTENT_HEAD: [u8; 3] = [0x04, 97, VERSION];
/// Longest certificate that is read, in bytes. Ours have about 400.
const MOST_BYTES: usize = 2048;

/// Why a certificate is not one of a node, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not X.509, or too long.
    #[error("the certificate is none that a node makes: {0}")]
    Form(String),
    /// It doesn't say which node it is of.
    #[error("the certificate names no node key")]
    NoNodeKey,
    /// Not signed by its own key.
    #[error("the certificate is not signed by its own key")]
    Signature,
    /// The node key did not certify the TLS key, or did so for another mesh.
    #[error("the node key {node} did not certify this TLS key for this mesh")]
    NotCertified {
        /// Fingerprint of the node key.
        node: String,
    },
    /// Our own cannot be made.
    #[error("no certificate can be made: {0}")]
    Make(String),
}

/// This node's certificate and its private key.
pub struct OwnCertificate {
    der: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl OwnCertificate {
    /// Makes it: TLS key, certification, certificate.
    ///
    /// # Errors
    /// [`CertificateError::Make`].
    pub fn new(node: &Keypair, mesh: &MeshId) -> Result<Self, CertificateError> {
        let tls = tls_keypair(node, mesh);
        let certification = certify_tls_key(node, mesh, &tls.public_key());
        Self::of(&tls, &node.public_key(), &certification)
    }

    /// A certificate of this TLS key that claims this node key; tests make ones that don't hold.
    ///
    /// # Errors
    /// [`CertificateError::Make`].
    pub fn of(tls: &Keypair, node_key: &PublicKey, certification: &[u8; 64]) -> Result<Self, CertificateError> {
        let make = |error: rcgen::Error| CertificateError::Make(error.to_string());
        let key = PrivatePkcs8KeyDer::from(tls.to_pkcs8_der().to_vec());
        let signer = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519).map_err(make)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(make)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "datamesh node");
        let content = [CONTENT_HEAD.as_slice(), &node_key.0, certification].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&EXTENSION, content)];
        let certificate = params.self_signed(&signer).map_err(make)?;
        Ok(Self { der: certificate.der().clone(), key })
    }
}

impl OwnCertificate {
    /// The certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Its private key.
    pub fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        self.key.clone_key()
    }
}

/// The node key of a certificate, everything about it checked but whether the ledger admits that key.
///
/// # Errors
/// [`CertificateError`].
pub(crate) fn node_key_of(der: &CertificateDer<'_>, mesh: &MeshId) -> Result<PublicKey, CertificateError> {
    let form = |why: &str| CertificateError::Form(why.to_owned());
    if der.len() > MOST_BYTES {
        return Err(form("it is too long"));
    }
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|error| CertificateError::Form(error.to_string()))?;
    if !rest.is_empty() {
        return Err(form("bytes follow it"));
    }
    let spki = certificate.public_key();
    let algorithms = [&spki.algorithm.algorithm, &certificate.signature_algorithm.algorithm];
    if algorithms.into_iter().any(|algorithm| *algorithm != OID_SIG_ED25519) {
        return Err(form("it is not Ed25519"));
    }
    let tls_key =
        PublicKey::from_slice(&spki.subject_public_key.data).ok_or_else(|| form("its key is not 32 bytes"))?;
    // Over the bytes as they came; `verify` is strict.
    if !mesh_event::verify(&tls_key, certificate.tbs_certificate.as_ref(), &certificate.signature_value.data) {
        return Err(CertificateError::Signature);
    }
    let extension: Oid<'_> = oid!(2.25.7308901745621860237);
    let found = certificate.get_extension_unique(&extension).map_err(|_| form("an extension is there twice"))?;
    let content = found.ok_or(CertificateError::NoNodeKey)?.value;
    let content = content.strip_prefix(&CONTENT_HEAD).filter(|rest| rest.len() == CONTENT_BYTES - 1);
    let (node_key, certification) =
        content.and_then(|rest| rest.split_at_checked(32)).ok_or(CertificateError::NoNodeKey)?;
    let node_key = PublicKey::from_slice(node_key).ok_or(CertificateError::NoNodeKey)?;
    if !is_tls_key_of(&node_key, mesh, &tls_key, certification) {
        return Err(CertificateError::NotCertified { node: node_key.fingerprint() });
    }
    Ok(node_key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use zeroize::Zeroizing;

    fn node(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    const MESH: MeshId = MeshId([1; 32]);

    #[test]
    fn a_certificate_says_whose_it_is() {
        let own = OwnCertificate::new(&node(7), &MESH).unwrap();
        assert_eq!(node_key_of(&own.der, &MESH).unwrap(), node(7).public_key());
        assert!(own.der.len() < 600, "{}", own.der.len());
    }

    #[test]
    fn refuses_one_that_the_node_key_did_not_certify_for_this_mesh() {
        let refused =
            |own: &OwnCertificate| matches!(node_key_of(&own.der, &MESH), Err(CertificateError::NotCertified { .. }));
        assert!(refused(&OwnCertificate::new(&node(7), &MeshId([2; 32])).unwrap()));
        let tls = node(9);
        // A certification of another TLS key, and one by another node.
        let other = certify_tls_key(&node(7), &MESH, &node(10).public_key());
        assert!(refused(&OwnCertificate::of(&tls, &node(7).public_key(), &other).unwrap()));
        let foreign = certify_tls_key(&node(8), &MESH, &tls.public_key());
        assert!(refused(&OwnCertificate::of(&tls, &node(7).public_key(), &foreign).unwrap()));
    }

    #[test]
    fn no_flipped_byte_gives_another_node_key() {
        let own = OwnCertificate::new(&node(7), &MESH).unwrap();
        let mut refused = 0;
        for at in 0..own.der.len() {
            for bit in [0x01, 0x80] {
                let mut bytes = own.der.to_vec();
                bytes[at] ^= bit;
                // Some bytes of the frame around what is signed mean the same to the parser.
                match node_key_of(&CertificateDer::from(bytes), &MESH) {
                    Ok(found) => assert_eq!(found, node(7).public_key(), "byte {at}"),
                    Err(_) => refused += 1,
                }
            }
            assert!(node_key_of(&CertificateDer::from(own.der[..at].to_vec()), &MESH).is_err());
        }
        assert!(refused > 2 * own.der.len() - 20, "{refused} of {}", 2 * own.der.len());
        let mut longer = own.der.to_vec();
        longer.push(0);
        assert!(node_key_of(&CertificateDer::from(longer), &MESH).is_err());
        assert!(node_key_of(&CertificateDer::from(vec![0x30; 100_000]), &MESH).is_err());
    }

    #[test]
    fn one_without_our_extension_names_no_node() {
        let key = rcgen::KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        assert_eq!(node_key_of(certificate.der(), &MESH), Err(CertificateError::NoNodeKey));
    }
}
