//! Quality that was measured: what came out when a port's data was held against what its version promises.

use std::collections::BTreeSet;

use mesh_model::{Digest, Name, Severity, UnixMs, VersionId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::text::PrivateText;
use crate::convert::{Malformed, decimal, decimal_message, digest, optional_digest, text};
use crate::descriptor::{enums, severity, severity_message};
use crate::proto;

/// Most checks of one run.
pub const MOST_CHECKS: usize = 256;
/// Longest name of a check, in bytes.
const NAME_BYTES: usize = 256;
/// Longest name or version of a tool, and longest unit, in bytes.
const WORD_BYTES: usize = 64;

/// One look at the data of one port. It says nothing of the data but counts: rows and error texts are in the private text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityRun {
    /// Whose promises.
    pub version: VersionId,
    /// The digest of that version's descriptor: whoever states it has looked at that one.
    pub descriptor: Digest,
    /// Whose data.
    pub port: Name,
    /// The digest of the port's contract, where it has one.
    pub contract: Option<Digest>,
    /// What looked, such as `mesh-quality` or `soda`; 1 to 64 bytes.
    pub tool: String,
    /// Which version of it; at most 64 bytes.
    pub tool_version: String,
    /// By the author's clock.
    pub began_unix_ms: UnixMs,
    /// The same; not before it began.
    pub ended_unix_ms: UnixMs,
    /// Rows that were read.
    pub rows: u64,
    /// The newest time that the data itself shows.
    pub newest_unix_ms: Option<UnixMs>,
    /// 1 to [`MOST_CHECKS`], by distinct names.
    pub checks: Vec<QualityCheck>,
    /// Why checks failed or could not be run, and sample rows.
    pub details: Option<PrivateText>,
}

/// One promise that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityCheck {
    /// The rule's or [`mesh_model::Metric::check_name`]; 1 to 256 bytes.
    pub name: String,
    /// What kind of promise.
    pub kind: CheckKind,
    /// What a failure means.
    pub severity: Severity,
    /// What came out.
    pub verdict: CheckVerdict,
    /// Rows that were looked at.
    pub rows: u64,
    /// Those of them that failed; not more than `rows`.
    pub failed: u64,
    /// What was measured, where something is but counts.
    pub value: Option<Measured>,
}

/// A number that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The number.
    pub value: Decimal,
    /// `%`, `rows`, `min`, …; at most 64 bytes.
    pub unit: String,
}

/// What kind of promise a check is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A declared rule.
    Rule,
    /// A declared metric against its target.
    Metric,
    /// That the data has the declared fields, of the declared types.
    Conformance,
}

impl CheckKind {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Metric => "metric",
            Self::Conformance => "conformance",
        }
    }
}

/// What came out of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be run, or not to its end.
    Error,
    /// It was not tried.
    NotRun,
}

impl CheckVerdict {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::NotRun => "not run",
        }
    }
}

enums! {
    kind_message kind CheckKind, QualityCheckKind { Rule, Metric, Conformance };
    verdict_message verdict CheckVerdict, QualityVerdict { Passed, Failed, Error, NotRun };
}

/// A text of bounded length without control characters: it is printed on terminals.
fn word(field: &str, value: String, least: usize, most: usize) -> Result<String, Malformed> {
    if !(least..=most).contains(&value.len()) {
        return Err(Malformed::new(field, format!("expected {least} to {most} bytes; found {}", value.len())));
    }
    if value.chars().any(char::is_control) {
        return Err(Malformed::new(field, "has a control character"));
    }
    Ok(value)
}

impl QualityRun {
    /// Its form on the wire.
    pub fn to_message(&self) -> proto::QualityRun {
        proto::QualityRun {
            version: self.version.to_string(),
            descriptor: self.descriptor.0.to_vec(),
            port: self.port.to_string(),
            contract: self.contract.map_or_else(Vec::new, |digest| digest.0.to_vec()),
            tool: self.tool.clone(),
            tool_version: self.tool_version.clone(),
            began_unix_ms: self.began_unix_ms,
            ended_unix_ms: self.ended_unix_ms,
            rows: self.rows,
            newest_unix_ms: self.newest_unix_ms,
            checks: self.checks.iter().map(QualityCheck::to_message).collect(),
            details: self.details.map(PrivateText::to_message),
        }
    }

    /// Reads it from the wire.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn from_message(m: proto::QualityRun) -> Result<Self, Malformed> {
        if !(1..=MOST_CHECKS).contains(&m.checks.len()) {
            let why = format!("expected 1 to {MOST_CHECKS}; found {}", m.checks.len());
            return Err(Malformed::new("checks", why));
        }
        if m.ended_unix_ms < m.began_unix_ms {
            return Err(Malformed::new("ended_unix_ms", "is before it began"));
        }
        let mut names = BTreeSet::new();
        let mut checks = Vec::with_capacity(m.checks.len());
        for (i, check) in m.checks.into_iter().enumerate() {
            let at = |error: Malformed| error.within(format!("checks[{i}]"));
            let check = QualityCheck::from_message(check).map_err(at)?;
            if !names.insert(check.name.clone()) {
                return Err(at(Malformed::new("name", format!("'{}' stands there twice", check.name))));
            }
            checks.push(check);
        }
        Ok(Self {
            version: text("version", &m.version)?,
            descriptor: digest("descriptor", &m.descriptor)?,
            port: text("port", &m.port)?,
            contract: optional_digest("contract", &m.contract)?,
            tool: word("tool", m.tool, 1, WORD_BYTES)?,
            tool_version: word("tool_version", m.tool_version, 0, WORD_BYTES)?,
            began_unix_ms: m.began_unix_ms,
            ended_unix_ms: m.ended_unix_ms,
            rows: m.rows,
            newest_unix_ms: m.newest_unix_ms,
            checks,
            details: m.details.map(|details| PrivateText::from_message("details", &details)).transpose()?,
        })
    }
}

impl QualityCheck {
    /// Its form on the wire.
    pub fn to_message(&self) -> proto::QualityCheck {
        proto::QualityCheck {
            name: self.name.clone(),
            kind: kind_message(self.kind),
            severity: severity_message(self.severity),
            verdict: verdict_message(self.verdict),
            rows: self.rows,
            failed: self.failed,
            value: self.value.as_ref().map(|measured| decimal_message(measured.value)),
            unit: self.value.as_ref().map_or_else(String::new, |measured| measured.unit.clone()),
        }
    }

    /// Reads it from the wire.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn from_message(m: proto::QualityCheck) -> Result<Self, Malformed> {
        if m.failed > m.rows {
            return Err(Malformed::new("failed", format!("{} of {} rows", m.failed, m.rows)));
        }
        let unit = word("unit", m.unit, 0, WORD_BYTES)?;
        let value = m.value.map(|value| decimal("value", &value)).transpose()?;
        if value.is_none() && !unit.is_empty() {
            return Err(Malformed::new("unit", "there is no value"));
        }
        Ok(Self {
            name: word("name", m.name, 1, NAME_BYTES)?,
            kind: kind("kind", m.kind)?,
            severity: severity("severity", m.severity)?,
            verdict: verdict("verdict", m.verdict)?,
            rows: m.rows,
            failed: m.failed,
            value: value.map(|value| Measured { value, unit }),
        })
    }
}
