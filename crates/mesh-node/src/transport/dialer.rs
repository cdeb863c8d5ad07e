//! The calling side: to this node, and to no other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use mesh_model::NodeId;
use mesh_raft::{Dial, Dialing, PeerIdentity};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint, Uri};

use super::Transport;
use super::connections::{Direction, Full};
use super::greeting::{self, GreetingError};
use super::peer_stream::PeerStream;
use super::verifier::{NotLetIn, TlsError, identify, reason, standing};

/// How long TCP, TLS and greeting may take together.
const WITHIN: Duration = Duration::from_secs(3);

/// Why a node was not reached. Nothing but a greeting was sent.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("'{0}' is no address of a node; expected host:port")]
    Address(Uri),
    #[error("tcp connect error: {0}")]
    Tcp(#[source] io::Error),
    #[error("TLS with node {node}: {why}")]
    Tls { node: NodeId, why: String },
    #[error(transparent)]
    Settings(#[from] TlsError),
    #[error("node {0} showed no certificate")]
    NoCertificate(NodeId),
    #[error(transparent)]
    NotLetIn(#[from] NotLetIn),
    #[error("greeting node {node}: {source}")]
    Greeting { node: NodeId, source: GreetingError },
    #[error(transparent)]
    Full(#[from] Full),
    #[error("node {0} did not answer within {WITHIN:?}")]
    Late(NodeId),
}

/// Calls other nodes over TLS.
#[derive(Clone)]
pub struct Dialer {
    transport: Arc<Transport>,
}

impl Dialer {
    /// Calls as this node.
    pub fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    /// A channel that connects when it is first used, and again after it broke.
    pub fn lazily(&self, node: NodeId, endpoint: &Endpoint) -> Channel {
        let transport = Arc::clone(&self.transport);
        endpoint.connect_with_connector_lazy(tower::service_fn(move |uri| connect(Arc::clone(&transport), node, uri)))
    }
}

impl Dial for Dialer {
    fn dial(&self, node: NodeId, endpoint: Endpoint) -> Dialing {
        let transport = Arc::clone(&self.transport);
        let connector = tower::service_fn(move |uri| connect(Arc::clone(&transport), node, uri));
        Box::pin(async move { endpoint.connect_with_connector(connector).await })
    }

    fn authenticates(&self) -> bool {
        true
    }
}

async fn connect(transport: Arc<Transport>, node: NodeId, uri: Uri) -> Result<TokioIo<PeerStream>, DialError> {
    let connected = tokio::time::timeout(WITHIN, call(&transport, node, &uri)).await;
    connected.unwrap_or(Err(DialError::Late(node))).map(TokioIo::new)
}

async fn call(transport: &Transport, node: NodeId, uri: &Uri) -> Result<PeerStream, DialError> {
    let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else { return Err(DialError::Address(uri.clone())) };
    let stream = transport.network.connect(host, port).await.map_err(DialError::Tcp)?;
    let connector = TlsConnector::from(transport.tls.client(node)?);
    // It is not sent and not checked: the key is the name.
    let name = ServerName::try_from("node.datamesh").expect("a valid name");
    let mut stream =
        connector.connect(name, stream).await.map_err(|error| DialError::Tls { node, why: reason(&error) })?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or(DialError::NoCertificate(node))?;
    let (node_id, key) = identify(certificate, &transport.me.mesh_id(), &*transport.admitted)?;
    let seat = transport.connections.enter(key, node_id, Direction::Outbound)?;
    // Whoever is revoked from here on is found by its seat; before, by this.
    standing(&key, &*transport.admitted)?;
    let greeted = greeting::greet(&mut stream, &transport.me, node).await;
    let hello = greeted.map_err(|source| DialError::Greeting { node, source })?;
    let identity = PeerIdentity { node_id, key, build: hello.build.into() };
    Ok(PeerStream::new(stream.into(), identity, seat))
}
