//! Whether a local mesh runs, and which process it is.
//!
//! `up.lock` holds the process id, and the process holds a lock on the file as long as it lives. So a file left behind
//! by a crash is never taken for a running mesh, and a process id in a locked file is never somebody else's.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// Whether a mesh runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Run {
    /// No process holds the lock.
    Stopped,
    /// One does, and has not written yet who it is.
    Starting,
    /// One does.
    Running(RunState),
}

/// What a running mesh says of itself in its lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunState {
    /// Its process.
    pub(crate) pid: i32,
    /// Its nodes' API addresses; empty until all of them serve.
    pub(crate) nodes: Vec<String>,
}

/// The lock of the process that runs the mesh; released when it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct RunLock(File);

impl RunLock {
    /// Takes the lock, or says who holds it.
    ///
    /// # Errors
    /// When the file can't be opened or written.
    pub(crate) fn acquire(path: &Path) -> std::io::Result<Result<Self, Run>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Err(read_state(file))),
            Err(error) => return Err(error.into()),
        }
        let mut lock = Self(file);
        lock.announce(&[])?;
        Ok(Ok(lock))
    }

    /// Writes down where the nodes serve.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn announce(&mut self, nodes: &[String]) -> std::io::Result<()> {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let text = serde_json::to_string(&RunState { pid, nodes: nodes.to_vec() }).expect("plain data");
        self.0.rewind()?;
        self.0.set_len(0)?;
        self.0.write_all(text.as_bytes())
    }
}

/// Whether a mesh runs now, and which.
///
/// # Errors
/// When the file is there and can't be opened.
pub(crate) fn running(path: &Path) -> std::io::Result<Run> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Run::Stopped),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Run::Stopped),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(read_state(file)),
        Err(error) => Err(error.into()),
    }
}

fn read_state(mut file: File) -> Run {
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str(&text).ok());
    read.map_or(Run::Starting, Run::Running)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lock_file_left_behind_is_no_running_mesh() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up.lock");
        assert_eq!(running(&path).unwrap(), Run::Stopped);
        let mut lock = RunLock::acquire(&path).unwrap().unwrap();
        lock.announce(&["127.0.0.1:1".to_owned()]).unwrap();
        let Run::Running(state) = running(&path).unwrap() else { panic!("it runs") };
        assert_eq!(
            (state.pid, state.nodes.as_slice()),
            (i32::try_from(std::process::id()).unwrap(), &["127.0.0.1:1".to_owned()][..])
        );
        assert!(RunLock::acquire(&path).unwrap().is_err());
        drop(lock);
        assert!(path.exists());
        assert_eq!(running(&path).unwrap(), Run::Stopped);
        assert!(RunLock::acquire(&path).unwrap().is_ok());
    }
}
