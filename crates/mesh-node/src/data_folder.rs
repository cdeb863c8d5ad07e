//! The data folder: opened by the node that it belongs to, and by no other.

use std::path::PathBuf;
use std::sync::Arc;

use mesh_event::NodeRecord;
use mesh_event::genesis::SealedGenesis;
use mesh_store::{Store, StoreError, StoreOptions};
use tokio::sync::watch;
use tracing::warn;

use crate::config::Config;
use crate::recover;
use crate::start_error::StartError;

/// Bytes of a MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// A mark beside the keys, outside the data folder: it tells a new node from one that lost its disk.
pub(crate) fn mark(config: &Config, genesis: &SealedGenesis) -> PathBuf {
    config.node.keys_dir.join(format!("started-{}", genesis.mesh_id.short()))
}

/// Writes the mark, if it is not there.
pub(crate) fn put_mark(config: &Config, genesis: &SealedGenesis) -> std::io::Result<()> {
    let why = "Remove this only with the whole mesh: it keeps a node that lost its data from voting twice.\n";
    std::fs::write(mark(config, genesis), why)
}

/// A node whose data is gone has forgotten its votes: under its old number it could vote twice in one term.
fn refuse_after_loss(config: &Config, genesis: &SealedGenesis) -> Result<(), StartError> {
    let mark = mark(config, genesis);
    if mark.exists() {
        let (folder, mark) = (config.node.data_dir.display(), mark.display());
        let text = format!(
            "{folder} is empty, and {mark} says that this node ran in this mesh before; a node that lost its data never votes or \
             writes a feed again under its old number. Put the data back, or start once with --recover: it comes back as a new node"
        );
        return Err(StartError::WrongStore(text));
    }
    Ok(())
}

fn store_error(config: &Config) -> impl Fn(StoreError) -> StartError {
    let folder = config.node.data_dir.display().to_string();
    move |source| StartError::Store { folder: folder.clone(), source }
}

/// Opens the data folder.
pub(crate) fn open_store(config: &Config, fatal: watch::Sender<Option<String>>) -> Result<Arc<Store>, StartError> {
    let folder = config.node.data_dir.clone();
    let options = StoreOptions {
        cache_bytes: config.storage.cache_mib * MIB,
        fatal: Arc::new(move |failure| {
            fatal.send_replace(Some(failure.to_string()));
        }),
        ..StoreOptions::default()
    };
    Store::open(&folder, options).map(Arc::new).map_err(store_error(config))
}

/// Refuses a store of another mesh; a new one is marked as this mesh's.
pub(crate) fn adopt(config: &Config, genesis: &SealedGenesis, store: &Store) -> Result<(), StartError> {
    let error = store_error(config);
    let meta = store.meta();
    let mesh = genesis.mesh_id.0;
    match meta.mesh_id().map_err(&error)? {
        None => {
            refuse_after_loss(config, genesis)?;
            let mut batch = mesh_store::Batch::new();
            meta.put_mesh_id(&mut batch, &mesh);
            store.committer().commit_blocking(batch).map_err(&error)?;
        }
        Some(found) if found != mesh => {
            let folder = config.node.data_dir.display();
            let text = format!("{folder} holds another mesh's data; expected mesh {}", genesis.mesh_id.short());
            return Err(StartError::WrongStore(text));
        }
        Some(_) => {}
    }
    for damage in store.damage() {
        warn!(%damage, "stored bytes are damaged and will not be served");
    }
    Ok(())
}

/// Takes an opened data folder for this node, before it votes or writes anything; refuses another node's.
pub(crate) fn claim(
    config: &Config,
    genesis: &SealedGenesis,
    store: &Store,
    record: &NodeRecord,
) -> Result<(), StartError> {
    recover::admitted(config, genesis, store, record)?;
    let error = store_error(config);
    let node = record.node_id.to_be_bytes();
    match store.meta().node_id().map_err(&error)? {
        Some(found) if found == node => return Ok(()),
        Some(_) => {
            let folder = config.node.data_dir.display();
            let text = format!("{folder} holds another node's data; expected node {}", record.node_id);
            return Err(StartError::WrongStore(text));
        }
        None => {}
    }
    let mut batch = mesh_store::Batch::new();
    store.meta().put_node_id(&mut batch, &node);
    store.committer().commit_blocking(batch).map_err(&error)?;
    if let Err(error) = put_mark(config, genesis) {
        let mark = mark(config, genesis);
        warn!(mark = %mark.display(), %error, "the mark of a started node cannot be written: a lost disk will not be noticed");
    }
    Ok(())
}
