//! The table at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use chaos_process::testbed::NODES;
use comfy_table::{Table, presets};

use crate::check::Findings;
use crate::faults::Done;
use crate::options::Options;
use crate::oracle::Record;

/// Most lines of one sort that are shown.
const LINES: usize = 25;

/// Everything about a run, for people.
pub(crate) fn table<'a>(
    options: &Options,
    done: &Done,
    records: impl Iterator<Item = &'a Record>,
    findings: &Findings,
    took: Duration,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["what", "how many"]);
    let mut row = |what: String, count: String| {
        table.add_row([what, count]);
    };
    row("seed".into(), options.seed.to_string());
    row("time".into(), format!("{:.1} s", took.as_secs_f64()));
    for (kind, count) in &done.by_kind {
        row(format!("fault: {kind}"), count.to_string());
    }
    for node in NODES {
        let of = |counts: &BTreeMap<u64, usize>| counts.get(&node).copied().unwrap_or(0);
        row(format!("node {node}: kills, pauses"), format!("{}, {}", of(&done.kills), of(&done.pauses)));
    }
    row("kills in all".into(), done.kills().to_string());
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut published, mut said) = (0, 0);
    for record in records {
        *outcomes.entry(record.outcome()).or_default() += 1;
        published += 1;
        said += record.said.len();
    }
    row("publishes".into(), published.to_string());
    row("calls".into(), said.to_string());
    for (outcome, count) in outcomes {
        row(format!("publishes: {outcome}"), count.to_string());
    }
    for (what, count) in findings.counts() {
        row(format!("checked: {what}"), count.to_string());
    }
    row("violations".into(), findings.violations().len().to_string());
    let mut text = table.to_string();
    list(&mut text, "note", findings.notes());
    list(&mut text, "violation", findings.violations());
    write!(text, "\nagain: {}", options.repro()).expect("a string takes everything");
    text
}

fn list(text: &mut String, what: &str, lines: &[String]) {
    for line in lines.iter().take(LINES) {
        write!(text, "\n{what}: {line}").expect("a string takes everything");
    }
    if lines.len() > LINES {
        write!(text, "\n{what}: and {} more", lines.len() - LINES).expect("a string takes everything");
    }
}
