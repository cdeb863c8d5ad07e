//! A network of machines in virtual time: one seed, and packets that are lost, doubled, delayed, overtaken and cut one way.
//!
//! Shared by the tests and the example `thousand`. The machines, their packets and their signatures are the real ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use mesh_event::{FeedHead, FeedId, Keypair, Signer as _};
use mesh_gossip::{
    Admitted, Directory, Event, Gossip, GossipConfig, HeardHead, Identity, Output, PeerState, PullAnswer, PullRequest,
    Push, Setup, SignedHead, Timer, Writer,
};
use mesh_model::{Digest, DomainName, MeshId, NodeId};
use mesh_tlog::Hash;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroizing;

pub(crate) const MESH: MeshId = MeshId([7; 32]);

pub(crate) fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

pub(crate) fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

pub(crate) fn keypair(node: NodeId) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(format!("node {node}").as_bytes()).0))
}

pub(crate) fn domain(node: NodeId) -> DomainName {
    DomainName::parse(&format!("domain_{node}")).unwrap()
}

/// Where a node listens; the second number is for clones and moves.
pub(crate) fn address(node: NodeId, port: u16) -> SocketAddr {
    let low = u16::try_from(node).unwrap().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(10, 0, low[0], low[1]), port))
}

/// A head of the node's feed; `salt` makes another history.
pub(crate) fn head(node: NodeId, size: u64, salt: u8) -> SignedHead {
    let feed = FeedId { domain: domain(node), epoch: 1 };
    let root = Hash::new(Digest::of(&[&size.to_be_bytes()[..], &[salt]].concat()).0);
    let head = FeedHead { feed: feed.clone(), size, root, last_leaf: root };
    SignedHead { feed, size, note: head.sign(&MESH, &keypair(node)).unwrap() }
}

/// The ledger: who is admitted; node `n` writes the feed of `domain_n`.
#[derive(Default)]
pub(crate) struct Ledger(RwLock<BTreeMap<NodeId, Admitted>>);

impl Ledger {
    pub(crate) fn admit(&self, node: NodeId) {
        let admitted = Admitted { key: keypair(node).public_key(), is_revoked: false };
        self.0.write().unwrap().insert(node, admitted);
    }

    pub(crate) fn revoke(&self, node: NodeId) {
        self.0.write().unwrap().get_mut(&node).unwrap().is_revoked = true;
    }
}

impl Directory for Ledger {
    fn node(&self, id: NodeId) -> Option<Admitted> {
        self.0.read().unwrap().get(&id).copied()
    }
    fn nodes(&self) -> Vec<NodeId> {
        self.0.read().unwrap().iter().filter(|(_, node)| !node.is_revoked).map(|(id, _)| *id).collect()
    }
    fn writer(&self, domain: &DomainName) -> Option<Writer> {
        let node_id = domain.as_str().strip_prefix("domain_")?.parse().ok()?;
        let key = self.node(node_id)?.key;
        Some(Writer { epoch: 1, node_id, key })
    }
}

/// What happens to packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Of 1,000 packets, this many are lost; of pulls, this many of their messages.
    pub(crate) lost: u64,
    /// Of 1,000 packets, this many come twice.
    pub(crate) doubled: u64,
    /// Delay, drawn anew for each packet, so that they overtake each other.
    pub(crate) delay: (Duration, Duration),
}

pub(crate) const FINE: Weather = Weather { lost: 0, doubled: 0, delay: (millis_const(1), millis_const(10)) };

const fn millis_const(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// One process.
pub(crate) struct Process {
    pub(crate) node: NodeId,
    pub(crate) address: SocketAddr,
    pub(crate) gossip: Option<Gossip>,
    pub(crate) events: Vec<(Duration, Event)>,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) pulls: u64,
    /// It gets no processor time before this.
    frozen: Duration,
    /// Grows with each start, so that timers of an earlier one are not handed in.
    start: u32,
}

enum Item {
    Timer { start: u32, timer: Timer },
    Packet { from: SocketAddr, bytes: Vec<u8> },
    Ask { from: usize, request: PullRequest },
    Answer { peer: NodeId, answer: Option<PullAnswer> },
    Push { peer: NodeId, push: Push },
}

struct Due {
    at: Duration,
    order: u64,
    to: usize,
    item: Item,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The mesh, its network and its clock.
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) processes: Vec<Process>,
    pub(crate) weather: Weather,
    pub(crate) config: GossipConfig,
    /// Whether packets from one process to another are cut off.
    pub(crate) cut: Box<dyn Fn(NodeId, NodeId) -> bool>,
    pub(crate) trace: Digest,
    random: Xoshiro256PlusPlus,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    at: BTreeMap<SocketAddr, usize>,
}

impl World {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            now: Duration::ZERO,
            ledger: Arc::default(),
            processes: Vec::new(),
            weather,
            config: GossipConfig::default(),
            cut: Box::new(|_, _| false),
            trace: Digest([0; 32]),
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            queue: BinaryHeap::new(),
            order: 0,
            at: BTreeMap::new(),
        }
    }

    /// Nodes 1 to `count`, admitted and started together, each with the addresses of the first `known`.
    pub(crate) fn mesh(seed: u64, weather: Weather, count: u64, known: u64) -> Self {
        let mut world = Self::new(seed, weather);
        for node in 1..=count {
            world.ledger.admit(node);
        }
        for node in 1..=count {
            let hints: Vec<NodeId> = (1..=known.min(count)).collect();
            world.start(node, address(node, 7946), 1, &hints);
        }
        world
    }

    /// Starts a process of a node; returns its place.
    pub(crate) fn start(&mut self, node: NodeId, address: SocketAddr, generation: u64, hints: &[NodeId]) -> usize {
        let instance = u32::try_from(self.draw() >> 32).unwrap();
        let identity = Identity { node_id: node, generation, instance, life: 0, address };
        let setup = Setup {
            mesh: MESH,
            identity,
            signer: Arc::new(keypair(node)),
            directory: self.ledger.clone(),
            config: self.config.clone(),
            seed: self.draw(),
        };
        let mut gossip = Gossip::new(setup).unwrap();
        for hint in hints {
            gossip.set_hint(self.now, *hint, self::address(*hint, 7946));
        }
        gossip.start(self.now);
        let place = self.at.get(&address).copied().unwrap_or(self.processes.len());
        if place == self.processes.len() {
            self.at.insert(address, place);
            self.processes.push(Process {
                node,
                address,
                gossip: None,
                events: Vec::new(),
                sent: 0,
                sent_bytes: 0,
                pulls: 0,
                frozen: Duration::ZERO,
                start: 0,
            });
        }
        self.processes[place].start += 1;
        self.processes[place].gossip = Some(gossip);
        self.drain(place);
        place
    }

    /// Ends a process as kill -9 does.
    pub(crate) fn kill(&mut self, place: usize) {
        self.processes[place].gossip = None;
    }

    /// It gets no processor time for so long.
    pub(crate) fn freeze(&mut self, place: usize, length: Duration) {
        self.processes[place].frozen = self.now + length;
    }

    pub(crate) fn gossip(&self, place: usize) -> &Gossip {
        self.processes[place].gossip.as_ref().unwrap()
    }

    /// Lets a machine do something now.
    pub(crate) fn with<R>(&mut self, place: usize, act: impl FnOnce(&mut Gossip, Duration) -> R) -> R {
        let now = self.now;
        let result = act(self.processes[place].gossip.as_mut().unwrap(), now);
        self.drain(place);
        result
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn happens(&mut self, of_1000: u64) -> bool {
        of_1000 > 0 && self.draw() % 1_000 < of_1000
    }

    fn delay(&mut self) -> Duration {
        let (least, most) = self.weather.delay;
        let spread = u64::try_from((most.saturating_sub(least)).as_micros()).unwrap();
        least + Duration::from_micros(self.draw() % spread.max(1))
    }

    fn schedule(&mut self, at: Duration, to: usize, item: Item) {
        self.order += 1;
        self.queue.push(Reverse(Due { at, order: self.order, to, item }));
    }

    /// Puts on its way what the machine asked for.
    fn drain(&mut self, place: usize) {
        while let Some(output) = self.processes[place].gossip.as_mut().and_then(Gossip::poll) {
            let (node, from) = (self.processes[place].node, self.processes[place].address);
            match output {
                Output::Send { to, bytes } => {
                    assert!(bytes.len() <= mesh_gossip::PACKET_BYTES);
                    self.processes[place].sent += 1;
                    self.processes[place].sent_bytes += bytes.len() as u64;
                    let line = format!("{:?} {from} {to} {}", self.now, Digest::of(&bytes));
                    self.trace = Digest::of(&[&self.trace.0[..], line.as_bytes()].concat());
                    let Some(&target) = self.at.get(&to) else { continue };
                    if (self.cut)(node, self.processes[target].node) || self.happens(self.weather.lost) {
                        continue;
                    }
                    if self.happens(self.weather.doubled) {
                        let at = self.now + self.delay();
                        self.schedule(at, target, Item::Packet { from, bytes: bytes.clone() });
                    }
                    let at = self.now + self.delay();
                    self.schedule(at, target, Item::Packet { from, bytes });
                }
                Output::SetTimer(timer) => {
                    let start = self.processes[place].start;
                    self.schedule(timer.due, place, Item::Timer { start, timer });
                }
                Output::Pull { peer, request } => {
                    self.processes[place].pulls += 1;
                    self.call(place, peer, Item::Ask { from: place, request });
                }
                Output::Push { peer, push } => self.call(place, peer, Item::Push { peer: node, push }),
                Output::Event(event) => self.processes[place].events.push((self.now, event)),
            }
        }
    }

    /// Over the peer channel; what is lost there shows as a call that failed.
    fn call(&mut self, place: usize, peer: NodeId, item: Item) {
        let node = self.processes[place].node;
        let at = self.now + self.delay();
        let target = self.processes.iter().position(|p| p.node == peer && p.gossip.is_some());
        let is_lost = (self.cut)(node, peer) || (self.cut)(peer, node) || self.happens(self.weather.lost);
        match target.filter(|_| !is_lost) {
            Some(target) => self.schedule(at, target, item),
            None if matches!(item, Item::Ask { .. }) => {
                self.schedule(at, place, Item::Answer { peer, answer: None });
            }
            None => {}
        }
    }

    fn handle(&mut self, Due { to, item, .. }: Due) {
        let now = self.now;
        let process = &mut self.processes[to];
        let Some(gossip) = process.gossip.as_mut() else { return };
        match item {
            Item::Timer { start, timer } if start == process.start => gossip.handle_timer(now, timer),
            Item::Timer { .. } => {}
            Item::Packet { from, bytes } => drop(gossip.handle_packet(now, from, &bytes)),
            Item::Ask { from, request } => {
                let answer = gossip.answer_pull(&request);
                let peer = process.node;
                let is_lost = self.happens(self.weather.lost);
                let at = now + self.delay();
                self.schedule(at, from, Item::Answer { peer, answer: answer.filter(|_| !is_lost) });
            }
            Item::Answer { peer, answer: Some(answer) } => gossip.handle_pull_answer(now, peer, &answer),
            Item::Answer { peer, answer: None } => gossip.handle_pull_failed(peer),
            Item::Push { peer, push } => gossip.handle_push(now, peer, &push),
        }
        self.drain(to);
    }

    /// Runs until then.
    pub(crate) fn run_until(&mut self, until: Duration) {
        while self.queue.peek().is_some_and(|Reverse(due)| due.at <= until) {
            let Reverse(mut due) = self.queue.pop().unwrap();
            let frozen = self.processes[due.to].frozen;
            if frozen > due.at {
                // When it wakes, its timers run before it reads what has come: the worst order that a shell can have.
                let is_timer = matches!(due.item, Item::Timer { .. });
                due.at = frozen + if is_timer { Duration::ZERO } else { Duration::from_micros(1) };
                self.queue.push(Reverse(due));
                continue;
            }
            self.now = due.at;
            self.handle(due);
        }
        self.now = until;
    }

    pub(crate) fn run(&mut self, length: Duration) {
        self.run_until(self.now + length);
    }

    /// Runs until it is so, and returns how long that took.
    pub(crate) fn await_that(&mut self, within: Duration, mut is_so: impl FnMut(&Self) -> bool) -> Option<Duration> {
        let began = self.now;
        while !is_so(self) {
            if self.now >= began + within {
                return None;
            }
            self.run(millis(20));
        }
        Some(self.now.saturating_sub(began))
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (usize, &Gossip)> {
        self.processes.iter().enumerate().filter_map(|(place, p)| Some((place, p.gossip.as_ref()?)))
    }

    /// Whether each running process sees all others that run up, and nobody else.
    pub(crate) fn all_see_each_other(&self) -> bool {
        let up: Vec<NodeId> = self.running().map(|(place, _)| self.processes[place].node).collect();
        self.running().all(|(place, gossip)| {
            let own = self.processes[place].node;
            gossip.peers().all(|peer| {
                let expected = if up.contains(&peer.node) { PeerState::Up } else { PeerState::Down };
                peer.node == own || peer.state == expected
            }) && gossip.peers().count() >= up.len() - 1
        })
    }

    /// How many running processes know this head or a newer one.
    pub(crate) fn knowing(&self, node: NodeId, size: u64) -> usize {
        let domain = domain(node);
        let knows = |heard: &HeardHead| heard.head.feed.domain == domain && heard.head.size >= size;
        self.running().filter(|(_, gossip)| gossip.heads().iter().any(knows)).count()
    }

    /// Events of all processes that are so.
    pub(crate) fn count(&self, is_so: impl Fn(&Event) -> bool) -> usize {
        self.processes.iter().flat_map(|p| &p.events).filter(|(_, event)| is_so(event)).count()
    }
}
