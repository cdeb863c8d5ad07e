//! The product document: what rules see of a product.

mod person;
mod read;
mod shape;

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::{Descriptor, JsonText, Version};

pub use shape::{FIRST_LEVEL, PATHS, document_markdown};

use crate::date::day_number;
use crate::value::{Key, Value, quoted};

/// What rules see of one version of a product: of its descriptor, and nothing else but what the ledger adds.
///
/// Every path is in [`PATHS`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    root: Value,
}

/// Why a text is no product document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No JSON.
    #[error("expected JSON, found text that is none: {0}")]
    Json(String),
    /// JSON, but no object.
    #[error("expected a map of the product's fields, found {0}")]
    NoMap(String),
    /// A first-level name that no product has.
    #[error("expected fields of the product document, found {0}")]
    Unknown(String),
}

/// A notice of deprecation, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecation {
    /// The day of the notice, `YYYY-MM-DD` in UTC.
    pub announced: String,
    /// The day after which consumers must not rely on the product, `YYYY-MM-DD`; empty when none is set.
    pub sunset: String,
    /// What takes its place; empty for nothing.
    pub successor: String,
    /// Why; empty when not said.
    pub reason: String,
}

impl Document {
    /// The document of a descriptor.
    pub fn of(descriptor: &Descriptor) -> Self {
        Self { root: read::read(descriptor) }
    }

    /// The document of JSON that is shaped as rules see products, such as a test case. What it leaves out is null.
    ///
    /// # Errors
    /// [`DocumentError`] when it is no map, or names an unknown field at the first level.
    pub fn parse(json: &str) -> Result<Self, DocumentError> {
        let json: serde_json::Value = serde_json::from_str(json).map_err(|e| DocumentError::Json(e.to_string()))?;
        Self::of_value(&json)
    }

    /// The same of JSON that was parsed before.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn of_json(json: &JsonText) -> Result<Self, DocumentError> {
        Self::of_value(&json.value())
    }

    fn of_value(json: &serde_json::Value) -> Result<Self, DocumentError> {
        let root = Value::of_json(json);
        let Value::Map(entries) = &root else { return Err(DocumentError::NoMap(root.kind().into())) };
        let unknown: Vec<_> =
            entries.keys().filter(|key| !FIRST_LEVEL.contains(&key.as_ref())).map(|key| quoted(key)).collect();
        if !unknown.is_empty() {
            return Err(DocumentError::Unknown(unknown.join(", ")));
        }
        Ok(Self { root })
    }

    /// The same with the version that precedes this one: the highest sealed below it in its major, else below overall.
    #[must_use]
    pub fn with_previous(self, previous: Option<Version>) -> Self {
        self.with("previous", Value::or_null(previous, |version| Value::text(version.to_string())))
    }

    /// The same with a notice of deprecation.
    #[must_use]
    pub fn with_deprecation(self, notice: Option<&Deprecation>) -> Self {
        let value = Value::or_null(notice, |notice| {
            let days = day_number(&notice.announced).zip(day_number(&notice.sunset));
            let notice_days =
                Value::or_null(days, |(from, to)| Value::Number((i64::from(to) - i64::from(from)).into()));
            Value::map([
                ("sunset", Value::said(&notice.sunset)),
                ("successor", Value::said(&notice.successor)),
                ("reason", Value::said(&notice.reason)),
                ("notice_days", notice_days),
            ])
        });
        self.with("deprecation", value)
    }

    fn with(self, key: &'static str, value: Value) -> Self {
        let mut entries = match self.root {
            Value::Map(entries) => Arc::unwrap_or_clone(entries),
            _ => BTreeMap::new(),
        };
        entries.insert(Key::Borrowed(key), value);
        Self { root: Value::Map(Arc::new(entries)) }
    }

    /// The document as JSON, keys sorted.
    pub fn to_json(&self) -> serde_json::Value {
        self.root.to_json()
    }

    /// Paths that no product has, such as a misspelt one of a test case.
    pub fn unknown_paths(&self) -> Vec<String> {
        let mut unknown = Vec::new();
        unknown_below(&self.root, "", "", &mut unknown);
        unknown
    }

    pub(crate) fn root(&self) -> &Value {
        &self.root
    }
}

/// Collects the unknown paths below a value. `general` is its path with `[]` for places; JSON's reader bounds the depth.
fn unknown_below(value: &Value, path: &str, general: &str, unknown: &mut Vec<String>) {
    // A dataset's fields are as the product's.
    let general = general.strip_prefix("datasets[].").filter(|rest| rest.starts_with("fields[]")).unwrap_or(general);
    match value {
        Value::Map(entries) => {
            for (key, value) in entries.iter() {
                let below = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                let general = if general.is_empty() { key.to_string() } else { format!("{general}.{key}") };
                if general == "extensions" {
                    continue;
                }
                let is = |known: &str| {
                    known == general || known.strip_prefix(&general).is_some_and(|rest| rest.starts_with(['.', '[']))
                };
                if PATHS.iter().any(|(known, ..)| is(known)) {
                    unknown_below(value, &below, &general, unknown);
                } else {
                    unknown.push(below);
                }
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                unknown_below(item, &format!("{path}[{at}]"), &format!("{general}[]"), unknown);
            }
        }
        _ => {}
    }
}
