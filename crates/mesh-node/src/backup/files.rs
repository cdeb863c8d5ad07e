//! Files of a backup: written for their owner alone, durable, listed with their digests.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mesh_model::{Code, Digest};
use mesh_store::StoreError;
use sha2::{Digest as _, Sha256};

use super::manifest::ListedFile;

/// Why a backup was not written or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A store.
    #[error("the store in {}: {source}", .folder.display())]
    Store {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// The place is taken.
    #[error("{} is not empty; nothing is overwritten", .0.display())]
    Taken(PathBuf),
    /// What was written is not what the node has.
    #[error("the backup does not verify: {0}")]
    Unverified(String),
    /// The manifest can't be used.
    #[error("the backup's MANIFEST.json: {0}")]
    Manifest(String),
    /// A file is not what the manifest says.
    #[error("{path} in the backup {why}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It belongs elsewhere.
    #[error("{0}")]
    Foreign(String),
}

impl BackupError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Store { source: StoreError::InUse { .. }, .. } => Code::StoreInUse,
            Self::Store { source: StoreError::NewerFormat { .. }, .. } => Code::StoreTooNew,
            Self::Store { .. } => Code::StorageFailed,
            Self::Taken(_) => Code::Usage,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Code::NotFound,
            Self::Io { .. } => Code::Internal,
            Self::Unverified(_) | Self::File { .. } => Code::BadProof,
            Self::Manifest(_) => Code::InvalidFile,
            Self::Foreign(_) => Code::Config,
        }
    }
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_path_buf();
    move |source| BackupError::Io { action, path, source }
}

/// A folder that only its owner may enter.
pub(super) fn private_folder(path: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(failed("create", path))
}

/// A new file that only its owner may read, durable.
pub(super) fn private_file(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed("write", path))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("sync", path))
}

/// Every file under a folder, by path, but those that are named.
pub(super) fn list(folder: &Path, but: &[&str]) -> Result<Vec<ListedFile>, BackupError> {
    let mut files = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(within) = open.pop() {
        let here = folder.join(&within);
        for entry in fs::read_dir(&here).map_err(failed("list", &here))? {
            let entry = entry.map_err(failed("list", &here))?;
            let path = within.join(entry.file_name());
            let kind = entry.file_type().map_err(failed("look at", &here))?;
            let name = path.to_str().ok_or_else(|| BackupError::Foreign(format!("{} is no text", path.display())))?;
            if kind.is_dir() {
                open.push(path);
            } else if !kind.is_file() {
                return Err(BackupError::File { path: name.to_owned(), why: "is neither file nor folder".to_owned() });
            } else if !but.contains(&name) {
                files.push(listed(folder, name)?);
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn listed(folder: &Path, name: &str) -> Result<ListedFile, BackupError> {
    let path = folder.join(name);
    let mut file = File::open(&path).map_err(failed("open", &path))?;
    let (mut hash, mut bytes, mut block) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut block).map_err(failed("read", &path))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(&block[..read]);
    }
    Ok(ListedFile { path: name.to_owned(), bytes, sha256: Digest(hash.finalize().into()) })
}

/// Whether a folder is absent or has nothing in it.
pub(super) fn is_free(path: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(failed("list", path)(error)),
    }
}
