//! What all parts of a running node share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_catalog::SearchIndex;
use mesh_event::genesis::SealedGenesis;
use mesh_event::{FeedId, Keypair, LedgerLeaf, NodeRecord};
use mesh_governance::{Damage, PolicyJudge, read};
use mesh_model::{Code, LedgerIndex, MeshId, NodeId, ProductId};
use mesh_proto::status::MeshError;
use mesh_raft::{LedgerEnd, RaftNode, RaftRole, StateError, StoreState, offload};
use mesh_store::{Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use crate::checkpoints::peers::{Callee, FederationPeers};
use crate::checkpoints::{Cosigner, Keeper};
use crate::clock_offset::ClockOffsets;
use crate::config::Config;
use crate::data_folder::MIB;
use crate::facts::Books;
use crate::feed_writer::{Position, Resolution};
use crate::feeds::Feeds;
use crate::folded::Folded;
use crate::forward::Forward;
use crate::gossip::{AddressBook, GossipHandle};
use crate::insights::ProductLives;
use crate::limits::CommandRate;
use crate::lineage::Lineage;
use crate::metrics::Metrics;
use crate::outbox::decided_by;
use crate::pending::Pending;
use crate::pipelines::Pipelines;
use crate::reads::Reads;
use crate::replicas::{Replicas, forks};
use crate::transport::{LedgerAdmitted, PeerChannels, Transport};
use crate::verified::Verified;

/// What all parts of a node share.
pub struct Core {
    /// What it was told.
    pub config: Config,
    /// The mesh that it pins.
    pub mesh_id: MeshId,
    /// The founding document.
    pub genesis: SealedGenesis,
    /// Its own record.
    pub record: NodeRecord,
    /// Its own key: signs feed heads.
    pub keypair: Arc<Keypair>,
    /// The disk.
    pub store: Arc<Store>,
    /// The applied state.
    pub state: StoreState,
    /// Signatures that were checked.
    pub verified: Arc<Verified>,
    /// The evaluator of standards, and what it said.
    pub judge: Arc<PolicyJudge>,
    /// Raft.
    pub raft: RaftNode,
    /// Feeds that are written here.
    pub feeds: Feeds,
    /// Copies of feeds, here and elsewhere.
    pub replicas: Replicas,
    /// Reading.
    pub reads: Reads,
    /// What is not sealed yet.
    pub pending: Pending,
    /// The search index.
    pub search: SearchIndex,
    /// Products whose overflowed texts arrived: to be indexed again.
    pub reindex: Mutex<Vec<ProductId>>,
    /// The other nodes.
    pub forward: Forward,
    /// What voters vouch for.
    pub checkpoints: Arc<Keeper>,
    /// This node's own hand, if it may vouch.
    pub cosigner: Option<Cosigner>,
    /// The other nodes' peer ports.
    pub federation: FederationPeers,
    /// Whoever is at an address that the operator named: for what proves itself.
    pub strangers: FederationPeers,
    /// Who is up, and whose feeds grew.
    pub gossip: GossipHandle,
    /// Where the other nodes are.
    pub addresses: Arc<AddressBook>,
    /// TLS with other nodes, and the connections that live.
    pub transport: Arc<Transport>,
    /// Whose keys count there.
    pub admitted: Arc<LedgerAdmitted>,
    /// Channels to other nodes, for everything but Raft.
    pub peers: Arc<PeerChannels>,
    /// How often each key may command.
    pub command_rate: CommandRate,
    /// This node's clock beside the voters'.
    pub clocks: ClockOffsets,
    /// Figures.
    pub metrics: Metrics,
    /// Ends everything.
    pub stopping: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// When it started.
    pub started: Instant,
    /// What facts about products came to.
    pub books: Books,
    /// Which products are made of which.
    pub lineage: Lineage,
    /// When versions of products came and went.
    pub lives: ProductLives,
    /// What pipelines told this node.
    pub pipelines: Pipelines,
    /// Whose ledger this node tails.
    pub(crate) tailed: Mutex<Option<Callee>>,
    pub(crate) end: watch::Receiver<LedgerEnd>,
    pub(crate) indexed: watch::Receiver<u64>,
    /// How far the indexes of history and attachments are.
    pub folded: Folded,
    pub(crate) space: Mutex<(Instant, Option<u64>)>,
}

/// The error of a store as clients see it.
pub fn storage_error(error: &StoreError) -> MeshError {
    MeshError::new(Code::StorageFailed, error.to_string())
}

impl Core {
    /// This node's number.
    pub fn node_id(&self) -> NodeId {
        self.record.node_id
    }

    /// Whom the ledger comes from, if not from here: Raft's leader, or the node that is tailed.
    pub(crate) fn source(&self) -> Option<Callee> {
        let raft = self.raft.status();
        match raft.role {
            RaftRole::Leader | RaftRole::Stopped => None,
            RaftRole::Observer | RaftRole::Reader => self.tailed.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            RaftRole::Follower | RaftRole::Candidate | RaftRole::Learner => raft.leader.map(Callee::Node),
        }
    }

    /// Who asks somebody: this node as a member, or as a stranger.
    pub(crate) fn asking(&self, callee: &Callee) -> &FederationPeers {
        match callee {
            Callee::Node(_) => &self.federation,
            Callee::Whoever(_) => &self.strangers,
        }
    }

    /// How many ledger leaves are applied.
    pub fn ledger_size(&self) -> u64 {
        self.end.borrow().size
    }

    /// Where the applied ledger ends.
    pub fn ledger_end(&self) -> LedgerEnd {
        *self.end.borrow()
    }

    /// How many leaves are searchable.
    pub fn indexed_size(&self) -> u64 {
        *self.indexed.borrow()
    }

    /// Follows the end of the applied ledger.
    pub fn follow(&self) -> watch::Receiver<LedgerEnd> {
        self.end.clone()
    }

    /// Waits until the leaf is applied; returns whether it is.
    pub async fn wait_applied(&self, index: u64, within: Duration) -> bool {
        let mut end = self.end.clone();
        tokio::time::timeout(within, end.wait_for(|end| end.size > index)).await.is_ok_and(|found| found.is_ok())
    }

    /// Waits until the leaf is searchable; returns whether it is.
    pub async fn wait_indexed(&self, index: u64, within: Duration) -> bool {
        let mut indexed = self.indexed.clone();
        tokio::time::timeout(within, indexed.wait_for(|size| *size > index)).await.is_ok_and(|found| found.is_ok())
    }

    /// Waits, for a moment at most, until history and attachments are known of all that is applied now.
    pub async fn catch_up(&self) {
        const MOMENT: Duration = Duration::from_secs(2);
        if !self.folded.reach(self.ledger_size(), MOMENT).await {
            debug!("the indexes of history and attachments lag behind the ledger");
        }
    }

    /// The error of the state as clients see it.
    pub fn state_error(&self, error: &StateError) -> MeshError {
        if let StateError::Damage(Damage { needs_protocol: Some(_), .. }) = error {
            return MeshError::new(Code::ProtocolTooNew, error.to_string());
        }
        error!(%error, "the applied state cannot be read");
        // A disk that can't be read now may be another time; bytes that are not what was written stay so.
        let code = match error {
            StateError::Store(StoreError::Corrupt { .. }) | StateError::Damage(_) | StateError::MissingLeaf { .. } => {
                Code::Damaged
            }
            StateError::Store(_) => Code::StorageFailed,
        };
        MeshError::new(code, error.to_string())
    }

    /// What the ledger said about a command that was taken before and no longer waits.
    ///
    /// # Errors
    /// [`Code::Damaged`] when the ledger cannot be read.
    pub fn decided(&self, position: &Position) -> Result<Option<Resolution>, MeshError> {
        Ok(self.outcome(&position.feed, position.outbox)?.map(|leaf| Ok(decided_by(leaf))))
    }

    /// The leaf that first decided on a command of a feed.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub fn outcome(&self, feed: &FeedId, outbox: u64) -> Result<Option<LedgerLeaf>, MeshError> {
        let index = read::outbox_outcome(&self.state, &feed.domain, feed.epoch, outbox);
        index.map_err(|e| self.state_error(&e))?.map(|index| self.leaf(index)).transpose()
    }

    /// A leaf that this node has applied.
    ///
    /// # Errors
    /// [`Code::Damaged`] when it is not there.
    pub fn leaf(&self, index: LedgerIndex) -> Result<LedgerLeaf, MeshError> {
        let leaf = read::leaf(&self.state, index).map_err(|e| self.state_error(&e))?;
        leaf.ok_or_else(|| MeshError::new(Code::Damaged, format!("leaf {index} is not there")))
    }

    /// Runs work that may wait for the disk, as [`offload`] does. The node's stop waits for it: the store is closed after that.
    ///
    /// # Errors
    /// The work's; [`Code::Internal`] when it panicked.
    pub async fn offload<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MeshError> + Send + 'static,
    ) -> Result<T, MeshError> {
        let token = self.tasks.token();
        let tracked = move || {
            let _until_done = token;
            work()
        };
        offload(tracked).await.unwrap_or_else(|error| Err(MeshError::new(Code::Internal, error.to_string())))
    }

    /// Whether commands can be taken now.
    ///
    /// # Errors
    /// [`Code::ProtocolTooNew`], [`Code::StorageFailed`], [`Code::ReadOnly`]: nothing happened.
    pub fn check_writable(&self) -> Result<(), MeshError> {
        self.check_protocol()?;
        if let Some(failure) = self.store.committer().failure() {
            return Err(MeshError::new(Code::StorageFailed, format!("the disk refused a write: {failure}")));
        }
        match self.free_mib() {
            Some(free) if free < self.config.storage.reserve_mib => {
                let reserve = self.config.storage.reserve_mib;
                let text =
                    format!("the disk has {free} MiB left and {reserve} MiB are kept in reserve; nothing happened");
                Err(MeshError::new(Code::ReadOnly, text))
            }
            _ => Ok(()),
        }
    }

    /// Whether this node knows the rules in force: behind the leaf that sets a newer protocol it applies nothing.
    ///
    /// # Errors
    /// [`Code::ProtocolTooNew`].
    pub fn check_protocol(&self) -> Result<(), MeshError> {
        let known = self.config.node.protocols();
        match read::needs_protocol(&self.state, known.max).map_err(|error| self.state_error(&error))? {
            None => Ok(()),
            Some(version) => {
                let text = format!(
                    "protocol {version} is in force and this node knows {known}: it applies nothing more until it is updated; nothing happened"
                );
                Err(MeshError::new(Code::ProtocolTooNew, text))
            }
        }
    }

    /// Free space for the data folder in MiB, asked at most once a second.
    pub(crate) fn free_mib(&self) -> Option<u64> {
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        if space.1.is_none() || space.0.elapsed() > Duration::from_secs(1) {
            let stat = rustix::fs::statvfs(&self.config.node.data_dir).ok();
            *space = (Instant::now(), stat.map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) / MIB));
        }
        space.1
    }

    /// What keeps the node from writing, or will soon; for status and metrics.
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms: Vec<String> = self.store.damage().iter().map(ToString::to_string).collect();
        if let Err(error) = self.check_writable() {
            alarms.push(error.message);
        }
        if let Some(why) = self.raft.status().failure.filter(|_| !self.stopping.is_cancelled()) {
            alarms.push(format!("Raft has stopped on this node: {why}"));
        }
        if let Ok(Some(why)) = self.store.lost_authority() {
            alarms.push(format!("this node only reads: {why}"));
        } else if let Some(why) = self.raft.reads_only() {
            alarms.push(format!("this node votes no more: {why}"));
        }
        alarms.extend(self.clocks.alarm(self.node_id(), Instant::now()));
        alarms.extend(self.checkpoints.alarms());
        alarms.extend(self.feeds.alarms());
        alarms.extend(forks::alarms(self));
        alarms.extend(self.replicas.alarms());
        alarms.extend(crate::orphans::alarms(self));
        alarms.extend(self.gossip.alarms(self.node_id()));
        alarms
    }
}
