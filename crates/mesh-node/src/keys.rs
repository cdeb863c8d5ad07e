//! The node's own keys, from files that nobody else can read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_event::genesis::SealedGenesis;
use mesh_event::{Keypair, NodeRecord, Signer as _};
use mesh_model::PublicKey;
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
    #[error("{path} holds the key {found}; this node's record names {expected}", path = .path.display())]
    OtherNode {
        /// Which file.
        path: PathBuf,
        /// Its fingerprint.
        found: String,
        /// The one that belongs here.
        expected: String,
    },
    /// The genesis document does not know it.
    #[error("{path} holds the key {fingerprint}, which the genesis document does not name (its nodes are {nodes}), and join.peers says nobody to ask", path = .path.display())]
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

/// Who a node is: its record, and the keys that are in it.
pub struct NodeIdentity {
    /// Its own record.
    pub record: NodeRecord,
    /// Signs feed heads.
    pub keypair: Arc<Keypair>,
    /// A voter's log and cosigner key.
    pub voter: Option<(Keypair, Keypair)>,
}

/// The keys in a node's folder, before it is known who it is.
pub struct OwnKeys {
    folder: PathBuf,
    /// Signs feed heads and whatever else it says.
    pub keypair: Arc<Keypair>,
}

impl OwnKeys {
    /// Reads `node.pem`.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read(folder: &Path) -> Result<Self, KeyFileError> {
        let keypair = Arc::new(read_key(&folder.join("node.pem"))?);
        Ok(Self { folder: folder.into(), keypair })
    }

    /// The record of the founding document that names the key.
    pub fn founder(&self, genesis: &SealedGenesis) -> Option<NodeRecord> {
        let own = self.keypair.public_key();
        genesis.document.voters.iter().find(|voter| voter.key == own).cloned()
    }

    /// The key, for people.
    pub fn fingerprint(&self) -> String {
        self.keypair.public_key().fingerprint()
    }

    /// Why a key that nobody admitted is of no use.
    pub fn not_admitted(&self, genesis: &SealedGenesis) -> KeyFileError {
        KeyFileError::NotAdmitted {
            path: self.folder.join("node.pem"),
            fingerprint: self.keypair.public_key().fingerprint(),
            nodes: genesis.document.voters.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", "),
        }
    }

    /// The node of this record, which names the key; with the keys of a voter, if the record has some.
    ///
    /// # Errors
    /// [`KeyFileError`] when a voter's key is missing, or another than the record's.
    pub fn identify(&self, record: NodeRecord) -> Result<NodeIdentity, KeyFileError> {
        let read = |name: &str, expected: PublicKey| {
            let path = self.folder.join(name);
            let key = read_key(&path)?;
            let found = key.public_key();
            if found == expected {
                return Ok(key);
            }
            let (found, expected) = (found.fingerprint(), expected.fingerprint());
            Err(KeyFileError::OtherNode { path, found, expected })
        };
        let voter = match (record.log_key, record.cosigner_key) {
            (Some(log), Some(cosigner)) => Some((read("log.pem", log)?, read("cosigner.pem", cosigner)?)),
            _ => None,
        };
        Ok(NodeIdentity { record, keypair: Arc::clone(&self.keypair), voter })
    }
}
