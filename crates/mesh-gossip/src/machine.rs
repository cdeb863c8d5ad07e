//! The machine: packets, timers and answers go in, what to do comes out.
//!
//! | part | holds |
//! |---|---|
//! | [`packets`] | the way in of a datagram |
//! | [`exchange`] | heads and checkpoints: told, compared, taken |
//! | here | timers, greetings, and what foca asks for |

mod exchange;
mod packets;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::BufMut as _;
use foca::{AccumulatingRuntime, Codec as _, Foca, Header, Member, OwnedNotification, State};
use mesh_event::Signer;
use mesh_model::{DomainName, MeshId, NodeId};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::clones::Clones;
use crate::config::{GossipConfig, GossipConfigError};
use crate::content::is_admitted;
use crate::directory::Directory;
use crate::heads::{Heads, HeardHead};
use crate::health::Health;
use crate::identity::{Claim, Identity};
use crate::output::{Event, Output, Timer, TimerKind};
use crate::packet;
use crate::peers::{Peer, PeerState, Peers, TRIALS, Trial};
use crate::pull::Round;
use crate::random::Random;
use crate::rejoin::Rejoin;
use crate::replay::Replays;
use crate::retry::Retries;
use crate::rumour::{News, Rumours, SharedNews, lock};
use crate::stats::GossipStats;
use crate::wire::Wire;

/// How many nodes are greeted by one that hears of nobody, or came back.
const GREETED: usize = 3;
/// The longest wait between two greetings that ask who else there is.
const ASKED: Duration = Duration::from_secs(30);

/// What a machine is made of.
pub struct Setup {
    /// The mesh.
    pub mesh: MeshId,
    /// Who this node is now: its generation is on disk already, its address is one that the others can send to.
    pub identity: Identity,
    /// The node's key.
    pub signer: Arc<dyn Signer>,
    /// The applied ledger's answers.
    pub directory: Arc<dyn Directory>,
    /// The settings.
    pub config: GossipConfig,
    /// All chance comes from here.
    pub seed: u64,
}

/// When a suspect whose time is up is judged.
enum Judgement {
    Now,
    At(Duration),
    Never,
}

/// One node's gossip. Owned by one task: nothing in it waits.
pub struct Gossip {
    mesh: MeshId,
    identity: Identity,
    signer: Arc<dyn Signer>,
    directory: Arc<dyn Directory>,
    config: GossipConfig,
    random: Random,
    foca: Foca<Identity, Wire, Xoshiro256PlusPlus, Rumours>,
    effects: AccumulatingRuntime<Identity>,
    news: SharedNews,
    peers: Peers,
    retries: Retries,
    replays: Replays,
    clones: Clones,
    health: Health,
    rejoin: Rejoin,
    round: Option<Round>,
    /// How many nodes foca's settings are for.
    scale: usize,
    /// Of this node's packets; the next one's.
    counter: u64,
    is_connected: bool,
    /// When somebody is asked next who else there is, and how long the wait after that is.
    asks: (Duration, Duration),
    /// The second that is running, and the signatures that were checked in it.
    budget: (u64, u32),
    stats: GossipStats,
    outputs: VecDeque<Output>,
}

impl Gossip {
    /// Makes a machine; it does nothing before [`Gossip::start`].
    ///
    /// # Errors
    /// [`GossipConfigError`] for settings that do not go together.
    pub fn new(setup: Setup) -> Result<Self, GossipConfigError> {
        let Setup { mesh, identity, signer, directory, config, seed } = setup;
        config.check()?;
        let mut random = Random::new(seed);
        let news: SharedNews = Arc::new(Mutex::new(News::new(Heads::new(mesh))));
        let rumours = Rumours { news: Arc::clone(&news), directory: Arc::clone(&directory) };
        let scale = directory.nodes().len();
        let foca = Foca::with_custom_broadcast(identity, config.swim(scale), random.generator(), Wire, rumours);
        Ok(Self {
            mesh,
            identity,
            signer,
            directory,
            random,
            foca,
            effects: AccumulatingRuntime::new(),
            news,
            peers: Peers::default(),
            retries: Retries::default(),
            replays: Replays::default(),
            clones: Clones::default(),
            health: Health::new(config.patience, config.late),
            rejoin: Rejoin::default(),
            round: None,
            scale,
            counter: 1,
            is_connected: false,
            asks: (Duration::ZERO, config.round),
            budget: (0, 0),
            stats: GossipStats::default(),
            outputs: VecDeque::new(),
            config,
        })
    }

    /// Begins: greets everybody whose address is known, and asks for its timers.
    pub fn start(&mut self, now: Duration) {
        self.look_around(now);
        self.outputs.push_back(Output::SetTimer(Timer { due: now + self.config.round, kind: TimerKind::Round }));
        // Nodes that are started together don't compare together.
        let first = self.config.pull_period.mul_f64(self.random.unit());
        self.outputs.push_back(Output::SetTimer(Timer { due: now + first, kind: TimerKind::Pull }));
    }

    /// What there is to do; call until `None` after each call of anything else.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where a node may be, by the ledger. What it says itself counts more.
    pub fn set_hint(&mut self, now: Duration, node: NodeId, address: SocketAddr) {
        if node != self.identity.node_id {
            self.peers.hint(node, address, now);
        }
    }

    /// What a node said of itself to an earlier run of this one: where it may be, and that its older packets are old.
    pub fn remember(&mut self, now: Duration, node: NodeId, claim: &Claim) {
        if node != self.identity.node_id {
            self.replays.remember(node, (claim.generation, claim.instance));
            self.peers.remember(node, claim.address, now);
        }
    }

    /// Takes a timer back. Late is fine; it is noticed.
    pub fn handle_timer(&mut self, now: Duration, timer: Timer) {
        let is_late = self.health.timer_ran(now, now.saturating_sub(timer.due));
        match timer.kind {
            TimerKind::Round => {
                self.look_around(now);
                self.outputs
                    .push_back(Output::SetTimer(Timer { due: now + self.config.round, kind: TimerKind::Round }));
            }
            TimerKind::Pull => {
                self.begin_pull(now);
                let due = now + self.config.pull_period;
                self.outputs.push_back(Output::SetTimer(Timer { due, kind: TimerKind::Pull }));
            }
            TimerKind::Rejoin => self.come_back(now),
            TimerKind::Swim(timer) => {
                let accuses =
                    matches!(timer, foca::Timer::ProbeRandomMember(_) | foca::Timer::ChangeSuspectToDown { .. });
                if accuses && is_late {
                    // The answers may have come and not been read: first what waits, then the judgement.
                    let due = now + self.health.stretch(self.config.probe_timeout);
                    self.outputs.push_back(Output::SetTimer(Timer { due, kind: TimerKind::Swim(timer) }));
                } else {
                    match self.judgement(now, &timer) {
                        Judgement::Now => {
                            lock(&self.news).now = now;
                            // As in `take`: an interrupted probe begins anew.
                            drop(self.foca.handle_timer(timer, &mut self.effects));
                        }
                        Judgement::At(due) => {
                            self.outputs.push_back(Output::SetTimer(Timer { due, kind: TimerKind::Swim(timer) }));
                        }
                        Judgement::Never => {}
                    }
                }
            }
        }
        self.settle(now);
    }

    /// A suspect whose signed packets arrive is not dead, though the news that it is suspected, or its defence, may have been lost. So it is
    /// told and asked directly, a few times, before it is judged; its time to defend itself is shorter by that.
    fn judgement(&mut self, now: Duration, timer: &foca::Timer<Identity>) -> Judgement {
        let foca::Timer::ChangeSuspectToDown { member_id, incarnation, .. } = timer else { return Judgement::Now };
        let suspect = Member::new(*member_id, *incarnation, State::Suspect);
        // It defended itself, or is down, or lives anew. foca would tell it all the same that it is down.
        if !self.foca.iter_membership_state().any(|member| *member == suspect) {
            return Judgement::Never;
        }
        let period = self.config.swim(self.scale).suspect_to_down_after;
        let again = match self.peers.try_suspect(member_id, now, period / 2) {
            Trial::Heard => now + period / 2,
            Trial::Ask => {
                drop(self.foca.announce(*member_id, &mut self.effects));
                now + self.health.stretch(self.config.probe_timeout)
            }
            Trial::Over => return Judgement::Now,
        };
        self.accuse(&suspect);
        Judgement::At(again)
    }

    /// Tells a suspect of the suspicion. foca tells of each a few times only: one who was cut off meanwhile never hears of it, answers every
    /// question, and would be suspected for ever.
    fn accuse(&mut self, suspect: &Member<Identity>) {
        // The lowest incarnation: what the others know of this node's own stays as it is.
        let header =
            Header { src: self.identity, src_incarnation: 0, dst: *suspect.id(), message: foca::Message::Gossip };
        let mut content = Vec::new();
        let written = Wire.encode_header(&header, &mut content).and_then(|()| {
            content.put_u16(1);
            Wire.encode_member(suspect, &mut content)
        });
        if written.is_ok() {
            self.send(suspect.id(), &content);
        }
    }

    /// Once a round: who is admitted, who has to be greeted, and what failure detection has found out.
    fn look_around(&mut self, now: Duration) {
        let own = self.identity.node_id;
        let admitted = self.directory.nodes();
        for node in admitted.iter().filter(|node| **node != own) {
            self.peers.admit(*node, now);
        }
        let gone = self.peers.retain(|node| admitted.binary_search(&node).is_ok());
        if !gone.is_empty() {
            let down = gone.into_iter().map(Member::down);
            drop(self.foca.apply_many(down, false, &mut self.effects));
        }
        self.retries.retain(|node| admitted.binary_search(&node).is_ok());
        if self.scale != admitted.len() {
            self.scale = admitted.len();
            // It changes nothing that foca refuses to change.
            drop(self.foca.set_config(self.config.swim(self.scale)));
        }
        self.settle(now);
        let mut events = Vec::new();
        self.peers.compare(self.foca.iter_membership_state(), own, now, &mut events);
        self.tell(now, events);
        for peer in self.peers.iter() {
            match peer.state {
                // Nobody can be greeted without an address; it comes from a hint, or from somebody who has met it.
                PeerState::Unheard | PeerState::Down if peer.address().is_some() => {
                    self.retries.begin(now, peer.node, &self.config);
                }
                PeerState::Unheard | PeerState::Down => {}
                PeerState::Up | PeerState::Suspect => self.retries.end(peer.node),
            }
        }
        if self.rejoin.is_away() {
            return;
        }
        for node in self.retries.take_due(now, &self.config, &mut self.random) {
            if let Some(identity) = self.peers.next_greeting(node) {
                drop(self.foca.announce(identity, &mut self.effects));
            }
        }
        self.ask_around(now);
        self.settle(now);
    }

    /// A greeting is answered with some of the nodes that the other one sees up. So whoever hears of nobody becomes part of the mesh
    /// again, and whoever lacks somebody's address gets it; more and more seldom, while nothing comes of it.
    fn ask_around(&mut self, now: Duration) {
        let (due, pause) = self.asks;
        if now < due {
            return;
        }
        if !self.is_connected {
            self.greet_some(GREETED);
        } else if self.peers.iter().any(|peer| peer.address().is_none()) {
            self.greet_some(1);
        } else {
            return;
        }
        self.asks = (now + pause, (pause * 2).min(ASKED));
    }

    fn greet_some(&mut self, count: usize) {
        let mut up = self.peers.up();
        self.random.shuffle(&mut up);
        for identity in up.into_iter().take(count) {
            drop(self.foca.announce(identity, &mut self.effects));
        }
    }

    /// Does what foca asked for.
    fn settle(&mut self, now: Duration) {
        while let Some((to, content)) = self.effects.to_send() {
            self.send(&to, &content);
        }
        while let Some((after, timer)) = self.effects.to_schedule() {
            let accuses = matches!(
                timer,
                foca::Timer::ProbeRandomMember(_)
                    | foca::Timer::SendIndirectProbe { .. }
                    | foca::Timer::ChangeSuspectToDown { .. }
            );
            let asking = match timer {
                foca::Timer::ChangeSuspectToDown { .. } => self.config.probe_timeout * u32::from(TRIALS),
                _ => Duration::ZERO,
            };
            let after = if accuses { self.health.stretch(after.saturating_sub(asking)) } else { after };
            self.outputs.push_back(Output::SetTimer(Timer { due: now + after, kind: TimerKind::Swim(timer) }));
        }
        let mut events = Vec::new();
        while let Some(notification) = self.effects.to_notify() {
            match notification {
                OwnedNotification::MemberUp(identity) => {
                    self.peers.set(&identity, PeerState::Up, now, &mut events);
                }
                OwnedNotification::MemberDown(identity) => {
                    self.peers.set(&identity, PeerState::Down, now, &mut events);
                }
                // A newer life of a node that is up, or down, as it was: a change of that is said by another notification. Whether the
                // new life is suspected is seen in the next round.
                OwnedNotification::Rename(_, identity) => {
                    let state = self.peers.get(identity.node_id).map(|peer| peer.state);
                    let state = state.map(|state| if state == PeerState::Suspect { PeerState::Up } else { state });
                    if let Some(state) = state {
                        self.peers.set(&identity, state, now, &mut events);
                    }
                }
                OwnedNotification::Active => self.is_connected = true,
                OwnedNotification::Idle => self.is_connected = false,
                OwnedNotification::Defunct => {
                    self.is_connected = false;
                    if let Some(due) = self.rejoin.declared_down(now) {
                        self.outputs.push_back(Output::SetTimer(Timer { due, kind: TimerKind::Rejoin }));
                    }
                }
                OwnedNotification::Rejoin(_) => {}
            }
        }
        events.append(&mut lock(&self.news).events);
        self.tell(now, events);
    }

    fn tell(&mut self, now: Duration, events: Vec<Event>) {
        for event in events {
            match &event {
                Event::Up { node, .. } => {
                    self.retries.end(*node);
                    self.asks = (self.asks.0.min(now + self.config.round), self.config.round);
                }
                Event::Down { node, .. } => self.retries.begin(now, *node, &self.config),
                _ => {}
            }
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn send(&mut self, to: &Identity, content: &[u8]) {
        if !is_admitted(&*self.directory, to.node_id) {
            return;
        }
        let Identity { node_id: sender, generation, instance, .. } = self.identity;
        let header = packet::Header {
            mesh: self.mesh,
            sender,
            receiver: to.node_id,
            generation,
            instance,
            counter: self.counter,
        };
        self.counter += 1;
        let bytes = packet::seal(&header, content, &*self.signer);
        self.stats.sent += 1;
        self.stats.sent_bytes += bytes.len() as u64;
        self.outputs.push_back(Output::Send { to: to.address, bytes });
    }

    /// The others have declared this node down, and one can't argue with that: it begins a new life.
    fn come_back(&mut self, now: Duration) {
        if !self.rejoin.comes_back(now) {
            return;
        }
        self.identity.life += 1;
        drop(self.foca.change_identity(self.identity, &mut self.effects));
        self.greet_some(GREETED);
        self.asks = (now + self.config.round, self.config.round);
        self.outputs.push_back(Output::Event(Event::Rejoined { life: self.identity.life }));
    }

    /// Tells the others that this node stops, so that they need not find out. It takes nothing from then on.
    pub fn leave(&mut self, now: Duration) {
        self.rejoin.leave();
        drop(self.foca.leave_cluster(&mut self.effects));
        self.settle(now);
    }

    /// This node.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All other admitted nodes, by number.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    /// The newest heads that were heard of, by domain.
    pub fn heads(&self) -> Vec<HeardHead> {
        lock(&self.news).heads.iter().cloned().collect()
    }

    /// The newest head of a domain's feed.
    pub fn head(&self, domain: &DomainName) -> Option<HeardHead> {
        lock(&self.news).heads.get(domain).cloned()
    }

    /// What was counted.
    pub fn stats(&self) -> GossipStats {
        let mut stats = self.stats.clone();
        stats.refused_news = lock(&self.news).refused;
        stats.slowness = self.health.score();
        stats.backlog = self.foca.custom_broadcast_backlog();
        stats
    }
}
