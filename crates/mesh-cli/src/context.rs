//! Where node, mesh and key come from: flags, then the environment, then a `.mesh` found upwards, then the current
//! context of the user. Each of the three is taken from the first place that names it.
//!
//! | place | form |
//! |---|---|
//! | flags | `--node --ca --mesh-id --councils --key`, and `--context NAME`, which comes right after them |
//! | environment | `MESH_NODE` (commas between several), `MESH_CA_FILE`, `MESH_TOKEN` for reads, `MESH_ID`, `MESH_COUNCILS_FILE`, `MESH_KEY` (PEM text) or `MESH_KEY_FILE` |
//! | `.mesh/context.toml` | in this folder or one above it, as `mesh up` writes it |
//! | `$XDG_CONFIG_HOME/mesh/contexts.toml` | or `~/.config/mesh/contexts.toml`: named contexts, one of them current |

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_client::ClientOptions;
use mesh_event::Councils;
use mesh_model::{Code, MeshId};
use mesh_verify::CouncilsFile;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How to reach one mesh, as files have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Nodes, in the order to try.
    #[serde(default)]
    pub(crate) nodes: Vec<String>,
    /// Certificates that vouch for them, PEM; relative to the folder of the file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The mesh that they have to belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mesh_id: Option<MeshId>,
    /// Which councils it had; relative to the folder of the file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) councils_file: Option<PathBuf>,
    /// The private key; relative to the folder of the file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
}

/// The user's named contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// Where a private key is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// In a file.
    File(PathBuf),
    /// In the environment.
    Text(Zeroizing<String>),
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Text(_) => f.write_str("Text(…)"),
        }
    }
}

/// A bearer token; never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a command works with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Nodes, in the order to try; may be empty.
    pub(crate) nodes: Vec<String>,
    /// Certificates that vouch for them.
    pub(crate) ca: Option<PathBuf>,
    /// Opens reads where nodes ask for one.
    pub(crate) token: Option<Token>,
    /// The pinned mesh.
    pub(crate) mesh_id: Option<MeshId>,
    /// Which councils it had.
    pub(crate) councils: Option<PathBuf>,
    /// The key to sign with.
    pub(crate) key: Option<KeySource>,
    /// What the context that was used is called: a name, or the path of a `.mesh`; `None` when flags and environment
    /// said everything.
    pub(crate) origin: Option<String>,
    /// The `.mesh` folder that was found, used or not.
    pub(crate) mesh_dir: Option<PathBuf>,
}

/// The places to look in; a value, so that tests can make one up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// `--node`, any number of times.
    pub(crate) nodes: Vec<String>,
    /// `--ca`.
    pub(crate) ca: Option<PathBuf>,
    /// `--mesh-id`.
    pub(crate) mesh_id: Option<MeshId>,
    /// `--councils`.
    pub(crate) councils: Option<PathBuf>,
    /// `--key`.
    pub(crate) key: Option<PathBuf>,
    /// `--context`.
    pub(crate) context: Option<String>,
    /// The environment's variables that matter.
    pub(crate) env: BTreeMap<String, String>,
    /// Where to start looking for `.mesh`.
    pub(crate) start: PathBuf,
    /// The folder of `contexts.toml`; `None` when the user has no home.
    pub(crate) config: Option<PathBuf>,
}

/// The file of a context folder.
pub(crate) const CONTEXT_FILE: &str = "context.toml";
const CONTEXTS_FILE: &str = "contexts.toml";

/// `$XDG_CONFIG_HOME/mesh`, or `~/.config/mesh`.
pub(crate) fn config_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(config.join("mesh"))
}

/// The nearest `.mesh` with a context in it, from `start` upwards.
pub(crate) fn find_mesh_dir(start: &Path) -> Option<PathBuf> {
    start.ancestors().map(|folder| folder.join(".mesh")).find(|dir| dir.join(CONTEXT_FILE).is_file())
}

fn read_toml<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map(Some).map_err(|error| {
            Failure::new(Code::Config, format!("{} does not fit: {}", path.display(), error.message()))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io("read", path, &error)),
    }
}

/// Replaces a file in one step: readers see the old text or the new one.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Failure::io("write", path, &error))
}

impl Context {
    /// Writes `context.toml` into a `.mesh` folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn write(&self, mesh_dir: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).map_err(|error| Failure::internal(error.to_string()))?;
        write_whole(&mesh_dir.join(CONTEXT_FILE), &text)
    }

    fn key_source(&self, folder: &Path) -> Option<KeySource> {
        self.key_file.as_ref().map(|file| KeySource::File(folder.join(file)))
    }
}

impl Contexts {
    /// Reads the user's contexts; none when there is no file.
    ///
    /// # Errors
    /// [`Code::Config`] when the file does not fit.
    pub(crate) fn read(config: &Path) -> Result<Self, Failure> {
        Ok(read_toml(&config.join(CONTEXTS_FILE))?.unwrap_or_default())
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn write(&self, config: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).map_err(|error| Failure::internal(error.to_string()))?;
        write_whole(&config.join(CONTEXTS_FILE), &text)
    }
}

impl Places {
    /// Flags are the caller's; the rest is this process's surroundings.
    pub(crate) fn of_process() -> Self {
        let names =
            ["MESH_NODE", "MESH_CA_FILE", "MESH_TOKEN", "MESH_ID", "MESH_COUNCILS_FILE", "MESH_KEY", "MESH_KEY_FILE"];
        let env = names.iter().filter_map(|name| {
            let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty())?;
            Some(((*name).to_owned(), value))
        });
        let env = env.collect();
        let start = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self { env, start, config: config_dir(), ..Self::default() }
    }

    /// Takes each of node, mesh and key from the first place that names it.
    ///
    /// # Errors
    /// [`Code::Config`] when a file or variable that is looked at does not fit.
    pub(crate) fn resolve(&self) -> Result<Resolved, Failure> {
        let mut found = Resolved { mesh_dir: find_mesh_dir(&self.start), ..Resolved::default() };
        found.token = self.env.get("MESH_TOKEN").map(|token| Token(Zeroizing::new(token.trim().to_owned())));
        let flags = Layer {
            nodes: self.nodes.clone(),
            ca: self.ca.clone(),
            mesh_id: self.mesh_id,
            councils: self.councils.clone(),
            key: self.key.clone().map(KeySource::File),
            origin: None,
        };
        found.fill(flags);
        if let Some(name) = &self.context {
            found.fill(self.named(name)?);
        }
        found.fill(self.environment()?);
        if let Some(dir) = found.mesh_dir.clone() {
            let context: Context = read_toml(&dir.join(CONTEXT_FILE))?.unwrap_or_default();
            found.fill(Layer {
                key: context.key_source(&dir),
                ca: context.ca_file.map(|file| dir.join(file)),
                nodes: context.nodes,
                councils: context.councils_file.map(|file| dir.join(file)),
                mesh_id: context.mesh_id,
                origin: Some(dir.display().to_string()),
            });
        }
        // A broken file of the user's must not stop a command that does not need it.
        if self.context.is_none()
            && found.wants_more()
            && let Some(config) = &self.config
            && let Some(name) = Contexts::read(config)?.current
        {
            found.fill(self.named(&name)?);
        }
        Ok(found)
    }

    fn named(&self, name: &str) -> Result<Layer, Failure> {
        let none = || {
            let message = format!("there is no context '{name}'");
            Failure::new(Code::NoContext, message).hint("`mesh context list` shows them; `mesh context add` makes one")
        };
        let config = self.config.as_ref().ok_or_else(none)?;
        let context = Contexts::read(config)?.contexts.remove(name).ok_or_else(none)?;
        Ok(Layer {
            key: context.key_source(config),
            ca: context.ca_file.map(|file| config.join(file)),
            nodes: context.nodes,
            councils: context.councils_file.map(|file| config.join(file)),
            mesh_id: context.mesh_id,
            origin: Some(name.to_owned()),
        })
    }

    fn environment(&self) -> Result<Layer, Failure> {
        let get = |name: &str| self.env.get(name).map(|value| value.trim());
        let nodes = get("MESH_NODE").map_or_else(Vec::new, |text| {
            text.split(',').map(str::trim).filter(|node| !node.is_empty()).map(str::to_owned).collect()
        });
        let mesh_id = match get("MESH_ID") {
            None => None,
            Some(text) => Some(
                MeshId::parse(text)
                    .map_err(|error| Failure::new(Code::Config, format!("MESH_ID does not fit: {error}")))?,
            ),
        };
        let key = match (self.env.get("MESH_KEY"), get("MESH_KEY_FILE")) {
            (Some(_), Some(_)) => {
                return Err(Failure::new(
                    Code::Config,
                    "MESH_KEY and MESH_KEY_FILE are both set; expected one of them",
                ));
            }
            (Some(pem), None) => Some(KeySource::Text(Zeroizing::new(pem.clone()))),
            (None, Some(path)) => Some(KeySource::File(PathBuf::from(path))),
            (None, None) => None,
        };
        let file = |name: &str| get(name).map(PathBuf::from);
        Ok(Layer { nodes, ca: file("MESH_CA_FILE"), mesh_id, councils: file("MESH_COUNCILS_FILE"), key, origin: None })
    }
}

/// What one place says.
struct Layer {
    nodes: Vec<String>,
    ca: Option<PathBuf>,
    mesh_id: Option<MeshId>,
    councils: Option<PathBuf>,
    key: Option<KeySource>,
    origin: Option<String>,
}

impl Resolved {
    /// How a client reaches the mesh.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub(crate) fn options(self) -> Result<ClientOptions, Failure> {
        let read = |path: &PathBuf| fs::read(path).map_err(|error| Failure::io("read", path, &error));
        let ca = self.ca.as_ref().map(read).transpose()?;
        let councils = self.councils()?;
        let token = self.token.map(|token| token.0.to_string());
        Ok(ClientOptions { mesh_id: self.mesh_id, ca, token, councils, ..ClientOptions::new(self.nodes) })
    }

    /// Which councils the mesh had, for recoveries of its voters.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another mesh than the pinned one.
    pub(crate) fn councils(&self) -> Result<Option<Councils>, Failure> {
        let Some(path) = &self.councils else { return Ok(None) };
        let bytes = fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
        let file = CouncilsFile::parse(&bytes, self.mesh_id.as_ref());
        let file = file.map_err(|fault| Failure::new(Code::Config, format!("{}: {fault}", path.display())))?;
        Ok(Some(file.councils))
    }

    fn wants_more(&self) -> bool {
        self.nodes.is_empty() || self.mesh_id.is_none() || self.key.is_none()
    }

    /// Takes from a place what no earlier place named.
    fn fill(&mut self, layer: Layer) {
        let mut used = false;
        // What a file names vouches for the nodes that it names, and for no others.
        if self.ca.is_none() && (layer.origin.is_none() || (self.nodes.is_empty() && !layer.nodes.is_empty())) {
            self.ca = layer.ca;
        }
        if self.nodes.is_empty() && !layer.nodes.is_empty() {
            self.nodes = layer.nodes;
            used = true;
        }
        // A mesh id is public, so a file that names the same one is trusted no more for it: what a file says about councils counts only where
        // that file is also what the mesh is pinned by.
        let pins = self.mesh_id.is_none() && layer.mesh_id.is_some();
        if self.councils.is_none() && (layer.origin.is_none() || pins) {
            self.councils = layer.councils;
        }
        if self.mesh_id.is_none() && layer.mesh_id.is_some() {
            self.mesh_id = layer.mesh_id;
            used = true;
        }
        if self.key.is_none() && layer.key.is_some() {
            self.key = layer.key;
            used = true;
        }
        if used && self.origin.is_none() {
            self.origin = layer.origin;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(n: u8) -> MeshId {
        MeshId([n; 32])
    }

    /// A home with the current context `home`, and a project with a `.mesh`, each naming all three.
    fn places(dir: &Path) -> Places {
        let config = dir.join("config");
        let context = |n: u8| Context {
            nodes: vec![format!("http://node{n}")],
            ca_file: Some(format!("ca{n}.pem").into()),
            mesh_id: Some(id(n)),
            councils_file: None,
            key_file: Some(format!("key{n}.pem").into()),
        };
        Contexts {
            current: Some("home".into()),
            contexts: [("home".to_owned(), context(4)), ("other".to_owned(), context(5))].into(),
        }
        .write(&config)
        .unwrap();
        fs::create_dir_all(dir.join("project/deep/er")).unwrap();
        context(3).write(&dir.join("project/.mesh")).unwrap();
        Places { start: dir.join("project/deep/er"), config: Some(config), ..Places::default() }
    }

    #[test]
    fn flags_beat_environment_beats_mesh_folder_beats_current_context() {
        let dir = tempfile::tempdir().unwrap();
        let all = Places {
            nodes: vec!["http://node1".into()],
            mesh_id: Some(id(1)),
            key: Some("key1.pem".into()),
            env: [("MESH_NODE", "http://node2, http://node22"), ("MESH_KEY_FILE", "key2.pem")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..places(dir.path())
        };
        let found = all.resolve().unwrap();
        assert_eq!((found.nodes, found.mesh_id), (vec!["http://node1".into()], Some(id(1))));
        assert_eq!((found.key, found.origin), (Some(KeySource::File("key1.pem".into())), None));
        // The nodes are not the folder's: its certificates don't vouch for them.
        assert_eq!(found.ca, None);

        let no_flags = Places { nodes: vec![], mesh_id: None, key: None, ..all };
        let found = no_flags.resolve().unwrap();
        assert_eq!(found.nodes, ["http://node2", "http://node22"]);
        // The environment names no mesh: the pin of the folder holds.
        assert_eq!(found.mesh_id, Some(id(3)));
        assert_eq!(found.key, Some(KeySource::File("key2.pem".into())));

        let no_env = Places { env: BTreeMap::new(), ..no_flags };
        let found = no_env.resolve().unwrap();
        assert_eq!(found.key, Some(KeySource::File(dir.path().join("project/.mesh/key3.pem"))));
        assert_eq!(found.nodes, ["http://node3"]);
        assert_eq!(found.ca, Some(dir.path().join("project/.mesh/ca3.pem")));

        let elsewhere = Places { start: dir.path().to_owned(), ..no_env };
        let found = elsewhere.resolve().unwrap();
        assert_eq!((found.nodes, found.origin), (vec!["http://node4".into()], Some("home".into())));
        assert_eq!(found.key, Some(KeySource::File(dir.path().join("config/key4.pem"))));
    }

    #[test]
    fn a_file_says_councils_only_of_the_mesh_that_it_pins() {
        let dir = tempfile::tempdir().unwrap();
        let all = places(dir.path());
        let project = dir.path().join("project/.mesh");
        let councils = |places: &Places| places.resolve().unwrap().councils;
        let in_folder = |mesh_id: Option<MeshId>| {
            let councils_file = Some("councils.json".into());
            Context { mesh_id, councils_file, ..Context::default() }.write(&project).unwrap();
        };
        in_folder(Some(id(3)));
        assert_eq!(councils(&all), Some(project.join("councils.json")));
        // Pinned by somebody else, though it is the same mesh; and not pinned by the file at all.
        let pinned = Places { mesh_id: Some(id(3)), ..all.clone() };
        assert_eq!(councils(&pinned), None);
        let named = Places { context: Some("other".into()), ..all.clone() };
        assert_eq!(councils(&named), None);
        in_folder(None);
        let found = all.resolve().unwrap();
        assert_eq!((found.mesh_id, found.councils), (Some(id(4)), None));
        let said = Places { councils: Some("mine.json".into()), ..all };
        assert_eq!(councils(&said), Some("mine.json".into()));
    }

    #[test]
    fn a_named_context_comes_right_after_the_flags() {
        let dir = tempfile::tempdir().unwrap();
        let env = [("MESH_NODE".to_owned(), "http://node2".to_owned())].into();
        let chosen = Places { context: Some("other".into()), env, ..places(dir.path()) };
        assert_eq!(chosen.resolve().unwrap().nodes, ["http://node5"]);
        let missing = Places { context: Some("nowhere".into()), ..places(dir.path()) };
        assert_eq!(missing.resolve().unwrap_err().code, Some(Code::NoContext));
    }

    #[test]
    fn says_what_does_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let with = |name: &str, value: &str| Places {
            env: [(name.to_owned(), value.to_owned())].into(),
            ..places(dir.path())
        };
        assert!(with("MESH_ID", "abc").resolve().unwrap_err().message.contains("'abc' is no mesh id"));
        let project = places(dir.path()).start;
        fs::write(dir.path().join("project/.mesh/context.toml"), "nodez = []").unwrap();
        let broken = Places { start: project, ..Places::default() };
        assert!(broken.resolve().unwrap_err().message.contains("unknown field `nodez`"));
    }

    #[test]
    fn both_kinds_of_key_in_the_environment_are_an_error() {
        let both = Places {
            env: [("MESH_KEY", "pem"), ("MESH_KEY_FILE", "x")].map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            ..Places::default()
        };
        assert_eq!(both.resolve().unwrap_err().exit_code(), 2);
    }
}
