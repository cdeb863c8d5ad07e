//! Quality rules, metrics and service levels.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How bad a breach is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The product is not fit for use.
    Error,
    /// Somebody should look.
    Warning,
}

/// A check on rows: a row passes only when the SQL expression is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityRule {
    /// The rule's name, as its author writes it.
    pub name: String,
    /// The SQL expression, verbatim.
    pub check: String,
    /// How bad a breach is.
    pub severity: Severity,
    /// `completeness`, `accuracy`, `validity`, …
    pub dimension: Option<String>,
    /// What it guards.
    pub description: String,
}

/// A number with its unit, and how it bounds what is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// `>=`, `<`, `=`, …; `>=` for percentages and `<=` for times when the file says none.
    pub comparison: String,
    /// The number.
    pub value: Decimal,
    /// `%`, `ms`, `minutes`, `business days`, …
    pub unit: String,
}

/// A quality figure with its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// What is measured: `completeness`, `accuracy`, `timeliness`, …
    pub name: String,
    /// What is promised.
    pub target: Option<Quantity>,
    /// Of what, in prose: `required fields`.
    pub scope: String,
    /// How it is measured.
    pub measured: String,
    /// Anything else that the file says of it.
    pub description: String,
}

impl Metric {
    /// What its check is called: its name, and its scope in parentheses.
    pub fn check_name(&self) -> String {
        if self.scope.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.scope) }
    }
}

/// A promise about the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// `availability`, `latency`, `freshness`, `retention`, `support_response`, or the file's own word.
    pub name: String,
    /// What is promised; `null` when it is only said in prose.
    pub target: Option<Quantity>,
    /// The percentile of a latency: 95 for p95.
    pub percentile: Option<Decimal>,
    /// How it is measured.
    pub measured: String,
    /// The promise in the author's words, such as `Same business day`.
    pub description: String,
}
