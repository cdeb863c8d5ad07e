//! sled, guarded: each defect of 0.34.7 that its source shows has its answer here.
//!
//! The guards and their reasons are in `docs/adr/0001-sled-guarded.md`. This is the only file that names sled.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use crate::StoreError;
use crate::batch::Batch;
use crate::dir_lock::DirLock;
use crate::durable_file::{create_folder, sync_folder};
use crate::kv::{Entry, Kv, check_physical, resolve};
use crate::range::{KeyRange, Page};

/// How often and how long to wait for threads of an earlier [`SledKv`] of this process to let go of the data file.
const REOPEN_ATTEMPTS: u32 = 100;
const REOPEN_PAUSE: Duration = Duration::from_millis(20);

/// Held for reading while a batch is applied or synced, for writing while the files are copied.
#[derive(Debug, Clone, Default)]
pub(crate) struct WritesGate(Arc<RwLock<()>>);

impl WritesGate {
    fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for writes that are under way, and keeps others out until the guard goes.
    pub(crate) fn shut(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Kv`] on a disk: one sled tree, no background flusher, our own fdatasync.
pub struct SledKv {
    // Dropped in this order: the engine writes its last buffers before the lock goes.
    db: sled::Db,
    data: File,
    dir: PathBuf,
    failed: AtomicBool,
    writes: WritesGate,
    _lock: DirLock,
}

impl SledKv {
    /// Opens or creates the files in `dir`. `lock` is the lock of `dir` or of a folder above; it is held as long as this lives.
    /// `cache_bytes` bounds sled's page cache (its own default would be 1 GiB).
    ///
    /// # Errors
    /// [`StoreError::InUse`], or [`StoreError::Io`] when the files can't be opened or read.
    pub fn open(dir: &Path, cache_bytes: u64, lock: DirLock) -> Result<Self, StoreError> {
        create_folder(dir)?;
        delete_half_made_snapshots(dir)?;
        let db = open_engine(dir, cache_bytes)?;
        let path = dir.join("db");
        let data = File::options().write(true).open(&path).map_err(|error| StoreError::io("open", &path, error))?;
        // sled syncs neither its small settings file nor the names of its files.
        let conf = dir.join("conf");
        File::open(&conf).and_then(|conf| conf.sync_all()).map_err(|error| StoreError::io("sync", &conf, error))?;
        sync_folder(dir)?;
        Ok(Self {
            db,
            data,
            dir: dir.to_path_buf(),
            failed: AtomicBool::new(false),
            writes: WritesGate::default(),
            _lock: lock,
        })
    }

    /// How many blob files there are: 0, unless a guard is broken. sled never syncs them.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder can't be listed.
    pub fn blob_files(&self) -> Result<usize, StoreError> {
        let blobs = self.dir.join("blobs");
        let entries = fs::read_dir(&blobs).map_err(|error| StoreError::io("list", &blobs, error))?;
        Ok(entries.count())
    }

    /// Stops writes while the files are copied.
    pub(crate) fn writes_gate(&self) -> WritesGate {
        self.writes.clone()
    }

    fn refuse_after_failure(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned { reason: "an earlier write or sync of the data file failed".into() });
        }
        Ok(())
    }

    fn fail(&self, doing: &str, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        self.failed.store(true, Ordering::Release);
        StoreError::engine(doing, error)
    }

    fn iter(&self, range: &KeyRange) -> sled::Iter {
        match range.end() {
            Some(end) => self.db.range(range.start()..end),
            None => self.db.range(range.start()..),
        }
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get(key).map_err(|error| StoreError::engine("read a value", error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range(&self, range: &KeyRange, page: Page) -> Result<Vec<Entry>, StoreError> {
        // sled panics on a range whose end is before its start.
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let to_entry = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = entry.map_err(|error| StoreError::engine("read a range", error))?;
            Ok((key.to_vec(), value.to_vec()))
        };
        let iter = self.iter(range);
        if page.reverse {
            iter.rev().take(page.limit).map(to_entry).collect()
        } else {
            iter.take(page.limit).map(to_entry).collect()
        }
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        check_physical(&batch)?;
        let _passed = self.writes.pass();
        self.refuse_after_failure()?;
        let writes = resolve(batch, |range| {
            if range.is_empty() {
                return Ok(Vec::new());
            }
            self.iter(range)
                .keys()
                .map(|key| match key {
                    Ok(key) => Ok(key.to_vec()),
                    Err(error) => Err(StoreError::engine("read a range", error)),
                })
                .collect()
        })?;
        let mut changes = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        self.db.apply_batch(changes).map_err(|error| self.fail("apply a batch", error))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let _passed = self.writes.pass();
        self.refuse_after_failure()?;
        // sled's flush ends in sync_file_range, which leaves the disk's write cache and the file's length alone.
        self.db.flush().map_err(|error| self.fail("flush the data file", error))?;
        // fdatasync. After it failed the kernel may have dropped the dirty pages: trying again would lie.
        self.data.sync_data().map_err(|error| self.fail("sync the data file", error))
    }
}

/// Deletes `snap.*.generating`: a crash while opening leaves such a name, and the next open would take it for a finished snapshot.
fn delete_half_made_snapshots(dir: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(dir).map_err(|error| StoreError::io("list", dir, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| StoreError::io("list", dir, error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let path = entry.path();
            tracing::warn!(path = %path.display(), "deleting a half-made snapshot of the storage engine");
            fs::remove_file(&path).map_err(|error| StoreError::io("delete", &path, error))?;
        }
    }
    Ok(())
}

fn open_engine(dir: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let mut attempt = 0;
    loop {
        let opened = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            // Its flusher logs I/O errors and goes on; ours stops the node.
            .flush_every_ms(None)
            .open();
        match opened {
            Ok(db) => return Ok(db),
            // We hold the lock of the folder, so the file is held by a thread pool of this process that is about to end.
            Err(error) if is_locked(&error) && attempt < REOPEN_ATTEMPTS => {
                attempt += 1;
                thread::sleep(REOPEN_PAUSE);
            }
            Err(error) if is_locked(&error) => {
                return Err(StoreError::InUse { path: dir.join("db").display().to_string() });
            }
            Err(error) => {
                return Err(StoreError::engine(format!("open the data file in {}", dir.display()), error));
            }
        }
    }
}

/// sled tells a lock held elsewhere only in words.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
