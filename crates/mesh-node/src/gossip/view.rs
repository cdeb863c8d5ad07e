//! What gossip knows, for status and alarms.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use mesh_gossip::{GossipStats, PeerState};
use mesh_model::NodeId;

/// One other node as this one sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Its number.
    pub node: NodeId,
    /// How it is.
    pub state: PeerState,
    /// Its start; `None` while it was not heard of.
    pub generation: Option<u64>,
    /// Where it says that it listens, or where it is looked for.
    pub address: Option<SocketAddr>,
    /// Since when it is so.
    pub since: Instant,
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct GossipView {
    /// This node's start; 0 before gossip runs.
    pub generation: u64,
    /// The other admitted nodes, by number.
    pub peers: Vec<PeerView>,
    /// Keys that two processes sign with, and where the second one was heard from.
    pub clones: BTreeMap<NodeId, SocketAddr>,
    /// What was counted.
    pub stats: GossipStats,
}

/// How a state is called.
pub fn state_name(state: PeerState) -> &'static str {
    match state {
        PeerState::Unheard => "unheard",
        PeerState::Up => "alive",
        PeerState::Suspect => "suspect",
        PeerState::Down => "down",
    }
}

impl GossipView {
    /// What an operator has to know.
    pub fn alarms(&self, own: NodeId) -> Vec<String> {
        let clones = self.clones.iter().map(|(node, address)| {
            let whose = if *node == own { "this node's own key".to_owned() } else { format!("the key of node {node}") };
            format!("two processes sign with {whose}; one was heard from {address}: a copied disk or a stolen key")
        });
        clones.collect()
    }
}
