//! The machine: packets, timers and answers go in, what to do comes out.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use foca::{AccumulatingRuntime, Foca, Member, OwnedNotification};
use mesh_event::Signer;
use mesh_model::{DomainName, MeshId, NodeId};
use mesh_tlog::Hash;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::clones::Clones;
use crate::config::{GossipConfig, GossipConfigError};
use crate::content::{self, Content, is_admitted};
use crate::directory::Directory;
use crate::drop_reason::DropReason;
use crate::heads::{Heads, HeardHead, SignedHead, Taken};
use crate::health::Health;
use crate::identity::Identity;
use crate::output::{Event, Output, Timer, TimerKind};
use crate::packet::{self, Header, Packet};
use crate::peers::{Peer, PeerState, Peers, TRIALS, Trial};
use crate::pull::{self, Next, PAGE_HEADS, PullAnswer, PullRequest, Push, Round};
use crate::random::Random;
use crate::rejoin::Rejoin;
use crate::replay::Replays;
use crate::retry::Retries;
use crate::rumour::{CHECKPOINT_BYTES, News, Rumour, Rumours, SharedNews, lock};
use crate::stats::GossipStats;
use crate::wire::Wire;

/// Newer heads of one pull that are passed on as rumours too: a healed partition hears fast, a newcomer that fetches everything
/// bothers nobody.
const RELAYED: usize = 16;
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

    /// Where a node may be: from the ledger or from an earlier run. What it says itself counts more.
    pub fn set_hint(&mut self, now: Duration, node: NodeId, address: SocketAddr) {
        if node != self.identity.node_id {
            self.peers.hint(node, address, now);
        }
    }

    /// Takes a datagram. It is dropped, and counted, unless it is signed by an admitted node, for this node, for the first time.
    ///
    /// # Errors
    /// Why it was dropped; nothing changed, besides what is known of clones.
    pub fn handle_packet(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) -> Result<(), DropReason> {
        let taken = self.open(now, from, bytes).and_then(|(header, content)| {
            content::read(&header, self.identity.node_id, content, &*self.directory).ok_or(DropReason::BadContent)
        });
        match taken {
            Ok(content) => {
                self.stats.received += 1;
                self.take(now, &content);
                Ok(())
            }
            Err(reason) => {
                self.stats.drop(reason);
                self.settle(now);
                Err(reason)
            }
        }
    }

    /// Everything before the content, cheapest first; the signature once, at the end.
    fn open<'a>(&mut self, now: Duration, from: SocketAddr, bytes: &'a [u8]) -> Result<(Header, &'a [u8]), DropReason> {
        let packet = Packet::parse(bytes)?;
        let header = packet.header;
        if header.mesh != self.mesh {
            return Err(DropReason::WrongMesh);
        }
        if header.receiver != self.identity.node_id {
            return Err(DropReason::WrongReceiver);
        }
        let sender = self.directory.node(header.sender).ok_or(DropReason::UnknownSender)?;
        if sender.is_revoked {
            return Err(DropReason::RevokedSender);
        }
        let (node, start) = (header.sender, (header.generation, header.instance));
        if node == self.identity.node_id {
            if self.clones.own(now, node) && self.check(now, &packet, &sender.key).is_ok() {
                self.outputs.push_back(Output::Event(Event::Clone { node, address: from }));
            }
            return Err(DropReason::UnknownSender);
        }
        if let Err(reason) = self.replays.check(&header) {
            let newest = self.replays.newest(node).unwrap_or(start);
            let is_beyond = self.replays.is_beyond(&header);
            let is_old = reason == DropReason::OldGeneration;
            if is_old
                && self.clones.is_worth_a_look(now, node, start, newest, is_beyond)
                && self.check(now, &packet, &sender.key).is_ok()
            {
                self.outputs.push_back(Output::Event(Event::Clone { node, address: from }));
            }
            return Err(reason);
        }
        let content = self.check(now, &packet, &sender.key)?;
        if let Some(before) = self.replays.saw(&header)
            && self.clones.restarted(now, node, before, start)
        {
            self.outputs.push_back(Output::Event(Event::Clone { node, address: from }));
        }
        Ok((header, content))
    }

    fn check<'a>(
        &mut self,
        now: Duration,
        packet: &Packet<'a>,
        key: &mesh_model::PublicKey,
    ) -> Result<&'a [u8], DropReason> {
        if self.budget.0 != now.as_secs() {
            self.budget = (now.as_secs(), 0);
        }
        if self.budget.1 >= self.config.checks_per_second {
            return Err(DropReason::OverBudget);
        }
        self.budget.1 += 1;
        self.stats.checked += 1;
        packet.open(key)
    }

    fn take(&mut self, now: Duration, content: &Content) {
        if content.suspects(&self.identity) {
            self.health.worsen(now);
        }
        // Somebody reaches a node that this one has given up: it may reach it too, now.
        for up in content.up() {
            if self.peers.get(up.node_id).is_some_and(|peer| peer.state == PeerState::Down) {
                self.retries.hurry(now, up.node_id);
            }
        }
        self.peers.admit(content.from.node_id, now);
        self.peers.heard(content.from.node_id, now);
        lock(&self.news).now = now;
        // Errors of foca say that the sender's bytes are odd, or that a probe was interrupted: nothing follows but a count.
        if self.foca.handle_data(&content.bytes, &mut self.effects).is_err() {
            self.stats.drop(DropReason::BadContent);
        }
        self.settle(now);
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
                } else if let Some(due) = self.acquits(now, &timer) {
                    self.outputs.push_back(Output::SetTimer(Timer { due, kind: TimerKind::Swim(timer) }));
                } else {
                    lock(&self.news).now = now;
                    // As in `take`: an interrupted probe begins anew.
                    drop(self.foca.handle_timer(timer, &mut self.effects));
                }
            }
        }
        self.settle(now);
    }

    /// A suspect whose signed packets arrive is not dead, though the news that it is suspected, or its defence, may have been lost. So it is
    /// asked directly, a few times, before it is judged; its time to defend itself is shorter by that. Returns when it is judged again.
    fn acquits(&mut self, now: Duration, timer: &foca::Timer<Identity>) -> Option<Duration> {
        let foca::Timer::ChangeSuspectToDown { member_id, .. } = timer else { return None };
        let period = self.config.swim(self.scale).suspect_to_down_after;
        match self.peers.try_suspect(member_id, now, period / 2) {
            Trial::Heard => Some(now + period / 2),
            Trial::Ask => {
                drop(self.foca.announce(*member_id, &mut self.effects));
                Some(now + self.health.stretch(self.config.probe_timeout))
            }
            Trial::Over => None,
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
            if let Some(identity) = self.peers.to_greet(node) {
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
                foca::Timer::ChangeSuspectToDown { .. } => self.config.probe_timeout * TRIALS.into(),
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
        let header =
            Header { mesh: self.mesh, sender, receiver: to.node_id, generation, instance, counter: self.counter };
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

    /// Tells of the newest head of a feed that is written here: durable, and signed by this node.
    ///
    /// Returns what came of it; anything but [`Taken::Newer`] is not told of.
    pub fn announce_head(&mut self, now: Duration, head: &SignedHead) -> Taken {
        let taken = {
            let mut news = lock(&self.news);
            news.now = now;
            news.take_head(&*self.directory, head, None)
        };
        if taken == Taken::Newer {
            self.pass_on(&Rumour::Head(head.clone()));
        }
        self.settle(now);
        taken
    }

    /// Tells that this node has judged a checkpoint good and keeps it; a note that is too long is left for the others to fetch.
    pub fn announce_checkpoint(&mut self, now: Duration, size: u64, root: Hash, note: &[u8]) {
        let note = if note.len() <= CHECKPOINT_BYTES { note.to_vec() } else { Vec::new() };
        self.pass_on(&Rumour::Checkpoint { size, root, note });
        self.settle(now);
    }

    fn pass_on(&mut self, rumour: &Rumour) {
        // It is refused for being empty or over a packet, and it is neither.
        drop(self.foca.add_broadcast(&rumour.encode()));
    }

    fn begin_pull(&mut self, now: Duration) {
        if self.round.as_ref().is_some_and(|round| now.saturating_sub(round.began) < self.config.pull_timeout) {
            return;
        }
        self.round = None;
        let up = self.peers.up();
        if up.is_empty() {
            return;
        }
        let peer = up[self.random.below(up.len())].node_id;
        let (round, request) = Round::begin(peer, now, &lock(&self.news).heads);
        self.round = Some(round);
        self.outputs.push_back(Output::Pull { peer, request });
    }

    /// Answers another node's comparison; `None` for a question that is none.
    pub fn answer_pull(&self, request: &PullRequest) -> Option<PullAnswer> {
        pull::answer(&lock(&self.news).heads, request)
    }

    /// Takes the answer to the comparison that is under way. Every head in it is checked like a rumour.
    pub fn handle_pull_answer(&mut self, now: Duration, peer: NodeId, answer: &PullAnswer) {
        let Some(mut round) = self.round.take_if(|round| round.peer == peer) else { return };
        if answer.heads.len() > PAGE_HEADS {
            return;
        }
        self.take_heads(now, peer, &answer.heads);
        let next = round.next(answer, &lock(&self.news).heads);
        match next {
            Next::Ask(request) => {
                self.round = Some(round);
                self.outputs.push_back(Output::Pull { peer, request });
            }
            Next::Done { pushes } => {
                self.outputs.extend(pushes.into_iter().map(|push| Output::Push { peer, push }));
            }
        }
        self.settle(now);
    }

    /// The node did not answer: the next round asks another.
    pub fn handle_pull_failed(&mut self, peer: NodeId) {
        self.round.take_if(|round| round.peer == peer);
    }

    /// Takes heads that another node shows over the peer channel.
    pub fn handle_push(&mut self, now: Duration, peer: NodeId, push: &Push) {
        if push.heads.len() <= PAGE_HEADS {
            self.take_heads(now, peer, &push.heads);
        }
        self.settle(now);
    }

    fn take_heads(&mut self, now: Duration, peer: NodeId, heads: &[SignedHead]) {
        let mut newer = Vec::new();
        {
            let mut news = lock(&self.news);
            news.now = now;
            for head in heads {
                if news.take_head(&*self.directory, head, Some(peer)) == Taken::Newer {
                    newer.push(head.clone());
                }
            }
        }
        if newer.len() <= RELAYED {
            for head in newer {
                self.pass_on(&Rumour::Head(head));
            }
        }
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
