//! The data folder: opened by the node that it belongs to, and by no other.

use std::sync::Arc;

use mesh_event::NodeRecord;
use mesh_event::genesis::SealedGenesis;
use mesh_store::{Store, StoreError, StoreOptions};
use tokio::sync::watch;
use tracing::warn;

use crate::config::Config;
use crate::start_error::StartError;

/// Bytes of a MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// A node whose data is gone has forgotten its votes: under its old number it could vote twice in one term. A mark beside the
/// keys, outside the data folder, tells a new node from one that lost its disk.
fn refuse_after_loss(config: &Config, genesis: &SealedGenesis) -> Result<(), StartError> {
    let mark = config.node.keys_dir.join(format!("started-{}", genesis.mesh_id.short()));
    if mark.exists() {
        let (folder, mark) = (config.node.data_dir.display(), mark.display());
        let text = format!(
            "{folder} is empty, and {mark} says that this node ran in this mesh before; a node that lost its data never votes or \
             writes a feed again under its old number. Put the data back, or have a new node admitted"
        );
        return Err(StartError::WrongStore(text));
    }
    if let Err(error) = std::fs::write(
        &mark,
        "Remove this only with the whole mesh: it keeps a node that lost its data from voting twice.\n",
    ) {
        warn!(mark = %mark.display(), %error, "the mark of a started node cannot be written: a lost disk will not be noticed");
    }
    Ok(())
}

/// Opens the data folder, refusing one of another mesh or node; a new one is marked as this node's.
pub(crate) fn open_store(
    config: &Config,
    genesis: &SealedGenesis,
    record: &NodeRecord,
    fatal: watch::Sender<Option<String>>,
) -> Result<Arc<Store>, StartError> {
    let folder = config.node.data_dir.clone();
    let error = |source: StoreError| StartError::Store { folder: folder.display().to_string(), source };
    let options = StoreOptions {
        cache_bytes: config.storage.cache_mib * MIB,
        fatal: Arc::new(move |failure| {
            fatal.send_replace(Some(failure.to_string()));
        }),
        ..StoreOptions::default()
    };
    let store = Store::open(&folder, options).map_err(error)?;
    let meta = store.meta();
    let (mesh, node) = (genesis.mesh_id.0, record.node_id.to_be_bytes());
    match (meta.mesh_id().map_err(error)?, meta.node_id().map_err(error)?) {
        (None, None) => {
            refuse_after_loss(config, genesis)?;
            let mut batch = mesh_store::Batch::new();
            meta.put_mesh_id(&mut batch, &mesh);
            meta.put_node_id(&mut batch, &node);
            store.committer().commit_blocking(batch).map_err(error)?;
        }
        (Some(found), _) if found != mesh => {
            let text =
                format!("{} holds another mesh's data; expected mesh {}", folder.display(), genesis.mesh_id.short());
            return Err(StartError::WrongStore(text));
        }
        (_, Some(found)) if found != node => {
            let text = format!("{} holds another node's data; expected node {}", folder.display(), record.node_id);
            return Err(StartError::WrongStore(text));
        }
        _ => {}
    }
    for damage in store.damage() {
        warn!(%damage, "stored bytes are damaged and will not be served");
    }
    Ok(Arc::new(store))
}
