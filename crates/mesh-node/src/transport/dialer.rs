//! The calling side: to this node, and to no other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper_util::rt::TokioIo;
use mesh_model::NodeId;
use mesh_raft::{Dial, Dialing, PeerIdentity};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint, Uri};

use super::Transport;
use super::greeting::{self, GreetingError};
use super::peer_stream::PeerStream;
use super::verifier::{NotLetIn, TlsError, identify, reason, standing};
use super::whereabouts::{Nowhere, Whereabouts};

/// How long TCP, TLS and greeting may take together, at all places of a node.
const WITHIN: Duration = Duration::from_secs(3);
/// How long a place may take before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(300);
/// Places of a node that are tried.
const MOST_PLACES: usize = 4;

/// Why a node was not reached. Nothing but a greeting was sent.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("'{0}' is no address of a node; expected host:port")]
    Address(String),
    #[error("no address of node {0} is known")]
    NoPlace(NodeId),
    #[error("node {node} is at none of its addresses: {why}")]
    Nowhere { node: NodeId, why: String },
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
    #[error("node {0} did not answer within {WITHIN:?}")]
    Late(NodeId),
}

/// Calls other nodes over TLS, wherever they are.
#[derive(Clone)]
pub struct Dialer {
    transport: Arc<Transport>,
    whereabouts: Arc<dyn Whereabouts>,
}

impl Dialer {
    /// Calls as this node, at the address of the endpoint alone.
    pub fn new(transport: Arc<Transport>) -> Self {
        Self { transport, whereabouts: Arc::new(Nowhere) }
    }

    /// Calls as this node, where the nodes are by these whereabouts; the address of the endpoint is the last that is tried, if it has a
    /// port.
    pub fn finding(transport: Arc<Transport>, whereabouts: Arc<dyn Whereabouts>) -> Self {
        Self { transport, whereabouts }
    }

    /// A channel that connects when it is first used, and again after it broke.
    pub fn lazily(&self, node: NodeId, endpoint: &Endpoint) -> Channel {
        let dialer = self.clone();
        endpoint.connect_with_connector_lazy(tower::service_fn(move |uri| connect(dialer.clone(), node, uri)))
    }
}

impl Dial for Dialer {
    fn dial(&self, node: NodeId, endpoint: Endpoint) -> Dialing {
        let dialer = self.clone();
        let connector = tower::service_fn(move |uri| connect(dialer.clone(), node, uri));
        Box::pin(async move { endpoint.connect_with_connector(connector).await })
    }

    fn authenticates(&self) -> bool {
        true
    }
}

async fn connect(dialer: Dialer, node: NodeId, uri: Uri) -> Result<TokioIo<PeerStream>, DialError> {
    let mut places = dialer.whereabouts.places(node);
    let said = uri.authority().filter(|said| said.port().is_some()).map(ToString::to_string);
    places.extend(said.filter(|said| !places.contains(said)));
    places.truncate(MOST_PLACES);
    let connected = tokio::time::timeout(WITHIN, find(&dialer.transport, node, &places)).await;
    connected.unwrap_or(Err(DialError::Late(node))).map(TokioIo::new)
}

/// Calls at the places in their order, at the next one as soon as one failed or takes long; the first where the node itself answers is
/// where it is.
async fn find(transport: &Transport, node: NodeId, places: &[String]) -> Result<PeerStream, DialError> {
    let mut untried = places.iter();
    let mut calls = FuturesUnordered::new();
    let mut failed = Vec::new();
    loop {
        match untried.next() {
            Some(place) => calls.push(async move { (place, call(transport, node, place).await) }),
            None if calls.is_empty() => return Err(nowhere(node, failed)),
            None => {}
        }
        tokio::select! {
            Some((place, called)) = calls.next() => match called {
                Ok(stream) => return Ok(stream),
                Err(error) => failed.push((place, error)),
            },
            () = tokio::time::sleep(HEAD_START), if untried.len() > 0 => {}
        }
    }
}

fn nowhere(node: NodeId, mut failed: Vec<(&String, DialError)>) -> DialError {
    match failed.len() {
        0 => DialError::NoPlace(node),
        1 => failed.remove(0).1,
        _ => {
            let why = failed.iter().map(|(place, error)| format!("{place}: {error}")).collect::<Vec<_>>().join("; ");
            DialError::Nowhere { node, why }
        }
    }
}

async fn call(transport: &Transport, node: NodeId, place: &str) -> Result<PeerStream, DialError> {
    let address = place.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let (host, port) = address.ok_or_else(|| DialError::Address(place.to_owned()))?;
    let stream = transport.network.connect(host, port).await.map_err(DialError::Tcp)?;
    let connector = TlsConnector::from(transport.tls.client(node)?);
    // It is not sent and not checked: the key is the name.
    let name = ServerName::try_from("node.datamesh").expect("a valid name");
    let mut stream =
        connector.connect(name, stream).await.map_err(|error| DialError::Tls { node, why: reason(&error) })?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or(DialError::NoCertificate(node))?;
    let (node_id, key) = identify(certificate, &transport.me.mesh_id(), &*transport.admitted)?;
    let seat = transport.connections.enter_at(key, node_id, place);
    // Whoever is revoked from here on is found by its seat; before, by this.
    standing(&key, &*transport.admitted)?;
    let greeted = greeting::greet(&mut stream, &transport.me, node).await;
    let hello = greeted.map_err(|source| DialError::Greeting { node, source })?;
    let identity = PeerIdentity { node_id, key, build: hello.build.into() };
    Ok(PeerStream::new(stream.into(), identity, seat))
}
