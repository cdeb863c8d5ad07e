//! One gossip agent on a real socket, without the rest of a node: to compare with other programs (`scripts/gossip-beside-serf`).
//!
//!     agent NODE NODES BASE_PORT KNOWN    node NODE of NODES, on 127.0.0.1 at BASE_PORT + NODE; greets node KNOWN first
//!
//! Keys are made from the numbers. Prints a line for each event: milliseconds since 1970, the node, what happened, to whom.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/gossip/support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod support;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mesh_gossip::{Event, Gossip, GossipConfig, Identity, Output, PACKET_BYTES, Setup, Timer};
use mesh_model::NodeId;

struct Agent {
    node: NodeId,
    gossip: Gossip,
    socket: UdpSocket,
    began: Instant,
    /// Due, order, timer.
    timers: BinaryHeap<Reverse<(Duration, u64)>>,
    set: std::collections::BTreeMap<u64, Timer>,
    order: u64,
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().expect("expected a number")).collect();
    let [node, nodes, base, known] = arguments[..] else { panic!("expected NODE NODES BASE_PORT KNOWN") };
    let at = |node: NodeId| SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(base + node).unwrap()));
    let ledger = Arc::<support::Ledger>::default();
    (1..=nodes).for_each(|node| ledger.admit(node));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = u64::try_from(since.as_nanos()).unwrap() ^ node;
    // There is no disk here: the clock counts the starts.
    let identity = Identity {
        node_id: node,
        generation: since.as_secs(),
        instance: since.subsec_nanos(),
        life: 0,
        address: at(node),
    };
    let signer = Arc::new(support::keypair(node));
    let config = GossipConfig::default();
    let mut gossip =
        Gossip::new(Setup { mesh: support::MESH, identity, signer, directory: ledger, config, seed }).unwrap();
    gossip.set_hint(Duration::ZERO, known, at(known));
    gossip.start(Duration::ZERO);
    let socket = UdpSocket::bind(at(node)).unwrap();
    let (timers, set) = (BinaryHeap::new(), std::collections::BTreeMap::new());
    Agent { node, gossip, socket, began: Instant::now(), timers, set, order: 0 }.run();
}

impl Agent {
    fn run(mut self) {
        let mut buffer = [0; PACKET_BYTES + 1];
        self.act();
        loop {
            let due = self.timers.peek().map_or(Duration::from_secs(1), |Reverse((due, _))| *due);
            let wait = due.saturating_sub(self.began.elapsed()).max(Duration::from_micros(100));
            self.socket.set_nonblocking(false).unwrap();
            self.socket.set_read_timeout(Some(wait)).unwrap();
            let mut received = self.socket.recv_from(&mut buffer);
            self.socket.set_nonblocking(true).unwrap();
            let mut read = 0;
            while let Ok((length, from)) = received {
                // What is dropped is counted by the machine.
                let _dropped = self.gossip.handle_packet(self.began.elapsed(), from, &buffer[..length]);
                self.act();
                read += 1;
                if read == 2_048 {
                    break;
                }
                received = self.socket.recv_from(&mut buffer);
            }
            while self.timers.peek().is_some_and(|Reverse((due, _))| *due <= self.began.elapsed()) {
                let Reverse((_, order)) = self.timers.pop().unwrap();
                let timer = self.set.remove(&order).unwrap();
                self.gossip.handle_timer(self.began.elapsed(), timer);
                self.act();
            }
        }
    }

    fn act(&mut self) {
        while let Some(output) = self.gossip.poll() {
            match output {
                Output::Send { to, bytes } => {
                    // Nobody may listen there yet.
                    self.socket.send_to(&bytes, to).ok();
                }
                Output::SetTimer(timer) => {
                    self.order += 1;
                    self.timers.push(Reverse((timer.due, self.order)));
                    self.set.insert(self.order, timer);
                }
                Output::Event(Event::Up { node, .. }) => self.say("up", node),
                Output::Event(Event::Down { node, .. }) => self.say("down", node),
                Output::Event(Event::Suspect { node }) => self.say("suspect", node),
                // No peer channel here.
                Output::Pull { peer, .. } => self.gossip.handle_pull_failed(peer),
                Output::Push { .. } | Output::Event(_) => {}
            }
        }
    }

    fn say(&self, what: &str, whom: NodeId) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{now} {} {what} {whom}", self.node).unwrap();
        out.flush().unwrap();
    }
}
