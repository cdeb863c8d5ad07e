//! How connections to other nodes are made.

use std::future::Future;
use std::pin::Pin;

use mesh_model::NodeId;
use tonic::transport::{Channel, Endpoint, Error};

/// The future of a connection.
pub type Dialing = Pin<Box<dyn Future<Output = Result<Channel, Error>> + Send>>;

/// Makes connections to other nodes; the node's own, so that Raft's peers prove who they are as all others do.
pub trait Dial: Send + Sync + 'static {
    /// Connects to this node, and to no other, at the endpoint. The channel makes itself anew in the same way when it breaks.
    fn dial(&self, node: NodeId, endpoint: Endpoint) -> Dialing;

    /// Whether whoever comes in proved who it is: then every request carries a [`crate::PeerIdentity`], and one without is refused.
    fn authenticates(&self) -> bool;
}

/// Plain TCP, where everybody is believed: for tests and for networks of their own inside one process.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainDial;

impl Dial for PlainDial {
    fn dial(&self, _node: NodeId, endpoint: Endpoint) -> Dialing {
        Box::pin(async move { endpoint.connect().await })
    }

    fn authenticates(&self) -> bool {
        false
    }
}
