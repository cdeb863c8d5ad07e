//! Where a local mesh keeps its things.

use std::path::{Path, PathBuf};

use mesh_model::DomainName;

/// The folder of a local mesh, `.mesh` unless told otherwise:
///
/// ```text
/// .gitignore             *
/// context.toml           what `mesh` finds from here and every folder below: nodes, mesh id, key
/// genesis.draft.json     the ceremony's draft, complete
/// genesis.bin            the founding document
/// keys/council-N.pem     one per member
/// keys/developer.pem     the key that the context signs with
/// keys/DOMAIN-root.pem   one per sample domain
/// keys/node-N/           node, log and cosigner key of a node
/// pipelines.token        what pipelines show to tell the nodes what they did
/// node-N/node.toml       its configuration
/// node-N/data/           its data
/// sample/                the sample's product files
/// up.lock                who runs it
/// up.trace               traces of the nodes
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
    pub(crate) fn gitignore(&self) -> PathBuf {
        self.dir.join(".gitignore")
    }
    pub(crate) fn context(&self) -> PathBuf {
        self.dir.join("context.toml")
    }
    pub(crate) fn draft(&self) -> PathBuf {
        self.dir.join("genesis.draft.json")
    }
    pub(crate) fn genesis(&self) -> PathBuf {
        self.dir.join("genesis.bin")
    }
    pub(crate) fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }
    pub(crate) fn council_key(&self, member: u32) -> PathBuf {
        self.keys().join(format!("council-{member}.pem"))
    }
    pub(crate) fn developer_key(&self) -> PathBuf {
        self.keys().join("developer.pem")
    }
    pub(crate) fn root_key(&self, domain: &DomainName) -> PathBuf {
        self.keys().join(format!("{domain}-root.pem"))
    }
    pub(crate) fn node_keys(&self, node: u32) -> PathBuf {
        self.keys().join(format!("node-{node}"))
    }
    pub(crate) fn node_config(&self, node: u32) -> PathBuf {
        self.dir.join(format!("node-{node}")).join("node.toml")
    }
    pub(crate) fn node_data(&self, node: u32) -> PathBuf {
        self.dir.join(format!("node-{node}")).join("data")
    }
    pub(crate) fn pipelines_token(&self) -> PathBuf {
        self.dir.join("pipelines.token")
    }
    pub(crate) fn sample(&self) -> PathBuf {
        self.dir.join("sample")
    }
    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("up.lock")
    }
    pub(crate) fn trace(&self) -> PathBuf {
        self.dir.join("up.trace")
    }
}
