//! What a backup is of, and what lies in it.

use mesh_model::{Digest, MeshId, NodeId, UnixMs};
use serde::{Deserialize, Serialize};

use super::files::BackupError;

/// The manifest's file.
pub(super) const FILE: &str = "MANIFEST.json";
const FORMAT: &str = "datamesh-backup-v1";

/// The manifest of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// The program that wrote it.
    pub version: String,
    /// Of which mesh.
    pub mesh_id: MeshId,
    /// What people call the mesh.
    pub mesh_name: String,
    /// Of which node.
    pub node_id: NodeId,
    /// What people call the node.
    pub node_name: String,
    /// When, by the node's clock.
    pub taken_unix_ms: UnixMs,
    /// The ledger in it.
    pub ledger: LedgerMark,
    /// Leaves of ledger and feeds that were read and hashed after writing.
    pub leaves_checked: u64,
    /// Whether the node's private keys are in it.
    pub has_keys: bool,
    /// Every file but this, by path.
    pub files: Vec<ListedFile>,
}

/// How far a ledger goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerMark {
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedFile {
    /// Where, from the backup's folder on, with `/`.
    pub path: String,
    /// How long.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// Everything but the list of files.
pub(super) struct Subject<'a> {
    pub(super) mesh_id: MeshId,
    pub(super) mesh_name: &'a str,
    pub(super) node_id: NodeId,
    pub(super) node_name: &'a str,
    pub(super) taken_unix_ms: UnixMs,
    pub(super) ledger: LedgerMark,
    pub(super) leaves_checked: u64,
    pub(super) has_keys: bool,
}

impl Manifest {
    pub(super) fn of(subject: &Subject<'_>, files: Vec<ListedFile>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mesh_id: subject.mesh_id,
            mesh_name: subject.mesh_name.to_owned(),
            node_id: subject.node_id,
            node_name: subject.node_name.to_owned(),
            taken_unix_ms: subject.taken_unix_ms,
            ledger: subject.ledger,
            leaves_checked: subject.leaves_checked,
            has_keys: subject.has_keys,
            files,
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, BackupError> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| BackupError::Manifest(error.to_string()))?;
        if manifest.format != FORMAT {
            let text = format!("its format is {:?}; expected {FORMAT:?}", manifest.format);
            return Err(BackupError::Manifest(text));
        }
        Ok(manifest)
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}
