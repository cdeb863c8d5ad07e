//! One process per store.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::StoreError;

/// The lock of a store's directory, held until it is dropped or the process ends, however it ends.
///
/// sled locks its data file too, but only after the moment at which we delete half-made snapshot names; without a lock of our own a second
/// process could delete those of the first.
#[derive(Debug)]
pub struct DirLock {
    file: File,
}

impl DirLock {
    /// Locks the directory with a file `LOCK` in it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] at once when somebody holds it.
    pub fn acquire(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("LOCK");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::io("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
        }
    }
}

/// Unlocks, where closing would do but for programs that are being started: between fork and exec each has a copy of every open file, and the
/// lock would last until the last copy is closed.
impl Drop for DirLock {
    fn drop(&mut self) {
        drop(self.file.unlock());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_dropped_lock_is_free_though_a_program_that_is_being_started_has_a_copy_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirLock::acquire(dir.path()).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(matches!(DirLock::acquire(dir.path()), Err(StoreError::InUse { .. })));
        drop(lock);
        drop(DirLock::acquire(dir.path()).unwrap());
        drop(copy);
    }
}
