//! Puts a backup in place, where nothing is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_event::genesis::SealedGenesis;

use super::files::{BackupError, failed, is_free, list, private_file, private_folder, sync_folder};
use super::manifest::{self, Manifest};
use super::take::{KEYS, verify};
use crate::config::Config;
use crate::data_folder;

/// Starts of the node after the backup that its copy can't know of; other nodes remember them.
const GENERATIONS: u64 = 1 << 20;

/// What was put where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup is of.
    pub manifest: Manifest,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Whether the configuration was written from the backup; else the one that was there is kept.
    pub wrote_config: bool,
    /// Whether the node's keys were written from the backup.
    pub wrote_keys: bool,
    /// Whether a node's key is there now.
    pub has_keys: bool,
}

/// Reads a backup and compares every file with its manifest; nothing is written.
///
/// # Errors
/// [`BackupError::Manifest`]; [`BackupError::File`] for one that is missing, altered or not listed.
pub fn check(from: &Path) -> Result<Manifest, BackupError> {
    let path = from.join(manifest::FILE);
    let manifest = Manifest::parse(&fs::read_to_string(&path).map_err(failed("read", &path))?)?;
    let mut found: BTreeMap<String, _> =
        list(from, &[manifest::FILE])?.into_iter().map(|file| (file.path.clone(), file)).collect();
    for listed in &manifest.files {
        let fault = |why: String| BackupError::File { path: listed.path.clone(), why };
        match found.remove(&listed.path) {
            None => return Err(fault("is missing".to_owned())),
            Some(here) if here.bytes != listed.bytes => {
                return Err(fault(format!("has {} bytes; expected {}", here.bytes, listed.bytes)));
            }
            Some(here) if here.sha256 != listed.sha256 => {
                return Err(fault("was altered: its SHA-256 is another than in the manifest".to_owned()));
            }
            Some(_) => {}
        }
    }
    match found.into_keys().next() {
        Some(path) => Err(BackupError::File { path, why: "is not in the manifest".to_owned() }),
        None => Ok(manifest),
    }
}

/// Verifies a backup and puts it where the configuration says; the configuration itself, the founding document and the keys are taken from
/// it where they are missing. What is restored has no authority.
///
/// # Errors
/// [`BackupError`]; the data folder is as before. A configuration, founding document or key that was written first stays.
pub fn restore(from: &Path, config: &Path) -> Result<Restored, BackupError> {
    let manifest = check(from)?;
    let path = from.join("genesis.bin");
    let sealed = fs::read(&path).map_err(failed("read", &path))?;
    let genesis = SealedGenesis::parse(sealed.clone()).map_err(|error| BackupError::File {
        path: "genesis.bin".to_owned(),
        why: format!("is no founding document: {error}"),
    })?;
    if genesis.mesh_id != manifest.mesh_id {
        return Err(BackupError::Manifest(format!("it names mesh {}; genesis.bin founds another", manifest.mesh_id)));
    }
    let wrote_config = !config.exists();
    if wrote_config {
        let path = from.join("node.toml");
        let text = fs::read(&path).map_err(failed("read", &path))?;
        private_file(config, &text)?;
    }
    let loaded = Config::load(config, []).map_err(|error| BackupError::Foreign(error.to_string()))?;
    let node = &loaded.node;
    if !is_free(&node.data_dir)? {
        return Err(BackupError::Taken(node.data_dir.clone()));
    }
    put_genesis(&node.genesis, &sealed, &genesis)?;
    let wrote_keys = manifest.has_keys && !node.keys_dir.join("node.pem").exists();
    if wrote_keys {
        private_folder(&node.keys_dir)?;
        for name in KEYS {
            let (source, target) = (from.join("keys").join(name), node.keys_dir.join(name));
            if source.exists() && !target.exists() {
                let pem = zeroize::Zeroizing::new(fs::read(&source).map_err(failed("read", &source))?);
                private_file(&target, &pem)?;
            }
        }
    }
    let has_keys = node.keys_dir.join("node.pem").exists();
    // With its keys and without this data the node would begin anew under its old number.
    let folder = &node.keys_dir;
    private_folder(folder)?;
    data_folder::put_mark(&loaded, &genesis).map_err(failed("write the mark of a started node into", folder))?;
    put_data(&from.join("data"), &node.data_dir, &manifest, &genesis)?;
    Ok(Restored { manifest, data_dir: node.data_dir.clone(), wrote_config, wrote_keys, has_keys })
}

/// A new file that only its owner may read, durable.
///
/// # Errors
/// [`BackupError::Io`], with nothing of it left.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    if part.exists() {
        fs::remove_file(&part).map_err(failed("delete", &part))?;
    }
    private_file(&part, bytes)?;
    fs::rename(&part, path).map_err(failed("rename", &part))?;
    sync_folder(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn put_genesis(path: &Path, sealed: &[u8], genesis: &SealedGenesis) -> Result<(), BackupError> {
    if !path.exists() {
        return private_file(path, sealed);
    }
    let there = fs::read(path).map_err(failed("read", path))?;
    let is_same = SealedGenesis::parse(there).is_ok_and(|there| there.mesh_id == genesis.mesh_id);
    if is_same {
        return Ok(());
    }
    Err(BackupError::Foreign(format!(
        "{} does not found mesh {}, of which the backup is",
        path.display(),
        genesis.mesh_id.short()
    )))
}

/// Beside its place first, so that a restore that is cut off leaves no half data folder.
fn put_data(from: &Path, to: &Path, manifest: &Manifest, genesis: &SealedGenesis) -> Result<(), BackupError> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let part = to.with_file_name(name);
    if part.exists() {
        fs::remove_dir_all(&part).map_err(failed("delete", &part))?;
    }
    let put = || {
        copy_folder(from, &part)?;
        let why = format!("it was restored from a backup of {} ms", manifest.taken_unix_ms);
        let (ledger, _) = verify(&part, genesis, &why, GENERATIONS)?;
        if ledger != manifest.ledger {
            return Err(BackupError::Unverified("its ledger is not the one that the manifest names".to_owned()));
        }
        fs::rename(&part, to).map_err(failed("rename", &part))?;
        sync_folder(to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    };
    let put = put();
    if put.is_err() {
        // The reason counts, not whether the rest could be removed.
        drop(fs::remove_dir_all(&part));
    }
    put
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    private_folder(to)?;
    for entry in fs::read_dir(from).map_err(failed("list", from))? {
        let entry = entry.map_err(failed("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(failed("copy", &source))?;
            fs::File::open(&target).and_then(|file| file.sync_all()).map_err(failed("sync", &target))?;
        }
    }
    sync_folder(to)
}
