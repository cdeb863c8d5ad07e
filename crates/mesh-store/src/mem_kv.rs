//! The in-memory twin of the guarded engine, for simulation.

use std::ops::Bound;
use std::sync::MutexGuard;

use crate::StoreError;
use crate::batch::Batch;
use crate::kv::{Entry, Kv, check_physical, resolve};
use crate::mem_disk::{Disk, MemDisk};
use crate::range::{KeyRange, Page};

/// A [`Kv`] on a [`MemDisk`]. It takes and refuses exactly what [`SledKv`](crate::SledKv) does.
#[derive(Debug, Clone)]
pub struct MemKv {
    disk: MemDisk,
    life: u64,
}

impl MemKv {
    /// Opens what is on `disk`, until its next crash.
    pub fn open(disk: &MemDisk) -> Self {
        let life = disk.lock().life;
        Self { disk: disk.clone(), life }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        let disk = self.disk.lock();
        if disk.life == self.life { Ok(disk) } else { Err(StoreError::Closed) }
    }

    fn lock_to_write(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        let disk = self.lock()?;
        if disk.failed {
            return Err(StoreError::Poisoned { reason: "an earlier sync of the data file failed".into() });
        }
        Ok(disk)
    }
}

fn entries<'a>(disk: &'a Disk, range: &'a KeyRange) -> impl DoubleEndedIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)> {
    let start = range.start();
    let end = match range.end() {
        // An empty range, which BTreeMap would panic on if its end lay before its start.
        Some(end) => Bound::Excluded(end.max(start)),
        None => Bound::Unbounded,
    };
    disk.live.range::<[u8], _>((Bound::Included(start), end))
}

impl Kv for MemKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock()?.live.get(key).cloned())
    }

    fn range(&self, range: &KeyRange, page: Page) -> Result<Vec<Entry>, StoreError> {
        let disk = self.lock()?;
        let to_entry = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let found = entries(&disk, range);
        Ok(if page.reverse {
            found.rev().take(page.limit).map(to_entry).collect()
        } else {
            found.take(page.limit).map(to_entry).collect()
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        check_physical(&batch)?;
        let mut disk = self.lock_to_write()?;
        let writes = resolve(batch, |range| Ok(entries(&disk, range).map(|(key, _)| key.clone()).collect()))?;
        disk.apply(writes);
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.lock_to_write()?.sync() {
            Ok(())
        } else {
            Err(StoreError::engine("sync the data file", std::io::Error::other("a fault was injected")))
        }
    }
}
