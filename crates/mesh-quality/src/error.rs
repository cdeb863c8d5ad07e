//! Why a run does not begin or has no end, and why a table cannot be read.

use std::fmt;
use std::time::Duration;

/// Why there is no outcome. What is wrong with one table or one rule is no reason: it stands in the outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QualityError {
    /// Nothing to look at.
    #[error("there is no table to look at: expected at least one dataset with a place where its files lie")]
    NoTables,
    /// A table without a name.
    #[error("a table has no name: expected that of its dataset, or of the product")]
    NoName,
    /// Rules could not tell them apart.
    #[error("two tables are called '{0}': rules could not tell them apart")]
    TwoTables(String),
    /// A place that is not one of those that are read.
    #[error("'{found}' is no place of files: {why}")]
    Location {
        /// What was given.
        found: String,
        /// What is wrong with it.
        why: String,
    },
    /// A format that is not one of those that are read.
    #[error("'{0}' is no format that is read: expected csv, json or parquet")]
    Format(String),
    /// Somebody ended it.
    #[error("the run was cancelled")]
    Cancelled,
    /// The engine does not start, for example because there is no folder to spill to.
    #[error("the query engine cannot be started: {0}")]
    Engine(String),
}

/// Why a table cannot be read: where, and what was expected and found. No value of the data is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at} {why}")]
pub(crate) struct ReadError {
    at: String,
    why: String,
}

impl ReadError {
    /// `why` follows the place in the sentence: `is empty; expected …`.
    pub(crate) fn new(at: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self { at: at.to_string(), why: why.to_string() }
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// The whole run ends.
    Cancelled,
    /// It took longer than this.
    TooLong(Duration),
    /// In one sentence, without values of the data.
    Failed(String),
}

impl QueryError {
    /// The sentence for an outcome.
    ///
    /// # Errors
    /// When the whole run ends.
    pub(crate) fn sentence(self) -> Result<String, QualityError> {
        match self {
            Self::Cancelled => Err(QualityError::Cancelled),
            Self::TooLong(most) => Ok(format!("it did not end within the {} that were allowed", seconds(most))),
            Self::Failed(why) => Ok(why),
        }
    }
}

fn seconds(time: Duration) -> String {
    match (time.as_secs(), time.as_millis()) {
        (0, ms) => format!("{ms} ms"),
        (1, _) => "1 second".to_owned(),
        (s, _) => format!("{s} seconds"),
    }
}
