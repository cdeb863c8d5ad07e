//! The task behind the proposer's queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{StreamExt as _, TryStreamExt as _};
use mesh_event::{LedgerEntry, ProtocolRange};
use mesh_governance::{Admission, Rejection, admit_entry_among, read};
use mesh_model::{Code, NodeId, UnixMs, limits};
use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::ClientWriteError;
use tokio::sync::{Semaphore, mpsc};

use crate::applied::Announcer;
use crate::forward;
use crate::gate::Gate;
use crate::guess::Guess;
use crate::node::has_applied_own_term;
use crate::options::Clock;
use crate::peers::Peers;
use crate::proposal::Proposal;
use crate::propose_error::ProposeError;
use crate::reads_only::ReadsOnly;
use crate::refounding::Refounding;
use crate::sealed::Sealed;
use crate::state_machine::{SharedJudge, SharedVerify};
use crate::store_state::{StateError, StoreState};
use crate::tokio_config::{Config, Raft};
use crate::voter_clocks::{Check, Latest, is_taken, latest_taken};
use crate::waiting::Waiting;

/// Entries that go on together.
const BATCH_ENTRIES: usize = 512;
/// The same in bytes.
const BATCH_BYTES: usize = 4 << 20;
/// Batches that may be on their way to the leader.
const FORWARDS: usize = 8;
/// Pause before what did not happen is tried again.
const AGAIN: Duration = Duration::from_millis(25);
/// How long a voter may take to say what its program knows, before it counts as silent.
const GREETING: Duration = Duration::from_secs(1);
/// How much longer the other voters are waited for once a quorum said its time.
const MORE: Duration = Duration::from_millis(100);
/// How often leading is given up because of the clock.
const GIVE_UP: Duration = Duration::from_secs(5);
/// How often somebody looks for a leader while nothing changes.
const LOOK: Duration = Duration::from_millis(100);

/// Hands proposals to Raft while this node leads, to the leader while another does, and keeps them while nobody does.
pub(crate) struct Sequencer {
    pub(crate) node_id: NodeId,
    pub(crate) raft: Raft,
    pub(crate) peers: Peers,
    /// Where a node's entries go that no leader greets.
    pub(crate) guess: Guess,
    pub(crate) state: StoreState,
    pub(crate) verify: SharedVerify,
    pub(crate) judge: SharedJudge,
    pub(crate) gate: Gate,
    pub(crate) announcer: Announcer,
    pub(crate) clock: Clock,
    /// Where what did not happen comes back.
    pub(crate) back: Back,
    pub(crate) queue: mpsc::UnboundedReceiver<Waiting>,
    /// The last stamp that this node gave, and in which term: what became of those of an earlier one, the ledger says.
    pub(crate) last_stamp: (u64, UnixMs),
    /// How this node's clock compares to the other voters'.
    pub(crate) clock_check: Option<Check>,
    /// When this node last looked for a voter with a better clock, and whether it found one.
    pub(crate) gave_up: Option<(Instant, bool)>,
    /// Held while a seat's word for another protocol is under way.
    pub(crate) protocol_vote: Weak<()>,
    /// What has to be ordered before anything else on a store that was refounded.
    pub(crate) refounding: Option<Refounding>,
    /// That this node has no say in Raft: then it asks those who have.
    pub(crate) reads_only: ReadsOnly,
}

/// Puts proposals back into the queue; weak, so that the queue ends when the last proposer goes.
#[derive(Clone)]
pub(crate) struct Back(pub(crate) mpsc::WeakUnboundedSender<Waiting>);

impl Back {
    /// Tries them again after a pause: they certainly did not happen. Those that another node passed on go back to it.
    pub(crate) fn put(&self, batch: Vec<Waiting>, why: &str) {
        let mut again = Vec::new();
        for waiting in batch {
            waiting.ticket.give_back();
            if waiting.forwarded {
                waiting.answer(Err(ProposeError::unavailable(why)));
            } else if waiting.is_wanted() {
                again.push(waiting);
            }
        }
        let Some(queue) = self.0.upgrade().filter(|_| !again.is_empty()) else {
            return;
        };
        tokio::spawn(async move {
            tokio::time::sleep(AGAIN).await;
            for waiting in again {
                // Fails while the node stops; the caller learns from its ticket that nothing happened.
                drop(queue.send(waiting));
            }
        });
    }
}

/// Whom to hand proposals to.
enum Target {
    Raft,
    Leader(NodeId, String),
    Nobody,
}

impl Sequencer {
    /// Runs until every proposer is gone.
    pub(crate) async fn run(mut self) {
        let forwards = Arc::new(Semaphore::new(FORWARDS));
        let mut metrics = self.raft.metrics();
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match self.queue.recv().await {
                    Some(first) => waiting.push_back(first),
                    None => return,
                }
            }
            while let Ok(next) = self.queue.try_recv() {
                waiting.push_back(next);
            }
            waiting.retain(Waiting::is_wanted);
            match self.target() {
                Target::Raft => self.lead(take(&mut waiting)).await,
                Target::Leader(leader, address) => {
                    self.refuse_forwarded(&mut waiting);
                    let batch = take(&mut waiting);
                    if batch.is_empty() {
                        continue;
                    }
                    let permit = Arc::clone(&forwards).acquire_owned().await.expect("never closed");
                    let (peer, back) = (self.peers.peer(leader, &address), self.back.clone());
                    let (mesh_id, guess) = (self.peers.mesh_id(), self.guess.clone());
                    tokio::spawn(async move {
                        forward::to_leader(&peer, mesh_id, batch, &back, &guess).await;
                        drop(permit);
                    });
                }
                Target::Nobody => {
                    self.refuse_forwarded(&mut waiting);
                    tokio::select! {
                        changed = metrics.changed() => if changed.is_err() { tokio::time::sleep(LOOK).await },
                        () = tokio::time::sleep(LOOK) => {}
                    }
                }
            }
        }
    }

    fn target(&self) -> Target {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        if self.reads_only.get().is_some() {
            return self.some_voter_or_nobody();
        }
        if metrics.running_state.is_err() {
            return Target::Nobody;
        }
        if metrics.state == ServerState::Leader {
            return Target::Raft;
        }
        let leader = metrics.current_leader.filter(|leader| *leader != self.node_id);
        let membership = metrics.membership_config.membership();
        let node = leader.and_then(|id| membership.get_node(&id).map(|node| (id, node)));
        if let Some((id, node)) = node {
            return Target::Leader(id, node.addr.clone());
        }
        if membership.get_node(&self.node_id).is_some() {
            return Target::Nobody;
        }
        self.some_voter_or_nobody()
    }

    fn some_voter_or_nobody(&self) -> Target {
        self.some_voter().unwrap_or_else(|error| {
            tracing::error!(%error, "the voters can't be read");
            Target::Nobody
        })
    }

    /// Whom an observer asks: a voter takes its entries if it leads, and else may say who does.
    fn some_voter(&self) -> Result<Target, StateError> {
        let voters: Vec<NodeId> = read::mesh(&self.state)?.map_or_else(Vec::new, |mesh| mesh.voters);
        let Some(id) = self.guess.whom(&voters) else { return Ok(Target::Nobody) };
        let node = read::node(&self.state, id)?;
        Ok(node.map_or(Target::Nobody, |node| Target::Leader(id, node.record.peer_address)))
    }

    fn refuse_forwarded(&self, waiting: &mut VecDeque<Waiting>) {
        for _ in 0..waiting.len() {
            let Some(next) = waiting.pop_front() else { return };
            if next.forwarded {
                next.answer(Err(ProposeError::unavailable(format!("node {} is not the leader", self.node_id))));
            } else {
                waiting.push_back(next);
            }
        }
    }

    /// Stamps, admits and hands over one batch.
    async fn lead(&mut self, batch: Vec<Waiting>) {
        let Some(now) = self.now().await else {
            return self.back.put(batch, "too few voters say what time it is");
        };
        let end = self.announcer.end();
        let term = self.raft.metrics().borrow_watched().current_term;
        let given = Some(self.last_stamp).filter(|(given_in, _)| *given_in == term).map_or(0, |(_, stamp)| stamp);
        let last = given.max(end.last_stamp);
        if last > now.saturating_add(limits::STAMP_AHEAD_MS) && self.gives_up(last, now).await {
            self.back.put(batch, "the leader's clock is behind the ledger's time");
            return;
        }
        let stamp = now.max(last);
        let (mut handed, mut proposals, mut early, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut vote, mut later, mut greeted) = (None, Vec::new(), None);
        for mut waiting in batch {
            // The body goes into the proposal and comes back only if it has to.
            let body = std::mem::replace(&mut waiting.body, mesh_event::ledger::EntryBody::Envelope(Vec::new()));
            let entry = LedgerEntry { stamp_unix_ms: stamp, body };
            if self.refounding.as_ref().is_some_and(|refounding| refounding.comes_before(end.size, &entry.body)) {
                waiting.body = entry.body;
                later.push(waiting);
                continue;
            }
            if let Some(refused) = self.gate.refuses(&entry.body) {
                waiting.answer(Err(refused));
                continue;
            }
            let heard = |voter| self.peers.advertised(voter).map(|said| said.protocols);
            let mut admitted = self.admit(&entry, &heard);
            if depends_on_voters(&admitted) {
                // Once for a batch: each takes as long as the slowest voter.
                let heard = match greeted.take() {
                    Some(heard) => heard,
                    None => self.greet_voters().await,
                };
                let heard = greeted.insert(heard);
                admitted = self.admit(&entry, &|voter| heard.get(&voter).copied());
            }
            let bytes = entry.encode();
            waiting.body = entry.body;
            match admitted {
                Ok(Ok(admission)) if admission.is_protocol_vote && !self.may_vote_on_protocol() => busy.push(waiting),
                Ok(Ok(admission)) if waiting.ticket.hand_over() => {
                    if admission.is_protocol_vote {
                        let token = Arc::new(());
                        self.protocol_vote = Arc::downgrade(&token);
                        vote = Some(token);
                    }
                    proposals.push(Proposal::new(bytes));
                    handed.push(waiting);
                }
                // Its caller gave up.
                Ok(Ok(_)) => {}
                Ok(Err(refused)) if end.size == 0 && refused.code == Code::GenesisFirst => early.push(waiting),
                Ok(Err(refused)) => waiting.answer(Err(refused.into())),
                Err(error) => {
                    tracing::error!(%error, "the state can't be read");
                    waiting.answer(Err(ProposeError::unavailable(error.to_string())));
                }
            }
        }
        self.back.put(early, "the mesh has no genesis yet");
        self.back.put(later, "the council's recovery of the voters comes first");
        self.back.put(busy, "another approval of a protocol is under way");
        if handed.is_empty() {
            return;
        }
        self.last_stamp = (term, stamp);
        match self.raft.client_write_many(proposals).await {
            Ok(answers) => {
                let back = self.back.clone();
                tokio::spawn(async move {
                    deliver(answers, handed, back).await;
                    drop(vote);
                });
            }
            Err(fatal) => self.back.put(handed, &fatal.to_string()),
        }
    }

    fn admit(&self, entry: &LedgerEntry, heard: &dyn Fn(NodeId) -> Option<ProtocolRange>) -> Admitted {
        admit_entry_among(&self.state, entry, &&*self.verify, &*self.judge, heard)
    }

    /// The time to stamp with: this node's, or the voters' where too few would take that. `None` while they are not known.
    async fn now(&mut self) -> Option<UnixMs> {
        let (term, own, now) = (self.raft.metrics().borrow_watched().current_term, (self.clock)(), Instant::now());
        if let Some(stamp) = self.clock_check.and_then(|check| check.stamp(term, own, now)) {
            return Some(stamp);
        }
        let latest = match self.ask_clocks().await {
            Latest::Any => None,
            Latest::At(latest) => Some(latest),
            Latest::Unknown => return None,
        };
        let (own, at) = ((self.clock)(), Instant::now());
        let check = Check { term, at, own, latest };
        if let Some(ahead_ms) = check.ahead_ms() {
            tracing::error!(ahead_ms, "this node's clock is ahead of the voters'; entries are stamped with their time");
        }
        self.clock_check = Some(check);
        check.stamp(term, own, at)
    }

    /// Who votes by Raft's membership: one set, or two while the votes move.
    fn voter_sets(&self) -> Vec<BTreeSet<NodeId>> {
        self.raft.metrics().borrow_watched().membership_config.membership().get_joint_config().clone()
    }

    /// The others that vote by Raft's membership, and where they are.
    fn other_voters(&self) -> Vec<(NodeId, String)> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let others = membership.voter_ids().filter(|id| *id != self.node_id);
        others.filter_map(|id| membership.get_node(&id).map(|node| (id, node.addr.clone()))).collect()
    }

    async fn ask_clock(&self, id: NodeId, address: String) -> Option<(NodeId, UnixMs)> {
        let said = self.peers.greet(id, &address, GREETING).await;
        said.and_then(|said| said.clock_unix_ms).map(|shown| (id, shown))
    }

    /// Asks all voters for their time, until it is known of enough that this node's clock is not ahead of theirs.
    async fn ask_clocks(&self) -> Latest {
        let sets = self.voter_sets();
        let asked = self.other_voters().into_iter().map(|(id, address)| self.ask_clock(id, address));
        let mut answers: FuturesUnordered<_> = asked.collect();
        let mut shown = BTreeMap::new();
        loop {
            let latest = latest_taken(&sets, self.node_id, &shown);
            let is_enough = match latest {
                Latest::Any => true,
                Latest::At(latest) => (self.clock)() <= latest,
                Latest::Unknown => false,
            };
            if is_enough {
                return latest;
            }
            // A quorum answered: whoever is slow or away can only make it later.
            let patience = if latest == Latest::Unknown { GREETING } else { MORE };
            match tokio::time::timeout(patience, answers.next()).await {
                Ok(Some(answer)) => shown.extend(answer),
                Ok(None) | Err(_) => return latest,
            }
        }
    }

    /// What the voters know at this moment, asked of all at once. Only for a council's word about the protocol, which is rare.
    async fn greet_voters(&self) -> BTreeMap<NodeId, ProtocolRange> {
        let voters = match self.voters() {
            Ok(voters) => voters,
            Err(error) => {
                tracing::error!(%error, "the voters can't be read");
                return BTreeMap::new();
            }
        };
        let greetings = voters.into_iter().map(|(id, address)| async move {
            let said = self.peers.greet(id, &address, GREETING).await;
            said.map(|said| (id, said.protocols))
        });
        join_all(greetings).await.into_iter().flatten().collect()
    }

    fn voters(&self) -> Result<Vec<(NodeId, String)>, StateError> {
        let mut voters = Vec::new();
        for id in read::mesh(&self.state)?.map_or_else(Vec::new, |mesh| mesh.voters) {
            voters.extend(read::node(&self.state, id)?.map(|node| (id, node.record.peer_address)));
        }
        Ok(voters)
    }

    /// Whether a seat's word for another protocol can be judged now: on a state that has all before it. Two under way at once could
    /// complete a threshold together that neither completes alone, and nobody would have asked whether the voters know the protocol.
    fn may_vote_on_protocol(&self) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        self.protocol_vote.strong_count() == 0 && has_applied_own_term(&metrics)
    }

    /// A stamp never goes back: a voter whose clock has reached the ledger's time goes on better. Returns whether there is one. If none is,
    /// a majority's clocks were ahead once; then the ledger's time stands still until they have caught up, and the mesh goes on.
    async fn gives_up(&mut self, last: UnixMs, now: UnixMs) -> bool {
        if let Some((_, gave_up)) = self.gave_up.filter(|(at, _)| at.elapsed() < GIVE_UP) {
            return gave_up;
        }
        let behind_ms = last - now;
        let answers = join_all(self.other_voters().into_iter().map(|(id, address)| self.ask_clock(id, address))).await;
        let sets = self.voter_sets();
        let mut shown: BTreeMap<NodeId, UnixMs> = answers.into_iter().flatten().collect();
        shown.insert(self.node_id, (self.clock)());
        let replicated = self.raft.metrics().borrow_watched().replication.clone().unwrap_or_default();
        let reached = |shown: UnixMs| shown.saturating_add(limits::STAMP_AHEAD_MS) >= last;
        // One that is ahead alone has reached it, too, and nobody takes what it says.
        let is_better = |id: &NodeId| *id != self.node_id && reached(shown[id]) && is_taken(&sets, *id, &shown);
        let others = shown.keys().copied().filter(is_better);
        let other = others.max_by_key(|id| replicated.get(id).copied().flatten());
        self.gave_up = Some((Instant::now(), other.is_some()));
        let Some(other) = other else {
            tracing::warn!(
                behind_ms,
                "the ledger's time is ahead of all clocks; it stands still until they have caught up"
            );
            return false;
        };
        tracing::error!(behind_ms, other, "this node's clock is behind the ledger's time; it gives up leading");
        if let Err(error) = self.raft.trigger().transfer_leader(other).await {
            tracing::warn!(%error, "leadership was not transferred");
        }
        true
    }
}

type Admitted = Result<Result<Admission, Rejection>, StateError>;

/// Whether it has to be known what the voters' programs know.
fn depends_on_voters(admitted: &Admitted) -> bool {
    match admitted {
        Ok(Ok(admission)) => admission.is_protocol_vote,
        Ok(Err(refused)) => refused.code == Code::VotersHoldBack,
        Err(_) => false,
    }
}

type Answers = openraft::base::BoxStream<
    'static,
    Result<Result<openraft::raft::WriteResponse<Config>, ClientWriteError<Config>>, openraft::errors::Fatal<Config>>,
>;

/// Answers the callers of one batch, in its order.
async fn deliver(answers: Answers, handed: Vec<Waiting>, back: Back) {
    // Ends early where Raft has stopped; then there is no answer for the rest.
    let mut answers = answers.fuse();
    let mut again = Vec::new();
    for waiting in handed {
        match answers.try_next().await {
            Ok(Some(Ok(written))) => {
                let Sealed { leaves } = written.response;
                waiting.answer(if leaves.is_empty() {
                    Err(ProposeError::Refused { code: Code::Malformed, detail: "the entry makes no leaf".into() })
                } else {
                    Ok(leaves)
                });
            }
            Ok(Some(Err(ClientWriteError::ForwardToLeader(_)))) => again.push(waiting),
            Ok(Some(Err(error))) => waiting.answer(Err(ProposeError::unknown(error.to_string()))),
            Ok(None) => waiting.answer(Err(ProposeError::unknown("Raft gave no answer"))),
            Err(fatal) => waiting.answer(Err(ProposeError::unknown(fatal.to_string()))),
        }
    }
    back.put(again, "this node is not the leader any more");
}

/// Takes what goes on together from the front.
fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut bytes = 0;
    let mut batch = Vec::new();
    while batch.len() < BATCH_ENTRIES && bytes < BATCH_BYTES {
        let Some(next) = waiting.pop_front() else { break };
        bytes += next.bytes;
        batch.push(next);
    }
    batch
}

/// The latest deadline of a batch, from now.
pub(crate) fn patience(batch: &[Waiting]) -> Duration {
    let latest = batch.iter().map(|waiting| waiting.deadline).max();
    latest.map_or(Duration::ZERO, |latest| latest.saturating_duration_since(Instant::now()))
}
