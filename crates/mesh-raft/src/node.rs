//! One node, running.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mesh_event::{ProtocolRange, codec, ledger::EntryBody};
use mesh_governance::read;
use mesh_model::{MeshId, NodeId};
use mesh_proto::v1::raft_service_server::RaftServiceServer;
use mesh_store::{Batch, Damage, LogName, Store};
use openraft::async_runtime::{Instant as _, WatchReceiver as _};
use openraft::errors::{InitializeError, RaftError};
use openraft::{BasicNode, RaftMetrics, ServerState};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use crate::applied::{Announcer, Applied, LedgerEnd};
use crate::applier::{Applier, locked};
use crate::contact::Contact;
use crate::frame::MESSAGE_BYTES;
use crate::gate::Gate;
use crate::giving_way::GivingWay;
use crate::guess::Guess;
use crate::identity::Identity;
use crate::later_members::LaterMembers;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::options::RaftOptions;
use crate::peers::Peers;
use crate::propose_error::ProposeError;
use crate::proposer::Proposer;
use crate::reads_only::ReadsOnly;
use crate::refounding::Refounding;
use crate::sequencer::{Back, Sequencer};
use crate::server::RaftServer;
use crate::start_error::StartError;
use crate::state_machine::{SharedJudge, SharedVerify, StateMachine};
use crate::status::{RaftRole, RaftStatus, VoterHeard};
use crate::store_state::{StateError, StoreState};
use crate::tail::LedgerTail;
use crate::tokio_config::{Config, Raft, Runtime};
use crate::voter_follower::VoterFollower;

/// Name of the store's record that says whose raft log it holds.
const OWNER: &str = "raft/owner";
const OWNER_FORMAT: u8 = 1;
/// How long a leader that stops waits for another to take over.
const HAND_OVER: Duration = Duration::from_millis(800);
/// How long one attempt to found the mesh may take.
const FOUNDING: Duration = Duration::from_secs(5);

/// A running node: a voter, a learner, an observer, to whom Raft says nothing ([`RaftNode::tail`]), or a reader, which Raft must not hear. Dropped without [`RaftNode::shutdown`], its tasks end like in a crash.
pub struct RaftNode {
    options: RaftOptions,
    me: Arc<Identity>,
    raft: Raft,
    peers: Peers,
    machine: Arc<Machine>,
    log: LogStore<Runtime>,
    announcer: Announcer,
    proposer: Proposer,
    gate: Gate,
    later: LaterMembers,
    guess: Guess,
    tail: LedgerTail,
    contact: Arc<Contact>,
    /// Why this node has no say in Raft, whatever the ledger or the membership says of it.
    reads_only: ReadsOnly,
    stopping: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

impl RaftNode {
    /// Starts the node on its store. On an empty store, the founding document's voters begin the mesh: whichever leads first puts
    /// Genesis into the ledger.
    ///
    /// On a store that lost its authority the node is a reader: openraft runs beside it on an empty log in memory, is in no membership and
    /// is asked by nobody, and the store's own raft log and vote are not opened. The ledger comes from peers.
    ///
    /// # Errors
    /// [`StartError`], with nothing written.
    pub async fn start(
        options: RaftOptions,
        store: Arc<Store>,
        verify: SharedVerify,
        judge: SharedJudge,
    ) -> Result<Self, StartError> {
        let (node_id, mesh_id) = (options.node_id, options.genesis.mesh_id);
        let reads_only = ReadsOnly::new(Refounding::why_not(&store)?);
        let is_damaged = |damage: &Damage| matches!(damage, Damage::Log { log: LogName::Ledger, .. });
        // Nothing is appended behind damage, by an observer's tail neither.
        if let Some(damage) = store.damage().iter().find(|damage| is_damaged(damage)) {
            let reason = reads_only.get().map_or_else(|| damage.to_string(), str::to_owned);
            return Err(StartError::LostAuthority { node_id, reason });
        }
        let config = options.config().validate().map_err(|error| StartError::Settings(error.to_string()))?;
        own(&store, node_id, mesh_id)?;
        // What is in the store's raft log may be less than was promised: a reader's openraft sees an empty one, and nothing of the ledger.
        let aside = reads_only.get().is_some().then(|| Store::in_memory(0).map(Arc::new)).transpose()?;
        let log = LogStore::<Runtime>::open(aside.as_ref().unwrap_or(&store))?;
        let applier = Applier::open(Arc::clone(&store)).map_err(std::io::Error::from)?;
        let announcer = applier.announcer().clone();
        let applier = applier.shared();
        let contact = Arc::new(Contact::new());
        let tail =
            LedgerTail::over(Arc::clone(&applier), Arc::clone(&verify), Arc::clone(&judge), Arc::clone(&contact));
        let machine = Arc::clone(locked(&applier).machine());
        let applied_by_raft = match &aside {
            Some(aside) => Applier::open(Arc::clone(aside)).map_err(std::io::Error::from)?.shared(),
            None => applier,
        };
        let state_machine = StateMachine::<Runtime>::over(applied_by_raft, Arc::clone(&verify), Arc::clone(&judge))
            .map_err(std::io::Error::from)?;
        // What is advertised is what is applied.
        let protocols = ProtocolRange::BUILD.held_at(verify.newest_protocol());
        let me = Arc::new(Identity::new(node_id, mesh_id, options.build.clone()).speaking(protocols));
        let peers =
            Peers::new(Arc::clone(&me), Arc::clone(&options.dial), options.addresses.clone(), Arc::clone(&machine));
        let raft = Raft::new(node_id, Arc::new(config), peers.clone(), log.clone(), state_machine).await;
        let raft = raft.map_err(|fatal| StartError::Raft(fatal.to_string()))?;
        let giving_way =
            GivingWay { raft: raft.clone(), doubts: peers.doubts().clone(), election_max: options.election_max };
        let (proposer, queue) = Proposer::new(options.queue);
        let gate = Gate::default();
        let guess = Guess::default();
        let sequencer = Sequencer {
            node_id,
            raft: raft.clone(),
            peers: peers.clone(),
            guess: guess.clone(),
            state: machine.state.clone(),
            verify,
            judge,
            gate: gate.clone(),
            announcer: announcer.clone(),
            clock: Arc::clone(&options.clock),
            back: Back(proposer.downgrade()),
            queue,
            last_stamp: (0, 0),
            clock_check: None,
            gave_up: None,
            protocol_vote: Weak::new(),
            refounding: machine.refounding().cloned(),
            reads_only: reads_only.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(sequencer.run());
        tasks.spawn(tidy(Arc::clone(&machine)));
        let follower = VoterFollower {
            raft: raft.clone(),
            state: machine.state.clone(),
            ledger: announcer.watch_end(),
            round: options.election_min,
            since: machine.refounding().map_or(0, Refounding::size),
        };
        tasks.spawn(follower.run());
        tasks.spawn(giving_way.run());
        let tasks = tokio::sync::Mutex::new(tasks);
        let node = Self {
            options,
            me,
            raft,
            peers,
            machine,
            log,
            announcer,
            proposer,
            gate,
            later: LaterMembers::default(),
            guess,
            tail,
            contact,
            reads_only,
            stopping: watch::Sender::new(false),
            tasks,
        };
        if let Some(why) = node.reads_only.get() {
            tracing::error!(node_id, %why, "this node only reads: it votes, orders and vouches no more under this number");
            return Ok(node);
        }
        node.initialise().await?;
        let first = match node.machine.refounding() {
            None => (0, EntryBody::Envelope(node.genesis())),
            Some(refounding) => (refounding.size(), refounding.command()),
        };
        let founding = found(node.raft.clone(), node.announcer.clone(), node.proposer.clone(), first);
        node.tasks.lock().await.spawn(founding);
        Ok(node)
    }

    fn genesis(&self) -> Vec<u8> {
        self.options.genesis.envelope.bytes().to_vec()
    }

    /// Gives an empty store the first membership. All founders do the same, so it doesn't matter who is first.
    async fn initialise(&self) -> Result<(), StartError> {
        let founders = || {
            let voters = self.options.genesis.document.voters.iter();
            voters.map(|voter| (voter.node_id, BasicNode::new(voter.peer_address.clone()))).collect()
        };
        let voters: BTreeMap<NodeId, BasicNode> = self.machine.refounding().map_or_else(founders, Refounding::members);
        if !voters.contains_key(&self.options.node_id) {
            return Ok(());
        }
        match self.raft.initialize(voters).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(StartError::Raft(error.to_string())),
        }
    }

    /// From now on, while this node leads, it asks this before it orders an entry, wherever that came from: an answer is why not.
    /// Only the first call counts.
    pub fn keep_gate(&self, refuses: impl Fn(&EntryBody) -> Option<ProposeError> + Send + Sync + 'static) {
        self.gate.keep(Box::new(refuses));
    }

    /// Hears these as members, too, instead of those that were given before: they vote by a later part of the ledger, as the caller
    /// verified it, and the own log doesn't say so yet. Whom the applied ledger has revoked is not heard.
    pub fn hear_also(&self, members: BTreeSet<NodeId>) {
        self.later.set(members);
    }

    /// The way into the ledger.
    pub fn proposer(&self) -> Proposer {
        self.proposer.clone()
    }

    /// What is applied from now on. A subscriber that lags too far is told so and reads the ledger instead.
    pub fn applied(&self) -> broadcast::Receiver<Applied> {
        self.announcer.subscribe()
    }

    /// Where the ledger ends, now and from now on.
    pub fn ledger_end(&self) -> watch::Receiver<LedgerEnd> {
        self.announcer.watch_end()
    }

    /// The applied state; it follows along.
    pub fn state(&self) -> StoreState {
        self.machine.state.clone()
    }

    /// The ledger while Raft brings nothing: for observers.
    pub fn tail(&self) -> LedgerTail {
        self.tail.clone()
    }

    /// Serves peers.
    pub fn server(&self) -> RaftServiceServer<RaftServer> {
        let founders = self.options.genesis.document.voters.iter().map(|voter| voter.node_id).collect();
        let server = RaftServer {
            me: Arc::clone(&self.me),
            raft: self.raft.clone(),
            machine: Arc::clone(&self.machine),
            log: self.log.clone(),
            tail: self.tail.clone(),
            proposer: self.proposer.clone(),
            authenticates: self.options.dial.authenticates(),
            founders,
            later: self.later.clone(),
            clock: Arc::clone(&self.options.clock),
            contact: Arc::clone(&self.contact),
            reads_only: self.reads_only.clone(),
            stopping: self.stopping.subscribe(),
        };
        RaftServiceServer::new(server).max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES)
    }

    /// How the node is doing.
    pub fn status(&self) -> RaftStatus {
        let end = self.announcer.end();
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let failure = metrics.running_state.as_ref().err().map(ToString::to_string);
        // A reader's Raft is ended, or runs on nothing: it fails nobody.
        let failure = failure.filter(|_| self.reads_only.get().is_none());
        let role = match metrics.state {
            _ if self.reads_only.get().is_some() => RaftRole::Reader,
            _ if failure.is_some() => RaftRole::Stopped,
            ServerState::Leader => RaftRole::Leader,
            ServerState::Follower => RaftRole::Follower,
            ServerState::Candidate => RaftRole::Candidate,
            ServerState::Learner
                if metrics.membership_config.membership().get_node(&self.options.node_id).is_none() =>
            {
                RaftRole::Observer
            }
            ServerState::Learner => RaftRole::Learner,
            ServerState::Shutdown => RaftRole::Stopped,
        };
        let quorum_contact = match role {
            // A leader without others is its own quorum.
            RaftRole::Leader if metrics.membership_config.voter_ids().count() == 1 => Some(Duration::ZERO),
            RaftRole::Leader => metrics.last_quorum_acked.map(|acked| acked.elapsed()),
            _ => self.contact.ago(),
        };
        RaftStatus {
            node_id: self.options.node_id,
            role,
            term: metrics.current_term,
            leader: metrics.current_leader.or_else(|| self.guess.leader()),
            last_log_index: metrics.last_log_index,
            applied_index: metrics.last_applied.map(|id| id.index),
            purged_index: metrics.purged.map(|id| id.index),
            voters: metrics.membership_config.voter_ids().collect(),
            learners: metrics.membership_config.membership().learner_ids().collect(),
            joint: metrics.membership_config.membership().get_joint_config().len() > 1,
            quorum_contact,
            ledger_size: end.size,
            last_stamp: end.last_stamp,
            failure,
        }
    }

    /// What the voters of the ledger say of their programs, as far as connections to them stand: all of them on a leader, some elsewhere.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn voters_heard(&self) -> Result<Vec<VoterHeard>, StateError> {
        let voters = read::mesh(&self.machine.state)?.map_or_else(Vec::new, |mesh| mesh.voters);
        let heard = |node_id| {
            let said = self.peers.advertised(node_id);
            let (protocols, build) = said.map_or((None, None), |said| (Some(said.protocols), Some(said.build)));
            VoterHeard { node_id, protocols, build }
        };
        Ok(voters.into_iter().map(heard).collect())
    }

    /// Whether this node leads and has applied all that was ordered before it led: only then is its ledger as new as any.
    pub fn leads(&self) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.state == ServerState::Leader && has_applied_own_term(&metrics) && self.reads_only.get().is_none()
    }

    /// Whether the mesh is founded and a quorum was heard lately: what is proposed now is likely to be ordered soon.
    pub fn is_ready(&self) -> bool {
        let status = self.status();
        let lately = self.options.election_max * 2;
        status.failure.is_none()
            && status.ledger_size > 0
            && status.leader.is_some()
            && status.quorum_contact.is_some_and(|ago| ago <= lately)
    }

    /// Waits until Raft stops, on purpose or by a failure of the store, and says why. It never goes on by itself.
    pub async fn stopped(&self) -> String {
        let mut metrics = self.raft.metrics();
        loop {
            if let Err(fatal) = &metrics.borrow_watched().running_state {
                return fatal.to_string();
            }
            if metrics.changed().await.is_err() {
                return "raft stopped".to_owned();
            }
        }
    }

    /// Shortens the raft log now: declares the applied state to be a snapshot.
    ///
    /// # Errors
    /// When Raft has stopped; the text says why.
    pub async fn take_snapshot(&self) -> Result<(), String> {
        self.raft.trigger().snapshot().await.map_err(|fatal| fatal.to_string())
    }

    /// Stops: a leader hands over first, if somebody can take over; waiting proposals are answered. The store stays open.
    pub async fn shutdown(&self) {
        self.hand_over().await;
        self.stopping.send_replace(true);
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "raft did not end well");
        }
        self.tasks.lock().await.shutdown().await;
    }

    /// Ends Raft on this node for good, because the council goes on with other voters: from now on it reads from peers. Only behind this is
    /// it certain how far the ledger goes; the caller then makes durable that it stays so.
    pub async fn read_only(&self, why: &str) {
        self.reads_only.set(why);
        self.machine.end_raft();
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "raft did not end well");
        }
        // What its worker is applying in this moment comes first; it applies nothing more.
        let tail = self.tail.clone();
        drop(crate::offload(move || tail.settle()).await);
        self.machine.follow_peers();
    }

    /// Why this node has no say in Raft, if it has none.
    pub fn reads_only(&self) -> Option<&str> {
        self.reads_only.get()
    }

    /// Names the voters among whom this node is, or would be: empty where the council never recovered any.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn group(&self) -> Result<Vec<u8>, StateError> {
        self.machine.group()
    }

    async fn hand_over(&self) {
        if !self.raft.is_leader() {
            return;
        }
        let reached = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            // Whoever has the most of the log takes over soonest.
            let replication = metrics.replication.clone().unwrap_or_default();
            let others = metrics.membership_config.voter_ids().filter(|id| *id != self.options.node_id);
            others.max_by_key(|id| replication.get(id).copied().flatten())
        };
        let Some(heir) = reached else { return };
        if self.raft.trigger().transfer_leader(heir).await.is_ok() {
            let mut metrics = self.raft.metrics();
            let handed = async {
                while metrics.borrow_watched().state == ServerState::Leader {
                    if metrics.changed().await.is_err() {
                        return;
                    }
                }
            };
            // If nobody takes over, the others elect.
            drop(tokio::time::timeout(HAND_OVER, handed).await);
        }
    }
}

/// Takes the store for this node, for good.
fn own(store: &Store, node_id: NodeId, mesh_id: MeshId) -> Result<(), StartError> {
    let name = |(node_id, mesh_id): (NodeId, [u8; 32])| format!("node {node_id} of mesh {}", MeshId(mesh_id));
    let ours = (node_id, mesh_id.0);
    match store.meta().value(OWNER)? {
        None => {
            let mut batch = Batch::new();
            store.meta().put_value(&mut batch, OWNER, &codec::encode(OWNER_FORMAT, &ours))?;
            Ok(store.committer().commit_blocking(batch)?)
        }
        Some(bytes) => match codec::decode::<(NodeId, [u8; 32])>(OWNER_FORMAT, &bytes) {
            Ok(theirs) if theirs == ours => Ok(()),
            Ok(theirs) => Err(StartError::OtherStore { expected: name(ours), found: name(theirs) }),
            Err(error) => Err(StartError::Open(std::io::Error::other(error))),
        },
    }
}

/// Whether something of the present term is applied: on a leader, then, all that was ordered before it led.
pub(crate) fn has_applied_own_term(metrics: &RaftMetrics<Config>) -> bool {
    metrics.last_applied.is_some_and(|id| id.committed_leader_id().term == metrics.current_term)
}

/// Proposes what has to be the ledger's next leaf at this size (Genesis of an empty one, the council's command of one that is refounded)
/// once this node leads and has applied all that was there before it led.
async fn found(raft: Raft, announcer: Announcer, proposer: Proposer, (size, first): (u64, EntryBody)) {
    let mut metrics = raft.metrics();
    let mut said = None;
    while announcer.end().size <= size {
        let (leads, stopped) = {
            let metrics = metrics.borrow_watched();
            (metrics.state == ServerState::Leader && has_applied_own_term(&metrics), metrics.running_state.is_err())
        };
        if stopped {
            return;
        }
        if leads {
            match proposer.propose(first.clone(), FOUNDING).await {
                Ok(_) => return,
                Err(ProposeError::Refused { code, detail }) if said != Some(code) => {
                    tracing::error!(%code, %detail, size, "what has to come first in the ledger is refused: nothing else is ordered");
                    said = Some(code);
                }
                Err(error) => tracing::debug!(%error, size, "the ledger does not begin, or go on, yet"),
            }
        }
        // An election may be under way, or another leads and founds: look again soon.
        drop(tokio::time::timeout(Duration::from_millis(200), metrics.changed()).await);
    }
}

/// Removes what an interrupted snapshot left.
async fn tidy(machine: Arc<Machine>) {
    let Some(slot) = machine.import_slot() else { return };
    let used = machine.state.generation();
    for generation in [used.wrapping_sub(1), used.wrapping_add(1)] {
        if let Err(error) = machine.clear(generation).await {
            tracing::warn!(%error, generation, "an old state is still in the store");
        }
    }
    drop(slot);
}
