//! All other nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_model::NodeId;
use openraft::{BasicNode, RaftNetworkFactory};

use crate::dial::Dial;
use crate::giving_way::Doubts;
use crate::identity::Identity;
use crate::link::Link;
use crate::machine::Machine;
use crate::peer::{Advertised, Peer};
use crate::tokio_config::Config;

/// Peers by id: one connection each, whoever needs it. Clones share them.
#[derive(Clone)]
pub(crate) struct Peers {
    me: Arc<Identity>,
    dial: Arc<dyn Dial>,
    /// Addresses that win over what the membership says.
    addresses: Arc<BTreeMap<NodeId, String>>,
    known: Arc<Mutex<BTreeMap<NodeId, Arc<Peer>>>>,
    /// For snapshots.
    machine: Arc<Machine>,
    doubts: Doubts,
}

impl Peers {
    pub(crate) fn new(
        me: Arc<Identity>,
        dial: Arc<dyn Dial>,
        addresses: BTreeMap<NodeId, String>,
        machine: Arc<Machine>,
    ) -> Self {
        Self { me, dial, addresses: Arc::new(addresses), known: Arc::default(), machine, doubts: Doubts::new() }
    }

    /// Who refuses this node's stamps.
    pub(crate) fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    pub(crate) fn mesh_id(&self) -> mesh_model::MeshId {
        self.me.mesh_id
    }

    /// The peer; `address` is where the membership says it is.
    pub(crate) fn peer(&self, id: NodeId, address: &str) -> Arc<Peer> {
        let address = self.addresses.get(&id).map_or(address, String::as_str);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = || Arc::new(Peer::new(Arc::clone(&self.me), Arc::clone(&self.dial), id, address.to_owned()));
        let peer = known.entry(id).or_insert_with(peer);
        peer.move_to(address);
        Arc::clone(peer)
    }

    /// What a node that is said to be at `address` says of its program now; `None` where it does not answer in time.
    pub(crate) async fn greet(&self, id: NodeId, address: &str, within: Duration) -> Option<Advertised> {
        if id == self.me.node_id { self.advertised(id) } else { self.peer(id, address).greet(within).await }
    }

    /// What a node said of its program last, this one or another; `None` for one to which no connection stands. A leader has one to each
    /// voter.
    pub(crate) fn advertised(&self, id: NodeId) -> Option<Advertised> {
        if id == self.me.node_id {
            return Some(Advertised {
                protocols: self.me.protocols,
                build: self.me.build.as_str().into(),
                clock_unix_ms: None,
            });
        }
        let peer = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()?;
        peer.advertised()
    }
}

impl RaftNetworkFactory<Config> for Peers {
    type Network = Link;

    async fn new_client(&mut self, target: NodeId, node: &BasicNode) -> Link {
        let peer = self.peer(target, &node.addr);
        Link::new(Arc::clone(&self.me), peer, Arc::clone(&self.machine), self.doubts.clone())
    }
}
