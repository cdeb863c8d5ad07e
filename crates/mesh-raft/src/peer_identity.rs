//! Who is at the other end of a connection.

use std::sync::Arc;

use mesh_model::{Code, NodeId, PublicKey};
use mesh_proto::status::MeshError;
use tonic::Extensions;

/// The node at the other end of a connection, as the transport proved it. In the extensions of each of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its number.
    pub node_id: NodeId,
    /// Its node key, which the ledger admitted.
    pub key: PublicKey,
    /// Name and version of its program: informative.
    pub build: Arc<str>,
}

impl PeerIdentity {
    /// The peer that sent a request with these extensions.
    ///
    /// # Errors
    /// [`Code::UnknownNode`] when it came on a way where nobody proves anything.
    pub fn of(extensions: &Extensions) -> Result<&Self, MeshError> {
        let unknown = || MeshError::new(Code::UnknownNode, "the connection does not prove which node it comes from");
        extensions.get::<Self>().ok_or_else(unknown)
    }

    /// Checks that a request which says that it is from `from` comes from there.
    ///
    /// # Errors
    /// [`Code::UnknownNode`] names both.
    pub fn check_sender(extensions: &Extensions, from: NodeId) -> Result<(), MeshError> {
        let proven = Self::of(extensions)?.node_id;
        if proven == from {
            return Ok(());
        }
        Err(Self::other_sender(proven, from))
    }

    pub(crate) fn other_sender(proven: NodeId, from: NodeId) -> MeshError {
        let text = format!("the request says that it is from node {from}; the connection is node {proven}'s");
        MeshError::new(Code::UnknownNode, text)
    }
}
