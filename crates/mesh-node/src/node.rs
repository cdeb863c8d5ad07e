//! Starts a node on this machine: opens what is on disk, has it put together, serves clients, and stops in the reverse order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_event::genesis::SealedGenesis;
use mesh_raft::offload;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::assemble::{Parts, assemble};
use crate::config::Config;
use crate::core::Core;
use crate::data_folder::open_store;
use crate::keys::OwnKeys;
use crate::network::SystemNetwork;
use crate::start_error::StartError;
use crate::{api_port, backup, http, join};

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
    let (founded, known) = (genesis.document.protocol_version, config.node.protocols());
    if founded > known.max {
        return Err(StartError::NeedsProtocol { version: founded, known });
    }
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
        let store = open_store(&config, fatal_tell)?;
        let serving = TaskTracker::new();
        let (api_address, peer_address) = (local(&api), local(&peer));
        let network = Arc::new(SystemNetwork);
        let parts = Parts { config, genesis, keys, store, network, peer: Box::new(peer) };
        let core = assemble(parts, &serving).await?;
        core.tasks.spawn(backup::control::serve(Arc::clone(&core)));
        serving.spawn(http::serve(Arc::clone(&core), api, tls));
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
        match offload(move || store.close()).await {
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
