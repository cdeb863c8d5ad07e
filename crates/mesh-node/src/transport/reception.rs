//! The peer port: whoever comes in proves which node it is, or goes.

use std::io;
use std::sync::Arc;

use mesh_raft::PeerIdentity;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::Transport;
use super::connections::Full;
use super::door::{Door, DoorLimits};
use super::greeting::{self, GreetingError};
use super::peer_stream::PeerStream;
use super::verifier::{NotLetIn, identify, reason, standing};
use crate::network::{Listener, Wire};

/// Connections that are ready and not yet served.
const READY: usize = 16;

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
enum ReceptionError {
    #[error("TLS: {}", reason(.0))]
    Tls(#[from] io::Error),
    #[error("no certificate was shown")]
    NoCertificate,
    #[error(transparent)]
    NotLetIn(#[from] NotLetIn),
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    #[error(transparent)]
    Full(#[from] Full),
}

/// The connections of other nodes, ready to be served, until the node stops.
pub fn receive(
    transport: Arc<Transport>,
    listener: Box<dyn Listener>,
    limits: DoorLimits,
    stopping: CancellationToken,
) -> impl Stream<Item = io::Result<PeerStream>> {
    let (sender, ready) = mpsc::channel(READY);
    let acceptor = TlsAcceptor::from(transport.tls.server());
    let door = Door::new(limits);
    tokio::spawn(door.run(listener, stopping, sender, move |stream, address| {
        let (transport, acceptor) = (Arc::clone(&transport), acceptor.clone());
        async move {
            match take_in(&transport, &acceptor, stream).await {
                Ok(stream) => {
                    let PeerIdentity { node_id, build, .. } = stream.identity();
                    debug!(peer = node_id, %address, %build, "a node came in");
                    Some(stream)
                }
                // Of a node of ours an operator wants to know; strangers are noise.
                Err(why @ (ReceptionError::Greeting(GreetingError::Mismatch(_)) | ReceptionError::Full(_))) => {
                    info!(%address, %why, "a node was refused");
                    None
                }
                Err(why) => {
                    debug!(%address, %why, "a connection was refused");
                    None
                }
            }
        }
    }));
    ReceiverStream::new(ready).map(Ok)
}

async fn take_in(
    transport: &Transport,
    acceptor: &TlsAcceptor,
    stream: Box<dyn Wire>,
) -> Result<PeerStream, ReceptionError> {
    let mut stream = acceptor.accept(stream).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or(ReceptionError::NoCertificate)?;
    let (node_id, key) = identify(certificate, &transport.me.mesh_id(), &*transport.admitted)?;
    let seat = match transport.connections.enter(key, node_id) {
        Ok(seat) => seat,
        Err(full) => {
            greeting::refuse(&mut stream, &full.to_string()).await?;
            return Err(full.into());
        }
    };
    // Whoever is revoked from here on is found by its seat; before, by this.
    standing(&key, &*transport.admitted)?;
    let hello = greeting::answer(&mut stream, &transport.me, node_id).await?;
    let identity = PeerIdentity { node_id, key, build: hello.build.into() };
    Ok(PeerStream::new(stream.into(), identity, seat))
}
