//! Writes an export.

use std::io::{self, Write};

use mesh_event::{LeafEntry, LedgerLeaf};
use mesh_model::{Digest, MeshId};
use mesh_tlog::{Checkpoint, Frontier, Note, leaf_hash};

use super::header::Header;
use super::manifest::{Manifest, Section};
use super::{checkpoint_line, leaf_line};

/// Why no export was written. What was written so far is none.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output failed.
    #[error("the export could not be written")]
    Write(#[from] io::Error),
    /// What is to be exported is no ledger as the header says.
    #[error("{0}")]
    Unfit(String),
}

fn unfit<T>(why: impl Into<String>) -> Result<T, WriteError> {
    Err(WriteError::Unfit(why.into()))
}

/// Writes an export line by line: header, leaves from 0, checkpoints, manifest. It looks at what it writes only as far as needed for
/// what it says in the header; whether the ledger is right is for [`crate::check()`] to say.
#[derive(Debug)]
pub struct ExportWriter<W> {
    output: W,
    header: Header,
    manifest: Manifest,
    tree: Frontier,
    last_state: Option<Digest>,
    last_checkpoint: u64,
}

impl<W: Write> ExportWriter<W> {
    /// Writes the header. Callers buffer the output.
    ///
    /// # Errors
    /// [`WriteError::Write`]; [`WriteError::Unfit`] for a ledger without a leaf.
    pub fn new(output: W, header: Header) -> Result<Self, WriteError> {
        if header.size == 0 {
            return unfit("a ledger without a leaf is not exported");
        }
        let (manifest, tree) = (Manifest::default(), Frontier::new());
        let mut writer = Self { output, header, manifest, tree, last_state: None, last_checkpoint: 0 };
        for line in writer.header.lines() {
            writer.line(Section::Header, &line)?;
        }
        Ok(writer)
    }

    fn line(&mut self, section: Section, line: &str) -> Result<(), WriteError> {
        self.manifest.line(section, line);
        self.output.write_all(line.as_bytes())?;
        Ok(self.output.write_all(b"\n")?)
    }

    /// Writes the next leaf.
    ///
    /// # Errors
    /// [`WriteError`]; unfit is one more leaf than the header says, and bytes that are no leaf.
    pub fn leaf(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let index = self.tree.size();
        if index == self.header.size {
            return unfit(format!("there are more than the {index} leaves of the header"));
        }
        match LedgerLeaf::decode(bytes) {
            Ok(leaf) => self.last_state = Some(leaf.outcome.state_digest),
            Err(error) => return unfit(format!("leaf {index} is no leaf: {error}")),
        }
        let (line, hash) = leaf_line(index, bytes);
        self.tree.append(hash);
        self.line(Section::Leaves, &line)
    }

    /// Writes a checkpoint, after all leaves.
    ///
    /// # Errors
    /// [`WriteError`]; unfit is a note that is no checkpoint, or not larger than the one before.
    pub fn checkpoint(&mut self, note: &[u8]) -> Result<(), WriteError> {
        if self.tree.size() < self.header.size {
            return unfit("checkpoints come after all leaves");
        }
        let parsed = Note::parse(note).map_err(|error| WriteError::Unfit(error.to_string()))?;
        let checkpoint: Checkpoint = parsed.text().parse().map_err(|error| WriteError::Unfit(format!("{error}")))?;
        if checkpoint.size() <= self.last_checkpoint {
            let (found, last) = (checkpoint.size(), self.last_checkpoint);
            return unfit(format!("a checkpoint of {found} leaves stands behind one of {last}"));
        }
        self.last_checkpoint = checkpoint.size();
        self.line(Section::Checkpoints, &checkpoint_line(note))
    }

    /// Writes the manifest and gives the output back, flushed.
    ///
    /// # Errors
    /// [`WriteError`]; unfit is a ledger with other leaves than the header says.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let Header { size, root, state_digest, .. } = self.header;
        if self.tree.size() != size {
            return unfit(format!("there are {} leaves; the header says {size}", self.tree.size()));
        }
        if self.tree.root() != root {
            return unfit(format!("the leaves have the root {}; the header says {root}", self.tree.root()));
        }
        if self.last_state != Some(state_digest) {
            return unfit(format!("the header says {state_digest}, which is not the state digest of the last leaf"));
        }
        for line in self.manifest.finish() {
            self.output.write_all(line.as_bytes())?;
            self.output.write_all(b"\n")?;
        }
        self.output.flush()?;
        Ok(self.output)
    }
}

/// Writes leaves that are in memory, with a header made of them.
///
/// # Errors
/// [`WriteError`].
pub fn write_export<W: Write>(
    output: W,
    mesh_id: MeshId,
    leaves: &[Vec<u8>],
    checkpoints: &[Vec<u8>],
) -> Result<W, WriteError> {
    let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else {
        return unfit("a ledger without a leaf is not exported");
    };
    let decoded = |bytes: &[u8]| LedgerLeaf::decode(bytes).map_err(|error| WriteError::Unfit(error.to_string()));
    let LeafEntry::Envelope(genesis) = decoded(first)?.entry else {
        return unfit("leaf 0 is no envelope");
    };
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.append(leaf_hash(leaf));
    }
    let state_digest = decoded(last)?.outcome.state_digest;
    let header = Header { mesh_id, size: tree.size(), root: tree.root(), state_digest, genesis };
    let mut writer = ExportWriter::new(output, header)?;
    for leaf in leaves {
        writer.leaf(leaf)?;
    }
    for note in checkpoints {
        writer.checkpoint(note)?;
    }
    writer.finish()
}
