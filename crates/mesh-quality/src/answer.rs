//! What is told of a port.

use std::collections::BTreeSet;

use mesh_event::fact::{CheckKind, CheckVerdict, Measured, QualityCheck};
use mesh_measure::worker::{CheckOutcome, PortOutcome, PortTask, Sample, Task};
use mesh_model::{Severity, UnixMs};
use mesh_quality::{Outcome, Verdict};

use crate::task;

/// Longest name of a check in a fact, in bytes.
const NAME_BYTES: usize = 256;

/// What came out.
pub(crate) fn of(port: &PortTask, (began, ended): (UnixMs, UnixMs), outcome: Outcome) -> PortOutcome {
    let sum = |count: fn(&mesh_quality::TableOutcome) -> u64| outcome.tables.iter().map(count).sum();
    let files: u64 = sum(|table| table.files);
    let unread = |check: &&mesh_quality::CheckOutcome| check.kind == mesh_quality::CheckKind::Conforms;
    let problem = outcome.checks.iter().find(unread).filter(|_| files == 0).map(|check| check.sentence.clone());
    PortOutcome {
        port: port.port.clone(),
        began_unix_ms: began,
        ended_unix_ms: ended,
        rows: sum(|table| table.rows),
        bytes: sum(|table| table.bytes),
        newest_unix_ms: outcome.tables.iter().filter_map(|table| table.newest_unix_ms).max(),
        problem,
        checks: outcome.checks.into_iter().map(check).collect(),
        samples: outcome
            .samples
            .into_iter()
            .map(|sample| Sample {
                check: short(&sample.rule),
                table: sample.table,
                row: serde_json::to_string(&sample.row).expect("it is JSON"),
            })
            .collect(),
    }
}

/// Nothing could be looked at: every promise is one that could not be held against anything.
pub(crate) fn of_nothing(task: &Task, port: &PortTask, (began, ended): (UnixMs, UnixMs), why: &str) -> PortOutcome {
    let failed = |name: String, kind, severity| CheckOutcome {
        check: QualityCheck {
            name: short(&name),
            kind,
            severity,
            verdict: CheckVerdict::Error,
            rows: 0,
            failed: 0,
            value: None,
        },
        why: why.to_owned(),
    };
    let rules =
        task.descriptor.quality_rules.iter().map(|rule| failed(rule.name.clone(), CheckKind::Rule, rule.severity));
    let metrics = task::metrics(&task.descriptor);
    let metrics = metrics.iter().map(|metric| failed(metric.check_name(), CheckKind::Metric, Severity::Error));
    // As an outcome names them.
    let mut names = BTreeSet::new();
    let distinct = |mut outcome: CheckOutcome| {
        let name = outcome.check.name.clone();
        let mut numbers = 2_u64..;
        while !names.insert(outcome.check.name.clone()) {
            outcome.check.name = format!("{name}-{}", numbers.next().unwrap_or_default());
        }
        outcome
    };
    PortOutcome {
        port: port.port.clone(),
        began_unix_ms: began,
        ended_unix_ms: ended,
        rows: 0,
        bytes: 0,
        newest_unix_ms: None,
        checks: rules.chain(metrics).map(distinct).collect(),
        samples: Vec::new(),
        problem: Some(why.to_owned()),
    }
}

fn check(outcome: mesh_quality::CheckOutcome) -> CheckOutcome {
    let check = QualityCheck {
        name: short(&outcome.name),
        kind: match outcome.kind {
            mesh_quality::CheckKind::Rule => CheckKind::Rule,
            mesh_quality::CheckKind::Metric => CheckKind::Metric,
            mesh_quality::CheckKind::Conforms => CheckKind::Conformance,
        },
        severity: outcome.severity,
        verdict: match outcome.verdict {
            Verdict::Passed => CheckVerdict::Passed,
            Verdict::Failed => CheckVerdict::Failed,
            Verdict::Error => CheckVerdict::Error,
            Verdict::NotRun => CheckVerdict::NotRun,
        },
        rows: outcome.rows,
        failed: outcome.failed.min(outcome.rows),
        // What a rule's query gives is a value of the data, which is not for everybody; a metric's figure is.
        value: outcome
            .measured
            .filter(|_| outcome.kind == mesh_quality::CheckKind::Metric)
            .map(|measured| Measured { value: measured.value, unit: measured.unit }),
    };
    CheckOutcome { check, why: outcome.sentence }
}

/// As a fact can name it.
fn short(name: &str) -> String {
    let mut short: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    while short.len() > NAME_BYTES {
        short.pop();
    }
    short
}
