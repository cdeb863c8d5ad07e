//! Puts the node together: opens what is on disk, joins Raft, serves, and stops in the reverse order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_catalog::SearchIndex;
use mesh_event::genesis::SealedGenesis;
use mesh_event::ledger::EntryBody;
use mesh_event::{Body, Command, Envelope, Keypair, NodeRecord, ProposalBody};
use mesh_governance::{PolicyJudge, read};
use mesh_model::{Code, MeshId, NodeId, ProductId};
use mesh_proto::status::MeshError;
use mesh_raft::{LedgerEnd, ProposeError, RaftNode, RaftOptions, StateError, StoreState};
use mesh_store::{Store, StoreError, StoreOptions};
use mesh_tlog::NoteSignature;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::checkpoints::peers::FederationPeers;
use crate::checkpoints::{Cosigner, Heard, Keeper, round};
use crate::clock::now_unix_ms;
use crate::config::{Config, ConfigError};
use crate::feed_writer::{Position, Resolution};
use crate::feeds::Feeds;
use crate::folded::Folded;
use crate::forward::Forward;
use crate::keys::{self, KeyFileError, NodeIdentity};
use crate::metrics::Metrics;
use crate::outbox::decided_by;
use crate::projector::{self, Projector};
use crate::reads::Reads;
use crate::verified::Verified;
use crate::{http, services};

/// How long an ordered stop may take before what is left is dropped.
const DRAIN: Duration = Duration::from_secs(10);
const MIB: u64 = 1 << 20;
/// The kinds of proposals that are taken while a fork stands.
const IN_A_FORK: [&str; 2] = ["ResolveFork", "SetVoters"];

/// Why a node does not start. Nothing was changed, except where the text says so.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its keys.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The genesis file.
    #[error("{path}: {message}")]
    Genesis {
        /// Which file.
        path: String,
        /// Why.
        message: String,
    },
    /// The store.
    #[error("the store in {folder}: {source}")]
    Store {
        /// Where.
        folder: String,
        /// Why.
        source: StoreError,
    },
    /// The folder belongs to another mesh or node.
    #[error("{0}")]
    WrongStore(String),
    /// A port.
    #[error("{what} cannot listen on {address}: {source}")]
    Listen {
        /// `api` or `peer`.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Raft.
    #[error("raft: {0}")]
    Raft(String),
    /// Anything else at start.
    #[error("{0}")]
    Other(String),
}

impl StartError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Key(_) => Code::KeyFile,
            Self::Store { source: StoreError::InUse { .. }, .. } => Code::StoreInUse,
            Self::Store { source: StoreError::NewerFormat { .. }, .. } => Code::StoreTooNew,
            Self::Store { .. } => Code::StorageFailed,
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => Code::AddressInUse,
            Self::Config(_) | Self::Genesis { .. } | Self::WrongStore(_) | Self::Listen { .. } => Code::Config,
            Self::Raft(_) | Self::Other(_) => Code::Internal,
        }
    }
}

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
    /// Reading.
    pub reads: Reads,
    /// The search index.
    pub search: SearchIndex,
    /// Products whose overflowed texts arrived: to be indexed again.
    pub reindex: Mutex<Vec<ProductId>>,
    /// The other nodes.
    pub forward: Forward,
    /// What voters vouch for.
    pub checkpoints: Keeper,
    /// This node's own hand, if it may vouch.
    pub cosigner: Option<Cosigner>,
    /// The other nodes' peer ports.
    pub federation: FederationPeers,
    /// Figures.
    pub metrics: Metrics,
    /// Ends everything.
    pub stopping: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// For threads that have to wait.
    pub runtime: tokio::runtime::Handle,
    /// When it started.
    pub started: Instant,
    end: watch::Receiver<LedgerEnd>,
    indexed: watch::Receiver<u64>,
    /// How far the indexes of history and attachments are.
    pub folded: Folded,
    space: Mutex<(Instant, Option<u64>)>,
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
        error!(%error, "the applied state cannot be read");
        MeshError::new(Code::Damaged, error.to_string())
    }

    /// What the ledger said about a command that was taken before and no longer waits.
    ///
    /// # Errors
    /// [`Code::Damaged`] when the ledger cannot be read.
    pub fn decided(&self, position: &Position) -> Result<Option<Resolution>, MeshError> {
        let (domain, epoch) = (&position.feed.domain, position.feed.epoch);
        let index =
            read::outbox_outcome(&self.state, domain, epoch, position.outbox).map_err(|e| self.state_error(&e))?;
        let Some(index) = index else { return Ok(None) };
        let leaf = read::leaf(&self.state, index).map_err(|e| self.state_error(&e))?;
        let leaf = leaf.ok_or_else(|| MeshError::new(Code::Damaged, format!("leaf {index} is not there")))?;
        Ok(Some(Ok(decided_by(leaf))))
    }

    /// Whether commands can be taken now.
    ///
    /// # Errors
    /// [`Code::StorageFailed`], [`Code::ReadOnly`]: nothing happened.
    pub fn check_writable(&self) -> Result<(), MeshError> {
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

    /// This voter's two lines under a checkpoint, if its own ledger says the same.
    ///
    /// # Errors
    /// As [`Cosigner::cosign`]; [`Code::BadVoters`] on a node that is no voter.
    pub async fn cosign(&self, checkpoint: &str) -> Result<[NoteSignature; 2], MeshError> {
        match &self.cosigner {
            Some(cosigner) => cosigner.cosign(self, checkpoint).await,
            None => Err(MeshError::new(Code::BadVoters, format!("node {} is no voter", self.node_id()))),
        }
    }

    /// Takes a checkpoint from wherever it comes, and tells everybody when it shows a fork.
    ///
    /// # Errors
    /// As [`Keeper::hear`].
    pub async fn hear_checkpoint(self: &Arc<Self>, note: Vec<u8>) -> Result<Heard, MeshError> {
        let core = Arc::clone(self);
        let heard = tokio::task::spawn_blocking(move || core.checkpoints.hear(&note)).await;
        let heard = heard.map_err(|error| MeshError::new(Code::Internal, error.to_string()))??;
        if heard == (Heard::Fork { is_known: false }) {
            round::offer(self);
        }
        Ok(heard)
    }

    /// Takes the changes of voters that another node knows.
    ///
    /// # Errors
    /// As [`Keeper::hear_handovers`].
    pub async fn hear_handovers(self: &Arc<Self>, notes: Vec<Vec<u8>>) -> Result<(), MeshError> {
        let core = Arc::clone(self);
        let heard = tokio::task::spawn_blocking(move || core.checkpoints.hear_handovers(&notes)).await;
        heard.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?
    }

    /// Takes the proof of a fork from wherever it comes, and tells everybody when it is news.
    ///
    /// # Errors
    /// As [`Keeper::hear_fork`].
    pub async fn hear_fork(self: &Arc<Self>, proof: Vec<u8>) -> Result<(), MeshError> {
        let core = Arc::clone(self);
        let heard = tokio::task::spawn_blocking(move || core.checkpoints.hear_fork(&proof)).await;
        if heard.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?? {
            round::offer(self);
        }
        Ok(())
    }

    /// Why an entry is not ordered now: while a fork stands, only what [`Core::check_no_fork`] lets pass.
    fn refuses(&self, body: &EntryBody) -> Option<ProposeError> {
        let forked = self.checkpoints.check_no_fork().err()?;
        if let EntryBody::Envelope(bytes) = body
            && let Ok(envelope) = Envelope::parse(bytes.clone())
            && let Ok(command) = Command::decode(envelope.payload())
            && self.check_no_fork(&command.body).is_ok()
        {
            return None;
        }
        Some(ProposeError::Refused { code: forked.code, detail: forked.message })
    }

    /// Whether a command may be taken while a fork stands: only what decides about it, or takes the keys that signed twice out of
    /// force.
    ///
    /// # Errors
    /// [`Code::Forked`]: nothing happened.
    pub fn check_no_fork(&self, body: &Body) -> Result<(), MeshError> {
        let Err(forked) = self.checkpoints.check_no_fork() else { return Ok(()) };
        let proposal = match body {
            Body::Propose(propose) if IN_A_FORK.contains(&propose.body.kind()) => return Ok(()),
            Body::Approve(answer) => answer.proposal,
            Body::Reject(answer) => answer.proposal,
            Body::Withdraw(answer) => answer.proposal,
            Body::Comment(remark) => remark.proposal,
            _ => return Err(forked),
        };
        match read::proposal(&self.state, proposal).map_err(|error| self.state_error(&error))? {
            Some(proposal) if IN_A_FORK.contains(&proposal.kind.as_str()) => Ok(()),
            _ => Err(forked),
        }
    }

    /// Whether nothing depends any more on the node that a proposal would take out: the first checkpoint over a change of voters needs
    /// those before, and who is revoked signs nothing.
    ///
    /// # Errors
    /// [`Code::NodeVotes`]: nothing happened.
    pub fn check_handed_over(&self, body: &Body) -> Result<(), MeshError> {
        let Body::Propose(propose) = body else { return Ok(()) };
        let ProposalBody::RevokeNode(revoke) = &propose.body else { return Ok(()) };
        let (_, in_force) = self.checkpoints.voters_at(self.ledger_size())?;
        let followed = self.checkpoints.followed_voters();
        if followed == in_force || followed.get(revoke.node_id).is_none() {
            return Ok(());
        }
        let text = format!(
            "node {} was a voter, and the checkpoint with which the voters before hand over is still to come; nothing happened",
            revoke.node_id
        );
        Err(MeshError::new(Code::NodeVotes, text))
    }

    /// Free space for the data folder in MiB, asked at most once a second.
    fn free_mib(&self) -> Option<u64> {
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
        if let Ok(Some(why)) = self.store.lost_authority() {
            alarms.push(format!("this node only reads: {why}"));
        }
        alarms.extend(self.checkpoints.alarms());
        alarms.extend(self.feeds.alarms());
        alarms
    }
}

/// A running node.
pub struct Node {
    core: Arc<Core>,
    api: SocketAddr,
    peer: SocketAddr,
    serving: TaskTracker,
    fatal: watch::Receiver<Option<String>>,
}

/// What `meshd --check` and a start have in common: everything that can be wrong before anything is opened.
///
/// # Errors
/// [`StartError`].
pub fn check(config: &Config) -> Result<(SealedGenesis, NodeIdentity), StartError> {
    config.check()?;
    let path = &config.node.genesis;
    let error = |message: String| StartError::Genesis { path: path.display().to_string(), message };
    let bytes = std::fs::read(path).map_err(|e| error(e.to_string()))?;
    let genesis = SealedGenesis::parse(bytes).map_err(|e| error(e.to_string()))?;
    let identity = keys::identify(&config.node.keys_dir, &genesis)?;
    if !config.peer.insecure_peers {
        for voter in &genesis.document.voters {
            let host = voter.peer_address.rsplit_once(':').map_or("", |(host, _)| host);
            let loopback = host == "localhost"
                || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
            if !loopback {
                let text = format!(
                    "the peer {} is at {host}; peers don't prove who they are yet, so addresses beyond loopback need peer.insecure_peers = true",
                    voter.name
                );
                return Err(ConfigError::Values(text).into());
            }
        }
    }
    Ok((genesis, identity))
}

impl Node {
    /// Opens the store, joins Raft, goes on with what a crash left behind, and serves.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (genesis, identity) = check(&config)?;
        let api = listen("api", config.api.listen).await?;
        let peer = listen("peer", config.peer.listen).await?;
        Self::start_on(config, genesis, identity, api, peer).await
    }

    async fn start_on(
        config: Config,
        genesis: SealedGenesis,
        identity: NodeIdentity,
        api: TcpListener,
        peer: TcpListener,
    ) -> Result<Self, StartError> {
        let NodeIdentity { record, keypair, voter } = identity;
        let (fatal_tell, fatal) = watch::channel(None);
        let store = open_store(&config, &genesis, &record, fatal_tell.clone())?;
        let verified = Arc::new(Verified::default());
        let mut options = RaftOptions::new(record.node_id, genesis.clone(), Arc::new(now_unix_ms));
        options.heartbeat = Duration::from_millis(config.raft.heartbeat_ms);
        options.election_min = Duration::from_millis(config.raft.election_min_ms);
        options.election_max = Duration::from_millis(config.raft.election_max_ms);
        options.snapshot_every = config.raft.snapshot_every;
        let judge = Arc::new(PolicyJudge::default());
        let raft = RaftNode::start(options, Arc::clone(&store), verified.clone(), judge.clone())
            .await
            .map_err(|error| StartError::Raft(error.to_string()))?;

        let (search, indexed_size) =
            projector::open_search(&config.node.data_dir.join("search"), config.search.heap_mib)
                .map_err(|error| StartError::Other(error.message))?;
        let folder = config.node.data_dir.clone();
        let checkpoints = Keeper::open(&genesis, Arc::clone(&store), raft.state(), folder)
            .map_err(|error| StartError::Other(error.message))?;
        let cosigner = voter.map(|(log, cosigner)| Cosigner::new(record.node_id, log, cosigner, Arc::clone(&store)));
        let (indexed_tell, indexed) = watch::channel(indexed_size);
        let addresses: BTreeMap<_, _> =
            genesis.document.voters.iter().map(|voter| (voter.node_id, voter.api_address.clone())).collect();
        let token = config.api.read_tokens.first().cloned();
        let end = raft.ledger_end();
        projector::report(indexed_size, end.borrow().size);
        let core = Arc::new(Core {
            mesh_id: genesis.mesh_id,
            state: raft.state(),
            feeds: Feeds::default(),
            reads: Reads::default(),
            reindex: Mutex::new(Vec::new()),
            forward: Forward::new(addresses, token),
            checkpoints,
            cosigner,
            federation: FederationPeers::new(genesis.mesh_id, record.node_id),
            metrics: Metrics::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            started: Instant::now(),
            space: Mutex::new((Instant::now(), None)),
            config,
            genesis,
            record,
            keypair,
            store,
            verified,
            judge,
            raft,
            search,
            end,
            indexed,
            folded: Folded::new(indexed_size),
        });

        let projector = Projector::new(Arc::clone(&core), indexed_tell, indexed_size);
        core.tasks.spawn_blocking(move || projector.run());
        core.tasks.spawn(projector::fetch_wanted(Arc::clone(&core)));
        core.tasks.spawn(round::run(Arc::clone(&core)));
        // Weak: the gate lives with Raft, which lives with the core.
        let gate = Arc::downgrade(&core);
        core.raft.keep_gate(move |body| gate.upgrade().and_then(|core| core.refuses(body)));
        core.feeds.resume(&core).map_err(|error| StartError::Other(error.message))?;

        let serving = TaskTracker::new();
        let (api_address, peer_address) = (local(&api), local(&peer));
        serving.spawn(http::serve(Arc::clone(&core), api));
        serving.spawn(services::serve_peers(Arc::clone(&core), peer));
        info!(node = core.node_id(), name = %core.record.name, mesh = %core.mesh_id.short(), api = %api_address, peer = %peer_address, "serving");
        Ok(Self { core, api: api_address, peer: peer_address, serving, fatal })
    }

    /// Where clients come in.
    pub fn api_address(&self) -> SocketAddr {
        self.api
    }

    /// Where other nodes come in.
    pub fn peer_address(&self) -> SocketAddr {
        self.peer
    }

    /// What its parts share.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Resolves with the reason when the node cannot go on: its disk refused a write.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.fatal.clone();
        match fatal.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops in order: no new requests, Raft leaves, what is under way ends or is cut after ten seconds, the store is synced and
    /// closed. Nothing that was acknowledged depends on this.
    pub async fn shutdown(self) {
        self.core.stopping.cancel();
        self.serving.close();
        self.core.tasks.close();
        // Raft first: it ends the streams of its peers, which would keep the peer port open.
        self.core.raft.shutdown().await;
        let drained = async {
            self.serving.wait().await;
            self.core.tasks.wait().await;
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            warn!("some requests were cut off");
        }
        let store = Arc::clone(&self.core.store);
        match tokio::task::spawn_blocking(move || store.close()).await {
            Ok(Ok(())) => info!(node = self.core.node_id(), "stopped"),
            Ok(Err(error)) => warn!(%error, "the store did not close cleanly; what was acknowledged is safe"),
            Err(error) => warn!(%error, "the store did not close"),
        }
    }
}

fn local(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound listener has an address")
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { what, address, source })
}

/// A node whose data is gone has forgotten its votes: under its old number it could vote twice in one term. A mark beside the
/// keys, outside the data folder, tells a new node from one that lost its disk.
fn refuse_after_loss(config: &Config, genesis: &SealedGenesis) -> Result<(), StartError> {
    let mark = config.node.keys_dir.join(format!("started-{}", genesis.mesh_id.short()));
    if mark.exists() {
        let (folder, mark) = (config.node.data_dir.display(), mark.display());
        let text = format!(
            "{folder} is empty, and {mark} says that this node ran in this mesh before; a node that lost its data never votes or \
             writes a feed again under its old number. Put the data back, or have a new node admitted"
        );
        return Err(StartError::WrongStore(text));
    }
    if let Err(error) = std::fs::write(
        &mark,
        "Remove this only with the whole mesh: it keeps a node that lost its data from voting twice.\n",
    ) {
        warn!(mark = %mark.display(), %error, "the mark of a started node cannot be written: a lost disk will not be noticed");
    }
    Ok(())
}

/// Opens the data folder, refusing one of another mesh or node; a new one is marked as this node's.
fn open_store(
    config: &Config,
    genesis: &SealedGenesis,
    record: &NodeRecord,
    fatal: watch::Sender<Option<String>>,
) -> Result<Arc<Store>, StartError> {
    let folder = config.node.data_dir.clone();
    let error = |source: StoreError| StartError::Store { folder: folder.display().to_string(), source };
    let options = StoreOptions {
        cache_bytes: config.storage.cache_mib * MIB,
        fatal: Arc::new(move |failure| {
            fatal.send_replace(Some(failure.to_string()));
        }),
        ..StoreOptions::default()
    };
    let store = Store::open(&folder, options).map_err(error)?;
    let meta = store.meta();
    let (mesh, node) = (genesis.mesh_id.0, record.node_id.to_be_bytes());
    match (meta.mesh_id().map_err(error)?, meta.node_id().map_err(error)?) {
        (None, None) => {
            refuse_after_loss(config, genesis)?;
            let mut batch = mesh_store::Batch::new();
            meta.put_mesh_id(&mut batch, &mesh);
            meta.put_node_id(&mut batch, &node);
            store.committer().commit_blocking(batch).map_err(error)?;
        }
        (Some(found), _) if found != mesh => {
            let text =
                format!("{} holds another mesh's data; expected mesh {}", folder.display(), genesis.mesh_id.short());
            return Err(StartError::WrongStore(text));
        }
        (_, Some(found)) if found != node => {
            let text = format!("{} holds another node's data; expected node {}", folder.display(), record.node_id);
            return Err(StartError::WrongStore(text));
        }
        _ => {}
    }
    for damage in store.damage() {
        warn!(%damage, "stored bytes are damaged and will not be served");
    }
    Ok(Arc::new(store))
}
