//! A fork that stands at this node.

use std::path::{Path, PathBuf};

use mesh_model::Digest;
use mesh_tlog::Hash;

/// Two checkpoints that count and contradict each other, and what is known of it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The checkpoint that contradicts this node's own ledger: its size.
    pub refused_size: u64,
    /// Its root.
    pub refused_root: Hash,
    /// The proof, a text file that verifies off-line.
    pub proof: String,
}

impl Fork {
    /// What names the proof.
    pub fn digest(&self) -> Digest {
        Digest::of(self.proof.as_bytes())
    }

    /// The file that the proof is written to.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("fork-{}.proof", self.digest().short()))
    }

    /// ```text
    /// refused size: u64, big-endian | refused root: 32 bytes | proof, UTF-8
    /// ```
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.refused_size.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.refused_root.as_bytes());
        bytes.extend_from_slice(self.proof.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk()?;
        let (root, proof) = rest.split_first_chunk()?;
        Some(Self {
            refused_size: u64::from_be_bytes(*size),
            refused_root: Hash::new(*root),
            proof: String::from_utf8(proof.to_vec()).ok()?,
        })
    }
}
