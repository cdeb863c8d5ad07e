//! One connection with another node, both ways.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use mesh_raft::PeerIdentity;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::connections::Seat;
use crate::network::Wire;

/// A connection whose other end proved who it is. It ends at once when its key is revoked.
pub struct PeerStream {
    io: TlsStream<Box<dyn Wire>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    identity: PeerIdentity,
    /// Its place among those that live.
    _seat: Seat,
}

impl PeerStream {
    pub(crate) fn new(io: TlsStream<Box<dyn Wire>>, identity: PeerIdentity, seat: Seat) -> Self {
        Self { io, ended: Box::pin(seat.end().cancelled_owned()), identity, _seat: seat }
    }

    /// Whose it is.
    pub fn identity(&self) -> &PeerIdentity {
        &self.identity
    }

    /// Registers for the end too, so that a quiet connection is woken by it.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.ended.as_mut().poll(context) {
            Poll::Ready(()) => {
                let node = self.identity.node_id;
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, format!("the key of node {node} was revoked")))
            }
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for PeerStream {
    type ConnectInfo = PeerIdentity;

    fn connect_info(&self) -> PeerIdentity {
        self.identity.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
