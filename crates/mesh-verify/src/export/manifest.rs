//! The manifest: digests over groups of lines and over the whole.

use mesh_model::Digest;
use sha2::{Digest as _, Sha256};

use super::CHUNK_LINES;

/// What a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Header,
    Leaves,
    Checkpoints,
}

impl Section {
    const fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Leaves => "leaves",
            Self::Checkpoints => "checkpoints",
        }
    }
}

#[derive(Debug)]
struct Open {
    section: Section,
    first: u64,
    hash: Sha256,
}

/// Digests lines as they come. Writer and reader make the same lines of it.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    whole: Sha256,
    lines: u64,
    open: Option<Open>,
    closed: Vec<String>,
}

impl Manifest {
    /// Takes the next line, without its newline.
    pub(super) fn line(&mut self, section: Section, line: &str) {
        let goes_on = self.open.as_ref().is_some_and(|open| {
            open.section == section && (section != Section::Leaves || self.lines + 1 - open.first < CHUNK_LINES)
        });
        if !goes_on {
            self.close();
        }
        self.whole.update(line);
        self.whole.update(b"\n");
        self.lines += 1;
        let open = self.open.get_or_insert_with(|| Open { section, first: self.lines, hash: Sha256::new() });
        open.hash.update(line);
        open.hash.update(b"\n");
    }

    fn close(&mut self) {
        if let Some(Open { section, first, hash }) = self.open.take() {
            let digest = Digest(hash.finalize().into());
            self.closed.push(format!("section {} {first} {} {digest}", section.word(), self.lines));
        }
    }

    /// The manifest's lines, without their newlines.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.close();
        for line in &self.closed {
            self.whole.update(line);
            self.whole.update(b"\n");
            self.lines += 1;
        }
        let digest = Digest(self.whole.finalize().into());
        self.closed.push(format!("end {} {digest}", self.lines));
        self.closed
    }
}
