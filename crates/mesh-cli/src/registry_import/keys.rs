//! Keys of an import: a root key for each domain, one engineer key for all.

use std::path::{Path, PathBuf};

use mesh_event::Keypair;
use mesh_model::{Code, DomainName, MeshId};

use crate::app::App;
use crate::context::config_dir;
use crate::failure::Failure;
use crate::keyfile;

/// The folder in which an import keeps its keys.
#[derive(Debug)]
pub(super) struct KeyFolder {
    dir: PathBuf,
    /// The local mesh's folder of keys, where its council's may lie.
    local: Option<PathBuf>,
}

impl KeyFolder {
    /// `--keys`, else `import/` in the key folder of the local mesh, else a folder per mesh in the user's configuration.
    ///
    /// # Errors
    /// When there is no such place.
    pub(super) fn find(app: &App, asked: Option<&Path>, mesh_id: MeshId) -> Result<Self, Failure> {
        let context = app.context()?;
        // A `.mesh` found upwards counts only when it is this mesh's.
        let local = context.mesh_dir.filter(|_| context.mesh_id == Some(mesh_id)).map(|dir| dir.join("keys"));
        let dir = match (asked, &local) {
            (Some(dir), _) => dir.to_owned(),
            (None, Some(local)) => local.join("import"),
            (None, None) => config_dir()
                .map(|config| config.join("keys").join(format!("import-{}", mesh_id.short())))
                .ok_or_else(|| {
                    Failure::new(Code::NoContext, "nowhere to keep keys: no .mesh, XDG_CONFIG_HOME or HOME")
                        .hint("--keys DIR")
                })?,
        };
        Ok(Self { dir, local })
    }

    #[cfg(test)]
    pub(super) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), local: None }
    }

    fn read_or_make(&self, name: &str) -> Result<Keypair, Failure> {
        let path = self.dir.join(name);
        if path.exists() {
            return keyfile::read(&path);
        }
        let key = mesh_client::command::random_keypair();
        keyfile::create(&path, &key, None)?;
        Ok(key)
    }

    /// The key that publishes in every imported domain.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub(super) fn engineer(&self) -> Result<Keypair, Failure> {
        self.read_or_make("engineer.pem")
    }

    /// The same, if an earlier import made it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn engineer_if_any(&self) -> Result<Option<Keypair>, Failure> {
        let path = self.dir.join("engineer.pem");
        if path.exists() { keyfile::read(&path).map(Some) } else { Ok(None) }
    }

    /// A domain's root key.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub(super) fn root(&self, domain: &DomainName) -> Result<Keypair, Failure> {
        self.read_or_make(&format!("{domain}-root.pem"))
    }

    /// A domain's root key, if an earlier import made it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn root_if_any(&self, domain: &DomainName) -> Result<Option<Keypair>, Failure> {
        let path = self.dir.join(format!("{domain}-root.pem"));
        if path.exists() { keyfile::read(&path).map(Some) } else { Ok(None) }
    }

    /// The council's keys: those named, else the local mesh's `council-*.pem`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn council(&self, named: &[PathBuf]) -> Result<Vec<Keypair>, Failure> {
        let mut paths = named.to_vec();
        if let (true, Some(local)) = (paths.is_empty(), &self.local) {
            let entries = std::fs::read_dir(local).map_err(|error| Failure::io("read", local, &error))?;
            let council = |path: &PathBuf| {
                let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
                stem.starts_with("council-") && path.extension().is_some_and(|ending| ending == "pem")
            };
            paths = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(council).collect();
            paths.sort();
        }
        paths.iter().map(|path| keyfile::read(path)).collect()
    }
}
