//! What is wrong with an export, and where.

use std::fmt;

use mesh_model::LedgerIndex;

/// Where in an export something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of the file, from 1.
    Line(u64),
    /// A line of the manifest at the end, from 1 in the file.
    Manifest(u64),
    /// A leaf.
    Leaf(LedgerIndex),
    /// A checkpoint, by its line in the file.
    Checkpoint(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Manifest(line) => write!(f, "line {line} (manifest)"),
            Self::Leaf(index) => write!(f, "leaf {index}"),
            Self::Checkpoint(line) => write!(f, "the checkpoint in line {line}"),
        }
    }
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What was expected and found.
    pub why: String,
}

impl Fault {
    /// A fault.
    pub fn new(place: Place, why: impl Into<String>) -> Self {
        Self { place, why: why.into() }
    }

    pub(crate) fn line(line: u64, why: impl Into<String>) -> Self {
        Self::new(Place::Line(line), why)
    }

    pub(crate) fn leaf(index: LedgerIndex, why: impl Into<String>) -> Self {
        Self::new(Place::Leaf(index), why)
    }
}

/// Why an export was not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It does not hold.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It could not be read to its end.
    #[error("the export could not be read")]
    Read(#[from] std::io::Error),
}

/// The beginning of something that was refused, for errors.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
