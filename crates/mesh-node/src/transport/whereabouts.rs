//! Where a node is to be called.

use mesh_model::NodeId;

/// Decides it, for every connection that this node makes. Places are hints: whoever answers there proves its key.
pub trait Whereabouts: Send + Sync {
    /// `host:port` of its peer port, the likeliest first, each once; empty where nothing is known.
    fn places(&self, node: NodeId) -> Vec<String>;
}

/// For whoever says with each call where the node is.
pub struct Nowhere;

impl Whereabouts for Nowhere {
    fn places(&self, _node: NodeId) -> Vec<String> {
        Vec::new()
    }
}
