//! The head of a log as a text that keys sign (C2SP tlog-checkpoint).

use std::fmt;
use std::str::FromStr;

use crate::MAX_SIZE;
use crate::decimal::parse_decimal;
use crate::excerpt::excerpt;
use crate::hash::{Hash, empty_root};

/// Which log, how many leaves, which root.
///
/// `Display` and `FromStr` are the note text that is signed, the final newline included:
///
/// ```text
/// <origin>
/// <size, decimal>
/// <root, base64>
/// [<extension line>]...
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

/// A text or combination of parts that is no [`Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text stops within a line.
    #[error("expected a checkpoint that ends in a newline")]
    NoFinalNewline,
    /// Origin, size or root is missing.
    #[error("expected a checkpoint of at least 3 lines, found {found}")]
    TooFewLines {
        /// How many lines there are.
        found: usize,
    },
    /// The origin or an extension is empty, or has a control character (a newline, say) in it.
    #[error("expected line {line} of the checkpoint to be one line of printable text, found {found:?}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// Its text.
        found: String,
    },
    /// The second line is no size.
    #[error("expected the tree size as a decimal of at most 2^63 - 1 without leading zeros, found {found:?}")]
    Size {
        /// The text.
        found: String,
    },
    /// The third line is no root.
    #[error("expected the root hash as canonical base64 of 32 bytes, found {found:?}")]
    Root {
        /// The text.
        found: String,
    },
    /// The size is 0 and the root is not that of the empty tree.
    #[error("expected the root of the empty tree for size 0, found {found}")]
    EmptyTreeRoot {
        /// The root.
        found: Hash,
    },
}

impl Checkpoint {
    /// The checkpoint of the log `origin` at `size` leaves, without extensions.
    ///
    /// # Errors
    /// [`CheckpointError`] where the parts make no checkpoint.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        Self::with_extensions(origin, size, root, Vec::new())
    }

    /// The checkpoint with extension lines: opaque, signed along, and best left out, because a
    /// log's monitors can't audit them.
    ///
    /// # Errors
    /// [`CheckpointError`] where the parts make no checkpoint.
    pub fn with_extensions(
        origin: impl Into<String>,
        size: u64,
        root: Hash,
        extensions: Vec<String>,
    ) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        check_line(1, &origin)?;
        for (line, extension) in (4..).zip(&extensions) {
            check_line(line, extension)?;
        }
        if size > MAX_SIZE {
            return Err(CheckpointError::Size { found: size.to_string() });
        }
        if size == 0 && root != empty_root() {
            return Err(CheckpointError::EmptyTreeRoot { found: root });
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// The name of the log: `<mesh id>/ledger`, say. Whoever checks a checkpoint compares it with
    /// the log that was meant.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of that size.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The extension lines, without their newlines.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Whether the two can't both be true whatever else the log holds: one log, one size, two
    /// roots. For different sizes only a consistency proof can tell.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.origin == other.origin && self.size == other.size && self.root != other.root
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.origin)?;
        writeln!(f, "{}", self.size)?;
        writeln!(f, "{}", self.root.to_base64())?;
        self.extensions.iter().try_for_each(|extension| writeln!(f, "{extension}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::NoFinalNewline)?;
        // Not `lines()`: it would swallow a carriage return.
        let lines: Vec<&str> = body.split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(CheckpointError::TooFewLines { found: lines.len() });
        };
        let size = parse_decimal(size).ok_or_else(|| CheckpointError::Size { found: excerpt(size) })?;
        let root = Hash::from_base64(root).map_err(|_| CheckpointError::Root { found: excerpt(root) })?;
        let extensions = extensions.iter().map(|&line| line.to_owned()).collect();
        Self::with_extensions(*origin, size, root, extensions)
    }
}

fn check_line(line: usize, text: &str) -> Result<(), CheckpointError> {
    // Signed notes forbid the control characters below U+0020, and the newline ends a line.
    if text.is_empty() || text.bytes().any(|byte| byte < 0x20) {
        return Err(CheckpointError::Line { line, found: excerpt(text) });
    }
    Ok(())
}
