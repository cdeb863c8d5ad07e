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
//!
//! This file has what is under way and what happens to it; `ports` is how a machine's programs use it, `ending` one end of a connection.

mod ending;
mod ports;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;

use crate::draw::Draw;
use crate::os;
pub use ports::MachineNetwork;

/// A machine's place, from 1 on; its address is 10.0.0.place.
pub type Place = u8;

/// Datagrams that a machine has not read yet; more are lost.
const DATAGRAMS: usize = 1024;
/// When what did not get through is tried again.
const REPEAT: Duration = Duration::from_millis(200);
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
