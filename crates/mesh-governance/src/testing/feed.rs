//! A node that writes a feed.

use mesh_event::event::NO_LEAF;
use mesh_event::{EventKind, FeedBatch, FeedEvent, FeedHead, FeedId, Keypair};
use mesh_model::{DomainName, MeshId};
use mesh_tlog::{Frontier, Hash, leaf_hash};

/// A feed in one epoch, and the key of the node that writes it.
#[derive(Debug, Clone)]
pub struct TestFeed {
    /// The mesh.
    pub mesh: MeshId,
    /// The feed.
    pub id: FeedId,
    /// The node's key.
    pub node: Keypair,
    /// The next event's outbox number.
    pub outbox: u64,
    tree: Frontier,
    last_leaf: Hash,
}

impl TestFeed {
    /// An empty feed.
    pub fn new(mesh: MeshId, domain: &DomainName, epoch: u64, node: Keypair) -> Self {
        let id = FeedId { domain: domain.clone(), epoch };
        Self { mesh, id, node, outbox: 1, tree: Frontier::new(), last_leaf: NO_LEAF }
    }

    /// Appends an event as it is given.
    pub fn append(&mut self, ledger_size: u64, kind: EventKind) -> Vec<u8> {
        let event = FeedEvent {
            mesh_id: self.mesh,
            feed: self.id.clone(),
            seq: self.tree.size(),
            previous_leaf: self.last_leaf,
            ledger_size,
            at_unix_ms: 0,
            kind,
        };
        let bytes = event.encode();
        self.last_leaf = leaf_hash(&bytes);
        self.tree.append(self.last_leaf);
        bytes
    }

    /// Appends a command under the next outbox number.
    pub fn command(&mut self, ledger_size: u64, envelope: Vec<u8>) -> Vec<u8> {
        let outbox = self.outbox;
        self.outbox += 1;
        self.append(ledger_size, EventKind::Command { outbox, envelope })
    }

    /// The signed head.
    ///
    /// # Panics
    /// Never: names and ids make a checkpoint.
    pub fn head_note(&self) -> Vec<u8> {
        let head = FeedHead {
            feed: self.id.clone(),
            size: self.tree.size(),
            root: self.tree.root(),
            last_leaf: self.last_leaf,
        };
        head.sign(&self.mesh, &self.node).expect("names and ids make a checkpoint")
    }

    /// A batch of the feed's last events.
    pub fn batch(&self, events: Vec<Vec<u8>>) -> FeedBatch {
        FeedBatch { head_note: self.head_note(), events }
    }
}
