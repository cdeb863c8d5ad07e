//! rustls' questions about the other's certificate, and the configurations of both sides.

use std::sync::Arc;

use mesh_model::{MeshId, NodeId, PublicKey};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    self, CertificateError as RustlsError, ClientConfig, DigitallySignedStruct, DistinguishedName, OtherError,
    PeerMisbehaved, ServerConfig, SignatureScheme,
};

use super::admitted::{Admitted, Standing};
use super::certificate::{CertificateError, OwnCertificate, node_key_of};

/// The one protocol that is spoken over a connection.
const ALPN: &[u8] = b"h2";

/// Why TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// rustls.
    #[error("TLS can't be set up: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Why a certificate that holds is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLetIn {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("the key {key} is no node of this mesh, as far as this node knows")]
    Unknown { key: String },
    #[error("node {node_id} was revoked by leaf {index}")]
    Revoked { node_id: NodeId, index: u64 },
    #[error("expected node {expected}, found node {found}")]
    Other { expected: NodeId, found: NodeId },
    #[error("it can't be told whether the key {key} is a node's: {why}")]
    Unreadable { key: String, why: String },
}

/// Which node a certificate is of, if it is let in now.
pub(crate) fn identify(
    der: &CertificateDer<'_>,
    mesh: &MeshId,
    admitted: &dyn Admitted,
) -> Result<(NodeId, PublicKey), NotLetIn> {
    let key = node_key_of(der, mesh)?;
    Ok((standing(&key, admitted)?, key))
}

/// The node of a key, if it is let in now.
pub(crate) fn standing(key: &PublicKey, admitted: &dyn Admitted) -> Result<NodeId, NotLetIn> {
    match admitted.standing(key) {
        Standing::Admitted { node_id } => Ok(node_id),
        Standing::Revoked { node_id, index } => Err(NotLetIn::Revoked { node_id, index }),
        Standing::Unknown => Err(NotLetIn::Unknown { key: key.fingerprint() }),
        Standing::Unreadable(why) => Err(NotLetIn::Unreadable { key: key.fingerprint(), why }),
    }
}

impl From<NotLetIn> for rustls::Error {
    /// Chooses the alert: a node that was revoked learns that; a stranger learns nothing.
    fn from(why: NotLetIn) -> Self {
        match why {
            NotLetIn::Revoked { .. } => RustlsError::Revoked,
            why => RustlsError::Other(OtherError(Arc::new(why))),
        }
        .into()
    }
}

/// Why a handshake failed, in words: rustls hides what the verifier said in an error of its own, and tokio that in one of I/O.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(RustlsError::Other(OtherError(why)))) => why.to_string(),
        Some(rustls::Error::AlertReceived(alert)) => format!("the other side refuses: {alert:?}"),
        _ => error.to_string(),
    }
}

/// This node's certificate, and how others' are checked.
pub struct PeerTls {
    mesh: MeshId,
    own: OwnCertificate,
    admitted: Arc<dyn Admitted>,
    provider: Arc<CryptoProvider>,
    server: Arc<ServerConfig>,
}

impl PeerTls {
    /// Sets both sides up.
    ///
    /// # Errors
    /// [`TlsError::Rustls`].
    pub fn new(mesh: MeshId, own: OwnCertificate, admitted: Arc<dyn Admitted>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(Verifier::new(mesh, Arc::clone(&admitted), None, &provider));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![own.der().clone()], own.key().into())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session would not be checked against the ledger.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;
        Ok(Self { mesh, own, admitted, provider, server: Arc::new(server) })
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// How to call this node, and no other.
    pub(crate) fn client(&self, expected: NodeId) -> Result<Arc<ClientConfig>, TlsError> {
        let verifier = Verifier::new(self.mesh, Arc::clone(&self.admitted), Some(expected), &self.provider);
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(vec![self.own.der().clone()], self.own.key().into())?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(Arc::new(client))
    }
}

/// Checks the other's certificate against the ledger; on the calling side also that it is the node that was called.
struct Verifier {
    mesh: MeshId,
    admitted: Arc<dyn Admitted>,
    expected: Option<NodeId>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("expected", &self.expected).finish_non_exhaustive()
    }
}

impl Verifier {
    fn new(mesh: MeshId, admitted: Arc<dyn Admitted>, expected: Option<NodeId>, provider: &CryptoProvider) -> Self {
        Self { mesh, admitted, expected, algorithms: provider.signature_verification_algorithms }
    }

    fn check(&self, der: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let checked = if chain.is_empty() {
            identify(der, &self.mesh, &*self.admitted)
        } else {
            Err(CertificateError::Form("it does not come alone".to_owned()).into())
        };
        let checked = checked.and_then(|(found, _)| match self.expected {
            Some(expected) if expected != found => Err(NotLetIn::Other { expected, found }),
            _ => Ok(()),
        });
        checked.map_err(|why| {
            tracing::debug!(%why, "a node was not let in");
            why.into()
        })
    }

    fn check_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, der, signature, &self.algorithms)
    }
}

/// TLS 1.2 is not spoken.
fn old_tls() -> rustls::Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(old_tls())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(old_tls())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
