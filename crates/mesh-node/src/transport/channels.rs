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
    channels: Mutex<BTreeMap<NodeId, (String, Channel)>>,
}

impl PeerChannels {
    /// None yet.
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, channels: Mutex::default() }
    }

    /// The channel to a node that is said to be at `address`, its peer address `host:port`. Another address than before makes another
    /// channel: addresses are hints, the key is what is checked.
    ///
    /// # Errors
    /// [`Code::Unreachable`] for what is no address.
    pub fn channel(&self, node: NodeId, address: &str) -> Result<Channel, MeshError> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, channel)) = channels.get(&node).filter(|(known, _)| known == address) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| MeshError::new(Code::Unreachable, format!("node {node} is at {address}: {error}")))?
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10));
        let channel = self.dialer.lazily(node, &endpoint);
        channels.insert(node, (address.to_owned(), channel.clone()));
        Ok(channel)
    }
}
