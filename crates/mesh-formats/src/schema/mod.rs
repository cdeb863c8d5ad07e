//! Whether programs that know one version of a schema can read data of another.
//!
//! The comparison of two schemas names each difference and which way it breaks; a [`Mode`] says which ways count, and against which of the
//! versions before. The modes are those of schema registries: Confluent, "Schema Evolution and Compatibility".
//!
//! | mode | who reads what |
//! |---|---|
//! | backward | readers of the new version, data of the version before |
//! | forward | readers of the version before, data of the new version |
//! | full | both |
//! | `..-transitive` | the same for all versions before |

mod avro;
mod json;
mod json_bare;
mod json_choices;
mod json_numbers;
mod json_refs;
mod json_values;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use avro::compare_avro_schemas;
pub use json::compare_json_schemas;

/// One difference between two versions of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// Where, as a JSON pointer with `#` for the whole: `#/properties/email`.
    pub path: String,
    /// What is other.
    pub what: String,
    /// Data of the version before may be invalid now.
    pub breaks_backward: bool,
    /// Data of the new version may have been invalid before.
    pub breaks_forward: bool,
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// A text that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not JSON.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// Two versions of different kinds.
    #[error("{0} and {1} can't be compared")]
    Kinds(SchemaKind, SchemaKind),
    /// JSON, and no schema.
    #[error("{path}: expected {expected}; found {found}")]
    Shape {
        /// Where.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// More pairs of schemas than anybody compares.
    #[error("it is too large to be compared")]
    TooLarge,
    /// Schemas within schemas, deeper than [`DEEPEST`].
    #[error("{0}: schemas nest deeper than {DEEPEST}")]
    TooDeep(String),
}

/// What kind of schema a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaKind {
    /// JSON Schema.
    JsonSchema,
    /// Apache Avro, in JSON.
    Avro,
}

impl SchemaKind {
    /// What a text is: Avro's named types have words for `type` that JSON Schema doesn't know, and its primitive types are bare words.
    ///
    /// # Errors
    /// [`SchemaError::Json`].
    pub fn of(text: &str) -> Result<Self, SchemaError> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))?;
        let kind = value.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
        let is_avro = value.is_string()
            || value.is_array()
            || ["record", "enum", "fixed", "map", "bytes", "int", "long", "float", "double"].contains(&kind)
            || (kind == "array" && value.get("items").is_some_and(serde_json::Value::is_string));
        Ok(if is_avro { Self::Avro } else { Self::JsonSchema })
    }
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonSchema => "a JSON Schema",
            Self::Avro => "an Avro schema",
        })
    }
}

/// Compares two schemas of one kind.
///
/// # Errors
/// [`SchemaError`].
pub fn compare_schemas(before: &str, after: &str) -> Result<Vec<SchemaChange>, SchemaError> {
    match (SchemaKind::of(before)?, SchemaKind::of(after)?) {
        (SchemaKind::JsonSchema, SchemaKind::JsonSchema) => compare_json_schemas(before, after),
        (SchemaKind::Avro, SchemaKind::Avro) => compare_avro_schemas(before, after),
        (one, other) => Err(SchemaError::Kinds(one, other)),
    }
}

/// How deep schemas may nest.
pub const DEEPEST: usize = 64;

/// Which differences a new version may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Any.
    None,
    /// None that breaks readers of the new version.
    Backward,
    /// The same for data of all versions before.
    BackwardTransitive,
    /// None that breaks readers of the version before.
    Forward,
    /// The same for readers of all versions before.
    ForwardTransitive,
    /// Neither.
    Full,
    /// Neither, for all versions before.
    FullTransitive,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Backward => "backward",
            Self::BackwardTransitive => "backward-transitive",
            Self::Forward => "forward",
            Self::ForwardTransitive => "forward-transitive",
            Self::Full => "full",
            Self::FullTransitive => "full-transitive",
        }
    }

    /// Whether all versions before count, or only the last.
    pub fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    /// Whether a difference is one that this mode rules out.
    pub fn rules_out(self, change: &SchemaChange) -> bool {
        let (backward, forward) = match self {
            Self::None => (false, false),
            Self::Backward | Self::BackwardTransitive => (true, false),
            Self::Forward | Self::ForwardTransitive => (false, true),
            Self::Full | Self::FullTransitive => (true, true),
        };
        (backward && change.breaks_backward) || (forward && change.breaks_forward)
    }

    /// Which of the versions before count, of all, the oldest first.
    pub fn counting<S>(self, before: &[S]) -> &[S] {
        let first = if self.is_transitive() { 0 } else { before.len().saturating_sub(1) };
        &before[first..]
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    /// Reads [`Mode::name`], and the spelling of schema registries such as `BACKWARD_TRANSITIVE`.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase().replace('_', "-");
        let found = Self::ALL.into_iter().find(|mode| mode.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|mode| mode.name()).collect();
            format!("expected one of {}; found '{text}'", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests;
