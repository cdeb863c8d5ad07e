//! Puts the node together: opens what is on disk, joins Raft, serves, and stops in the reverse order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesh_event::genesis::SealedGenesis;
use mesh_governance::PolicyJudge;
use mesh_raft::{LedgerTail, RaftNode, RaftOptions};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::checkpoints::peers::FederationPeers;
use crate::checkpoints::{Cosigner, Keeper, round};
use crate::clock::now_unix_ms;
use crate::clock_offset::ClockOffsets;
use crate::config::{Config, ConfigError};
use crate::core::Core;
use crate::data_folder::{claim, open_store};
use crate::feeds::Feeds;
use crate::folded::Folded;
use crate::forward::Forward;
use crate::gossip::shell::{self, Shell};
use crate::gossip::{AddressBook, GossipHandle, announcer};
use crate::join;
use crate::keys::{NodeIdentity, OwnKeys};
use crate::limits::CommandRate;
use crate::metrics::Metrics;
use crate::pending::Pending;
use crate::projector::{self, Projector};
use crate::reads::Reads;
use crate::replicas::{self, Replicas};
use crate::start_error::StartError;
use crate::transport::{self, Dialer, LedgerAdmitted, PeerChannels, Transport};
use crate::verified::Verified;
use crate::{anchors, api_port, backup, clock_offset, epochs, http, later_voters, services, tail};

/// How long an ordered stop may take before what is left is dropped.
const DRAIN: Duration = Duration::from_secs(10);

/// A running node.
pub struct Node {
    core: Arc<Core>,
    api: SocketAddr,
    peer: SocketAddr,
    serving: TaskTracker,
    fatal: watch::Receiver<Option<String>>,
}

/// The founding document.
///
/// # Errors
/// [`StartError::Genesis`].
pub fn read_genesis(config: &Config) -> Result<SealedGenesis, StartError> {
    let path = &config.node.genesis;
    let error = |message: String| StartError::Genesis { path: path.display().to_string(), message };
    let bytes = std::fs::read(path).map_err(|e| error(e.to_string()))?;
    SealedGenesis::parse(bytes).map_err(|e| error(e.to_string()))
}

/// What `meshd --check` and a start have in common: everything that can be wrong before anything is opened.
///
/// # Errors
/// [`StartError`].
pub fn check(config: &Config) -> Result<(SealedGenesis, OwnKeys), StartError> {
    config.check()?;
    let genesis = read_genesis(config)?;
    let keys = OwnKeys::read(&config.node.keys_dir)?;
    join::pinned(&config.join, &genesis)?;
    api_tls(config)?;
    Ok((genesis, keys))
}

/// The operator's certificate for the API port, if there is one.
fn api_tls(config: &Config) -> Result<Option<Arc<ServerConfig>>, StartError> {
    let (certificate, key) = (&config.api.tls_cert, &config.api.tls_key);
    if certificate.as_os_str().is_empty() {
        return Ok(None);
    }
    Ok(Some(api_port::server_config(certificate, key)?))
}

impl Node {
    /// Opens the store, waits until the mesh knows this node if it is a new one, joins Raft, goes on with what a crash left behind, and
    /// serves.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (genesis, keys) = check(&config)?;
        let api = listen("api", config.api.listen).await?;
        let peer = listen("peer", config.peer.listen).await?;
        let tls = api_tls(&config)?;
        let (fatal_tell, fatal) = watch::channel(None);
        let store = open_store(&config, &genesis, fatal_tell.clone())?;
        let verified = Arc::new(Verified::default());
        let judge = Arc::new(PolicyJudge::default());
        let record = if let Some(record) = join::known(&genesis, &keys, &store)? {
            record
        } else {
            let tail = LedgerTail::open(Arc::clone(&store), verified.clone(), judge.clone());
            let tail = tail.map_err(|error| StartError::Other(error.to_string()))?;
            join::admitted(&config, &genesis, &keys, &store, tail).await?
        };
        claim(&config, &genesis, &store, &record)?;
        let NodeIdentity { record, keypair, voter } = keys.identify(record)?;
        let other = |error: mesh_store::StoreError| StartError::Other(error.to_string());
        let generation = shell::next_generation(&store).map_err(other)?;
        let addresses = Arc::new(AddressBook::open(Arc::clone(&store), &genesis).map_err(other)?);
        let (gossip, gossip_ends) = GossipHandle::new();
        let datagrams = UdpSocket::bind(local(&peer)).await;
        let datagrams =
            datagrams.map_err(|source| StartError::Listen { what: "gossip", address: local(&peer), source })?;
        let advertised = advertise(local(&peer), &config.peer.advertise, &record.peer_address).await;
        let mut options = RaftOptions::new(record.node_id, genesis.clone(), Arc::new(now_unix_ms));
        options.heartbeat = Duration::from_millis(config.raft.heartbeat_ms);
        options.election_min = Duration::from_millis(config.raft.election_min_ms);
        options.election_max = Duration::from_millis(config.raft.election_max_ms);
        options.snapshot_every = config.raft.snapshot_every;
        let admitted = LedgerAdmitted::new(&genesis);
        let transport = Transport::new(record.node_id, &genesis, &keypair, admitted.clone(), &config.peer)
            .map_err(|error| StartError::Other(error.to_string()))?;
        let transport = Arc::new(transport);
        let dialer = Dialer::finding(Arc::clone(&transport), Arc::new(addresses.places()));
        options.dial = Arc::new(dialer.clone());
        let raft = RaftNode::start(options, Arc::clone(&store), verified.clone(), judge.clone())
            .await
            .map_err(|error| StartError::Raft(error.to_string()))?;
        admitted.follow(raft.state());
        addresses.follow(raft.state());
        let peers = Arc::new(PeerChannels::new(dialer));
        let strangers = join::strangers(record.node_id, &genesis, &keypair, &config.peer)?;

        let (search, indexed_size) =
            projector::open_search(&config.node.data_dir.join("search"), config.search.heap_mib)
                .map_err(|error| StartError::Other(error.message))?;
        let folder = config.node.data_dir.clone();
        let checkpoints = Arc::new(
            Keeper::open(&genesis, Arc::clone(&store), raft.state(), folder)
                .map_err(|error| StartError::Other(error.message))?,
        );
        let cosigner = voter.map(|(log, cosigner)| Cosigner::new(record.node_id, log, cosigner, Arc::clone(&store)));
        let (indexed_tell, indexed) = watch::channel(indexed_size);
        let end = raft.ledger_end();
        projector::report(indexed_size, end.borrow().size);
        let core = Arc::new(Core {
            mesh_id: genesis.mesh_id,
            state: raft.state(),
            feeds: Feeds::default(),
            replicas: Replicas::new(genesis.mesh_id, record.node_id, &config.node.data_dir, &store, Arc::clone(&peers)),
            reads: Reads::default(),
            pending: Pending::default(),
            reindex: Mutex::new(Vec::new()),
            forward: Forward::new(Arc::clone(&peers)),
            checkpoints,
            cosigner,
            federation: FederationPeers::new(genesis.mesh_id, record.node_id, Arc::clone(&peers)),
            strangers: FederationPeers::new(genesis.mesh_id, record.node_id, strangers),
            transport,
            admitted,
            peers,
            command_rate: CommandRate::new(config.limits.commands_per_second),
            gossip,
            addresses,
            clocks: ClockOffsets::default(),
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
        core.tasks.spawn(tail::follow::run(Arc::clone(&core)));
        core.tasks.spawn(later_voters::run(Arc::clone(&core)));
        core.tasks.spawn(replicas::run(Arc::clone(&core)));
        core.tasks.spawn(replicas::report::run(Arc::clone(&core)));
        core.tasks.spawn(anchors::run(Arc::clone(&core)));
        core.tasks.spawn(epochs::run(Arc::clone(&core)));
        let revocations = transport::follow_revocations(Arc::clone(&core.transport), core.raft.applied());
        core.tasks.spawn(core.stopping.clone().run_until_cancelled_owned(revocations));
        core.tasks.spawn(clock_offset::run(Arc::clone(&core)));
        core.tasks.spawn(backup::control::serve(Arc::clone(&core)));
        // Weak: the gate lives with Raft, which lives with the core.
        let gate = Arc::downgrade(&core);
        core.raft.keep_gate(move |body| gate.upgrade().and_then(|core| core.refuses(body)));
        core.feeds.resume(&core).map_err(|error| StartError::Other(error.message))?;
        let gossip = Shell::new(Arc::clone(&core), datagrams, gossip_ends, generation, advertised);
        let gossip = gossip.map_err(|error| ConfigError::Values(format!("gossip.{error}")))?;
        core.tasks.spawn(gossip.run());
        core.tasks.spawn(crate::gossip::checkpoints::announce(Arc::clone(&core)));
        announcer::open_writers(&core).map_err(|error| StartError::Other(error.message))?;

        let serving = TaskTracker::new();
        let (api_address, peer_address) = (local(&api), local(&peer));
        serving.spawn(http::serve(Arc::clone(&core), api, tls));
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
        self.core.admitted.release();
        let store = Arc::clone(&self.core.store);
        match tokio::task::spawn_blocking(move || store.close()).await {
            Ok(Ok(())) => info!(node = self.core.node_id(), "stopped"),
            Ok(Err(error)) => warn!(%error, "the store did not close cleanly; what was acknowledged is safe"),
            Err(error) => warn!(%error, "the store did not close"),
        }
    }
}

/// Where the others are told that this node listens: what its operator says, else its own socket, or, when that is open to all addresses,
/// what its record says.
async fn advertise(listens: SocketAddr, told: &str, record: &str) -> SocketAddr {
    if !told.is_empty() {
        if let Some(address) = shell::resolve(told).await {
            return address;
        }
        warn!(told, "peer.advertise cannot be looked up: the others are told what they would be without it");
    }
    if !listens.ip().is_unspecified() {
        return listens;
    }
    if let Some(address) = shell::resolve(record).await {
        return address;
    }
    warn!(record, "the address in this node's record cannot be looked up: others find it by its packets' claim only");
    SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), listens.port())
}

fn local(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound listener has an address")
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { what, address, source })
}
