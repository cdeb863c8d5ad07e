//! Where the other nodes listen, as gossip heard it, kept over restarts. Addresses are hints: identity is the key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::sync::{Arc, RwLock};

use mesh_event::codec;
use mesh_model::NodeId;
use mesh_store::{Batch, Store, StoreError};
use tracing::warn;

/// Name of the stored value: a list of (node, address), in `mesh_event::codec` form.
const VALUE: &str = "gossip.addresses";
const FORMAT: u8 = 1;

/// The peer addresses that nodes gave themselves. As many as there are admitted nodes.
pub struct AddressBook {
    store: Arc<Store>,
    heard: RwLock<BTreeMap<NodeId, SocketAddr>>,
}

impl AddressBook {
    /// Goes on with what was kept. A record that cannot be read is left out: all addresses can be learned again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        let stored = store.meta().value(VALUE)?;
        let heard = stored.and_then(|bytes| {
            let decoded = codec::decode::<Vec<(NodeId, String)>>(FORMAT, &bytes);
            decoded.inspect_err(|error| warn!(%error, "the kept addresses of peers are left out")).ok()
        });
        let entries = heard.unwrap_or_default().into_iter();
        let heard = entries.filter_map(|(node, address)| Some((node, address.parse().ok()?))).collect();
        Ok(Self { store, heard: RwLock::new(heard) })
    }

    /// Where a node says that its peer port is; `None` while it was not heard of: then the ledger's address is all there is.
    pub fn get(&self, node: NodeId) -> Option<String> {
        self.heard(node).map(|address| address.to_string())
    }

    /// The same as an address of a socket.
    pub fn heard(&self, node: NodeId) -> Option<SocketAddr> {
        self.heard.read().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    /// Everything that was heard.
    pub fn all(&self) -> BTreeMap<NodeId, SocketAddr> {
        self.heard.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what a node said of itself; returns whether it is news, to be saved.
    pub fn set(&self, node: NodeId, address: SocketAddr) -> bool {
        let mut heard = self.heard.write().unwrap_or_else(PoisonError::into_inner);
        heard.insert(node, address) != Some(address)
    }

    /// Saves it all with the next group commit. Nobody waits: what a crash loses is learned again.
    pub fn save(&self) {
        let list: Vec<(NodeId, String)> =
            self.all().into_iter().map(|(node, address)| (node, address.to_string())).collect();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_kept_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Arc::new(Store::open(folder.path(), mesh_store::StoreOptions::default()).unwrap());
        let store = open();
        let book = AddressBook::open(Arc::clone(&store)).unwrap();
        assert_eq!(book.get(3), None);
        let address = "192.0.2.7:7946".parse().unwrap();
        assert!(book.set(3, address));
        assert!(!book.set(3, address));
        book.save();
        store.close().unwrap();
        drop((book, store));
        let book = AddressBook::open(open()).unwrap();
        assert_eq!(book.get(3).as_deref(), Some("192.0.2.7:7946"));
    }
}
