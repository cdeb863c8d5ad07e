//! The way from the JSON side to the node's own gRPC services: in memory, so that it needs neither the port's certificate nor a place
//! among its clients.

use std::io;

use futures::StreamExt as _;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Server};
use tracing::warn;

/// Bytes on the way in each direction.
const BUFFER: usize = 1 << 20;

/// A channel to these services, which are served until the node stops, by one of its tasks.
pub fn channel(services: Routes, stopping: CancellationToken, tasks: &TaskTracker) -> Channel {
    let (connections, incoming) = mpsc::channel::<DuplexStream>(1);
    tasks.spawn(async move {
        let incoming = ReceiverStream::new(incoming).map(Ok::<_, io::Error>);
        let served = Server::builder()
            .add_routes(services)
            .serve_with_incoming_shutdown(incoming, async move { stopping.cancelled().await })
            .await;
        if let Err(error) = served {
            warn!(%error, "the JSON side lost its services");
        }
    });
    let connect = tower::service_fn(move |_| {
        let connections = connections.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            connections.send(theirs).await.map_err(|_| io::Error::other("the node stops"))?;
            Ok::<_, io::Error>(TokioIo::new(ours))
        }
    });
    Endpoint::from_static("http://node").connect_with_connector_lazy(connect)
}
