//! The node's own keys, from files that nobody else can read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_event::genesis::SealedGenesis;
use mesh_event::{Keypair, NodeRecord, Signer as _};
use zeroize::Zeroizing;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("{path} has mode {mode:04o}; a private key has 0600: chmod 600 {path}", path = .path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds no usable key.
    #[error("{path}: {source}", path = .path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: mesh_event::KeypairError,
    },
    /// It belongs to another node.
    #[error("{path} holds the key {found}; this node's record in the genesis document names {expected}", path = .path.display())]
    OtherNode {
        /// Which file.
        path: PathBuf,
        /// Its fingerprint.
        found: String,
        /// The one that belongs here.
        expected: String,
    },
    /// The genesis document does not know it.
    #[error("{path} holds the key {fingerprint}, which is no node of this mesh; the nodes are {nodes}", path = .path.display())]
    NotAdmitted {
        /// Which file.
        path: PathBuf,
        /// Its fingerprint.
        fingerprint: String,
        /// Who is.
        nodes: String,
    },
}

/// Reads a private key, refusing files that others can read.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_key(path: &Path) -> Result<Keypair, KeyFileError> {
    let read = |source| KeyFileError::Read { path: path.into(), source };
    let mode = std::fs::metadata(path).map_err(read)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.into(), mode });
    }
    let pem = Zeroizing::new(std::fs::read_to_string(path).map_err(read)?);
    Keypair::from_pem(&pem).map_err(|source| KeyFileError::Form { path: path.into(), source })
}

/// Reads `node.pem` and finds the node's own record by it.
///
/// # Errors
/// [`KeyFileError`].
pub fn identify(keys_dir: &Path, genesis: &SealedGenesis) -> Result<(Arc<Keypair>, NodeRecord), KeyFileError> {
    let path = keys_dir.join("node.pem");
    let keypair = read_key(&path)?;
    let own = keypair.public_key();
    let record = genesis.document.voters.iter().find(|voter| voter.key == own).cloned();
    let record = record.ok_or_else(|| KeyFileError::NotAdmitted {
        path,
        fingerprint: own.fingerprint(),
        nodes: genesis.document.voters.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", "),
    })?;
    // The voter's other keys sign later; that they are this record's is better known now.
    for (name, expected) in [("log.pem", record.log_key), ("cosigner.pem", record.cosigner_key)] {
        let path = keys_dir.join(name);
        if let Some(expected) = expected {
            let found = read_key(&path)?.public_key();
            if found != expected {
                let (found, expected) = (found.fingerprint(), expected.fingerprint());
                return Err(KeyFileError::OtherNode { path, found, expected });
            }
        }
    }
    Ok((Arc::new(keypair), record))
}
