//! What the program that reads data is told, and what it answers: one JSON document on its stdin, one on each line of its stdout.
//!
//! Rules are other people's SQL over other people's files. So `mesh-quality` gets no key, no address of a node and no right but to read what it is
//! pointed at; `mesh` holds what it answers against the product, signs and states it.

use mesh_event::fact::{CheckVerdict, QualityCheck};
use mesh_model::{Descriptor, Name, UnixMs};
use serde::{Deserialize, Serialize};

/// Longest private text of a fact that [`PortOutcome::details`] makes, in bytes; a node takes a little more.
pub const DETAILS_BYTES: usize = 15 * 1024;
/// The version of these documents: both programs have to speak the same.
pub const WORKER_PROTOCOL: u32 = 1;

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// [`WORKER_PROTOCOL`] of whoever asks.
    pub protocol: u32,
    /// The promises.
    pub descriptor: Descriptor,
    /// Whose data, one after the other.
    pub ports: Vec<PortTask>,
    /// Ages are up to this moment.
    pub now_unix_ms: UnixMs,
    /// Most memory for data, in bytes; more goes to temporary files.
    pub memory_bytes: u64,
    /// Longest time for one port, in milliseconds.
    pub limit_ms: u64,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortTask {
    /// Which.
    pub port: Name,
    /// Where its data is: a file, a folder, or `s3://bucket/prefix/`.
    pub location: String,
    /// `csv`, `json` or `parquet`; from the port, or else from the files' names, when it is `None`.
    pub format: Option<String>,
}

/// A line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// How far it is.
    Progress {
        /// At which port.
        port: Name,
        /// Rows that were read.
        rows: u64,
    },
    /// What came out at a port.
    Port(PortOutcome),
    /// It could not begin.
    Refused(String),
    /// That was all.
    Done,
}

/// What came out at a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOutcome {
    /// Which.
    pub port: Name,
    /// By the clock of that machine.
    pub began_unix_ms: UnixMs,
    /// The same.
    pub ended_unix_ms: UnixMs,
    /// Rows that were read.
    pub rows: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// The newest time that the data itself shows.
    pub newest_unix_ms: Option<UnixMs>,
    /// Each promise.
    pub checks: Vec<CheckOutcome>,
    /// Some rows that failed, with what must not be shown masked.
    pub samples: Vec<Sample>,
    /// Why nothing could be measured at all.
    pub problem: Option<String>,
}

/// What came out of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// What is stated of it.
    #[serde(flatten)]
    pub check: QualityCheck,
    /// A sentence where it is not passed; may quote data, so it is never stated in the open.
    pub why: String,
}

/// A row that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Which check.
    pub check: String,
    /// Of which table.
    pub table: String,
    /// The row, as JSON.
    pub row: String,
}

/// The private text of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Details {
    /// Why checks are not passed.
    pub reasons: Vec<Reason>,
    /// Some rows that failed.
    pub rows: Vec<Sample>,
    /// Whether something was left out for its length.
    pub cut: bool,
}

/// Why a check is not passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub check: String,
    /// One sentence.
    pub why: String,
}

impl PortOutcome {
    /// The private text of the run: reasons and rows, within [`DETAILS_BYTES`]; `None` when there is nothing to say.
    pub fn details(&self) -> Option<String> {
        let reasons = self.checks.iter().filter(|check| !check.why.is_empty());
        let reasons = reasons.map(|outcome| Reason { check: outcome.check.name.clone(), why: outcome.why.clone() });
        let mut details = Details { reasons: reasons.collect(), rows: self.samples.clone(), cut: false };
        if details == Details::default() {
            return None;
        }
        loop {
            let text = serde_json::to_string(&details).expect("texts become JSON");
            // Rows first: that a check failed, and why, is worth more than a row less.
            if text.len() <= DETAILS_BYTES || (details.rows.pop().is_none() && details.reasons.pop().is_none()) {
                return Some(text);
            }
            details.cut = true;
        }
    }

    /// Whether something that means harm failed.
    pub fn is_broken(&self) -> bool {
        let harm = |check: &QualityCheck| {
            check.verdict == CheckVerdict::Failed && check.severity == mesh_model::Severity::Error
        };
        self.checks.iter().any(|outcome| harm(&outcome.check))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mesh_event::fact::CheckKind;
    use mesh_model::Severity;

    use super::*;

    fn outcome(whys: &[&str], rows: usize, row: &str) -> PortOutcome {
        let check = |(number, why): (usize, &&str)| CheckOutcome {
            check: QualityCheck {
                name: format!("c{number}"),
                kind: CheckKind::Rule,
                severity: Severity::Error,
                verdict: if why.is_empty() { CheckVerdict::Passed } else { CheckVerdict::Failed },
                rows: 1,
                failed: 0,
                value: None,
            },
            why: (*why).to_owned(),
        };
        PortOutcome {
            port: "batch".parse().unwrap(),
            began_unix_ms: 1,
            ended_unix_ms: 2,
            rows: 1,
            bytes: 1,
            newest_unix_ms: None,
            checks: whys.iter().enumerate().map(check).collect(),
            samples: vec![Sample { check: "c0".into(), table: "t".into(), row: row.into() }; rows],
            problem: None,
        }
    }

    #[test]
    fn details_fit_whatever_the_data_and_keep_reasons_longest() {
        assert_eq!(outcome(&[""], 0, "").details(), None);
        let read = |outcome: PortOutcome| -> Details {
            let text = outcome.details().unwrap();
            assert!(text.len() <= DETAILS_BYTES);
            serde_json::from_str(&text).unwrap()
        };
        let small = read(outcome(&["why"], 2, "{}"));
        assert_eq!((small.reasons.len(), small.rows.len(), small.cut), (1, 2, false));
        let wide = read(outcome(&["why"], 10, &"x".repeat(4_000)));
        assert_eq!((wide.reasons.len(), wide.rows.len(), wide.cut), (1, 3, true));
        let huge = read(outcome(&["why", &"y".repeat(20_000)], 1, "{}"));
        assert_eq!((huge.reasons.len(), huge.rows.len(), huge.cut), (1, 0, true));
    }

    #[test]
    fn what_is_said_comes_back() {
        for said in [
            Said::Progress { port: "batch".parse().unwrap(), rows: 3 },
            Said::Port(outcome(&["why"], 1, "{}")),
            Said::Refused("no".into()),
            Said::Done,
        ] {
            let text = serde_json::to_string(&said).unwrap();
            assert_eq!(serde_json::from_str::<Said>(&text).unwrap(), said);
        }
    }
}
