//! The task that owns the machine: datagrams in and out, timers, pulls, and what others ask.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_gossip::{Event, Gossip, HeardHead, Identity, Output, PACKET_BYTES, Setup, Timer};
use mesh_model::NodeId;
use mesh_store::{Batch, Store, StoreError};
use tracing::{debug, info, warn};

use super::checkpoints::HintFollower;
use super::directory::AppliedDirectory;
use super::handle::{Ask, GossipEnds};
use super::view::{GossipView, PeerView};
use super::wire;
use crate::core::Core;
use crate::network::Datagrams;
use crate::replicas::forks;

/// Packets that are read before what is due runs: what came while the node was slow is read before others are judged by it.
const READ_FIRST: usize = 2_048;
/// How often the view is renewed, and addresses are saved, at most.
const SHOW: Duration = Duration::from_millis(200);
/// How often the names in the ledger's addresses are looked up again.
const LOOK_UP: Duration = Duration::from_mins(1);

/// Counts a start of this node, durably: the generation is never used again.
///
/// # Errors
/// When the store refuses.
pub fn next_generation(store: &Store) -> Result<u64, StoreError> {
    let mut batch = Batch::new();
    let generation = store.meta().next_generation(&mut batch)?;
    store.committer().commit_blocking(batch)?;
    Ok(generation)
}

struct DueTimer {
    at: Instant,
    order: u64,
    timer: Timer,
}

impl PartialEq for DueTimer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for DueTimer {}
impl PartialOrd for DueTimer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for DueTimer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Owns the machine.
pub struct Shell {
    core: Arc<Core>,
    directory: Arc<AppliedDirectory>,
    gossip: Gossip,
    socket: Box<dyn Datagrams>,
    ends: GossipEnds,
    /// The machine's clock began here.
    began: Instant,
    timers: BinaryHeap<Reverse<DueTimer>>,
    order: u64,
    hints: HintFollower,
    view: GossipView,
    shown: Instant,
    addresses_changed: bool,
}

impl Shell {
    /// Makes the machine. `advertised` is where this node tells the others that it listens.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub fn new(
        core: Arc<Core>,
        socket: Box<dyn Datagrams>,
        ends: GossipEnds,
        generation: u64,
        advertised: SocketAddr,
    ) -> Result<Self, mesh_gossip::GossipConfigError> {
        let directory = Arc::new(AppliedDirectory::new(core.genesis.clone(), core.raft.state()));
        let identity =
            Identity { node_id: core.node_id(), generation, instance: rand::random(), life: 0, address: advertised };
        let gossip = Gossip::new(Setup {
            mesh: core.mesh_id,
            identity,
            signer: core.keypair.clone(),
            directory: directory.clone(),
            config: core.config.gossip.machine(),
            seed: rand::random(),
        })?;
        let now = Instant::now();
        let view = GossipView { generation, ..GossipView::default() };
        Ok(Self {
            core,
            directory,
            gossip,
            socket,
            ends,
            began: now,
            timers: BinaryHeap::new(),
            order: 0,
            hints: HintFollower::default(),
            view,
            shown: now,
            addresses_changed: false,
        })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Runs until the node stops, and says goodbye then.
    pub async fn run(mut self) {
        let stopping = self.core.stopping.clone();
        for (node, claim) in self.core.addresses.claims() {
            self.gossip.remember(self.now(), node, &claim);
        }
        // What is sent before the socket says that it takes something is lost.
        drop(self.socket.writable().await);
        self.core.tasks.spawn(look_up(Arc::clone(&self.core), Arc::clone(&self.directory)));
        self.gossip.start(self.now());
        self.act();
        let mut buffer = vec![0; PACKET_BYTES + 1];
        loop {
            let due = self.timers.peek().map_or_else(|| Instant::now() + SHOW, |Reverse(due)| due.at);
            tokio::select! {
                () = stopping.cancelled() => break,
                received = self.socket.receive(&mut buffer) => self.take_packet(&buffer, received),
                Some(ask) = self.ends.asks.recv() => self.take_ask(ask),
                () = tokio::time::sleep_until(due.into()) => {}
            }
            // First what has come, within a bound that no flood can keep the timers waiting behind; then what is due.
            for _ in 0..READ_FIRST {
                let Ok(received) = self.socket.try_receive(&mut buffer) else { break };
                self.take_packet(&buffer, Ok(received));
            }
            self.act();
            self.run_timers();
            self.show();
        }
        self.gossip.leave(self.now());
        self.act();
        self.core.addresses.save();
    }

    fn take_packet(&mut self, buffer: &[u8], received: std::io::Result<(usize, SocketAddr)>) {
        match received {
            Ok((length, from)) => {
                if let Err(reason) = self.gossip.handle_packet(self.now(), from, &buffer[..length]) {
                    debug!(%from, length, %reason, "a packet was dropped");
                }
            }
            // Such as that an earlier datagram found nobody listening.
            Err(error) => debug!(%error, "the datagram socket"),
        }
    }

    fn run_timers(&mut self) {
        while self.timers.peek().is_some_and(|Reverse(due)| due.at <= Instant::now()) {
            let Some(Reverse(due)) = self.timers.pop() else { break };
            self.gossip.handle_timer(self.now(), due.timer);
            self.act();
        }
    }

    fn take_ask(&mut self, ask: Ask) {
        let now = self.now();
        match ask {
            Ask::AnnounceHead(head) => {
                let taken = self.gossip.announce_head(now, &head);
                debug!(feed = ?head.feed, size = head.size, ?taken, "an own head");
                if taken == mesh_gossip::Taken::Newer {
                    self.keep_own(&head);
                }
            }
            Ask::AnnounceCheckpoint { size, root, note } => self.gossip.announce_checkpoint(now, size, root, &note),
            Ask::Pull { request, answer } => {
                // Whoever asked may have gone away.
                drop(answer.send(self.gossip.answer_pull(&request)));
            }
            Ask::Push { peer, push } => self.gossip.handle_push(now, peer, &push),
            Ask::PullAnswered { peer, answer: Some(answer) } => self.gossip.handle_pull_answer(now, peer, &answer),
            Ask::PullAnswered { peer, answer: None } => self.gossip.handle_pull_failed(peer),
            Ask::Hint { node, address } => self.gossip.set_hint(now, node, address),
        }
    }

    fn keep_own(&self, head: &mesh_gossip::SignedHead) {
        let known = self.gossip.head(&head.feed.domain);
        if let Some(known) = known {
            self.ends.heard.take(known);
        }
    }

    /// Does what the machine asks for.
    fn act(&mut self) {
        while let Some(output) = self.gossip.poll() {
            match output {
                Output::Send { to, bytes } => {
                    // A full socket loses the packet, as the network may: everything is said again.
                    if let Err(error) = self.socket.try_send(&bytes, to) {
                        debug!(%to, %error, "a packet was not sent");
                    }
                }
                Output::SetTimer(timer) => {
                    self.order += 1;
                    let at = self.began + timer.due;
                    self.timers.push(Reverse(DueTimer { at, order: self.order, timer }));
                }
                Output::Pull { peer, request } => {
                    let core = Arc::clone(&self.core);
                    self.core.tasks.spawn(async move {
                        let request = wire::pull_to_wire(request, core.mesh_id.0.to_vec(), core.node_id());
                        let answer = core.federation.pull_heads(peer, request).await.and_then(wire::answer);
                        if let Err(error) = &answer {
                            debug!(peer, %error, "heads were not compared");
                        }
                        core.gossip.ask(Ask::PullAnswered { peer, answer: answer.ok() }).await;
                    });
                }
                Output::Push { peer, push } => {
                    let core = Arc::clone(&self.core);
                    self.core.tasks.spawn(async move {
                        let request = wire::push_to_wire(push, core.mesh_id.0.to_vec(), core.node_id());
                        if let Err(error) = core.federation.push_heads(peer, request).await {
                            debug!(peer, %error, "heads were not shown");
                        }
                    });
                }
                Output::Event(event) => self.take_event(event),
            }
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Up { node, generation, address } => {
                info!(node, generation, %address, "a node is up");
                self.core.addresses.told(node, address);
            }
            Event::Down { node, generation } => info!(node, generation, "a node is down"),
            Event::Suspect { node } => debug!(node, "a node is suspected to be down"),
            Event::Cleared { node } => debug!(node, "a node defended itself"),
            Event::AddressChanged { node, address } => {
                info!(node, %address, "a node is said to have moved");
                self.core.addresses.told(node, address);
            }
            Event::Claimed { node, claim } => {
                let before = self.core.addresses.claim(node, claim);
                self.addresses_changed |= before != Some(claim);
                if before.is_some_and(|before| before.address != claim.address) {
                    let place = claim.address.to_string();
                    let count = self.core.transport.connections().end_elsewhere(node, &place);
                    info!(node, place, count, "a node moved; connections to where it was are made anew");
                }
            }
            Event::HeadHeard { head, note, from } => {
                let at = self.now();
                self.ends.heard.take(HeardHead { head, note, from: Some(from), at });
            }
            Event::HeadConflict { feed, size, notes, from } => {
                if self.core.replicas.forks().knows(&feed) {
                    return;
                }
                warn!(?feed, size, ?from, "the feed's writer signed two histories");
                let core = Arc::clone(&self.core);
                self.core.tasks.spawn(async move {
                    let hearing = Arc::clone(&core);
                    if let Err(error) = core.offload(move || forks::hear(&hearing, feed, *notes)).await {
                        warn!(%error, "what proves two histories of a feed was not kept");
                    }
                });
            }
            Event::CheckpointHint { size, from, note, .. } => self.hints.follow(&self.core, from, size, note),
            Event::Clone { node, address } => {
                warn!(node, %address, "two processes sign with one node's key");
                self.view.clones.insert(node, address);
            }
            Event::Rejoined { life } => info!(life, "the others had declared this node down; it is back"),
        }
    }

    fn show(&mut self) {
        if self.shown.elapsed() < SHOW {
            return;
        }
        self.shown = Instant::now();
        let peer = |peer: &mesh_gossip::Peer| PeerView {
            node: peer.node,
            state: peer.state,
            generation: peer.identity.map(|identity| identity.generation),
            address: peer.address(),
            since: self.began + peer.since,
        };
        let (peers, stats) = (self.gossip.peers().map(peer).collect(), self.gossip.stats());
        let before = std::mem::replace(&mut self.view.stats, stats);
        self.view.peers = peers;
        self.core.metrics.gossip.take(&before, &self.view);
        self.ends.view.send_replace(self.view.clone());
        if std::mem::take(&mut self.addresses_changed) {
            self.core.addresses.save();
        }
    }
}

/// Looks up, again and again, where the ledger says that the nodes are: their names may have other addresses by now.
async fn look_up(core: Arc<Core>, directory: Arc<AppliedDirectory>) {
    let own = core.node_id();
    let mut known: VecDeque<(NodeId, String)> = VecDeque::new();
    let mut looked: Option<Instant> = None;
    loop {
        let records = directory.records();
        let all: VecDeque<(NodeId, String)> =
            records.into_iter().filter(|r| r.node_id != own).map(|r| (r.node_id, r.peer_address)).collect();
        if all != known || looked.is_none_or(|looked| looked.elapsed() >= LOOK_UP) {
            looked = Some(Instant::now());
            for (node, host) in &all {
                if let Some(address) = resolve(host).await {
                    core.gossip.ask(Ask::Hint { node: *node, address }).await;
                } else {
                    debug!(node, host, "the ledger's address of a node cannot be looked up");
                }
            }
            known = all;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = core.stopping.cancelled() => return,
        }
    }
}

/// The first address of `host:port`; `None` when there is none.
pub async fn resolve(host: &str) -> Option<SocketAddr> {
    tokio::net::lookup_host(host).await.ok()?.next()
}
