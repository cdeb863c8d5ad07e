//! The network between machines: connections and datagrams, and what happens to them.
//!
//! | | connections | datagrams |
//! |---|---|---|
//! | order | kept | any |
//! | a cut | holds bytes back until it heals, as TCP's repetitions do | loses them |
//! | loss | makes bytes late, and what comes behind them | loses them |
//! | the other machine dies | ends, as soon as that can be heard | nothing |
//!
//! Bytes arrive between two turns only, so a message takes a turn at least. All of it follows from the seed and from the order of calls.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use mesh_node::network::{Datagrams, Listener, Network, Wire};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::draw::Draw;
use crate::os;

/// A machine's place, from 1 on; its address is 10.0.0.place.
pub type Place = u8;

/// Bytes on the way after which a writer waits.
const WINDOW: usize = 256 << 10;
/// Datagrams that a machine has not read yet; more are lost.
const DATAGRAMS: usize = 1024;
/// When what did not get through is tried again.
const REPEAT: Duration = Duration::from_millis(200);
/// When a connection request that nobody could hear is repeated.
const KNOCK: Duration = Duration::from_secs(1);
/// Most time on an undisturbed way.
const LATENCY_MS: u64 = 8;

/// A machine's address.
pub fn address(place: Place, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, place)), port)
}

fn place(address: SocketAddr) -> Place {
    match address.ip() {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(_) => 0,
    }
}

/// How the way from one machine to another is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Way {
    /// Nothing gets through.
    pub cut: bool,
    /// Of a thousand packets so many are lost.
    pub loss: u32,
    /// Of a thousand datagrams so many come twice.
    pub twice: u32,
    /// What it takes longer.
    pub delay: Duration,
}

/// What the network did; a fault that shows in none of them did not take effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that ran into a cut.
    pub cut: u64,
    /// That were lost.
    pub lost: u64,
    /// That came twice.
    pub twice: u64,
    /// That were late by a delay.
    pub delayed: u64,
    /// Datagrams that overtook another.
    pub overtook: u64,
    /// Everything that arrived.
    pub arrived: u64,
    /// Bytes of connections that arrived.
    pub bytes: u64,
}

type Connection = u64;

/// One direction of a connection.
#[derive(Default)]
struct Stream {
    from: Place,
    to: Place,
    /// Sent, with when it is there.
    under_way: VecDeque<(Duration, Segment)>,
    /// Bytes of these.
    in_flight: usize,
    /// Arrived and not read.
    here: VecDeque<u8>,
    ended: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The sending side said that it sends no more.
    finished: bool,
}

enum Segment {
    Bytes(Vec<u8>),
    End(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Reset,
}

/// Something that is due.
enum Due {
    Segments(Connection, usize),
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, number: u64 },
}

struct Timed {
    at: Duration,
    order: u64,
    due: Due,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What listens at an address.
#[derive(Default)]
struct Door {
    waiting: VecDeque<(Connection, SocketAddr)>,
    called: Arc<Notify>,
}

#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<(Vec<u8>, SocketAddr)>,
    called: Arc<Notify>,
    /// The highest number that arrived from each sender.
    seen: BTreeMap<SocketAddr, u64>,
}

struct State {
    draw: Draw,
    ways: BTreeMap<(Place, Place), Way>,
    up: BTreeMap<Place, u64>,
    connections: BTreeMap<Connection, [Stream; 2]>,
    doors: BTreeMap<SocketAddr, Door>,
    mailboxes: BTreeMap<SocketAddr, Mailbox>,
    due: BinaryHeap<Reverse<Timed>>,
    next: u64,
    counts: Counts,
}

/// The network. Clones are the same one.
#[derive(Clone)]
pub struct Net(Arc<Mutex<State>>);

impl Net {
    /// An undisturbed one.
    pub fn new(draw: Draw) -> Self {
        Self(Arc::new(Mutex::new(State {
            draw,
            ways: BTreeMap::new(),
            up: BTreeMap::new(),
            connections: BTreeMap::new(),
            doors: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            due: BinaryHeap::new(),
            next: 0,
            counts: Counts::default(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the way from one machine to another.
    pub fn way(&self, from: Place, to: Place, change: impl FnOnce(&mut Way)) {
        change(self.lock().ways.entry((from, to)).or_default());
    }

    /// Everything undisturbed again.
    pub fn heal(&self) {
        self.lock().ways.clear();
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// The network as one machine's programs see it, from now until it goes down.
    pub fn of(&self, place: Place) -> MachineNetwork {
        let mut state = self.lock();
        state.next += 1;
        let life = state.next;
        state.up.insert(place, life);
        MachineNetwork { net: self.clone(), place, life }
    }

    /// A machine goes down: others hear that its connections are over, as far as they hear anything of it. Call it before its programs are
    /// dropped, which then say nothing any more.
    pub fn down(&self, place: Place) {
        let mut state = self.lock();
        state.up.remove(&place);
        state.doors.retain(|address, _| self::place(*address) != place);
        state.mailboxes.retain(|address, _| self::place(*address) != place);
        let ended: Vec<(Connection, usize)> = (state.connections.iter())
            .flat_map(|(id, streams)| [(*id, 0, streams[0].from), (*id, 1, streams[1].from)])
            .filter(|(_, _, from)| *from == place)
            .map(|(id, side, _)| (id, side))
            .collect();
        for (id, side) in ended {
            state.send(id, side, Segment::End(End::Reset));
            if let Some(streams) = state.connections.get_mut(&id) {
                streams[side].finished = true;
            }
        }
    }

    /// Lets everything arrive that is due.
    pub fn deliver(&self, now: Duration) {
        let mut woken = Vec::new();
        let mut state = self.lock();
        while state.due.peek().is_some_and(|Reverse(next)| next.at <= now) {
            let Some(Reverse(next)) = state.due.pop() else { break };
            match next.due {
                Due::Segments(id, side) => state.arrive(now, id, side, &mut woken),
                Due::Datagram { from, to, bytes, number } => state.arrived(from, to, bytes, number),
            }
        }
        drop(state);
        // Whoever is woken may drop connections, which locks.
        for waker in woken {
            waker.wake();
        }
    }
}

impl State {
    fn way(&self, from: Place, to: Place) -> Way {
        self.ways.get(&(from, to)).copied().unwrap_or_default()
    }

    fn at(&mut self, at: Duration, due: Due) {
        self.next += 1;
        self.due.push(Reverse(Timed { at, order: self.next, due }));
    }

    /// How long a packet takes.
    fn latency(&mut self, way: Way) -> Duration {
        if !way.delay.is_zero() {
            self.counts.delayed += 1;
        }
        way.delay + Duration::from_micros(self.draw.below(LATENCY_MS * 1_000))
    }

    fn send(&mut self, id: Connection, side: usize, segment: Segment) {
        let Some(stream) = self.connections.get(&id).map(|streams| &streams[side]) else { return };
        let (way, behind) = (self.way(stream.from, stream.to), stream.under_way.back().map(|(at, _)| *at));
        let mut at = os::now() + self.latency(way);
        if way.loss > 0 && self.draw.below(1_000) < u64::from(way.loss) {
            self.counts.lost += 1;
            at += REPEAT;
        }
        let at = behind.map_or(at, |behind| behind.max(at));
        if let Some(streams) = self.connections.get_mut(&id) {
            let stream = &mut streams[side];
            if let Segment::Bytes(bytes) = &segment {
                stream.in_flight += bytes.len();
            }
            stream.under_way.push_back((at, segment));
        }
        self.at(at, Due::Segments(id, side));
    }

    fn arrive(&mut self, now: Duration, id: Connection, side: usize, woken: &mut Vec<Waker>) {
        let Some(streams) = self.connections.get(&id) else { return };
        let (from, to) = (streams[side].from, streams[side].to);
        if self.way(from, to).cut {
            self.counts.cut += 1;
            self.at(now + REPEAT, Due::Segments(id, side));
            return;
        }
        let Some(streams) = self.connections.get_mut(&id) else { return };
        let stream = &mut streams[side];
        while stream.under_way.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, segment)) = stream.under_way.pop_front() else { break };
            self.counts.arrived += 1;
            match segment {
                Segment::Bytes(bytes) => {
                    self.counts.bytes += bytes.len() as u64;
                    stream.in_flight -= bytes.len();
                    stream.here.extend(bytes);
                    woken.extend(stream.writer.take());
                }
                Segment::End(end) => {
                    if stream.ended != Some(End::Reset) {
                        stream.ended = Some(end);
                    }
                    woken.extend(stream.writer.take());
                }
            }
            woken.extend(stream.reader.take());
        }
        let reset = stream.ended == Some(End::Reset);
        if reset {
            // Whoever learns that the other side is gone can't write to it either.
            woken.extend(streams[1 - side].writer.take());
        }
    }

    fn arrived(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, number: u64) {
        if self.way(place(from), place(to)).cut {
            self.counts.cut += 1;
            return;
        }
        let Some(mailbox) = self.mailboxes.get_mut(&to) else { return };
        if mailbox.waiting.len() >= DATAGRAMS {
            return;
        }
        let seen = mailbox.seen.entry(from).or_default();
        if number < *seen {
            self.counts.overtook += 1;
        }
        *seen = number.max(*seen);
        self.counts.arrived += 1;
        mailbox.waiting.push_back((bytes, from));
        mailbox.called.notify_one();
    }
}

/// One machine's network, in one of its lives.
#[derive(Clone)]
pub struct MachineNetwork {
    net: Net,
    place: Place,
    life: u64,
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

/// One end of a connection.
struct Ending {
    net: Net,
    id: Connection,
    /// Which of the two streams it writes to.
    side: usize,
}

impl Ending {
    fn new(net: Net, id: Connection, side: usize) -> Self {
        Self { net, id, side }
    }

    fn finish(&self, end: End) {
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return };
        if !std::mem::replace(&mut streams[self.side].finished, true) {
            state.send(self.id, self.side, Segment::End(end));
        }
    }
}

impl AsyncRead for Ending {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return Poll::Ready(Err(reset())) };
        let stream = &mut streams[1 - self.side];
        if stream.here.is_empty() {
            return match stream.ended {
                Some(End::Finished) => Poll::Ready(Ok(())),
                Some(End::Reset) => Poll::Ready(Err(reset())),
                None => {
                    stream.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            };
        }
        let count = stream.here.len().min(buffer.remaining());
        let (front, _) = stream.here.as_slices();
        let count = count.min(front.len());
        buffer.put_slice(&front[..count]);
        stream.here.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ending {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return Poll::Ready(Err(reset())) };
        if streams[1 - self.side].ended == Some(End::Reset) || streams[self.side].finished {
            return Poll::Ready(Err(reset()));
        }
        let stream = &mut streams[self.side];
        if stream.in_flight >= WINDOW {
            stream.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.send(self.id, self.side, Segment::Bytes(bytes.to_vec()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(End::Finished);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.finish(End::Finished);
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return };
        // Nobody reads here any more: what still comes is of no use, and whoever writes it learns that.
        streams[1 - self.side].here.clear();
        let over = streams[1 - self.side].finished;
        let gone = |stream: &Stream| stream.under_way.is_empty() && stream.ended.is_some();
        if over && gone(&streams[0]) && gone(&streams[1]) {
            state.connections.remove(&self.id);
        }
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the other end is gone")
}
