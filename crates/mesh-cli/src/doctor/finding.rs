//! One thing that was looked at.

use serde::Serialize;

use crate::output::printable;
use crate::style::Style;

/// What came of looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Broken,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) evidence: String,
    /// What to do; `null` when nothing is to be done.
    pub(crate) next_step: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, evidence: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, evidence: evidence.into(), next_step: None }
    }

    pub(crate) fn warn(check: &'static str, evidence: impl Into<String>, next_step: impl Into<String>) -> Self {
        let (evidence, next_step) = (evidence.into(), Some(next_step.into()));
        Self { check, verdict: Verdict::Warn, evidence, next_step }
    }

    pub(crate) fn broken(check: &'static str, evidence: impl Into<String>, next_step: impl Into<String>) -> Self {
        let (evidence, next_step) = (evidence.into(), Some(next_step.into()));
        Self { check, verdict: Verdict::Broken, evidence, next_step }
    }

    pub(crate) fn unknown(check: &'static str, evidence: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, evidence: evidence.into(), next_step: None }
    }

    /// One line, and one more for what to do: no table, so that a narrow terminal breaks text and not columns.
    pub(crate) fn lines(&self, style: Style) -> String {
        let word = match self.verdict {
            Verdict::Ok => style.green("ok     "),
            Verdict::Warn => style.yellow("warn   "),
            Verdict::Broken => style.red("broken "),
            Verdict::Unknown => style.dim("unknown"),
        };
        let mut text = format!("{word} {}: {}\n", style.bold(self.check), printable(&self.evidence));
        if let Some(next) = &self.next_step {
            text.push_str("        -> ");
            text.push_str(&printable(next));
            text.push('\n');
        }
        text
    }
}

/// The first thing that does not work.
pub(crate) fn first_broken(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| finding.verdict == Verdict::Broken)
}
