//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::StoreError;

/// Writes `bytes` to `path` so that after a crash the file has its old or its new content: a temporary file beside it (`tmp`, on the
/// same file system), fsync, rename, fsync of the folder.
pub(crate) fn replace(path: &Path, tmp: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(tmp)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| StoreError::io("write", tmp, error))?;
    fs::rename(tmp, path).map_err(|error| StoreError::io("rename", tmp, error))?;
    // Without this the new name may be gone after a power loss, with the old content back.
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::io("sync the folder", folder, error))
}

/// Creates a folder and its missing parents, durably.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(StoreError::io("create the folder", folder, error));
        }
        _ => {}
    }
    sync_folder(parent.unwrap_or(Path::new(".")))
}
