//! Writes a backup, then opens what was written and reads it whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_event::NodeRecord;
use mesh_event::genesis::SealedGenesis;
use mesh_model::{Digest, UnixMs};
use mesh_store::{DirLock, Store, StoreError, StoreOptions};
use zeroize::Zeroizing;

use super::files::{BackupError, failed, is_free, list, private_file, private_folder, sync_folder};
use super::manifest::{self, LedgerMark, Manifest, Subject};
use crate::config::Config;
use crate::join;
use crate::node::check;
use crate::start_error::StartError;

/// The lock of a store: made anew wherever it is opened.
const LOCK: &str = "data/LOCK";
/// How long threads of a closed store may take to let its files go.
const LET_GO: Duration = Duration::from_secs(10);
/// The node's private keys.
pub(super) const KEYS: [&str; 3] = ["node.pem", "log.pem", "cosigner.pem"];

/// A node, as far as a backup is concerned.
pub struct Source<'a> {
    /// Its configuration.
    pub config: &'a Config,
    /// The founding document.
    pub genesis: &'a SealedGenesis,
    /// Who it is.
    pub record: &'a NodeRecord,
    /// Its store, open.
    pub store: &'a Arc<Store>,
}

/// Writes a backup into `to`, a folder that is not there yet or empty: only when it is whole and verified does it get that name. Takes as
/// long as copying and hashing do: not for an async task.
///
/// # Errors
/// [`BackupError`]; then nothing is left behind, and the node is as before.
pub fn take(source: &Source<'_>, to: &Path, with_keys: bool, now_unix_ms: UnixMs) -> Result<Manifest, BackupError> {
    if !is_free(to)? {
        return Err(BackupError::Taken(to.into()));
    }
    let part = part_of(to);
    if part.exists() {
        // Of an attempt that was cut off.
        std::fs::remove_dir_all(&part).map_err(failed("delete", &part))?;
    }
    let taken = write(source, &part, with_keys, now_unix_ms).and_then(|manifest| {
        std::fs::rename(&part, to).map_err(failed("rename", &part))?;
        sync_folder(to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        Ok(manifest)
    });
    if taken.is_err() {
        // What could not be verified must not be taken for a backup; the reason why it could not is what counts.
        drop(std::fs::remove_dir_all(&part));
    }
    taken
}

/// A backup of a node that does not run.
///
/// # Errors
/// As [`take`]; [`BackupError::Store`] with [`StoreError::InUse`] while it runs.
pub fn of_stopped(config: &Config, to: &Path, with_keys: bool, now_unix_ms: UnixMs) -> Result<Manifest, BackupError> {
    let foreign = |error: StartError| BackupError::Foreign(error.to_string());
    let (genesis, keys) = check(config).map_err(foreign)?;
    let folder = &config.node.data_dir;
    if !folder.join("FORMAT").exists() {
        return Err(BackupError::Foreign(format!("there is no node's data in {}", folder.display())));
    }
    let stored = |source| BackupError::Store { folder: folder.clone(), source };
    let store = Arc::new(Store::open(folder, StoreOptions::default()).map_err(stored)?);
    let record = join::known(&genesis, &keys, &store).map_err(foreign)?;
    let unknown = || BackupError::Foreign(format!("the ledger in {} does not know this node", folder.display()));
    let record = record.ok_or_else(unknown)?;
    let taken = take(&Source { config, genesis: &genesis, record: &record, store: &store }, to, with_keys, now_unix_ms);
    store.close().map_err(stored)?;
    taken
}

fn part_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    to.with_file_name(name)
}

fn write(source: &Source<'_>, part: &Path, with_keys: bool, now_unix_ms: UnixMs) -> Result<Manifest, BackupError> {
    let Source { config, genesis, record, store } = source;
    private_folder(part)?;
    let data = part.join("data");
    let stored = |folder: &Path| {
        let folder = folder.to_path_buf();
        move |source: StoreError| BackupError::Store { folder, source }
    };
    store.copy_to(&data).map_err(stored(&data))?;
    private_file(&part.join("genesis.bin"), genesis.envelope.bytes())?;
    let mut shown = (*config).clone();
    for path in [&mut shown.node.data_dir, &mut shown.node.keys_dir, &mut shown.node.genesis] {
        *path = std::path::absolute(&*path).map_err(failed("name", path))?;
    }
    let text = toml::to_string(&shown).map_err(|error| BackupError::Foreign(error.to_string()))?;
    private_file(&part.join("node.toml"), text.as_bytes())?;
    if with_keys {
        private_folder(&part.join("keys"))?;
        for name in KEYS {
            let path = config.node.keys_dir.join(name);
            // A node that never votes has one key only.
            if name == "node.pem" || path.exists() {
                let pem = Zeroizing::new(std::fs::read(&path).map_err(failed("read", &path))?);
                private_file(&part.join("keys").join(name), &pem)?;
            }
        }
    }
    let why = format!("it is a backup's, taken at {now_unix_ms} ms, and what was promised later is unknown to it");
    let (ledger, leaves_checked) = verify(&data, genesis, &why, 0)?;
    let root = store.ledger().root_at(ledger.size).map_err(stored(&config.node.data_dir))?;
    if Digest(*root.as_bytes()) != ledger.root {
        return Err(BackupError::Unverified(format!("its ledger of {} leaves is not the node's", ledger.size)));
    }
    let subject = Subject {
        mesh_id: genesis.mesh_id,
        mesh_name: &genesis.document.mesh_name,
        node_id: record.node_id,
        node_name: &record.name,
        taken_unix_ms: now_unix_ms,
        ledger,
        leaves_checked,
        has_keys: with_keys,
    };
    let manifest = Manifest::of(&subject, list(part, &[LOCK])?);
    std::fs::remove_file(part.join(LOCK)).map_err(failed("delete", &part.join(LOCK)))?;
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| BackupError::Manifest(error.to_string()))?;
    private_file(&part.join(manifest::FILE), (text + "\n").as_bytes())?;
    sync_folder(part)?;
    Ok(manifest)
}

/// Opens a data folder that no node uses, reads it whole, takes its authority away, and closes it. Returns its ledger and how many leaves
/// were read. `generations`: starts of the node that it can't know of.
///
/// # Errors
/// [`BackupError::Unverified`] for damage, [`BackupError::Foreign`] for another mesh's.
pub(super) fn verify(
    data: &Path,
    genesis: &SealedGenesis,
    why: &str,
    generations: u64,
) -> Result<(LedgerMark, u64), BackupError> {
    let stored = |source| BackupError::Store { folder: data.into(), source };
    let store = Store::open(data, StoreOptions::default()).map_err(stored)?;
    if store.meta().mesh_id().map_err(stored)?.as_deref() != Some(&genesis.mesh_id.0[..]) {
        return Err(BackupError::Foreign(format!("the data is not that of mesh {}", genesis.mesh_id.short())));
    }
    if let Some(damage) = store.damage().first() {
        return Err(BackupError::Unverified(damage.to_string()));
    }
    let leaves = store.check_whole().map_err(|error| BackupError::Unverified(error.to_string()))?;
    let (size, root) = (store.ledger().size().map_err(stored)?, store.ledger().root().map_err(stored)?);
    store.give_up_authority(why).map_err(stored)?;
    let mut batch = mesh_store::Batch::new();
    store.meta().skip_generations(&mut batch, generations).map_err(stored)?;
    store.committer().commit_blocking(batch).map_err(stored)?;
    store.close().map_err(stored)?;
    drop(store);
    // Its threads may hold the files for a moment.
    let begun = Instant::now();
    loop {
        match DirLock::acquire(data) {
            Ok(_) => return Ok((LedgerMark { size, root: Digest(*root.as_bytes()) }, leaves)),
            Err(StoreError::InUse { .. }) if begun.elapsed() < LET_GO => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(stored(error)),
        }
    }
}
