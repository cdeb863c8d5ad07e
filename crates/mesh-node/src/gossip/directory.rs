//! The applied ledger's answers for the machine, and the founding document's before there is a ledger.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::NodeRecord;
use mesh_event::genesis::SealedGenesis;
use mesh_gossip::{Admitted, Directory, Writer};
use mesh_governance::read;
use mesh_model::{DomainName, NodeId};
use mesh_raft::{StateError, StoreState};
use tracing::error;

/// How old the list of nodes may be: a revoked node is heard for so much longer.
const REFRESH: Duration = Duration::from_millis(200);

#[derive(Clone)]
struct Known {
    nodes: Arc<BTreeMap<NodeId, (Admitted, NodeRecord)>>,
    at: Instant,
}

/// What the ledger says of nodes and feeds.
pub struct AppliedDirectory {
    genesis: SealedGenesis,
    state: StoreState,
    known: Mutex<Known>,
}

impl AppliedDirectory {
    /// Over the applied state.
    pub fn new(genesis: SealedGenesis, state: StoreState) -> Self {
        let known = Known { nodes: Arc::default(), at: Instant::now() };
        let directory = Self { genesis, state, known: Mutex::new(known) };
        let nodes = Arc::new(directory.read_nodes());
        *directory.known.lock().unwrap_or_else(PoisonError::into_inner) = Known { nodes, at: Instant::now() };
        directory
    }

    fn read_nodes(&self) -> BTreeMap<NodeId, (Admitted, NodeRecord)> {
        match self.try_read_nodes() {
            Ok(nodes) => nodes,
            // Nobody is admitted on the word of a state that cannot be read.
            Err(error) => {
                error!(%error, "the applied state cannot be read: gossip knows nobody");
                BTreeMap::new()
            }
        }
    }

    fn try_read_nodes(&self) -> Result<BTreeMap<NodeId, (Admitted, NodeRecord)>, StateError> {
        if read::head(&self.state)?.size == 0 {
            let founders = self.genesis.document.voters.iter();
            return Ok(founders
                .map(|record| (record.node_id, (Admitted { key: record.key, is_revoked: false }, record.clone())))
                .collect());
        }
        let mut nodes = BTreeMap::new();
        for node in read::nodes(&self.state)? {
            let id = node.record.node_id;
            let is_revoked = read::node_revocation(&self.state, id)?.is_some();
            nodes.insert(id, (Admitted { key: node.record.key, is_revoked }, node.record));
        }
        Ok(nodes)
    }

    fn known(&self) -> Arc<BTreeMap<NodeId, (Admitted, NodeRecord)>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.at.elapsed() >= REFRESH {
            *known = Known { nodes: Arc::new(self.read_nodes()), at: Instant::now() };
        }
        Arc::clone(&known.nodes)
    }

    /// The records of all nodes whose keys are good.
    pub fn records(&self) -> Vec<NodeRecord> {
        let known = self.known();
        known.values().filter(|(node, _)| !node.is_revoked).map(|(_, record)| record.clone()).collect()
    }
}

impl Directory for AppliedDirectory {
    fn node(&self, id: NodeId) -> Option<Admitted> {
        self.known().get(&id).map(|(node, _)| *node)
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.known().iter().filter(|(_, (node, _))| !node.is_revoked).map(|(id, _)| *id).collect()
    }

    fn writer(&self, domain: &DomainName) -> Option<Writer> {
        let domain = read::domain(&self.state, domain).inspect_err(|error| error!(%error, "no domain can be read"));
        let delegation = domain.ok()??.delegation?;
        let node = self.node(delegation.node_id).filter(|node| !node.is_revoked)?;
        Some(Writer { epoch: delegation.epoch, node_id: delegation.node_id, key: node.key })
    }
}
