//! The network as one machine's programs use it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use mesh_node::network::{Datagrams, Listener, Network, Wire};
use tokio::sync::Notify;

use super::ending::Ending;
use super::{Door, Due, Mailbox, Net, Place, State, Stream, address, place};
use crate::os;

/// When a connection request that nobody could hear is repeated.
const KNOCK: Duration = Duration::from_secs(1);

/// One machine's network, in one of its lives.
#[derive(Clone)]
pub struct MachineNetwork {
    pub(super) net: Net,
    pub(super) place: Place,
    pub(super) life: u64,
}

impl MachineNetwork {
    fn lives(&self, state: &State) -> bool {
        state.up.get(&self.place) == Some(&self.life)
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NetworkDown, "the machine is down")
}

impl Network for MachineNetwork {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Wire>>> {
        let (this, host) = (self.clone(), host.to_owned());
        Box::pin(async move {
            let ip: IpAddr = host.parse().map_err(|_| io::Error::other(format!("'{host}' is no address here")))?;
            let to = SocketAddr::new(ip, port);
            let there = place(to);
            loop {
                let (heard, round) = {
                    let mut state = this.net.lock();
                    let (out, back) = (state.way(this.place, there), state.way(there, this.place));
                    let heard = !out.cut && !back.cut;
                    state.counts.cut += u64::from(!heard);
                    (heard, state.latency(out) + state.latency(back))
                };
                tokio::time::sleep(if heard { round } else { KNOCK }).await;
                if !heard {
                    continue;
                }
                let mut state = this.net.lock();
                if !this.lives(&state) {
                    return Err(gone());
                }
                state.next += 1;
                let id = state.next;
                let from = address(this.place, 0);
                let Some(door) = state.doors.get_mut(&to) else {
                    return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there"));
                };
                door.waiting.push_back((id, from));
                door.called.notify_one();
                let stream = |from, to| Stream { from, to, ..Stream::default() };
                state.connections.insert(id, [stream(this.place, there), stream(there, this.place)]);
                drop(state);
                return Ok(Box::new(Ending::new(this.net, id, 0)) as Box<dyn Wire>);
            }
        })
    }

    fn listen(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let this = self.clone();
        Box::pin(async move {
            let mut state = this.net.lock();
            if !this.lives(&state) {
                return Err(gone());
            }
            state.doors.insert(address, Door::default());
            let called = state.doors.get(&address).map(|door| Arc::clone(&door.called)).unwrap_or_default();
            drop(state);
            Ok(Box::new(Taking { network: this, address, called }) as Box<dyn Listener>)
        })
    }

    fn bind(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let this = self.clone();
        Box::pin(async move {
            let mut state = this.net.lock();
            if !this.lives(&state) {
                return Err(gone());
            }
            state.mailboxes.insert(address, Mailbox::default());
            let called = state.mailboxes.get(&address).map(|mailbox| Arc::clone(&mailbox.called)).unwrap_or_default();
            drop(state);
            Ok(Box::new(Datagram { network: this, address, called }) as Box<dyn Datagrams>)
        })
    }
}

struct Taking {
    network: MachineNetwork,
    address: SocketAddr,
    called: Arc<Notify>,
}

impl Listener for Taking {
    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn next(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Wire>, SocketAddr)>> {
        Box::pin(async {
            loop {
                let taken = {
                    let mut state = self.network.net.lock();
                    state.doors.get_mut(&self.address).and_then(|door| door.waiting.pop_front())
                };
                if let Some((id, from)) = taken {
                    return Ok((Box::new(Ending::new(self.network.net.clone(), id, 1)) as Box<dyn Wire>, from));
                }
                self.called.notified().await;
            }
        })
    }
}

struct Datagram {
    network: MachineNetwork,
    address: SocketAddr,
    called: Arc<Notify>,
}

impl Datagrams for Datagram {
    fn writable(&self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn receive<'a>(&'a self, buffer: &'a mut [u8]) -> BoxFuture<'a, io::Result<(usize, SocketAddr)>> {
        Box::pin(async move {
            loop {
                match self.try_receive(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.called.notified().await,
                    received => return received,
                }
            }
        })
    }

    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut state = self.network.net.lock();
        let waiting = state.mailboxes.get_mut(&self.address).and_then(|mailbox| mailbox.waiting.pop_front());
        let (bytes, from) = waiting.ok_or(io::ErrorKind::WouldBlock)?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok((length, from))
    }

    fn try_send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let mut state = self.network.net.lock();
        if !self.network.lives(&state) {
            return Err(gone());
        }
        let way = state.way(self.network.place, place(to));
        if state.draw.below(1_000) < u64::from(way.loss) {
            state.counts.lost += 1;
            return Ok(bytes.len());
        }
        let twice = state.draw.below(1_000) < u64::from(way.twice);
        state.counts.twice += u64::from(twice);
        state.next += 1;
        let number = state.next;
        for _ in 0..=usize::from(twice) {
            let at = os::now() + state.latency(way);
            state.at(at, Due::Datagram { from: self.address, to, bytes: bytes.to_vec(), number });
        }
        Ok(bytes.len())
    }
}
