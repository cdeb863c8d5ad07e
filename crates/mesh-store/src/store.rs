//! One node's store, whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::StoreError;
use crate::attachments::Attachments;
use crate::batch::Batch;
use crate::chunked::Chunked;
use crate::claims::Claims;
use crate::committer::Committer;
use crate::damage::{Damage, DamageBoard};
use crate::dir_lock::DirLock;
use crate::durable_file::create_folder;
use crate::feed::{self, Feed};
use crate::format::{self, FORMAT_VERSION};
use crate::guarded::Guarded;
use crate::head_file::{HeadFile, HeadPlace};
use crate::heads::Heads;
use crate::index::IndexSpace;
use crate::ledger::ledger;
use crate::live_copy;
use crate::log_name::{FeedId, LogName};
use crate::mem_disk::MemDisk;
use crate::mem_kv::MemKv;
use crate::merkle_log::MerkleLog;
use crate::meta::Meta;
use crate::options::{MemoryLoop, StoreOptions};
use crate::raft_log::RaftLog;
use crate::sled_kv::{SledKv, WritesGate};
use crate::start::{check_everything, log_named, read_heads, remember};
use crate::state::State;

/// Everything a node keeps: the keyspaces, the commit loop, the attachments and the HEAD file.
///
/// ```text
/// FORMAT        format version, read before anything else
/// LOCK          held while the store is open
/// HEAD          acknowledged heads, see Heads
/// kv/           the database
/// attachments/  what everybody may fetch
/// private/      what only the domain's own readers may
/// ```
///
/// Clones of its parts keep the files open: the lock goes when the last of them goes.
pub struct Store {
    kv: Arc<Chunked>,
    committer: Committer,
    guarded: Guarded,
    raft_log: RaftLog,
    damage_board: DamageBoard,
    claims: Claims,
    damage: Mutex<Vec<Damage>>,
    attachments: Attachments,
    private_attachments: Attachments,
    place: Place,
    /// Stops writes to a database on a disk while it is copied.
    writes: Option<WritesGate>,
}

enum Place {
    Folder(PathBuf),
    Memory(MemDisk),
}

/// Bytes on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// The database.
    pub database: u64,
    /// Public and private attachments.
    pub attachments: u64,
    /// Everything.
    pub total: u64,
}

impl Store {
    /// Opens or creates the store in `folder`. What was lost or damaged since it was last written is in [`Store::damage`].
    ///
    /// # Errors
    /// [`StoreError::NewerFormat`] and [`StoreError::InUse`], with nothing touched; [`StoreError::Io`].
    pub fn open(folder: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let folder = folder.as_ref();
        format::read(folder)?;
        create_folder(folder)?;
        let lock = DirLock::acquire(folder)?;
        let head_place = HeadPlace::Folder(folder.to_path_buf());
        // Again, under the lock: a newer program may just have come and gone.
        if format::read(folder)?.is_none() {
            if folder.join("kv").exists() {
                return Err(StoreError::corrupt("a FORMAT file beside the database"));
            }
            // FORMAT last: where it is, a HEAD file was, and one that is missing later was lost.
            head_place.write(&Heads::default())?;
            format::write(folder)?;
        }
        let kv = SledKv::open(&folder.join("kv"), options.cache_bytes, lock)?;
        let writes = kv.writes_gate();
        let attachments = Attachments::open(&folder.join("attachments"))?;
        let private_attachments = Attachments::open(&folder.join("private"))?;
        make_private(&folder.join("private"))?;
        let kv = Arc::new(Chunked::new(Arc::new(kv)));
        Self::assemble(
            kv,
            &head_place,
            Place::Folder(folder.to_path_buf()),
            attachments,
            private_attachments,
            |kv, heads| {
                let head = HeadFile::new(head_place.clone(), heads, options.head_interval);
                Committer::start(kv, options.limits, head, options.fatal)
            },
        )
        .map(|store| Self { writes: Some(writes), ..store })
    }

    /// A new store in memory, its commit loop inline. For tests and simulation; `seed` decides what a crash loses.
    ///
    /// # Errors
    /// None that are expected.
    pub fn in_memory(seed: u64) -> Result<Self, StoreError> {
        let options = StoreOptions::default();
        Self::open_memory(&MemDisk::new(seed), MemoryLoop::Inline, options)
    }

    /// Opens or creates the store on a simulated disk. Its HEAD file is written after every sync, whatever the clock says.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_memory(disk: &MemDisk, commit_loop: MemoryLoop, options: StoreOptions) -> Result<Self, StoreError> {
        let head_place = HeadPlace::Memory(disk.clone());
        let kv = Arc::new(Chunked::new(Arc::new(MemKv::open(disk))));
        if Meta::new(Arc::clone(&kv)).format()?.is_none() && head_place.read().is_ok_and(|head| head.is_none()) {
            head_place.write(&Heads::default())?;
        }
        Self::assemble(
            kv,
            &head_place,
            Place::Memory(disk.clone()),
            Attachments::in_memory(disk.clone(), "attachments"),
            Attachments::in_memory(disk.clone(), "private"),
            |kv, heads| {
                let head = HeadFile::new(head_place.clone(), heads, Duration::ZERO);
                let StoreOptions { limits, fatal, bell, .. } = options;
                match commit_loop {
                    MemoryLoop::Inline => Ok(Committer::inline(kv, limits, head, fatal)),
                    MemoryLoop::Manual => Ok(Committer::manual(kv, limits, head, fatal, bell)),
                    MemoryLoop::Thread => Committer::start(kv, limits, head, fatal),
                }
            },
        )
    }

    fn assemble(
        kv: Arc<Chunked>,
        head_place: &HeadPlace,
        place: Place,
        attachments: Attachments,
        private_attachments: Attachments,
        committer: impl FnOnce(Arc<Chunked>, Heads) -> Result<Committer, StoreError>,
    ) -> Result<Self, StoreError> {
        let meta = Meta::new(Arc::clone(&kv));
        let known = meta.format()?;
        format::check(known.unwrap_or(FORMAT_VERSION))?;
        let mut damage = Vec::new();
        let heads = read_heads(head_place, &mut damage)?;
        let sequence = heads.records.values().map(|mark| mark.sequence).max();
        let guarded = Guarded::open(Arc::clone(&kv), sequence.unwrap_or(0))?;
        let truncations = heads.raft.map_or(0, |tail| tail.truncations);
        let raft_log = RaftLog::open(Arc::clone(&kv), guarded.clone(), truncations)?;
        let damage_board = DamageBoard::default();
        check_everything(&kv, &heads, &guarded, &raft_log, &damage_board, &mut damage)?;
        remember(&kv, &meta, &raft_log, known, &damage)?;
        let committer = committer(Arc::clone(&kv), heads)?;
        Ok(Self {
            kv,
            committer,
            guarded,
            raft_log,
            damage_board,
            claims: Claims::default(),
            damage: Mutex::new(damage),
            attachments,
            private_attachments,
            place,
            writes: None,
        })
    }

    /// The only way to write.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Facts about the store itself.
    pub fn meta(&self) -> Meta {
        Meta::new(Arc::clone(&self.kv))
    }

    /// Small records whose loss is noticed.
    pub fn guarded(&self) -> Guarded {
        self.guarded.clone()
    }

    /// openraft's log.
    pub fn raft_log(&self) -> RaftLog {
        self.raft_log.clone()
    }

    /// The replicated state.
    pub fn state(&self) -> State {
        State::new(Arc::clone(&self.kv))
    }

    /// The ledger.
    pub fn ledger(&self) -> MerkleLog {
        ledger(Arc::clone(&self.kv), self.damage_board.clone())
    }

    /// A feed, whether it has leaves or not.
    pub fn feed(&self, id: FeedId) -> Feed {
        Feed::new(Arc::clone(&self.kv), id, self.damage_board.clone(), self.claims.clone())
    }

    /// All feeds that have leaves, by domain, then epoch.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn feeds(&self) -> Result<Vec<FeedId>, StoreError> {
        feed::list(&self.kv)
    }

    /// The feeds of one domain that have leaves, by epoch.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn feeds_of(&self, domain: &str) -> Result<Vec<FeedId>, StoreError> {
        feed::list_of(&self.kv, domain)
    }

    /// A secondary index.
    pub fn index(&self, space: u8) -> IndexSpace {
        IndexSpace::new(Arc::clone(&self.kv), space)
    }

    /// Attachments that everybody may fetch.
    pub fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// Attachments that only the domain's own readers may fetch.
    pub fn private_attachments(&self) -> &Attachments {
        &self.private_attachments
    }

    /// What is lost or damaged, found when the store was opened and not repaired since.
    pub fn damage(&self) -> Vec<Damage> {
        self.lock_damage().clone()
    }

    /// Why this node may not vote, cosign or write feeds under its old id and epoch, if that is so: it survives restarts, until
    /// [`Store::restore_authority`].
    ///
    /// # Errors
    /// When it can't be read.
    pub fn lost_authority(&self) -> Result<Option<String>, StoreError> {
        self.meta().lost_authority()
    }

    /// From now on, restarts included, this node may not vote, cosign or write feeds under its old id and epoch. A reason that stands already
    /// stays.
    ///
    /// # Errors
    /// When it can't be read or made durable.
    pub fn give_up_authority(&self, reason: &str) -> Result<(), StoreError> {
        if self.lost_authority()?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::new();
        Meta::put_lost_authority(&mut batch, reason);
        self.committer.commit_blocking(batch)
    }

    /// Copies the store into `folder`, which is created, while it is in use: what the copy holds was durable together at one moment. Nothing
    /// that was acknowledged before the call is missing; of attachments that come or go meanwhile, some may be.
    ///
    /// Writers wait while the last changed blocks are compared, not while everything is copied. The copy claims the authority of this store:
    /// see [`Store::give_up_authority`].
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `folder` is there already, or the store is in memory; [`StoreError::Io`]. What was copied so far stays.
    pub fn copy_to(&self, folder: &Path) -> Result<(), StoreError> {
        let invalid = |expected, found: String| Err(StoreError::Invalid { expected, found });
        let (Place::Folder(from), Some(writes)) = (&self.place, &self.writes) else {
            return invalid("a store on a disk", "one in memory".into());
        };
        if folder.exists() {
            return invalid("a new folder to copy into", folder.display().to_string());
        }
        create_folder(folder)?;
        live_copy::database(from, folder, || self.committer.flush(), writes)?;
        for name in ["attachments", "private"] {
            live_copy::attachments(&from.join(name), &folder.join(name))?;
        }
        make_private(&folder.join("private"))
    }

    /// Reads the ledger and all feeds whole and compares every leaf with the roots that are stored. Returns how many leaves that were.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a log that is not what its root says.
    pub fn check_whole(&self) -> Result<u64, StoreError> {
        let mut leaves = self.ledger().check_whole()?;
        for feed in self.feeds()? {
            leaves += self.feed(feed).log().check_whole()?;
        }
        Ok(leaves)
    }

    /// Lets the node act again, under the new id under which it was admitted: what it promised under the old one is given up. Its feeds go on
    /// under a new epoch.
    ///
    /// # Errors
    /// When the HEAD file or the new id can't be written; then the authority stays lost.
    pub fn restore_authority(&self, new_node_id: &[u8]) -> Result<(), StoreError> {
        // What was put since the loss stays acknowledged.
        self.committer.flush()?;
        let mut kept = self.committer.acknowledged().records;
        let mut failed = None;
        kept.retain(|name, mark| match self.guarded.mark(name) {
            Ok(found) => found.as_ref() == Some(mark),
            Err(StoreError::Corrupt { .. }) => false,
            Err(error) => {
                failed.get_or_insert(error);
                true
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        // A crash after this: nothing is claimed any more, the authority is still lost.
        self.committer.reset_authority(kept)?;
        let mut batch = Batch::new();
        let meta = self.meta();
        meta.put_node_id(&mut batch, new_node_id);
        Meta::clear_lost_authority(&mut batch);
        self.committer.commit_blocking(batch)?;
        self.lock_damage().retain(|damage| !damage.costs_authority());
        Ok(())
    }

    /// Compares a log with its acknowledged head again, after it was fetched from peers and flushed. Returns what is still wrong; a log that
    /// is whole again is read and appended to as before.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn recheck(&self, name: &LogName) -> Result<Option<Damage>, StoreError> {
        let acknowledged = self.committer.acknowledged().log(name);
        let found = log_named(&self.kv, name, &self.damage_board).check(acknowledged)?;
        let mut damage = self.lock_damage();
        damage.retain(|damage| !matches!(damage, Damage::Log { log, .. } if log == name));
        damage.extend(found.clone());
        Ok(found)
    }

    /// Gives up the acknowledged head of a copy of which no peer has the lost leaves any more, and checks what is left of it. An operator's
    /// decision: what was acknowledged is gone for good.
    ///
    /// # Errors
    /// When the HEAD file can't be written or the log can't be read.
    pub fn accept_loss(&self, name: &LogName) -> Result<Option<Damage>, StoreError> {
        self.committer.forget_head(name)?;
        self.recheck(name)
    }

    /// Bytes on the disk now.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a folder can't be listed.
    pub fn disk_usage(&self) -> Result<DiskUsage, StoreError> {
        match &self.place {
            Place::Memory(disk) => {
                let total = disk.bytes();
                Ok(DiskUsage { total, ..DiskUsage::default() })
            }
            Place::Folder(folder) => Ok(DiskUsage {
                database: bytes_in(&folder.join("kv"))?,
                attachments: bytes_in(&folder.join("attachments"))? + bytes_in(&folder.join("private"))?,
                total: bytes_in(folder)?,
            }),
        }
    }

    /// Makes everything durable, writes the HEAD file and refuses commits from now on.
    ///
    /// # Errors
    /// When it isn't certain that all is durable.
    pub fn close(&self) -> Result<(), StoreError> {
        self.committer.close()
    }

    fn lock_damage(&self) -> std::sync::MutexGuard<'_, Vec<Damage>> {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only the node's own user may list private attachments.
fn make_private(folder: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(|error| StoreError::io("set the permissions of", folder, error))
}

fn bytes_in(folder: &Path) -> Result<u64, StoreError> {
    let failed = |error| StoreError::io("list", folder, error);
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += bytes_in(&entry.path())?,
            Ok(metadata) => bytes += metadata.len(),
            // Renamed or removed since it was listed.
            Err(_) => {}
        }
    }
    Ok(bytes)
}
