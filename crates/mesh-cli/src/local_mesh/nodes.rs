//! The nodes of a local mesh: started together, stopped together.

use std::net::SocketAddr;
use std::time::Duration;

use mesh_client::{Client, ClientOptions};
use mesh_event::genesis::SealedGenesis;
use mesh_model::Code;
use mesh_node::{Config, Node};

use super::founding::Reserved;
use super::layout::Layout;
use super::ports;
use crate::context::{CONTEXT_FILE, Context};
use crate::failure::Failure;

/// How long the nodes may take to elect a leader and to serve.
const READY: Duration = Duration::from_mins(1);

/// Running nodes.
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    addresses: Vec<SocketAddr>,
}

impl Nodes {
    /// Starts all nodes of the mesh, on the ports that they were founded with. A port in `reserved` is held by this
    /// process, and let go right before its node takes it.
    ///
    /// # Errors
    /// When a node does not start; those that did are stopped again.
    pub(crate) async fn start(
        layout: &Layout,
        genesis: &SealedGenesis,
        mut reserved: Reserved,
    ) -> Result<Self, Failure> {
        let mut started = Self { nodes: Vec::new(), addresses: Vec::new() };
        for number in (1_u32..).take(genesis.document.voters.len()) {
            drop(reserved.pop_front());
            match start_one(layout, number).await {
                Ok(node) => {
                    started.addresses.push(node.api_address());
                    started.nodes.push(node);
                }
                Err(failure) => {
                    started.stop().await;
                    return Err(failure);
                }
            }
        }
        Ok(started)
    }

    /// Where clients reach the nodes.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.addresses.iter().map(|address| format!("http://{address}")).collect()
    }

    /// Waits until the mesh orders commands: some node sees a leader and has applied the founding document.
    ///
    /// # Errors
    /// When that takes more than a minute.
    pub(crate) async fn ready(&self, genesis: &SealedGenesis) -> Result<Client, Failure> {
        let client = Client::connect(ClientOptions::new(self.urls()).pinned(genesis.mesh_id))?;
        let wait = async {
            loop {
                match client.status().await {
                    Ok(status) if status.raft.leader_id.is_some() && status.ledger.size > 0 => return,
                    Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        match tokio::time::timeout(READY, wait).await {
            Ok(()) => Ok(client),
            Err(_) => Err(Failure::new(Code::Unavailable, "the nodes run, but elected no leader within a minute")
                .hint("the traces in up.trace say why")),
        }
    }

    /// Resolves when a node can't go on, with its reason.
    pub(crate) async fn fatal(&self) -> String {
        let fatal = self.nodes.iter().map(|node| Box::pin(node.fatal()));
        futures::future::select_all(fatal).await.0
    }

    /// Stops all nodes; each drains first.
    pub(crate) async fn stop(self) {
        futures::future::join_all(self.nodes.into_iter().map(Node::shutdown)).await;
    }
}

async fn start_one(layout: &Layout, number: u32) -> Result<Node, Failure> {
    let config = config(layout, number)?;
    Node::start(config)
        .await
        .map_err(|error| Failure::new(error.code(), format!("node {number} does not start: {error}")))
}

/// The node's configuration. Other nodes know its addresses from the founding document, so it can't move to other ports.
fn config(layout: &Layout, node: u32) -> Result<Config, Failure> {
    let config = Config::load(&layout.node_config(node), std::iter::empty())
        .map_err(|error| Failure::new(Code::Config, error.to_string()))?;
    for listen in [config.api.listen, config.peer.listen] {
        if !ports::is_free(listen.port()) {
            let message = format!("another program listens on {listen}, where the other nodes look for node {node}");
            return Err(Failure::new(Code::AddressInUse, message)
                .hint("stop that program, or start another mesh, on other ports: `mesh up --dir OTHER/.mesh`"));
        }
    }
    Ok(config)
}

/// Writes what `mesh` finds from this folder and every one below it.
///
/// # Errors
/// When it can't be written.
pub(crate) fn write_context(layout: &Layout, genesis: &SealedGenesis, nodes: Vec<String>) -> Result<(), Failure> {
    let key_file = layout.developer_key().strip_prefix(layout.dir()).map(std::path::Path::to_owned).ok();
    debug_assert!(layout.context().ends_with(CONTEXT_FILE));
    Context { nodes, ca_file: None, mesh_id: Some(genesis.mesh_id), councils_file: None, key_file }.write(layout.dir())
}
