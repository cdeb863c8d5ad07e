//! The accepting side of the API port.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::wrong_protocol::{Beginning, advise, beginning};
use crate::transport::{Door, DoorLimits};

/// Connections that are ready and not yet served.
const READY: usize = 64;
/// How long TLS may take, and how many may be at it: in all, and from one address.
const WITHIN: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 1_024;
const AT_ONCE_PER_ADDRESS: usize = 256;

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

/// A client's connection.
pub enum ApiStream {
    /// As it came.
    Plain(TcpStream),
    /// Under the operator's certificate.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connections of clients that are ready to be served.
pub struct ApiListener {
    ready: mpsc::Receiver<(ApiStream, SocketAddr)>,
    local: SocketAddr,
}

impl ApiListener {
    /// Takes connections until the node stops: with TLS when there is a configuration for it. One address may open `per_second` each
    /// second, after a burst of four times as many.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn new(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        per_second: u32,
        stopping: CancellationToken,
    ) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY);
        let acceptor = tls.map(TlsAcceptor::from);
        let door = Door::new(DoorLimits {
            within: WITHIN,
            at_once: AT_ONCE,
            at_once_per_address: AT_ONCE_PER_ADDRESS,
            per_second,
        });
        tokio::spawn(door.run(listener, stopping, sender, move |stream, address| {
            let acceptor = acceptor.clone();
            async move {
                match make_ready(stream, acceptor).await {
                    Ok(stream) => stream.map(|stream| (stream, address)),
                    Err(error) => {
                        debug!(%address, %error, "a client's connection did not become ready");
                        None
                    }
                }
            }
        }));
        Ok(Self { ready, local })
    }
}

async fn make_ready(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<Option<ApiStream>> {
    let Some(acceptor) = acceptor else { return Ok(Some(ApiStream::Plain(stream))) };
    match beginning(&stream).await? {
        Beginning::Tls => Ok(Some(ApiStream::Tls(Box::new(acceptor.accept(stream).await?)))),
        spoken => advise(stream, spoken).await.map(|()| None),
    }
}

impl Listener for ApiListener {
    type Io = ApiStream;
    type Addr = ClientAddress;

    async fn accept(&mut self) -> (ApiStream, ClientAddress) {
        match self.ready.recv().await {
            Some((stream, address)) => (stream, ClientAddress(address)),
            // The node stops: nobody comes any more.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<ClientAddress> {
        Ok(ClientAddress(self.local))
    }
}

impl Connected<IncomingStream<'_, ApiListener>> for ClientAddress {
    fn connect_info(stream: IncomingStream<'_, ApiListener>) -> Self {
        *stream.remote_addr()
    }
}

impl AsyncRead for ApiStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for ApiStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
