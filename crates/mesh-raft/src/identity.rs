//! Who speaks for which mesh.

use mesh_event::ProtocolRange;
use mesh_model::{MeshId, NodeId};
use mesh_proto::v1::{HelloRequest, HelloResponse};

/// What a node says of itself to peers.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) node_id: NodeId,
    pub(crate) mesh_id: MeshId,
    pub(crate) protocols: ProtocolRange,
    /// Name and version of the program: informative.
    pub(crate) build: String,
}

/// Why two nodes don't speak with each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another mesh.
    #[error("expected a node of mesh {ours}, found one of mesh {theirs}")]
    Mesh {
        /// Our mesh id.
        ours: String,
        /// What the peer said.
        theirs: String,
    },
    /// No protocol version in common.
    #[error("expected a protocol version in {ours}, the peer speaks {theirs}")]
    Protocol {
        /// What this build speaks.
        ours: ProtocolRange,
        /// What the peer speaks.
        theirs: ProtocolRange,
    },
    /// Somebody else at the address.
    #[error("expected node {expected} at this address, found node {found}")]
    Node {
        /// Whom we called.
        expected: NodeId,
        /// Who answered.
        found: NodeId,
    },
}

impl Identity {
    /// A node of this build; `build` is its name and version.
    pub fn new(node_id: NodeId, mesh_id: MeshId, build: String) -> Self {
        Self { node_id, mesh_id, protocols: ProtocolRange::BUILD, build }
    }

    /// The same with other protocol versions.
    #[must_use]
    pub fn speaking(self, protocols: impl Into<ProtocolRange>) -> Self {
        Self { protocols: protocols.into(), ..self }
    }

    /// The mesh that it speaks for.
    pub fn mesh_id(&self) -> MeshId {
        self.mesh_id
    }

    /// The protocol versions that it advertises.
    pub fn protocols(&self) -> ProtocolRange {
        self.protocols
    }

    pub(crate) fn check_mesh(&self, mesh_id: &[u8]) -> Result<(), Mismatch> {
        if mesh_id == self.mesh_id.0 {
            return Ok(());
        }
        let theirs = MeshId::from_slice(mesh_id).map_or_else(|| "(no mesh id)".to_owned(), |id| id.to_string());
        Err(Mismatch::Mesh { ours: self.mesh_id.to_string(), theirs })
    }

    fn check_protocols(&self, min: u32, max: u32) -> Result<(), Mismatch> {
        let (ours, theirs) = (self.protocols, ProtocolRange { min, max });
        if ours.meets(theirs) { Ok(()) } else { Err(Mismatch::Protocol { ours, theirs }) }
    }

    /// What it says first.
    pub fn hello(&self) -> HelloRequest {
        HelloRequest {
            mesh_id: self.mesh_id.0.to_vec(),
            node_id: self.node_id,
            protocol_min: self.protocols.min,
            protocol_max: self.protocols.max,
            build: self.build.clone(),
        }
    }

    /// The answer to a peer's hello.
    ///
    /// # Errors
    /// [`Mismatch`]: the two don't speak.
    pub fn greet(&self, hello: &HelloRequest) -> Result<HelloResponse, Mismatch> {
        self.check_mesh(&hello.mesh_id)?;
        self.check_protocols(hello.protocol_min, hello.protocol_max)?;
        Ok(HelloResponse {
            node_id: self.node_id,
            protocol_min: self.protocols.min,
            protocol_max: self.protocols.max,
            build: self.build.clone(),
            clock_unix_ms: None,
        })
    }

    /// Whether the answer is from whom we called.
    ///
    /// # Errors
    /// [`Mismatch`]: the two don't speak.
    pub fn check_greeting(&self, called: NodeId, greeting: &HelloResponse) -> Result<(), Mismatch> {
        if greeting.node_id != called {
            return Err(Mismatch::Node { expected: called, found: greeting.node_id });
        }
        self.check_protocols(greeting.protocol_min, greeting.protocol_max)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ops::RangeInclusive;

    use super::*;

    fn node(node_id: NodeId, mesh: u8, protocols: RangeInclusive<u32>) -> Identity {
        Identity::new(node_id, MeshId([mesh; 32]), "test".into()).speaking(protocols)
    }

    #[test]
    fn refuses_other_meshes_and_names_both_protocol_ranges() {
        let (one, two) = (node(1, 7, 1..=2), node(2, 7, 2..=3));
        let greeting = two.greet(&one.hello()).unwrap();
        one.check_greeting(2, &greeting).unwrap();
        let wrong = one.check_greeting(3, &greeting).unwrap_err();
        assert_eq!(wrong, Mismatch::Node { expected: 3, found: 2 });
        assert!(matches!(two.greet(&node(1, 8, 1..=2).hello()), Err(Mismatch::Mesh { .. })));
        let refused = two.greet(&node(1, 7, 1..=1).hello()).unwrap_err();
        assert_eq!(refused.to_string(), "expected a protocol version in 2 to 3, the peer speaks 1 to 1");
    }
}
