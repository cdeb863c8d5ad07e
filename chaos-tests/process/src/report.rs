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

/// Everything about a run.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) done: &'a Done,
    pub(crate) findings: &'a Findings,
    pub(crate) took: Duration,
}

impl Report<'_> {
    /// For people, with at most so many notes and violations.
    pub(crate) fn text<'a>(&self, records: impl Iterator<Item = &'a Record>, lines: usize) -> String {
        let Self { options, done, findings, took } = self;
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
        let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
        let mut published = 0;
        for record in records {
            *outcomes.entry(record.outcome()).or_default() += 1;
            published += 1;
            for said in &record.said {
                *calls.entry(said.kind()).or_default() += 1;
            }
        }
        row("publishes".into(), published.to_string());
        for (outcome, count) in outcomes {
            row(format!("publishes: {outcome}"), count.to_string());
        }
        for (answer, count) in calls {
            row(format!("calls: {answer}"), count.to_string());
        }
        for (what, count) in findings.counts() {
            row(format!("checked: {what}"), count.to_string());
        }
        row("violations".into(), findings.violations().len().to_string());
        let mut text = table.to_string();
        list(&mut text, "note", findings.notes(), lines);
        list(&mut text, "violation", findings.violations(), lines);
        write!(text, "\nagain: {}", options.repro()).expect("a string takes everything");
        text
    }
}

fn list(text: &mut String, what: &str, all: &[String], lines: usize) {
    for line in all.iter().take(lines) {
        write!(text, "\n{what}: {line}").expect("a string takes everything");
    }
    if all.len() > lines {
        write!(text, "\n{what}: and {} more", all.len() - lines).expect("a string takes everything");
    }
}
