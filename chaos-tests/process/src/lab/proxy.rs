//! Delay on the way from one node to another: a small proxy for TCP and UDP on one port.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Chunks or datagrams under way in one direction of one connection; a full queue makes the sender wait, as a full link does.
const UNDER_WAY: usize = 256;
const CHUNK: usize = 16 * 1024;
/// Senders of datagrams that are told apart.
const MOST_SENDERS: usize = 64;

/// How long everything takes.
#[derive(Debug, Clone, Copy)]
pub struct Delay {
    /// At least, each way.
    pub least: Duration,
    /// At most; drawn between the two for each chunk, order kept.
    pub most: Duration,
    /// Of the draws.
    pub seed: u64,
}

/// A running proxy. Dropped, it ends with all of its connections.
#[derive(Debug)]
pub struct DelayProxy {
    port: u16,
    bytes: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl DelayProxy {
    /// Listens at the harness's address and forwards to `target`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(listen: SocketAddr, target: SocketAddr, delay: Delay) -> Result<Self> {
        let tcp = TcpListener::bind(listen).await.context("the proxy cannot listen")?;
        let at = tcp.local_addr().context("the proxy has no address")?;
        let udp = UdpSocket::bind(at).await.context("the proxy cannot listen for datagrams")?;
        let bytes = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(streams(tcp, target, delay, Arc::clone(&bytes)));
        tasks.spawn(datagrams(udp, target, delay, Arc::clone(&bytes)));
        Ok(Self { port: at.port(), bytes, _tasks: tasks })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that went through it late, both ways.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

async fn streams(listener: TcpListener, target: SocketAddr, delay: Delay, bytes: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    while let Ok((near, _)) = listener.accept().await {
        number += 1;
        let (bytes, delay) = (Arc::clone(&bytes), Delay { seed: delay.seed.wrapping_add(number), ..delay });
        connections.spawn(async move {
            if let Ok(far) = TcpStream::connect(target).await {
                drop((near.set_nodelay(true), far.set_nodelay(true)));
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                // Either end closes both.
                tokio::select! {
                    () = pump(near_in, far_out, delay, &bytes) => {}
                    () = pump(far_in, near_out, delay, &bytes) => {}
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Moves one direction; ends with it.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Delay, bytes: &AtomicU64) {
    let (tell, mut told) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let mut rng = StdRng::seed_from_u64(delay.seed);
    let read = async move {
        let mut due = Instant::now();
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            due = due.max(Instant::now() + rng.random_range(delay.least..=delay.most));
            if tell.send((due, buffer[..count].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async {
        while let Some((due, chunk)) = told.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                break;
            }
            bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    };
    // What was read before the end still arrives.
    tokio::join!(read, write);
}

async fn datagrams(near: UdpSocket, target: SocketAddr, delay: Delay, bytes: Arc<AtomicU64>) {
    let near = Arc::new(near);
    let mut senders: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut late = JoinSet::new();
    let mut answers = JoinSet::new();
    let mut rng = StdRng::seed_from_u64(delay.seed ^ 0xda7a);
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((count, sender)) = near.recv_from(&mut buffer).await else { continue };
        if !senders.contains_key(&sender) {
            let Ok(far) = toward(near.local_addr(), target).await else { continue };
            if senders.len() >= MOST_SENDERS {
                senders.clear();
                answers = JoinSet::new();
            }
            let far = Arc::new(far);
            answers.spawn(answer(Arc::clone(&far), Arc::clone(&near), sender, delay, Arc::clone(&bytes)));
            senders.insert(sender, far);
        }
        while late.try_join_next().is_some() {}
        if late.len() < UNDER_WAY {
            let (far, datagram) = (Arc::clone(&senders[&sender]), buffer[..count].to_vec());
            let due = Instant::now() + rng.random_range(delay.least..=delay.most);
            let bytes = Arc::clone(&bytes);
            late.spawn(async move {
                tokio::time::sleep_until(due).await;
                if far.send(&datagram).await.is_ok() {
                    bytes.fetch_add(datagram.len() as u64, Ordering::Relaxed);
                }
            });
        }
    }
}

async fn toward(own: io::Result<SocketAddr>, target: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((own?.ip(), 0)).await?;
    socket.connect(target).await?;
    Ok(socket)
}

async fn answer(far: Arc<UdpSocket>, near: Arc<UdpSocket>, to: SocketAddr, delay: Delay, bytes: Arc<AtomicU64>) {
    let mut buffer = vec![0; 65_536];
    let mut late = JoinSet::new();
    loop {
        let Ok(count) = far.recv(&mut buffer).await else { continue };
        while late.try_join_next().is_some() {}
        if late.len() < UNDER_WAY {
            let (near, datagram, bytes) = (Arc::clone(&near), buffer[..count].to_vec(), Arc::clone(&bytes));
            let due = Instant::now() + delay.least;
            late.spawn(async move {
                tokio::time::sleep_until(due).await;
                if near.send_to(&datagram, to).await.is_ok() {
                    bytes.fetch_add(datagram.len() as u64, Ordering::Relaxed);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn delay() -> Delay {
        Delay { least: Duration::from_millis(40), most: Duration::from_millis(60), seed: 1 }
    }

    #[tokio::test]
    async fn streams_arrive_whole_and_late() {
        let echo = TcpListener::bind(LOOPBACK).await.unwrap();
        let target = echo.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = echo.accept().await.unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word).await.unwrap();
        });
        let proxy = DelayProxy::start(LOOPBACK, target, delay()).await.unwrap();
        let began = Instant::now();
        let mut stream = TcpStream::connect((LOOPBACK.ip(), proxy.port())).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"hello");
        assert!(began.elapsed() >= Duration::from_millis(80), "{:?}", began.elapsed());
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn datagrams_arrive_late_and_their_answers_too() {
        let echo = UdpSocket::bind(LOOPBACK).await.unwrap();
        let target = echo.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut word = [0; 16];
            let (count, from) = echo.recv_from(&mut word).await.unwrap();
            echo.send_to(&word[..count], from).await.unwrap();
        });
        let proxy = DelayProxy::start(LOOPBACK, target, delay()).await.unwrap();
        let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
        let began = Instant::now();
        socket.send_to(b"hello", (LOOPBACK.ip(), proxy.port())).await.unwrap();
        let mut word = [0; 16];
        let (count, _) = socket.recv_from(&mut word).await.unwrap();
        assert_eq!(&word[..count], b"hello");
        assert!(began.elapsed() >= Duration::from_millis(80), "{:?}", began.elapsed());
        assert_eq!(proxy.bytes(), 10);
        serving.await.unwrap();
    }
}
