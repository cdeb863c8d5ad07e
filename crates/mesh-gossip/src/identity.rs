//! Who a packet is from, as failure detection tells nodes and their lives apart.

use core::net::SocketAddr;

use mesh_model::NodeId;

/// One life of one node. The node is its number; everything else says which of its lives is the newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The node.
    pub node_id: NodeId,
    /// Which start of the node, from 1: a counter that is on disk before it is used. 0 for a node that was not heard of yet.
    pub generation: u64,
    /// Drawn at random at each start. Two for one generation are two processes with one key: a copied data folder.
    pub instance: u32,
    /// How often this process came back after the others had declared it down.
    pub life: u32,
    /// Where it says that it listens. A hint: identity is the key.
    pub address: SocketAddr,
}

/// What a node said of itself in a packet that it signed: its start, and where it listens in that. A larger start is a newer word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// As in [`Identity`].
    pub generation: u64,
    /// As in [`Identity`].
    pub instance: u32,
    /// Where it says that it listens.
    pub address: SocketAddr,
}

impl Identity {
    /// What its owner claims with it.
    pub(crate) fn claim(&self) -> Claim {
        Claim { generation: self.generation, instance: self.instance, address: self.address }
    }

    /// Somebody who is known by number and address alone: enough to greet.
    pub fn unheard(node_id: NodeId, address: SocketAddr) -> Self {
        Self { node_id, generation: 0, instance: 0, life: 0, address }
    }

    /// Of two identities of one node the larger rank is the newer one. Total, so that all nodes choose alike.
    pub fn rank(&self) -> (u64, u32, u32, SocketAddr) {
        (self.generation, self.instance, self.life, self.address)
    }
}

impl foca::Identity for Identity {
    type Addr = NodeId;

    /// Coming back is the machine's decision: it waits longer each time, so that two processes with one key don't declare each
    /// other down as fast as they can.
    fn renew(&self) -> Option<Self> {
        None
    }

    fn addr(&self) -> NodeId {
        self.node_id
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.rank() > adversary.rank()
    }
}
