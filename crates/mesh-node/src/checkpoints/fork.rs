//! A fork that stands at this node.

use std::path::{Path, PathBuf};

use mesh_model::Digest;
use mesh_tlog::Hash;

/// Two checkpoints that count and contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// Size and root of both, the smaller first.
    pub checkpoints: [(u64, Hash); 2],
    /// The proof, a text file that verifies off-line.
    pub proof: String,
}

/// A size and a root.
const CHECKPOINT_BYTES: usize = 8 + 32;

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
    /// twice: size: u64, big-endian | root: 32 bytes; then the proof, UTF-8
    /// ```
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (size, root) in &self.checkpoints {
            bytes.extend_from_slice(&size.to_be_bytes());
            bytes.extend_from_slice(root.as_bytes());
        }
        bytes.extend_from_slice(self.proof.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let checkpoint = |bytes: &[u8; CHECKPOINT_BYTES]| {
            let (size, root) = bytes.split_first_chunk()?;
            Some((u64::from_be_bytes(*size), Hash::new(root.try_into().ok()?)))
        };
        let (smaller, rest) = bytes.split_first_chunk()?;
        let (larger, proof) = rest.split_first_chunk()?;
        let checkpoints = [checkpoint(smaller)?, checkpoint(larger)?];
        Some(Self { checkpoints, proof: String::from_utf8(proof.to_vec()).ok()? })
    }
}
