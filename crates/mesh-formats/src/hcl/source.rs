//! A file under way: its text, its places, and what was found wrong so far.

use std::cell::RefCell;
use std::collections::BTreeMap;

use mesh_model::JsonText;

use super::places::Places;
use crate::problem::Problem;

/// Most errors, and most warnings, that are named of one file: who made a thousand mistakes made one a thousand times.
pub(super) const PROBLEMS: usize = 1000;

/// Shared by all sections of one file; what it collects grows behind a shared reference.
pub(super) struct Source<'a> {
    /// The file.
    pub text: &'a str,
    places: Places<'a>,
    stand_in: Option<char>,
    /// Errors so far.
    pub errors: RefCell<Vec<Problem>>,
    /// Warnings so far.
    pub warnings: RefCell<Vec<Problem>>,
    /// What the current product says under unknown names, and its own extensions.
    pub extensions: RefCell<BTreeMap<String, JsonText>>,
    /// Where parts of the current product's descriptor stand in the file, by the path that the model's checks use.
    pub parts: RefCell<BTreeMap<String, usize>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, stand_in: Option<char>) -> Self {
        Self {
            text,
            places: Places::new(text),
            stand_in,
            errors: RefCell::default(),
            warnings: RefCell::default(),
            extensions: RefCell::default(),
            parts: RefCell::default(),
        }
    }

    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        self.places.of(offset)
    }

    pub(super) fn error(&self, offset: usize, path: &str, expected: impl Into<String>, found: impl Into<String>) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < PROBLEMS {
            errors.push(Problem::error(self.place(offset), path, expected, found));
        } else if errors.len() == PROBLEMS {
            errors.push(Problem::error(self.place(offset), "", "fewer errors", "more, which are not listed"));
        }
    }

    pub(super) fn warning(&self, offset: usize, path: &str, expected: impl Into<String>, found: impl Into<String>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < PROBLEMS {
            warnings.push(Problem::warning(self.place(offset), path, expected, found));
        } else if warnings.len() == PROBLEMS {
            warnings.push(Problem::warning(self.place(offset), "", "fewer warnings", "more, which are not listed"));
        }
    }

    /// Text as the author meant it: `%{` where the parser saw its stand-in.
    pub(super) fn plain(&self, text: &str) -> String {
        match self.stand_in {
            Some(stand_in) => text.replace(stand_in, "%{"),
            None => text.to_owned(),
        }
    }

    /// Remembers where a part of the descriptor stands.
    pub(super) fn part(&self, path: impl Into<String>, offset: usize) {
        self.parts.borrow_mut().insert(path.into(), offset);
    }

    /// Keeps a value among the extensions; a second one under the same key is an error.
    pub(super) fn extend(&self, offset: usize, key: &str, value: &serde_json::Value) {
        let known = self.extensions.borrow_mut().insert(key.to_owned(), JsonText::new(value));
        if known.is_some() {
            self.error(offset, "extensions", "each key once", format!("'{key}' again"));
        }
    }
}
