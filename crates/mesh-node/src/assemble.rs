//! Puts the node together on what was opened for it: its ledger, Raft, feeds, copies, gossip, and the peer port.
//!
//! Everything here is the same in `meshd` and in the simulation, which hands in a network and a disk of its own. What only clients and
//! operators see (the API port, backups) is [`crate::node`]'s.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesh_event::genesis::SealedGenesis;
use mesh_governance::{PolicyJudge, read};
use mesh_raft::{LedgerTail, RaftNode, RaftOptions, StoreState};
use mesh_store::Store;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::checkpoints::peers::FederationPeers;
use crate::checkpoints::{Cosigner, Keeper, age, round};
use crate::clock::now_unix_ms;
use crate::clock_offset::ClockOffsets;
use crate::config::{Config, ConfigError};
use crate::core::Core;
use crate::data_folder::{adopt, claim};
use crate::facts::Books;
use crate::feeds::Feeds;
use crate::folded::Folded;
use crate::forward::Forward;
use crate::gossip::shell::{self, Shell};
use crate::gossip::{AddressBook, GossipHandle, announcer};
use crate::insights::ProductLives;
use crate::join;
use crate::keys::{NodeIdentity, OwnKeys};
use crate::limits::CommandRate;
use crate::lineage::Lineage;
use crate::metrics::Metrics;
use crate::network::{Listener, Network};
use crate::pending::Pending;
use crate::pipelines::{self, Pipelines};
use crate::projector::{self, Projector};
use crate::reads::Reads;
use crate::replicas::{self, Replicas};
use crate::start_error::StartError;
use crate::transport::{self, Dialer, LedgerAdmitted, PeerChannels, Transport};
use crate::verified::Verified;
use crate::{anchors, clock_offset, epochs, later_voters, services, tail};

/// What a node is put together from.
pub struct Parts {
    /// What it was told.
    pub config: Config,
    /// The founding document of its mesh.
    pub genesis: SealedGenesis,
    /// Its keys.
    pub keys: OwnKeys,
    /// Its disk.
    pub store: Arc<Store>,
    /// What it reaches the others over.
    pub network: Arc<dyn Network>,
    /// Where the others come in.
    pub peer: Box<dyn Listener>,
}

/// Waits until the mesh knows this node if it is a new one, joins Raft, goes on with what a crash left behind, and serves the other
/// nodes, in tasks of `serving`.
///
/// # Errors
/// [`StartError`].
pub async fn assemble(parts: Parts, serving: &TaskTracker) -> Result<Arc<Core>, StartError> {
    let Parts { config, genesis, keys, store, network, peer } = parts;
    adopt(&config, &genesis, &store)?;
    let protocols = config.node.protocols();
    let verified = Arc::new(Verified::up_to(protocols.max));
    let judge = Arc::new(PolicyJudge::default());
    let record = if let Some(record) = join::known(&genesis, &keys, &store)? {
        record
    } else {
        let tail = LedgerTail::open(Arc::clone(&store), verified.clone(), judge.clone());
        let tail = tail.map_err(|error| StartError::Other(error.to_string()))?;
        join::admitted(&config, &genesis, &keys, &store, tail, Arc::clone(&network)).await?
    };
    claim(&config, &genesis, &store, &record)?;
    let state = StoreState::open(&store).map_err(|error| StartError::Other(error.to_string()))?;
    let too_new = read::needs_protocol(&state, protocols.max);
    if let Some(version) = too_new.map_err(|error| StartError::Other(error.to_string()))? {
        return Err(StartError::NeedsProtocol { version, known: protocols });
    }
    let NodeIdentity { record, keypair, voter } = keys.identify(record)?;
    let other = |error: mesh_store::StoreError| StartError::Other(error.to_string());
    let generation = shell::next_generation(&store).map_err(other)?;
    let addresses = Arc::new(AddressBook::open(Arc::clone(&store), &genesis).map_err(other)?);
    let (gossip, gossip_ends) = GossipHandle::new();
    let peer_address = peer.local_address().unwrap_or(config.peer.listen);
    let datagrams = network.bind(peer_address).await;
    let datagrams = datagrams.map_err(|source| StartError::Listen { what: "gossip", address: peer_address, source })?;
    let advertised = advertise(peer_address, &config.peer.advertise, &record.peer_address).await;
    let mut options = RaftOptions::new(record.node_id, genesis.clone(), Arc::new(now_unix_ms));
    options.heartbeat = Duration::from_millis(config.raft.heartbeat_ms);
    options.election_min = Duration::from_millis(config.raft.election_min_ms);
    options.election_max = Duration::from_millis(config.raft.election_max_ms);
    options.snapshot_every = config.raft.snapshot_every;
    let admitted = LedgerAdmitted::new(&genesis);
    let transport = Transport::new(record.node_id, &genesis, &keypair, admitted.clone(), &config.peer)
        .map_err(|error| StartError::Other(error.to_string()))?;
    let transport = Arc::new(transport.speaking(protocols).over(Arc::clone(&network)));
    let dialer = Dialer::finding(Arc::clone(&transport), Arc::new(addresses.places()));
    options.dial = Arc::new(dialer.clone());
    let raft = RaftNode::start(options, Arc::clone(&store), verified.clone(), judge.clone())
        .await
        .map_err(|error| StartError::Raft(error.to_string()))?;
    admitted.follow(raft.state());
    addresses.follow(raft.state());
    let peers = Arc::new(PeerChannels::new(dialer));
    let strangers = join::strangers(record.node_id, &genesis, &keypair, &config, network)?;

    let (search, indexed_size) = projector::open_search(&config.node.data_dir.join("search"), config.search.heap_mib)
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
        started: Instant::now(),
        books: Books::default(),
        lineage: Lineage::default(),
        lives: ProductLives::default(),
        pipelines: Pipelines::default(),
        tailed: Mutex::default(),
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
    begin_projector(&core, projector);
    core.tasks.spawn(projector::fetch_wanted(Arc::clone(&core)));
    core.tasks.spawn(round::run(Arc::clone(&core)));
    core.tasks.spawn(age::run(Arc::clone(&core)));
    core.tasks.spawn(tail::follow::run(Arc::clone(&core)));
    core.tasks.spawn(later_voters::run(Arc::clone(&core)));
    core.tasks.spawn(replicas::run(Arc::clone(&core)));
    core.tasks.spawn(replicas::report::run(Arc::clone(&core)));
    core.tasks.spawn(anchors::run(Arc::clone(&core)));
    core.tasks.spawn(pipelines::run(Arc::clone(&core)));
    core.tasks.spawn(epochs::run(Arc::clone(&core)));
    let revocations = transport::follow_revocations(Arc::clone(&core.transport), core.raft.applied());
    core.tasks.spawn(core.stopping.clone().run_until_cancelled_owned(revocations));
    core.tasks.spawn(clock_offset::run(Arc::clone(&core)));
    // Weak: the gate lives with Raft, which lives with the core.
    let gate = Arc::downgrade(&core);
    core.raft.keep_gate(move |body| gate.upgrade().and_then(|core| core.refuses(body)));
    core.feeds.resume(&core).map_err(|error| StartError::Other(error.message))?;
    let gossip = Shell::new(Arc::clone(&core), datagrams, gossip_ends, generation, advertised);
    let gossip = gossip.map_err(|error| ConfigError::Values(format!("gossip.{error}")))?;
    core.tasks.spawn(gossip.run());
    core.tasks.spawn(crate::gossip::checkpoints::announce(Arc::clone(&core)));
    announcer::open_writers(&core).map_err(|error| StartError::Other(error.message))?;
    serving.spawn(services::serve_peers(Arc::clone(&core), peer));
    Ok(core)
}

/// On a thread of its own, where there is more than one (as [`mesh_raft::offload`]).
fn begin_projector(core: &Core, projector: Projector) {
    let runtime = Handle::current();
    match runtime.runtime_flavor() {
        RuntimeFlavor::CurrentThread => drop(core.tasks.spawn(projector.run())),
        _ => drop(core.tasks.spawn_blocking(move || runtime.block_on(projector.run()))),
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
