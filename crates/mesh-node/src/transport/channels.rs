//! One channel to each of the other nodes, for everything but Raft, which has its own: its signs of life must not wait behind
//! somebody's attachment.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use tonic::transport::{Channel, Endpoint};

use super::dialer::Dialer;

/// HTTP/2 windows: ledger pages and attachments shall not wait for window updates.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Channels to other nodes; made when first asked for, connected when first used. Calls set their own deadlines.
pub struct PeerChannels {
    dialer: Dialer,
    /// By node and address; without one where the dialer knows.
    channels: Mutex<BTreeMap<(NodeId, String), Channel>>,
}

impl PeerChannels {
    /// None yet.
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, channels: Mutex::default() }
    }

    /// The channel to a node, wherever it is: that is decided anew for each connection.
    pub fn channel(&self, node: NodeId) -> Channel {
        // Without a port it is no place to call.
        self.to(node, "", "node").expect("a word is the host of a URI")
    }

    /// The channel to a node that is said to be at `address`, its peer address `host:port`: that is tried last, or alone where nobody
    /// knows more.
    ///
    /// # Errors
    /// [`Code::Unreachable`] for what is no address.
    pub fn channel_at(&self, node: NodeId, address: &str) -> Result<Channel, MeshError> {
        self.to(node, address, address)
    }

    fn to(&self, node: NodeId, address: &str, host: &str) -> Result<Channel, MeshError> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (node, address.to_owned());
        if let Some(channel) = channels.get(&key) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{host}"))
            .map_err(|error| MeshError::new(Code::Unreachable, format!("node {node} is at {address}: {error}")))?
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10));
        let channel = self.dialer.lazily(node, &endpoint);
        channels.insert(key, channel.clone());
        Ok(channel)
    }
}
