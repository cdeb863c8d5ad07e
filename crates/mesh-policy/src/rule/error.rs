//! Why a text is no rule.

/// One thing that is wrong with an expression: where, what was expected, what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: expected {expected}, found {found}")]
pub struct RuleError {
    /// The character, counted from 1.
    pub position: usize,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl RuleError {
    /// An error at a byte of the expression.
    pub(crate) fn at(source: &str, byte: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let position = source.char_indices().take_while(|(at, _)| *at < byte).count() + 1;
        Self { position, expected: expected.into(), found: found.into() }
    }
}
