//! The newest checkpoint of each mesh that was seen on this machine: what comes later has to go on from it.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_event::LedgerCheckpoint;
use mesh_model::{Code, MeshId};

use crate::context::config_dir;
use crate::failure::Failure;

/// Where the checkpoint of one mesh is kept: `$XDG_CONFIG_HOME/mesh/checkpoints/<mesh id>.note`. Without a home nothing is.
#[derive(Debug)]
pub(crate) struct Remembered {
    mesh: MeshId,
    path: Option<PathBuf>,
}

impl Remembered {
    /// The place of this mesh.
    pub(crate) fn of(mesh: &MeshId) -> Self {
        let path = config_dir().map(|folder| folder.join("checkpoints").join(format!("{mesh}.note")));
        Self { mesh: *mesh, path }
    }

    /// The file; empty where nothing is kept.
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// The newest checkpoint that was seen.
    ///
    /// # Errors
    /// A file that can't be read, or is none: to pass over it would be to forget what was seen.
    pub(crate) fn read(&self) -> Result<Option<LedgerCheckpoint>, Failure> {
        let Some(path) = &self.path else { return Ok(None) };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::io("read", path, &error)),
        };
        let note = LedgerCheckpoint::parse(&bytes, &self.mesh);
        note.map(Some).map_err(|error| {
            Failure::new(Code::BadProof, format!("{} is no checkpoint of this mesh: {error}", path.display()))
                .hint("if you did not change it, keep it and find out who did; removing it forgets what was seen")
        })
    }

    /// Keeps this one.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn write(&self, note: &LedgerCheckpoint) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        put(path, note)
    }

    /// Keeps one that contradicts it, beside it.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn keep_contradiction(&self, note: &LedgerCheckpoint) -> Result<PathBuf, Failure> {
        let path = self.path().with_extension(format!("contradiction-{}.note", note.size()));
        put(&path, note)?;
        Ok(path)
    }
}

/// Whole or not at all: a crash must not leave half a note.
fn put(path: &Path, note: &LedgerCheckpoint) -> Result<(), Failure> {
    let fail = |error: std::io::Error| Failure::io("write", path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    fs::write(&partial, note.bytes()).map_err(fail)?;
    fs::rename(&partial, path).map_err(fail)
}
