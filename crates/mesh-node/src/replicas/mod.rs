//! Copies of feeds on other nodes: each feed, with its attachments, is kept by some nodes beside its home.
//!
//! In rounds, and at once when somebody heard of something newer ([`Replicas::poke`]), a node compares its heads with those of the
//! other nodes that have to do with its domains, and fetches what it lacks. Nothing is believed for who sends it.
//!
//! | module | holds |
//! |---|---|
//! | [`assignment`], [`duty`] | which nodes keep which feeds |
//! | [`writers`] | whose signature a feed's head has to have, as the ledger says |
//! | [`turn`], [`fetch`], [`files`] | comparing with one node, filling one copy, its attachments |
//! | [`intake`] | what a batch of events has to be before it is kept; pure |
//! | [`copy`], [`heads`] | what is on the disk, and what of it is shown to others |
//! | `ledger_word` | what is here, beside the heads that the ledger has |
//! | [`manners`], `liars`, [`peers`] | how other nodes behave; asking them |
//! | [`forks`], [`report`] | the proof that a writer signed two histories, what it stops, and its way to the ledger |
//! | [`repair`] | feeds that a start found damaged |
//! | `from_ledger` | events that no copy has and the ledger does |
//! | [`copies`] | who holds how much, for people |
//!
//! Bounds: one turn of a node at a time and [`TURNS`] in all, one fetch of a feed at a time, every message with a limit and a time,
//! every stretch with an end. A node that sends what it cannot prove is left alone, longer each time.

pub mod assignment;
pub mod copies;
pub mod copy;
pub mod duty;
pub mod fetch;
pub mod files;
pub mod forks;
pub(crate) mod from_ledger;
pub mod heads;
pub mod intake;
mod ledger_word;
mod liars;
pub mod manners;
pub mod peers;
pub mod repair;
pub mod report;
pub mod turn;
pub mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::FeedId;
use mesh_model::{Code, Digest, DomainName, LedgerIndex, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_store::Store;
use tokio::sync::{Notify, Semaphore, watch};
use tracing::{debug, warn};

use crate::core::Core;
use crate::transport::PeerChannels;
use copies::Copies;
use duty::Duties;
use forks::Forks;
use intake::Goal;
use manners::Manners;
use peers::{Fault, FeedPeers};

/// Turns that are under way at once.
pub const TURNS: usize = 16;
/// Streams that are served at once.
pub const STREAMS: usize = 64;

/// What a node knows and does about copies.
pub struct Replicas {
    peers: FeedPeers,
    copies: Copies,
    duties: Duties,
    forks: Forks,
    streams: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
    wake: Notify,
    /// Counts what was fetched; whoever waits for something looks again.
    progress: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    manners: BTreeMap<NodeId, Manners>,
    in_turn: BTreeSet<NodeId>,
    filling: BTreeSet<FeedId>,
    poked: BTreeSet<DomainName>,
    flawed: BTreeMap<FeedId, String>,
    /// By domain, the last epoch and leaf whose head of the feed was the same as here.
    agreed: BTreeMap<DomainName, (u64, LedgerIndex)>,
}

/// A copy that is being filled, until this is dropped.
pub struct Filling {
    feed: FeedId,
    state: Arc<Mutex<State>>,
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).filling.remove(&self.feed);
    }
}

impl Replicas {
    /// Of node `me`, with its proofs of forks in `data_dir`.
    pub fn new(mesh: MeshId, me: NodeId, data_dir: &Path, store: &Store, channels: Arc<PeerChannels>) -> Self {
        let (manners, flawed) = liars::load(store);
        Self {
            peers: FeedPeers::new(mesh, me, channels),
            copies: Copies::default(),
            duties: Duties::default(),
            forks: Forks::open(mesh, data_dir),
            streams: Arc::new(Semaphore::new(STREAMS)),
            state: Arc::new(Mutex::new(State { manners, flawed, ..State::default() })),
            wake: Notify::new(),
            progress: watch::Sender::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody heard of something newer in this domain's feed: it is asked for at once, not only with the next round.
    pub fn poke(&self, domain: DomainName) {
        self.state().poked.insert(domain);
        self.wake.notify_one();
    }

    /// Asking other nodes.
    pub fn peers(&self) -> &FeedPeers {
        &self.peers
    }

    /// Who holds how much, as they say.
    pub fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Which nodes keep which feeds.
    pub fn duties(&self) -> &Duties {
        &self.duties
    }

    /// Proofs of forks.
    pub fn forks(&self) -> &Forks {
        &self.forks
    }

    /// Room for streams to other nodes.
    pub fn streams(&self) -> &Arc<Semaphore> {
        &self.streams
    }

    /// Follows what is fetched.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    pub(crate) fn progressed(&self) {
        self.progress.send_modify(|count| *count += 1);
    }

    /// The right to fill a copy; `None` while somebody has it.
    pub(crate) fn claim(&self, feed: &FeedId) -> Option<Filling> {
        let is_free = self.state().filling.insert(feed.clone());
        is_free.then(|| Filling { feed: feed.clone(), state: Arc::clone(&self.state) })
    }

    /// The feed's writer signed what no honest one does.
    pub(crate) fn flawed(&self, store: &Store, feed: &FeedId, what: &str) {
        let mut state = self.state();
        state.flawed.insert(feed.clone(), what.to_owned());
        liars::save(store, &state.manners, &state.flawed);
    }

    pub(crate) fn is_flawed(&self, feed: &FeedId) -> bool {
        self.state().flawed.contains_key(feed)
    }

    /// The last leaf with a head of the feed that is the same as here.
    pub(crate) fn agreed(&self, feed: &FeedId) -> Option<LedgerIndex> {
        let agreed = self.state().agreed.get(&feed.domain).copied();
        agreed.filter(|(epoch, _)| *epoch == feed.epoch).map(|(_, index)| index)
    }

    /// The head of the feed in this leaf is the same as here.
    pub(crate) fn agree(&self, feed: &FeedId, index: LedgerIndex) {
        self.state().agreed.insert(feed.domain.clone(), (feed.epoch, index));
    }

    /// What people have to know of feeds and nodes, beside [`forks::alarms`].
    pub fn alarms(&self) -> Vec<String> {
        let state = self.state();
        let flawed = state.flawed.iter().map(|(feed, what)| {
            format!("the feed of {} (epoch {}) is not copied further: {what}", feed.domain, feed.epoch)
        });
        let mut alarms: Vec<String> = flawed.collect();
        let lies = state.manners.iter().filter_map(|(node, manners)| Some((node, manners.last_lie()?)));
        alarms.extend(lies.map(|(node, lie)| format!("node {node} is left alone for a while: {lie}")));
        alarms
    }
}

/// Repairs what a start found damaged, then compares and fetches until the node stops.
pub async fn run(core: Arc<Core>) {
    repair::prepare(&core).await;
    let turns = Arc::new(Semaphore::new(TURNS));
    let round = Duration::from_millis(core.config.feeds.pull_ms);
    let (mut number, mut due) = (0_u64, Instant::now());
    let mut progress = core.replicas.progress();
    loop {
        let now = Instant::now();
        let is_round = now >= due;
        if is_round {
            due = now + round.mul_f64(jitter(core.node_id(), number));
            number += 1;
            let comparing = Arc::clone(&core);
            if let Err(error) = core.offload(move || ledger_word::compare_all(&comparing)).await {
                warn!(%error, "feeds are not compared with the ledger");
            }
        }
        // Whoever waits for events can go on only once some came.
        let opens = is_round || progress.has_changed().unwrap_or(false);
        progress.mark_unchanged();
        if opens && let Err(error) = open_taken_over(&core) {
            warn!(%error, "feeds that were taken over are not opened");
        }
        if let Err(error) = begin_turns(&core, is_round, &turns) {
            warn!(%error, "feeds are not compared with other nodes");
        }
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = core.replicas.wake.notified() => {}
            // Never an error: the sender lives with the core.
            _ = progress.changed() => progress.mark_changed(),
            () = core.stopping.cancelled() => return,
        }
    }
}

/// From 0.75 to 1.25, another for each round and node, and the same again for the same ones: so that nodes started together don't ask
/// each other all at once for ever.
fn jitter(node: NodeId, number: u64) -> f64 {
    let drawn = Digest::of(&[node.to_be_bytes(), number.to_be_bytes()].concat()).0;
    0.75 + f64::from(u16::from_be_bytes([drawn[0], drawn[1]])) / f64::from(u16::MAX) / 2.0
}

/// Opens a new epoch without waiting for a publish: it takes over what the one before left. One whose events are still to be fetched asks
/// for them, which wakes [`run`]: so this is not tried again before something came.
fn open_taken_over(core: &Arc<Core>) -> Result<(), MeshError> {
    let me = core.node_id();
    for duty in core.replicas.duties.all(core)? {
        if duty.epoch > 1
            && duty.home == Some(me)
            && !core.feeds.is_open(&duty.domain)
            && let Err(error) = core.feeds.writer(core, &duty.domain)
        {
            debug!(domain = %duty.domain, %error, "the feed is not written yet");
            if error.code == Code::FeedMissing
                && let Some((before, end)) = crate::feeds::continues(core, &duty.domain)?
            {
                core.tasks.spawn(fill_from_ledger(Arc::clone(core), before, end));
            }
        }
    }
    Ok(())
}

/// What peers have not may be in the ledger.
async fn fill_from_ledger(core: Arc<Core>, feed: FeedId, end: Goal) {
    let (filling, of) = (Arc::clone(&core), feed.clone());
    if let Err(error) = core.offload(move || from_ledger::fill(&filling, &of, end)).await {
        warn!(domain = %feed.domain, epoch = feed.epoch, %error, "a feed was not completed from the ledger");
    }
}

/// Gives a turn to every node that has to do with our domains and is not having one: in a round all of them, else those that have to do
/// with what was heard of.
fn begin_turns(core: &Arc<Core>, is_round: bool, turns: &Arc<Semaphore>) -> Result<(), MeshError> {
    let (me, now) = (core.node_id(), Instant::now());
    let poked = std::mem::take(&mut core.replicas.state().poked);
    if !is_round && poked.is_empty() {
        return Ok(());
    }
    let mut asking: BTreeMap<NodeId, Vec<DomainName>> = BTreeMap::new();
    for duty in core.replicas.duties.all(core)? {
        if is_round || poked.contains(&duty.domain) {
            for node in duty.others(me) {
                asking.entry(node).or_default().push(duty.domain.clone());
            }
        }
    }
    for (node, domains) in asking {
        {
            let mut state = core.replicas.state();
            if !state.manners.entry(node).or_default().may_ask(now) {
                continue;
            }
            if !state.in_turn.insert(node) {
                // Asked again once its turn is over.
                state.poked.extend(domains.into_iter().filter(|domain| poked.contains(domain)));
                continue;
            }
        }
        let (core, turns) = (Arc::clone(core), Arc::clone(turns));
        let tracker = core.tasks.clone();
        tracker.spawn(async move {
            tokio::select! {
                () = one_turn(&core, node, &domains, &turns) => {}
                () = core.stopping.cancelled() => {}
            }
            let mut state = core.replicas.state();
            state.in_turn.remove(&node);
            if !state.poked.is_empty() {
                core.replicas.wake.notify_one();
            }
        });
    }
    Ok(())
}

async fn one_turn(core: &Arc<Core>, node: NodeId, domains: &[DomainName], turns: &Semaphore) {
    let Ok(_turn) = turns.acquire().await else { return };
    let ended = turn::turn(core, node, domains).await;
    let (now, round) = (Instant::now(), Duration::from_millis(core.config.feeds.pull_ms));
    let mut state = core.replicas.state();
    let manners = state.manners.entry(node).or_default();
    let before = manners.lies();
    match ended {
        Ok(()) => manners.answered(),
        Err(Fault::Lie(what)) => {
            warn!(node, %what, "a node sent what it cannot prove");
            manners.lied(now, what);
        }
        Err(fault) => {
            debug!(node, %fault, "a node's feeds were not compared");
            manners.was_silent(now, round);
        }
    }
    if manners.lies() != before {
        liars::save(&core.store, &state.manners, &state.flawed);
    }
}
