//! What is wrong with a standard itself.

use std::fmt;

use serde::Serialize;

use crate::rule::RuleError;

/// One thing that is wrong with a standard: where, what was expected, what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandardFlaw {
    /// The field, such as `rules[2].expression`.
    pub path: String,
    /// The character within it, counted from 1; 0 for the field as a whole.
    pub position: usize,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl StandardFlaw {
    /// A flaw of a field as a whole.
    pub(crate) fn new(path: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { path: path.into(), position: 0, expected: expected.into(), found: found.into() }
    }

    /// A flaw of an expression.
    pub(crate) fn rule(path: impl Into<String>, error: RuleError) -> Self {
        Self { path: path.into(), position: error.position, expected: error.expected, found: error.found }
    }
}

impl fmt::Display for StandardFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        if self.position > 0 {
            write!(f, "at character {}: ", self.position)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for StandardFlaw {}
