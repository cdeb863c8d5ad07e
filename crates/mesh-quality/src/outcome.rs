//! What a run found. Counts are whole numbers and measured values are decimals: there is no float in it, so it can be signed.

use mesh_model::{Quantity, Severity, UnixMs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The tables, in the order of the input.
    pub tables: Vec<TableOutcome>,
    /// The checks: rules, then metrics, then what is checked of each table. No two of the same name.
    pub checks: Vec<CheckOutcome>,
    /// Rows that fail rules: at most [`crate::SAMPLES`] over all of them.
    pub samples: Vec<Sample>,
}

/// What was read of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableOutcome {
    /// Its name.
    pub name: String,
    /// How many files; 0 when it could not be read.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// How many rows.
    pub rows: u64,
    /// The newest value of the field that is tagged `event-time`; without one, when the newest file was last written.
    pub newest_unix_ms: Option<UnixMs>,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// A declared rule.
    Rule,
    /// A declared metric, against its target.
    Metric,
    /// Whether the files are those that are declared.
    Conforms,
}

/// How it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is so.
    Passed,
    /// It is not so.
    Failed,
    /// It was tried and could not be told.
    Error,
    /// It was not tried: nothing here can measure it.
    NotRun,
}

/// How one check came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Its name; a number is added when the same name came before.
    pub name: String,
    /// What was checked.
    pub kind: CheckKind,
    /// How bad a breach is; `error` for what declares none.
    pub severity: Severity,
    /// How it came out.
    pub verdict: Verdict,
    /// Of what: tables, or columns with their tables.
    pub of: String,
    /// Rows that were looked at; for completeness and uniqueness, values.
    pub rows: u64,
    /// Those of them that fail.
    pub failed: u64,
    /// What was measured, with its unit.
    pub measured: Option<Quantity>,
    /// Why it did not pass, in one sentence; empty when it did.
    pub sentence: String,
}

/// A row that fails a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The check's name.
    pub rule: String,
    /// Of which table.
    pub table: String,
    /// Its columns, at most [`crate::SAMPLE_COLUMNS`]. Personal, classified and undeclared values are [`crate::MASK`]; numbers with fractions,
    /// times and nested values are texts, and texts are cut.
    pub row: Map<String, Value>,
}

/// How far a run is: one query after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, such as `customers: rules`.
    pub step: String,
    /// Rows that were read for it.
    pub rows: u64,
    /// Of how many, when that is known.
    pub of: Option<u64>,
}
