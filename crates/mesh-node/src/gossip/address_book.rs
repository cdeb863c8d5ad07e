//! Where the other nodes listen. One place decides it, for whatever connection is made; all of it are hints: identity is the key.
//!
//! A node's own word, which it signed, goes first; then the ledger's, then what others say of it. Whoever calls tries them all in that
//! order. Of its word only that of its newest start counts, also after a restart of this node: what is kept here is what tells an old word
//! that somebody sends again from a new one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use mesh_event::codec;
use mesh_event::genesis::SealedGenesis;
use mesh_gossip::Claim;
use mesh_governance::read;
use mesh_model::NodeId;
use mesh_raft::StoreState;
use mesh_store::{Batch, Store, StoreError};
use tracing::{error, warn};

use crate::transport::Whereabouts;

/// Name of the stored value: a list of (node, generation, instance, address), in `mesh_event::codec` form.
const VALUE: &str = "gossip.addresses";
/// Format 1 had addresses without starts: nobody can tell how old one is.
const FORMAT: u8 = 2;

type Record = (NodeId, u64, u32, String);

/// The peer addresses of nodes. As many as there are admitted nodes.
pub struct AddressBook {
    store: Arc<Store>,
    founders: BTreeMap<NodeId, String>,
    ledger: OnceLock<StoreState>,
    claims: RwLock<BTreeMap<NodeId, Claim>>,
    told: RwLock<BTreeMap<NodeId, SocketAddr>>,
}

impl AddressBook {
    /// Goes on with what was kept. A record that cannot be read is left out: all addresses can be learned again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Arc<Store>, genesis: &SealedGenesis) -> Result<Self, StoreError> {
        let stored = store.meta().value(VALUE)?;
        let kept = stored.and_then(|bytes| {
            let decoded = codec::decode::<Vec<Record>>(FORMAT, &bytes);
            decoded.inspect_err(|error| warn!(%error, "the kept addresses of peers are left out")).ok()
        });
        let claim = |(node, generation, instance, address): Record| {
            Some((node, Claim { generation, instance, address: address.parse().ok()? }))
        };
        let claims = RwLock::new(kept.unwrap_or_default().into_iter().filter_map(claim).collect());
        let founders =
            genesis.document.voters.iter().map(|voter| (voter.node_id, voter.peer_address.clone())).collect();
        Ok(Self { store, founders, ledger: OnceLock::new(), claims, told: RwLock::default() })
    }

    /// From now on the applied ledger is asked.
    pub fn follow(&self, ledger: StoreState) {
        // It is the same one, whoever hands it in.
        drop(self.ledger.set(ledger));
    }

    /// For whoever makes connections; it doesn't keep the store open.
    pub fn places(self: &Arc<Self>) -> impl Whereabouts + 'static {
        Places(Arc::downgrade(self))
    }

    /// Where a node said itself that its peer port is; `None` while it was not heard of.
    pub fn claimed(&self, node: NodeId) -> Option<SocketAddr> {
        self.claims.read().unwrap_or_else(PoisonError::into_inner).get(&node).map(|claim| claim.address)
    }

    /// What all nodes last said of themselves.
    pub fn claims(&self) -> BTreeMap<NodeId, Claim> {
        self.claims.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what a node said of itself and signed; gives what it had said before. An older start's word is not taken.
    pub fn claim(&self, node: NodeId, claim: Claim) -> Option<Claim> {
        let mut claims = self.claims.write().unwrap_or_else(PoisonError::into_inner);
        let before = claims.get(&node).copied();
        let start = |claim: &Claim| (claim.generation, claim.instance);
        if before.is_none_or(|before| start(&before) <= start(&claim)) {
            claims.insert(node, claim);
        }
        before
    }

    /// Takes what others say of a node.
    pub fn told(&self, node: NodeId, address: SocketAddr) {
        self.told.write().unwrap_or_else(PoisonError::into_inner).insert(node, address);
    }

    fn of_ledger(&self, node: NodeId) -> Option<String> {
        let known = self.ledger.get().map(|ledger| read::node(ledger, node)).transpose();
        let known = known.inspect_err(|error| error!(%error, "the ledger's address of a node cannot be read"));
        known.ok().flatten().flatten().map(|known| known.record.peer_address)
    }

    fn all(&self, node: NodeId) -> Vec<String> {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner).get(&node).map(ToString::to_string);
        let ledger = self.of_ledger(node).or_else(|| self.founders.get(&node).cloned());
        let mut places = Vec::with_capacity(3);
        for place in [self.claimed(node).map(|claimed| claimed.to_string()), ledger, told].into_iter().flatten() {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// Saves what nodes said of themselves with the next group commit. Nobody waits: what a crash loses is learned again.
    pub fn save(&self) {
        let record = |(node, claim): (NodeId, Claim)| -> Record {
            (node, claim.generation, claim.instance, claim.address.to_string())
        };
        let list: Vec<Record> = self.claims().into_iter().map(record).collect();
        let mut batch = Batch::new();
        if let Err(error) = self.store.meta().put_value(&mut batch, VALUE, &codec::encode(FORMAT, &list)) {
            return warn!(%error, "addresses of peers are not kept");
        }
        self.store.committer().commit(
            batch,
            Box::new(|result| {
                if let Err(error) = result {
                    warn!(%error, "addresses of peers are not kept");
                }
            }),
        );
    }
}

/// The book as the dialer reads it.
struct Places(Weak<AddressBook>);

impl Whereabouts for Places {
    fn places(&self, node: NodeId) -> Vec<String> {
        self.0.upgrade().map_or_else(Vec::new, |book| book.all(node))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mesh_event::genesis::PROTOCOL_VERSION;
    use mesh_event::{Council, Envelope, GenesisDocument, Keypair, NodeRecord, Seat, Signer as _};
    use zeroize::Zeroizing;

    use super::*;

    fn genesis() -> SealedGenesis {
        let key = |n: u8| Keypair::from_seed(&Zeroizing::new([n; 32]));
        let mut voter = NodeRecord {
            node_id: 1,
            name: "one".into(),
            key: key(1).public_key(),
            log_key: Some(key(2).public_key()),
            cosigner_key: Some(key(3).public_key()),
            api_address: "one.example:7080".into(),
            peer_address: "one.example:7946".into(),
            possession: Vec::new(),
        };
        voter.prove_possession(&[&key(1), &key(2), &key(3)]);
        let document = GenesisDocument {
            mesh_name: "test".into(),
            council: Council {
                threshold: 1,
                seats: vec![Seat { name: "seat".into(), key: key(4).public_key(), domain: None }],
            },
            voters: vec![voter],
            protocol_version: PROTOCOL_VERSION,
            created_unix_ms: 0,
            nonce: [7; 16],
            recovery_keys: Vec::new(),
            min_review_ms: 0,
        };
        let envelope = Envelope::sign(mesh_event::envelope::GENESIS, document.encode(), &[&key(4)]).unwrap();
        SealedGenesis::parse(envelope.into_bytes()).unwrap()
    }

    fn claim(generation: u64, address: &str) -> Claim {
        Claim { generation, instance: 5, address: address.parse().unwrap() }
    }

    #[test]
    fn a_nodes_newest_word_goes_first_and_is_kept_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis();
        let open = || {
            let store = Arc::new(Store::open(folder.path(), mesh_store::StoreOptions::default()).unwrap());
            (Arc::new(AddressBook::open(Arc::clone(&store), &genesis).unwrap()), store)
        };
        let (book, store) = open();
        assert_eq!(book.places().places(1), ["one.example:7946"]);
        assert!(book.places().places(4).is_empty());
        assert_eq!(book.claim(1, claim(2, "192.0.2.7:7946")), None);
        book.told(1, "192.0.2.9:7946".parse().unwrap());
        assert_eq!(book.places().places(1), ["192.0.2.7:7946", "one.example:7946", "192.0.2.9:7946"]);
        // What it said in an earlier start is not its word any more.
        assert_eq!(book.claim(1, claim(1, "192.0.2.1:7946")), Some(claim(2, "192.0.2.7:7946")));
        assert_eq!(book.claimed(1), Some("192.0.2.7:7946".parse().unwrap()));
        book.save();
        store.close().unwrap();
        drop((book, store));
        let (book, _store) = open();
        assert_eq!(book.claims(), BTreeMap::from([(1, claim(2, "192.0.2.7:7946"))]));
        assert_eq!(book.places().places(1), ["192.0.2.7:7946", "one.example:7946"]);
    }
}
