//! Whoever comes to a peer port without the node's own transport.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_event::genesis::SealedGenesis;
use mesh_event::{Keypair, certify_tls_key};
use mesh_model::{MeshId, NodeId, PublicKey};
use mesh_node::config::PeerSection;
use mesh_node::transport::{Admitted, Dialer, OwnCertificate, PeerChannels, Standing, Transport};
use mesh_proto::v1::{Greeting, HelloRequest};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, SignatureScheme};

/// Believes every server.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// A certificate and its key.
pub(crate) type Shown = (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>);

pub(crate) fn shown(own: &OwnCertificate) -> Shown {
    (own.der().clone(), own.key())
}

/// What a node of that key shows.
pub(crate) fn of_node(key: &Keypair, mesh: &MeshId) -> Shown {
    shown(&OwnCertificate::new(key, mesh).unwrap())
}

/// A certificate that claims this node key, certified by somebody else.
pub(crate) fn claiming(node_key: &PublicKey, tls: &Keypair, certifier: &Keypair, mesh: &MeshId) -> Shown {
    let certification = certify_tls_key(certifier, mesh, &mesh_event::Signer::public_key(tls));
    shown(&OwnCertificate::of(tls, node_key, &certification).unwrap())
}

/// What anybody can make.
pub(crate) fn self_made() -> Shown {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()))
}

/// Makes a TLS connection; what the server thinks of the certificate comes with the first read.
pub(crate) async fn connect(
    address: SocketAddr,
    shown: impl Into<Option<Shown>>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match shown.into() {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key.into()).unwrap(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("node").unwrap(), stream).await
}

/// Says hello as this node.
pub(crate) async fn hello(
    stream: &mut TlsStream<TcpStream>,
    mesh: &MeshId,
    node_id: NodeId,
    protocols: (u32, u32),
) -> std::io::Result<Greeting> {
    let (protocol_min, protocol_max) = protocols;
    let hello = HelloRequest { mesh_id: mesh.0.to_vec(), node_id, protocol_min, protocol_max, build: "test".into() };
    let body = hello.encode_to_vec();
    stream.write_u16(u16::try_from(body.len()).unwrap()).await?;
    stream.write_all(&body).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(Greeting::decode(answer.as_slice()).unwrap())
}

/// Waits until the other side ends it; gives what it sent before.
pub(crate) async fn until_end(stream: &mut (impl AsyncRead + Unpin), within: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    // An alert or a reset is an end too.
    drop(tokio::time::timeout(within, stream.read_to_end(&mut bytes)).await.expect("the connection ends in time"));
    bytes
}

/// The founders, as somebody outside of the mesh's nodes knows them.
struct Founders(SealedGenesis);

impl Admitted for Founders {
    fn standing(&self, key: &PublicKey) -> Standing {
        let voter = self.0.document.voters.iter().find(|voter| voter.key == *key);
        voter.map_or(Standing::Unknown, |voter| Standing::Admitted { node_id: voter.node_id })
    }
}

/// The transport of whoever has this key and says that it is this node.
pub(crate) fn transport(genesis: &SealedGenesis, key: &Keypair, node_id: NodeId) -> Arc<Transport> {
    let admitted = Arc::new(Founders(genesis.clone()));
    Arc::new(Transport::new(node_id, genesis, key, admitted, &PeerSection::default()).unwrap())
}

/// Its channels.
pub(crate) fn channels(genesis: &SealedGenesis, key: &Keypair, node_id: NodeId) -> PeerChannels {
    PeerChannels::new(Dialer::new(transport(genesis, key, node_id)))
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
