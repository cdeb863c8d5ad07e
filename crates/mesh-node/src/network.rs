//! What carries bytes between nodes: the system's sockets, or a simulation's.
//!
//! Everything above it is the same in both: TLS, greeting, HTTP/2, gossip. Clients come in over the system's sockets always.

use std::io;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// One connection's bytes, both ways, in order.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A network that this node is on.
pub trait Network: Send + Sync {
    /// Connects to whoever listens at `host:port`.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Wire>>>;

    /// Takes connections at an address of this node.
    fn listen(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>>;

    /// Takes and sends datagrams at an address of this node.
    fn bind(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>>;
}

/// Where connections come in.
pub trait Listener: Send {
    /// Its address.
    ///
    /// # Errors
    /// When it has none any more.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// The next connection, and where it comes from. Dropping the future loses none.
    fn next(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Wire>, SocketAddr)>>;
}

/// Where datagrams come in and go out. Any of them may be lost, late, or there twice.
pub trait Datagrams: Send + Sync {
    /// Resolves when it can send.
    fn writable(&self) -> BoxFuture<'_, io::Result<()>>;

    /// The next datagram: its length, of which `buffer` has what fits, and where it comes from. Dropping the future loses none.
    fn receive<'a>(&'a self, buffer: &'a mut [u8]) -> BoxFuture<'a, io::Result<(usize, SocketAddr)>>;

    /// [`Datagrams::receive`] of what is here already.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends one, without waiting.
    ///
    /// # Errors
    /// When it is lost here.
    fn try_send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize>;
}

/// The system's sockets.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Wire>>> {
        let host = host.trim_matches(['[', ']']).to_owned();
        Box::pin(async move {
            let stream = TcpStream::connect((host, port)).await?;
            at_once(&stream);
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    }

    fn listen(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(address).await?) as Box<dyn Listener>) })
    }

    fn bind(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        Box::pin(async move { Ok(Box::new(UdpSocket::bind(address).await?) as Box<dyn Datagrams>) })
    }
}

/// Small messages don't wait for more; a connection that can't be told so is only slower.
fn at_once(stream: &TcpStream) {
    drop(stream.set_nodelay(true));
}

impl Listener for TcpListener {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn next(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Wire>, SocketAddr)>> {
        Box::pin(async {
            let (stream, address) = self.accept().await?;
            at_once(&stream);
            Ok((Box::new(stream) as Box<dyn Wire>, address))
        })
    }
}

impl Datagrams for UdpSocket {
    fn writable(&self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.writable())
    }

    fn receive<'a>(&'a self, buffer: &'a mut [u8]) -> BoxFuture<'a, io::Result<(usize, SocketAddr)>> {
        Box::pin(self.recv_from(buffer))
    }

    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_recv_from(buffer)
    }

    fn try_send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.try_send_to(bytes, to)
    }
}

/// What a door takes connections from: a port of this node's own kind of network, or the system's, where the kind of stream is known.
pub trait Accept: Send + 'static {
    /// A connection.
    type Stream: Send + 'static;

    /// The next connection, and where it comes from. Dropping the future loses none.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = TcpListener::accept(self).await?;
        at_once(&stream);
        Ok((stream, address))
    }
}

impl Accept for Box<dyn Listener> {
    type Stream = Box<dyn Wire>;

    async fn accept(&mut self) -> io::Result<(Box<dyn Wire>, SocketAddr)> {
        self.next().await
    }
}
