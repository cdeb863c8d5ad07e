//! A disk in memory that fails on command, the same way each time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::StoreError;
use crate::head_file::HeadPlace;
use crate::kv::Change;
use crate::log_name::LogName;

/// Changes of one batch, resolved to single keys.
pub(crate) type Writes = Vec<Change>;

/// What a simulated power loss does to the batches that were applied and not synced. Synced batches are never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Only the process dies: everything applied is still there.
    LoseNothing,
    /// All unsynced batches are gone.
    LoseUnsynced,
    /// The last `n` unsynced batches are gone.
    LoseLast(usize),
    /// The disk's seed decides how many of the last ones are gone.
    LoseSome,
    /// All unsynced batches survive, but of the last one only some keys, which a disk that keeps its word never does.
    TearLast,
    /// All unsynced batches survive, with one bit of one value of the last one flipped.
    CorruptLast,
}

/// Key-value data of a [`MemDisk`] at one moment.
#[derive(Debug, Clone)]
pub struct MemSnapshot(BTreeMap<Vec<u8>, Vec<u8>>);

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) synced: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) unsynced: Vec<Writes>,
    /// What a read sees: `synced` with `unsynced` on top.
    pub(crate) live: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Files beside the key-value data, by path: always durable once written.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Grows with each crash; handles of an earlier life are closed.
    pub(crate) life: u64,
    /// A failed sync ends the life of the key-value data, as it does on the real disk.
    pub(crate) failed: bool,
    fail_syncs: u32,
    syncs: u64,
    random: u64,
}

/// What survives the crash of an in-memory store: clone the handle, crash, open the store again on it.
#[derive(Debug, Clone)]
pub struct MemDisk {
    disk: Arc<Mutex<Disk>>,
}

impl MemDisk {
    /// An empty disk. All its random choices follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { disk: Arc::new(Mutex::new(Disk { random: seed, ..Disk::default() })) }
    }

    /// Cuts the power: every open handle is closed and `crash` decides what the next one finds.
    pub fn crash(&self, crash: Crash) {
        let mut disk = self.lock();
        let mut survivors = std::mem::take(&mut disk.unsynced);
        match crash {
            Crash::LoseNothing => {}
            Crash::LoseUnsynced => survivors.clear(),
            Crash::LoseLast(n) => survivors.truncate(survivors.len().saturating_sub(n)),
            Crash::LoseSome => {
                let kept = disk.below(survivors.len() + 1);
                survivors.truncate(kept);
            }
            Crash::TearLast => {
                if let Some(last) = survivors.last_mut() {
                    let kept = disk.below(last.len());
                    for _ in kept..last.len() {
                        let lost = disk.below(last.len());
                        last.swap_remove(lost);
                    }
                }
            }
            Crash::CorruptLast => {
                let values = survivors
                    .last_mut()
                    .into_iter()
                    .flatten()
                    .filter_map(|(_, value)| value.as_mut().filter(|value| !value.is_empty()));
                let mut values: Vec<&mut Vec<u8>> = values.collect();
                if !values.is_empty() {
                    let chosen = disk.below(values.len());
                    let value = &mut *values[chosen];
                    let byte = disk.below(value.len());
                    value[byte] ^= 1 << disk.below(8);
                }
            }
        }
        for writes in survivors {
            write(&mut disk.synced, &writes);
        }
        disk.live = disk.synced.clone();
        disk.life += 1;
        disk.failed = false;
        disk.fail_syncs = 0;
    }

    /// A copy of the key-value data that would survive a power loss now.
    pub fn snapshot(&self) -> MemSnapshot {
        MemSnapshot(self.lock().synced.clone())
    }

    /// How many leaves of the ledger the HEAD file knows of. It trails what was acknowledged.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn head_ledger_size(&self) -> Result<u64, StoreError> {
        let heads = HeadPlace::Memory(self.clone()).read()?.unwrap_or_default();
        Ok(heads.log(&LogName::Ledger).map_or(0, |head| head.size))
    }

    /// Puts older key-value data back and leaves the other files, as a disk does that lied about its syncs. Open handles are closed.
    pub fn restore_database(&self, snapshot: &MemSnapshot) {
        let mut disk = self.lock();
        disk.unsynced.clear();
        disk.synced = snapshot.0.clone();
        disk.live = snapshot.0.clone();
        disk.life += 1;
    }

    /// Lets the next `count` syncs fail. A failed sync leaves its batches unsynced and the store unusable for writing.
    pub fn fail_syncs(&self, count: u32) {
        self.lock().fail_syncs = count;
    }

    /// How many syncs succeeded.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// How many applied batches a crash could still take away.
    pub fn unsynced_batches(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// Bytes of keys and values.
    pub(crate) fn bytes(&self) -> u64 {
        let disk = self.lock();
        let live = disk.live.iter().map(|(key, value)| key.len() + value.len());
        let files = disk.files.values().map(Vec::len);
        live.chain(files).map(|bytes| bytes as u64).sum()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// Applies and remembers as unsynced.
    pub(crate) fn apply(&mut self, writes: Writes) {
        write(&mut self.live, &writes);
        self.unsynced.push(writes);
    }

    /// Makes all durable, or fails on command.
    pub(crate) fn sync(&mut self) -> bool {
        if self.fail_syncs > 0 {
            self.fail_syncs -= 1;
            self.failed = true;
            return false;
        }
        for writes in std::mem::take(&mut self.unsynced) {
            write(&mut self.synced, &writes);
        }
        self.syncs += 1;
        true
    }

    /// A number below `bound` (0 when that is 0): SplitMix64, so that a seed means the same for ever.
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let bound = bound.max(1) as u64;
        usize::try_from(z % bound).expect("below a usize")
    }
}

fn write(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, writes: &Writes) {
    for (key, value) in writes {
        match value {
            Some(value) => {
                map.insert(key.clone(), value.clone());
            }
            None => {
                map.remove(key);
            }
        }
    }
}
