//! What a power cut takes from a disk: what the shim noted and no sync made durable.
//!
//! A file's bytes are durable after a sync of that file; a name after a sync of its folder. What is not durable is taken back, the last
//! change first. Half of the time a seed keeps some of the data all the same, for a disk writes in an order of its own: then a later
//! write may be there and an earlier one not. Names are kept in order, as a file system's own journal keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const MAGIC: u32 = 0x4d45_5348;
const HEADER_BYTES: usize = 48;
/// In the shim's place of a result: the change did not happen.
const FAILED: u64 = u64::MAX;
/// Where the shim keeps what lost its name.
const TRASH: &str = ".unlinked";

/// What was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Writes and truncations that are gone.
    pub writes: usize,
    /// Names made, moved or removed that are as before.
    pub names: usize,
    /// Changes that were not synced and are there all the same.
    pub kept: usize,
}

/// One noted change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Write { offset: u64, size: u64, old: Vec<u8>, new: Vec<u8> },
    Truncate { length: u64, size: u64, tail: Vec<u8> },
    Create { made: u64, name: String, is_folder: bool },
    Unlink { taken: u64, kept: u64, name: String },
    Rename { moved: u64, replaced: u64, old_folder: u64, old: String, new: String },
}

/// A change that is not durable: on which file, or in which folder.
#[derive(Debug, Clone)]
struct Pending {
    inode: u64,
    change: Change,
    /// The bytes of it in the journal, so that they can be kept.
    raw: Vec<u8>,
}

/// Reads the journal; a torn last record is a change that was not begun.
fn pending(bytes: &[u8]) -> Result<Vec<Pending>> {
    let mut all: Vec<Pending> = Vec::new();
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_at_checked(HEADER_BYTES) {
        let word = |at: usize| u64::from_ne_bytes(header[at..at + 8].try_into().expect("8 bytes"));
        let half = |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        if half(0) != MAGIC {
            bail!("the journal is damaged {} bytes before its end", rest.len());
        }
        let (kind, inode, a, b) = (half(4), word(8), word(16), word(24));
        let lengths = (usize::try_from(word(32))?, usize::try_from(word(40))?);
        let Some((first, after)) = after.split_at_checked(lengths.0) else { break };
        let Some((second, after)) = after.split_at_checked(lengths.1) else { break };
        let raw = rest[..rest.len() - after.len()].to_vec();
        rest = after;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).context("a name is no text");
        let change = match kind {
            1 => Change::Write { offset: a, size: b, old: first.to_vec(), new: second.to_vec() },
            2 => {
                settle(&mut all, a, &raw);
                continue;
            }
            3 => {
                all.retain(|pending| pending.inode != inode);
                continue;
            }
            4 => Change::Truncate { length: a, size: b, tail: first.to_vec() },
            5 => Change::Create { made: a, name: text(first)?, is_folder: b == 1 },
            6 => Change::Unlink { taken: a, kept: b, name: text(first)? },
            7 => {
                let (folder, old) = first.split_at_checked(8).context("a rename without a folder")?;
                let old_folder = u64::from_ne_bytes(folder.try_into().expect("8 bytes"));
                Change::Rename { moved: a, replaced: b, old_folder, old: text(old)?, new: text(second)? }
            }
            _ => bail!("the journal has a record of kind {kind}"),
        };
        all.push(Pending { inode, change, raw });
    }
    Ok(all)
}

/// Takes in how the last change ended.
fn settle(all: &mut Vec<Pending>, result: u64, raw: &[u8]) {
    let Some(last) = all.last_mut() else { return };
    match &mut last.change {
        _ if result == FAILED => drop(all.pop()),
        Change::Write { new, .. } => {
            new.truncate(usize::try_from(result).unwrap_or(usize::MAX));
            last.raw.extend_from_slice(raw);
        }
        _ => last.raw.extend_from_slice(raw),
    }
}

/// Takes back what is not durable, or, with a seed, some of it. The journal is empty afterwards.
pub(super) fn lose_unsynced(journal: &Path, disk: &Path, seed: Option<u64>) -> Result<Lost> {
    let all = pending(&read(journal)?)?;
    let mut lost = Lost::default();
    let mut rng = seed.map(StdRng::seed_from_u64);
    let names = all.iter().filter(|pending| pending.change.is_name()).count();
    let mut kept_names = rng.as_mut().map_or(0, |rng| rng.random_range(0..=names));
    let mut again: Vec<&Pending> = Vec::new();
    let mut take_back: Vec<&Pending> = Vec::new();
    for pending in &all {
        let keep = match &mut rng {
            None => false,
            Some(_) if pending.change.is_name() => {
                kept_names = kept_names.saturating_sub(1);
                kept_names > 0
            }
            Some(rng) => rng.random_bool(0.5),
        };
        if pending.change.is_name() {
            if keep {
                lost.kept += 1;
                continue;
            }
            lost.names += 1;
        } else if keep {
            lost.kept += 1;
            again.push(pending);
        } else {
            lost.writes += 1;
        }
        take_back.push(pending);
    }
    for pending in take_back.iter().rev() {
        // Looked up anew: what is taken back moves names.
        let files = files(disk)?;
        pending
            .change
            .take_back(pending.inode, &files, disk)
            .with_context(|| format!("cannot take back {:?}", pending.change.brief()))?;
    }
    let files = files(disk)?;
    for pending in again {
        pending
            .change
            .repeat(pending.inode, &files)
            .with_context(|| format!("cannot keep {:?}", pending.change.brief()))?;
    }
    empty(journal, disk)?;
    Ok(lost)
}

/// Drops from the journal what is durable.
pub(super) fn tidy(journal: &Path, disk: &Path) -> Result<()> {
    let all = pending(&read(journal)?)?;
    if all.is_empty() {
        return empty(journal, disk);
    }
    let raw: Vec<u8> = all.into_iter().flat_map(|pending| pending.raw).collect();
    fs::write(journal, raw).context("cannot write the journal")
}

fn read(journal: &Path) -> Result<Vec<u8>> {
    match fs::read(journal) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.context("cannot read the journal"),
    }
}

fn empty(journal: &Path, disk: &Path) -> Result<()> {
    fs::write(journal, []).context("cannot empty the journal")?;
    match fs::remove_dir_all(disk.join(TRASH)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("cannot empty the trash"),
        _ => Ok(()),
    }
}

/// Every path by its inode; of a file with several names, the one that is not in the trash.
fn files(disk: &Path) -> Result<BTreeMap<u64, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut folders = vec![disk.join(TRASH), disk.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(meta) = fs::metadata(&folder) else { continue };
        if !seen.insert(meta.ino()) {
            continue;
        }
        let in_trash = folder.ends_with(TRASH);
        found.insert(meta.ino(), folder.clone());
        for entry in fs::read_dir(&folder).context("cannot list the disk")? {
            let entry = entry.context("cannot list the disk")?;
            if entry.file_type().context("cannot list the disk")?.is_dir() {
                folders.push(entry.path());
            } else if in_trash {
                found.entry(entry.ino_of()?).or_insert_with(|| entry.path());
            } else {
                found.insert(entry.ino_of()?, entry.path());
            }
        }
    }
    Ok(found)
}

/// The inode of a folder's entry.
trait InodeOf {
    fn ino_of(&self) -> Result<u64>;
}

impl InodeOf for fs::DirEntry {
    fn ino_of(&self) -> Result<u64> {
        Ok(self.metadata().context("a file has no inode")?.ino())
    }
}

impl Change {
    fn is_name(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Unlink { .. } | Self::Rename { .. })
    }

    /// Without the bytes.
    fn brief(&self) -> String {
        match self {
            Self::Write { offset, new, .. } => format!("{} bytes at {offset}", new.len()),
            Self::Truncate { length, size, .. } => format!("{size} bytes cut to {length}"),
            other => format!("{other:?}"),
        }
    }

    fn take_back(&self, inode: u64, files: &BTreeMap<u64, PathBuf>, disk: &Path) -> Result<()> {
        // A file or folder that is gone for good takes its changes with it.
        let Some(at) = files.get(&inode) else { return Ok(()) };
        match self {
            Self::Write { offset, size, old, .. } => {
                let file = File::options().write(true).open(at)?;
                file.write_all_at(old, *offset)?;
                file.set_len(*size)?;
            }
            Self::Truncate { size, tail, length } => {
                let file = File::options().write(true).open(at)?;
                file.write_all_at(tail, *length)?;
                file.set_len(*size)?;
            }
            Self::Create { made, name, is_folder } => {
                let path = at.join(name);
                if is_inode(&path, *made) {
                    if *is_folder { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
                }
            }
            Self::Unlink { taken, kept, name } => {
                let path = at.join(name);
                if !path.exists() && files.contains_key(taken) {
                    fs::hard_link(disk.join(TRASH).join(kept.to_string()), path)?;
                }
            }
            Self::Rename { moved, replaced, old_folder, old, new } => {
                let path = at.join(new);
                if !is_inode(&path, *moved) {
                    return Ok(());
                }
                match files.get(old_folder) {
                    Some(folder) => fs::rename(&path, folder.join(old))?,
                    None => fs::remove_file(&path)?,
                }
                if *replaced != 0 {
                    fs::hard_link(disk.join(TRASH).join(replaced.to_string()), path)?;
                }
            }
        }
        Ok(())
    }

    /// Does it once more, on a file that has lost it with all others.
    fn repeat(&self, inode: u64, files: &BTreeMap<u64, PathBuf>) -> Result<()> {
        let Some(at) = files.get(&inode) else { return Ok(()) };
        match self {
            Self::Write { offset, new, .. } => File::options().write(true).open(at)?.write_all_at(new, *offset)?,
            Self::Truncate { length, .. } => File::options().write(true).open(at)?.set_len(*length)?,
            Self::Create { .. } | Self::Unlink { .. } | Self::Rename { .. } => {}
        }
        Ok(())
    }
}

fn is_inode(path: &Path, inode: u64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.ino() == inode)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(kind: u32, inode: u64, a: u64, b: u64, first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        for word in [inode, a, b, first.len() as u64, second.len() as u64] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(first);
        bytes.extend(second);
        bytes
    }

    #[test]
    fn a_sync_makes_durable_what_came_before_it_on_that_file() {
        let journal = [
            record(1, 5, 0, 0, b"", b"one"),
            record(2, 0, 3, 0, b"", b""),
            record(1, 6, 0, 0, b"", b"two"),
            record(2, 0, 3, 0, b"", b""),
            record(3, 5, 0, 0, b"", b""),
            record(1, 5, 3, 3, b"", b"three"),
            record(2, 0, 2, 0, b"", b""),
        ]
        .concat();
        let left = pending(&journal).unwrap();
        let written: Vec<_> = left.iter().map(|p| (p.inode, p.change.brief())).collect();
        assert_eq!(written, [(6, "3 bytes at 0".to_owned()), (5, "2 bytes at 3".to_owned())]);
    }

    #[test]
    fn what_failed_and_what_was_noted_by_half_did_not_happen() {
        let torn = record(1, 5, 0, 0, b"", b"torn");
        let journal =
            [record(1, 5, 0, 0, b"", b"full"), record(2, 0, FAILED, 0, b"", b""), torn[..torn.len() - 1].to_vec()];
        assert!(pending(&journal.concat()).unwrap().is_empty());
        assert!(pending(&[9; 64]).is_err());
    }

    #[test]
    fn bytes_and_names_are_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, journal) = (folder.path().join("disk"), folder.path().join("journal"));
        fs::create_dir_all(disk.join(TRASH)).unwrap();
        fs::write(disk.join("a"), b"newnew").unwrap();
        fs::write(disk.join("made"), b"x").unwrap();
        fs::write(disk.join(TRASH).join("7"), b"gone").unwrap();
        let inode = |path: &str| fs::metadata(disk.join(path)).unwrap().ino();
        let (own, a) = (inode("."), inode("a"));
        let notes = [
            record(1, a, 0, 3, b"old", b"newnew"),
            record(2, 0, 6, 0, b"", b""),
            record(5, own, inode("made"), 0, b"made", b""),
            record(6, own, fs::metadata(disk.join(TRASH).join("7")).unwrap().ino(), 7, b"taken", b""),
            record(2, 0, 0, 0, b"", b""),
            record(7, own, a, 0, &[&own.to_ne_bytes()[..], b"before"].concat(), b"a"),
            record(2, 0, 0, 0, b"", b""),
        ]
        .concat();
        fs::write(&journal, notes).unwrap();
        let lost = lose_unsynced(&journal, &disk, None).unwrap();
        assert_eq!(lost, Lost { writes: 1, names: 3, kept: 0 });
        assert_eq!(fs::read(disk.join("before")).unwrap(), b"old");
        assert_eq!(fs::read(disk.join("taken")).unwrap(), b"gone");
        assert!(!disk.join("a").exists() && !disk.join("made").exists() && !disk.join(TRASH).exists());
        assert!(fs::read(&journal).unwrap().is_empty());
    }
}
