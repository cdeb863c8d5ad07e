//! When and where the HEAD file is written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::durable_file;
use crate::heads::Heads;
use crate::log_name::LogName;
use crate::marks::{Marks, RecordMark};
use crate::mem_disk::MemDisk;

const MEMORY_NAME: &str = "HEAD";

/// Where the HEAD file is.
#[derive(Debug, Clone)]
pub(crate) enum HeadPlace {
    /// `HEAD` in this folder.
    Folder(PathBuf),
    /// On a simulated disk.
    Memory(MemDisk),
}

impl HeadPlace {
    /// The heads; `None` where there is no file.
    pub(crate) fn read(&self) -> Result<Option<Heads>, StoreError> {
        let bytes = match self {
            Self::Folder(folder) => {
                let path = folder.join("HEAD");
                match std::fs::read(&path) {
                    Ok(bytes) => Some(bytes),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                    Err(error) => return Err(StoreError::io("read", &path, error)),
                }
            }
            Self::Memory(disk) => disk.lock().files.get(MEMORY_NAME).cloned(),
        };
        bytes.map(|bytes| Heads::from_bytes(&bytes)).transpose()
    }

    pub(crate) fn write(&self, heads: &Heads) -> Result<(), StoreError> {
        let bytes = heads.to_bytes();
        match self {
            Self::Folder(folder) => durable_file::replace(&folder.join("HEAD"), &folder.join("HEAD.tmp"), &bytes),
            Self::Memory(disk) => {
                disk.lock().files.insert(MEMORY_NAME.into(), bytes);
                Ok(())
            }
        }
    }
}

/// Keeps the HEAD file up to date, owned by the commit loop.
///
/// A rename and two syncs per commit would cost more than the commit. So the file is written after a sync, at most once per `interval`,
/// and on close; at once, before the acknowledgement, only for a batch that says so (a vote). In between the file trails: that is safe,
/// it only can't tell the loss of the last `interval` of acknowledgements.
#[derive(Debug)]
pub(crate) struct HeadFile {
    place: HeadPlace,
    heads: Heads,
    interval: Duration,
    /// When the first head came that isn't in the file yet.
    dirty_since: Option<Instant>,
}

impl HeadFile {
    pub(crate) fn new(place: HeadPlace, heads: Heads, interval: Duration) -> Self {
        Self { place, heads, interval, dirty_since: None }
    }

    /// Takes in what a sync just made durable, and writes the file if that can't wait.
    pub(crate) fn synced(&mut self, marks: Marks) -> Result<(), StoreError> {
        if marks.is_empty() {
            return Ok(());
        }
        let urgent = marks.urgent;
        self.heads.merge(marks);
        self.dirty_since.get_or_insert_with(Instant::now);
        if urgent { self.write() } else { Ok(()) }
    }

    /// Writes the file if its time has come. Returns after how long to ask again, if there is something to write then.
    pub(crate) fn write_if_due(&mut self) -> Result<Option<Duration>, StoreError> {
        let Some(since) = self.dirty_since else {
            return Ok(None);
        };
        let waited = since.elapsed();
        if waited < self.interval {
            return Ok(Some(self.interval.saturating_sub(waited)));
        }
        self.write().map(|()| None)
    }

    /// Writes the file if it trails.
    pub(crate) fn write_if_dirty(&mut self) -> Result<(), StoreError> {
        if self.dirty_since.is_some() {
            self.write()?;
        }
        Ok(())
    }

    /// Gives up a log's acknowledged head.
    pub(crate) fn forget(&mut self, log: &LogName) -> Result<(), StoreError> {
        self.heads.logs.remove(log);
        self.write()
    }

    /// Gives up the acknowledged records but those in `kept`, and the end of the raft log.
    pub(crate) fn reset_authority(&mut self, kept: BTreeMap<String, RecordMark>) -> Result<(), StoreError> {
        self.heads.records = kept;
        self.heads.raft = None;
        self.write()
    }

    /// What was acknowledged, whether in the file yet or not.
    pub(crate) fn heads(&self) -> &Heads {
        &self.heads
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.place.write(&self.heads)?;
        self.dirty_since = None;
        Ok(())
    }
}
