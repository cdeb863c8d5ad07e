//! Takes an export apart, line by line. Only form and digests are checked here.

use std::io::BufRead;

use mesh_tlog::{Frontier, Hash};

use super::header::{self, Header};
use super::lines::Lines;
use super::manifest::{Manifest, Section};
use super::{checkpoint_line, leaf_line, unbase64};
use crate::fault::{Fault, Place, VerifyError, excerpt};

/// What an export has behind its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A leaf. The first one is leaf 0, and each is the one after the one before.
    Leaf {
        /// Its hash.
        hash: Hash,
        /// Its exact bytes.
        bytes: Vec<u8>,
    },
    /// A checkpoint; all leaves came before it.
    Checkpoint {
        /// Its line.
        line: u64,
        /// The exact note.
        note: Vec<u8>,
    },
}

/// Reads an export. The end ([`ExportReader::next`] gives `None`) comes only after the manifest held and every byte was read.
#[derive(Debug)]
pub struct ExportReader<R> {
    lines: Lines<R>,
    header: Header,
    manifest: Manifest,
    tree: Frontier,
    is_done: bool,
}

impl<R: BufRead> ExportReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`VerifyError`], naming the line.
    pub fn new(input: R) -> Result<Self, VerifyError> {
        let mut lines = Lines::new(input);
        let mut manifest = Manifest::default();
        let mut texts: [String; header::LINES] = Default::default();
        for text in &mut texts {
            *text = lines.expect("a line of the header")?;
            manifest.line(Section::Header, text);
        }
        let header = Header::parse(&texts)?;
        Ok(Self { lines, header, manifest, tree: Frontier::new(), is_done: false })
    }

    /// What the export says it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next leaf or checkpoint.
    ///
    /// # Errors
    /// [`VerifyError`], naming the line. Nothing is to be read after it.
    #[expect(clippy::should_implement_trait, reason = "an iterator over results would hide that an error is the end")]
    pub fn next(&mut self) -> Result<Option<Item>, VerifyError> {
        if self.is_done {
            return Ok(None);
        }
        if self.tree.size() < self.header.size {
            return self.leaf().map(Some);
        }
        let line = self.lines.expect("a checkpoint or the manifest")?;
        match line.strip_prefix("checkpoint ") {
            Some(note) => self.checkpoint(&line, note).map(Some),
            None => self.finish(line).map(|()| None),
        }
    }

    fn leaf(&mut self) -> Result<Item, VerifyError> {
        let index = self.tree.size();
        let line = self.lines.expect(&format!("leaf {index}"))?;
        let at = self.lines.number();
        let wrong = |what: String| VerifyError::from(Fault::line(at, what));
        let prefix = format!("leaf {index} ");
        let Some((hash, text)) = line.strip_prefix(&prefix).and_then(|rest| rest.split_once(' ')) else {
            return Err(wrong(format!("expected '{prefix}', a hash and bytes; found '{}'", excerpt(&line))));
        };
        let bytes = unbase64(text)
            .ok_or_else(|| wrong(format!("expected leaf {index} in canonical base64; found '{}'", excerpt(text))))?;
        let (expected, computed) = leaf_line(index, &bytes);
        if line != expected {
            return Err(wrong(format!("leaf {index} hashes to {computed}; the line says '{}'", excerpt(hash))));
        }
        self.manifest.line(Section::Leaves, &line);
        self.tree.append(computed);
        if self.tree.size() == self.header.size && self.tree.root() != self.header.root {
            let (found, said) = (self.tree.root(), self.header.root);
            return Err(Fault::line(4, format!("the leaves have the root {found}; the header says {said}")).into());
        }
        Ok(Item::Leaf { hash: computed, bytes })
    }

    fn checkpoint(&mut self, line: &str, note: &str) -> Result<Item, VerifyError> {
        let at = self.lines.number();
        let note = unbase64(note).filter(|note| checkpoint_line(note) == line).ok_or_else(|| {
            Fault::line(at, format!("expected a checkpoint in canonical base64; found '{}'", excerpt(note)))
        })?;
        self.manifest.line(Section::Checkpoints, line);
        Ok(Item::Checkpoint { line: at, note })
    }

    fn finish(&mut self, first: String) -> Result<(), VerifyError> {
        let mut found = Some(first);
        for expected in std::mem::take(&mut self.manifest).finish() {
            let line = match found.take() {
                Some(line) => line,
                None => self.lines.expect("a line of the manifest")?,
            };
            if line != expected {
                let why = format!("the file gives '{expected}'; the manifest says '{}'", line_excerpt(&line));
                return Err(Fault::new(Place::Manifest(self.lines.number()), why).into());
            }
        }
        if let Some(line) = self.lines.next()? {
            let why = format!("expected the end of the file; found '{}'", excerpt(&line));
            return Err(Fault::line(self.lines.number(), why).into());
        }
        self.is_done = true;
        Ok(())
    }
}

/// As much of a line as a line of the manifest is long.
fn line_excerpt(line: &str) -> String {
    line.chars().take(140).collect()
}
