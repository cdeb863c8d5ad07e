//! How a node comes to its number: by the founding document, by the ledger in its data folder, or by waiting until peers' ledger has it.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::checkpoint::LedgerCheckpoint;
use mesh_event::genesis::SealedGenesis;
use mesh_event::{Keypair, NodeRecord, Signer as _};
use mesh_governance::{KeyPurpose, read};
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::TailRequest;
use mesh_raft::{LedgerTail, StateError, StoreState};
use mesh_store::Store;
use tracing::{info, warn};

use crate::checkpoints::Keeper;
use crate::checkpoints::peers::{Callee, FederationPeers};
use crate::config::{Config, ConfigError, JoinSection};
use crate::keys::OwnKeys;
use crate::network::Network;
use crate::recover;
use crate::start_error::StartError;
use crate::tail::{SessionError, TailSession, until};
use crate::transport::{Anybody, Dialer, NO_NUMBER, PeerChannels, Transport};

/// Pause before the next peer is asked, doubled while none knows the node, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// The checkpoint of whoever admitted the node, which the ledger has to contain.
///
/// # Errors
/// When the file can't be read or holds no checkpoint of this mesh.
pub(crate) fn pinned(join: &JoinSection, genesis: &SealedGenesis) -> Result<Option<LedgerCheckpoint>, ConfigError> {
    if join.checkpoint.as_os_str().is_empty() {
        return Ok(None);
    }
    let values = |error: &dyn std::fmt::Display| {
        ConfigError::Values(format!("join.checkpoint: {}: {error}", join.checkpoint.display()))
    };
    let note = std::fs::read(&join.checkpoint).map_err(|error| values(&error))?;
    LedgerCheckpoint::parse(&note, &genesis.mesh_id).map(Some).map_err(|error| values(&error))
}

/// The node's record, if the founding document or the ledger in its data folder has it.
///
/// # Errors
/// When the data folder can't be read.
pub(crate) fn known(genesis: &SealedGenesis, keys: &OwnKeys, store: &Store) -> Result<Option<NodeRecord>, StartError> {
    if let Some(founder) = keys.founder(genesis) {
        return Ok(Some(founder));
    }
    let state = StoreState::open(store).map_err(|error| StartError::Other(error.to_string()))?;
    own_record(&state, keys).map_err(|error| StartError::Other(error.to_string()))
}

fn own_record(state: &StoreState, keys: &OwnKeys) -> Result<Option<NodeRecord>, StateError> {
    let Some(KeyPurpose::Node(id)) = read::key_purpose(state, &keys.keypair.public_key())? else { return Ok(None) };
    Ok(read::node(state, id)?.map(|node| node.record))
}

/// Tails the ledger of any of the named peers until it knows this node and contains the pinned checkpoint; however long that takes.
/// Until then the node serves nothing.
///
/// # Errors
/// [`StartError`] when no peer is named, or the store fails.
pub(crate) async fn admitted(
    config: &Config,
    genesis: &SealedGenesis,
    keys: &OwnKeys,
    store: &Arc<Store>,
    tail: LedgerTail,
    network: Arc<dyn Network>,
) -> Result<NodeRecord, StartError> {
    let founders = recover::is_under_way(config, genesis).then(|| recover::founders(config, genesis));
    let peers = match founders {
        Some(founders) if config.join.peers.is_empty() => &founders.clone(),
        _ => &config.join.peers,
    };
    if peers.is_empty() {
        return Err(keys.not_admitted(genesis).into());
    }
    let other = |error: MeshError| StartError::Other(error.message);
    let keeper = Keeper::open(genesis, Arc::clone(store), tail.state().clone(), config.node.data_dir.clone());
    let pinned = pinned(&config.join, genesis)?;
    let channels = strangers(NO_NUMBER, genesis, &keys.keypair, config, network)?;
    let joining = Joining { genesis, keys, tail, keeper: Arc::new(keeper.map_err(other)?), pinned, channels };
    info!(key = %keys.fingerprint(), ?peers, "this node's number is the ledger's to give: asking peers for it");
    let (mut pause, mut told) = (PAUSE_MIN, String::new());
    for peer in peers.iter().cycle() {
        let before = joining.tail.next_index();
        match joining.pull(peer).await {
            Ok(record) => {
                info!(node = record.node_id, name = %record.name, "the mesh knows this node");
                return Ok(record);
            }
            Err(error) => {
                let text = format!("{peer}: {error}");
                if text != told {
                    warn!("{text}; asking again");
                    told = text;
                }
            }
        }
        pause = if joining.tail.next_index() > before { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
    unreachable!("a cycle over at least one peer has no end")
}

/// Channels to whoever is at an address: for the ledger, which proves itself, and for nothing else.
///
/// # Errors
/// [`StartError::Other`], when TLS can't be set up.
pub(crate) fn strangers(
    node_id: NodeId,
    genesis: &SealedGenesis,
    own: &Keypair,
    config: &Config,
    network: Arc<dyn Network>,
) -> Result<Arc<PeerChannels>, StartError> {
    let transport = Transport::new(node_id, genesis, own, Arc::new(Anybody::but(own.public_key())), &config.peer);
    let transport = transport.map_err(|error| StartError::Other(error.to_string()))?;
    let transport = transport.speaking(config.node.protocols());
    Ok(Arc::new(PeerChannels::new(Dialer::new(Arc::new(transport.over(network))))))
}

struct Joining<'a> {
    genesis: &'a SealedGenesis,
    keys: &'a OwnKeys,
    tail: LedgerTail,
    keeper: Arc<Keeper>,
    pinned: Option<LedgerCheckpoint>,
    channels: Arc<PeerChannels>,
}

impl Joining<'_> {
    /// One stream, until it shows the node's record.
    async fn pull(&self, address: &str) -> Result<NodeRecord, SessionError> {
        let mesh = self.genesis.mesh_id;
        let request = TailRequest {
            mesh_id: mesh.0.to_vec(),
            from_node_id: NO_NUMBER,
            node_key: self.keys.keypair.public_key().0.to_vec(),
            next_index: self.tail.next_index(),
        };
        let federation = FederationPeers::new(mesh, NO_NUMBER, Arc::clone(&self.channels));
        let items = federation.tail(&Callee::Whoever(address.to_owned()), request).await?;
        let session = TailSession::new(mesh, self.tail.clone(), Arc::clone(&self.keeper));
        // Whoever waits to be admitted may wait for long.
        until(items, session, &self.tail, Duration::MAX, |size| {
            if self.contains_pinned(size)? { self.record() } else { Ok(None) }
        })
        .await
    }

    fn record(&self) -> Result<Option<NodeRecord>, MeshError> {
        own_record(self.tail.state(), self.keys).map_err(|error| MeshError::new(Code::Damaged, error.to_string()))
    }

    /// Whether the ledger is that of whoever admitted the node, as far as it was then.
    fn contains_pinned(&self, size: u64) -> Result<bool, MeshError> {
        let Some(pinned) = &self.pinned else { return Ok(true) };
        if size < pinned.size() {
            return Ok(false);
        }
        let root = self.tail.state().ledger().root_at(pinned.size());
        let root = root.map_err(|error| MeshError::new(Code::StorageFailed, error.to_string()))?;
        if root == pinned.root() {
            return Ok(true);
        }
        let text = format!(
            "the peers' ledger has another root at {} leaves than the checkpoint of whoever admitted this node: it is another history",
            pinned.size()
        );
        Err(MeshError::new(Code::Forked, text))
    }
}
