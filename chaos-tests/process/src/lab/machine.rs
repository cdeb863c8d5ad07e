//! A node's disk and clock, with the shim between them and the program.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::journal::{self, Lost};
use super::run::run;
use crate::testbed::NodeNumber;

const SHIM: &str = include_str!("../../shim/machine.c");
/// The control page's length and the places in it, in units of 8 bytes: `struct control` of the shim.
const PAGE_BYTES: u64 = 4096;
const SKEW_NS: u64 = 0;
const LYING: u64 = 1;
const SYNC_MICROS: u64 = 2;
const SKEWED_READS: u64 = 3;
const REFUSED: u64 = 4;
const PENDING: u64 = 5;
const WRITES: u64 = 6;
const SYNCS: u64 = 7;
/// Takes up room on the disk.
const BALLAST: &str = "ballast";

/// Compiles the shim into a folder.
///
/// # Errors
/// What `gcc` says.
pub(super) fn compile(folder: &Path) -> Result<PathBuf> {
    let (source, shim) = (folder.join("machine.c"), folder.join("machine.so"));
    fs::write(&source, SHIM).with_context(|| format!("cannot write {}", source.display()))?;
    let (from, to) = (source.to_string_lossy(), shim.to_string_lossy());
    run("gcc", &["-O2", "-shared", "-fPIC", "-o", &to, &from, "-ldl", "-lpthread"])?;
    Ok(shim)
}

/// What the shim counted since the machine was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// How often a skewed time was read.
    pub skewed_reads: u64,
    /// Writes that the full disk refused.
    pub refused: u64,
    /// Changes that are not durable now.
    pub pending: u64,
    /// Writes.
    pub writes: u64,
    /// Syncs that made something durable.
    pub syncs: u64,
}

/// One node's machine: a small disk of its own at `HOME/disk`, a clock, and the notes of the shim beside it.
#[derive(Debug)]
pub struct Machine {
    node: NodeNumber,
    home: PathBuf,
    control: File,
}

impl Machine {
    /// Makes a disk of so many MiB at `home/disk`.
    ///
    /// # Errors
    /// When it cannot be mounted, or a file cannot be made.
    pub fn new(node: NodeNumber, home: &Path, disk_mib: u64) -> Result<Self> {
        let disk = home.join("disk");
        fs::create_dir_all(&disk).with_context(|| format!("cannot make {}", disk.display()))?;
        let options = format!("size={disk_mib}m");
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &disk.to_string_lossy()])?;
        let path = home.join("control");
        let control = File::options().read(true).write(true).create_new(true).open(&path);
        let control = control.with_context(|| format!("cannot make {}", path.display()))?;
        control.set_len(PAGE_BYTES).context("cannot make the control page")?;
        Ok(Self { node, home: home.to_path_buf(), control })
    }

    /// Whose it is.
    pub fn node(&self) -> NodeNumber {
        self.node
    }

    /// Where the disk is mounted.
    pub fn disk(&self) -> PathBuf {
        self.home.join("disk")
    }

    fn journal(&self) -> PathBuf {
        self.home.join("journal")
    }

    /// What the shim is told, as arguments of `env`.
    pub fn environment(&self, shim: &Path) -> Vec<OsString> {
        let set = |name: &str, path: &Path| {
            let mut text = OsString::from(name);
            text.push("=");
            text.push(path);
            text
        };
        vec![
            set("CHAOS_CONTROL", &self.home.join("control")),
            set("CHAOS_JOURNAL", &self.journal()),
            set("CHAOS_DISK", &self.disk()),
            set("LD_PRELOAD", shim),
        ]
    }

    fn get(&self, place: u64) -> Result<[u8; 8]> {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, place * 8).context("cannot read the control page")?;
        Ok(bytes)
    }

    fn set(&self, place: u64, bytes: [u8; 8]) -> Result<()> {
        self.control.write_all_at(&bytes, place * 8).context("cannot write the control page")
    }

    /// What was counted.
    ///
    /// # Errors
    /// When the control page cannot be read.
    pub fn counts(&self) -> Result<Counts> {
        let get = |place| self.get(place).map(u64::from_ne_bytes);
        Ok(Counts {
            skewed_reads: get(SKEWED_READS)?,
            refused: get(REFUSED)?,
            pending: get(PENDING)?,
            writes: get(WRITES)?,
            syncs: get(SYNCS)?,
        })
    }

    /// Puts the wall clock off by so many seconds, at once and for what is started later too; 0 puts it right.
    ///
    /// # Errors
    /// When the control page cannot be written.
    pub fn skew_seconds(&self, seconds: i64) -> Result<()> {
        self.set(SKEW_NS, (seconds * 1_000_000_000).to_ne_bytes())
    }

    /// Makes the disk lie: a sync says yes and does nothing. No honest program stands that; it is there to see the checks fail.
    ///
    /// # Errors
    /// When the control page cannot be written.
    pub fn lie(&self, lying: bool) -> Result<()> {
        self.set(LYING, u64::from(lying).to_ne_bytes())
    }

    /// How long a sync takes at least, in microseconds. As long, something is not synced, and a power cut has something to take.
    ///
    /// # Errors
    /// When the control page cannot be written.
    pub fn slow_syncs(&self, micros: u64) -> Result<()> {
        self.set(SYNC_MICROS, micros.to_ne_bytes())
    }

    /// What a power cut does after the program was killed: everything that was not synced is lost, or, with a seed, what it picks of it,
    /// as a disk that writes in an order of its own.
    ///
    /// # Errors
    /// When journal or disk cannot be read or written.
    pub fn lose_unsynced(&self, seed: Option<u64>) -> Result<Lost> {
        let lost = journal::lose_unsynced(&self.journal(), &self.disk(), seed)?;
        self.set(PENDING, [0; 8])?;
        Ok(lost)
    }

    /// Before a start: drops from the journal what is durable, so that it does not grow for ever.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub fn tidy(&self) -> Result<()> {
        journal::tidy(&self.journal(), &self.disk())
    }

    /// Puts an empty disk in the place of this one. Only while nothing runs on it.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn wipe(&self) -> Result<()> {
        for entry in fs::read_dir(self.disk()).context("cannot list the disk")? {
            let path = entry.context("cannot list the disk")?.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        fs::write(self.journal(), []).context("cannot empty the journal")?;
        self.set(PENDING, [0; 8])
    }

    /// Leaves so many bytes of room on the disk.
    ///
    /// # Errors
    /// When the ballast cannot be written.
    pub fn fill(&self, leave_bytes: u64) -> Result<()> {
        let stat = rustix::fs::statvfs(self.disk()).context("the disk does not say what room it has")?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let ballast = File::create(self.disk().join(BALLAST)).context("cannot make the ballast")?;
        let zeros = vec![0; 1 << 20];
        let mut left = free.saturating_sub(leave_bytes);
        let mut at = 0;
        while left > 0 {
            let count = left.min(zeros.len() as u64);
            // The node writes meanwhile: the disk may be full before.
            match ballast.write_at(&zeros[..usize::try_from(count).expect("at most 1 MiB")], at) {
                Ok(0) => break,
                Ok(written) => {
                    at += written as u64;
                    left = left.saturating_sub(written as u64);
                }
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When the ballast cannot be removed.
    pub fn empty(&self) -> Result<()> {
        fs::remove_file(self.disk().join(BALLAST)).context("cannot remove the ballast")
    }

    /// Copies the disk to `home/disk-kept`: the disk itself goes when the run ends.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn keep(&self) -> Result<()> {
        let (from, to) = (self.disk(), self.home.join("disk-kept"));
        run("cp", &["-a", &from.to_string_lossy(), &to.to_string_lossy()]).map(drop)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Lazily: a process that is ending may still hold it. Otherwise it would go with the run's mount namespace.
        drop(run("umount", &["--lazy", &self.disk().to_string_lossy()]));
    }
}
