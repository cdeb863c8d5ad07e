//! Counts over all schedules.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use serde_json::json;

use super::Outcome;

/// Most violations that are printed.
const LINES: usize = 25;

/// What was done and found so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seeds: Vec<u64>,
    operations: usize,
    sealed: usize,
    seconds: f64,
    faults: BTreeMap<&'static str, usize>,
    lost_writes: usize,
    lost_names: usize,
    kept: usize,
    /// Schedules by voters and observers.
    nodes: BTreeMap<(u64, u64), usize>,
    orphans: u64,
    checked: BTreeMap<&'static str, usize>,
    violations: Vec<String>,
}

impl Tally {
    /// Takes in a schedule.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.seeds.push(outcome.seed);
        self.operations += outcome.operations;
        self.sealed += outcome.sealed;
        self.seconds += outcome.took.as_secs_f64();
        for (kind, count) in &outcome.done {
            *self.faults.entry(kind).or_default() += count;
        }
        self.lost_writes += outcome.lost.writes;
        self.lost_names += outcome.lost.names;
        self.kept += outcome.lost.kept;
        *self.nodes.entry(outcome.nodes).or_default() += 1;
        self.orphans += outcome.orphans;
        for (what, count) in outcome.findings.counts() {
            *self.checked.entry(what).or_default() += count;
        }
        let violations = outcome.findings.violations().iter();
        self.violations.extend(violations.map(|what| format!("seed {}: {what}", outcome.seed)));
    }

    /// How many schedules ended.
    pub(crate) fn schedules(&self) -> usize {
        self.seeds.len()
    }

    /// Whether all held, of which there was at least one.
    pub(crate) fn is_whole(&self) -> bool {
        self.violations.is_empty() && !self.seeds.is_empty()
    }

    /// The progress: one line a schedule.
    pub(crate) fn line(&self, outcome: &Outcome) -> String {
        let state = if outcome.findings.violations().is_empty() { "held" } else { "FAILED" };
        let (voters, observers) = outcome.nodes;
        let faults: Vec<String> = outcome
            .done
            .iter()
            .map(|(kind, count)| match count {
                1 => (*kind).to_owned(),
                more => format!("{kind} x{more}"),
            })
            .collect();
        format!(
            "{:>4}  seed {:<6} {state}  {voters}+{observers}  {:>5.1} s  {:>5} operations  {:>5} sealed  {}",
            self.schedules(),
            outcome.seed,
            outcome.took.as_secs_f64(),
            outcome.operations,
            outcome.sealed,
            faults.join(", ")
        )
    }

    /// What a schedule that failed found, where it is kept, and how to see it again.
    pub(crate) fn show_failure(outcome: &Outcome, repro: &str) {
        for note in outcome.findings.notes().iter().take(LINES) {
            println!("note: {note}");
        }
        let violations = outcome.findings.violations();
        for what in violations.iter().take(LINES) {
            println!("violation: {what}");
        }
        if violations.len() > LINES {
            println!("violation: and {} more", violations.len() - LINES);
        }
        if let Some(folder) = &outcome.kept {
            println!("kept: {}", folder.display());
        }
        println!("again: {repro}");
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header(["what", "how many"]);
        table.add_row(["schedules".to_owned(), self.schedules().to_string()]);
        table.add_row(["operations".to_owned(), self.operations.to_string()]);
        table.add_row(["sealed publishes".to_owned(), self.sealed.to_string()]);
        table.add_row(["time".to_owned(), format!("{:.0} s", self.seconds)]);
        for ((voters, observers), count) in &self.nodes {
            table.add_row([format!("with {voters} voters and {observers} observers"), count.to_string()]);
        }
        for (kind, count) in &self.faults {
            table.add_row([format!("fault: {kind}"), count.to_string()]);
        }
        table.add_row(["faults that took effect".to_owned(), self.faults.values().sum::<usize>().to_string()]);
        table.add_row(["power cuts: unsynced writes lost".to_owned(), self.lost_writes.to_string()]);
        table.add_row(["power cuts: unsynced names lost".to_owned(), self.lost_names.to_string()]);
        table.add_row(["power cuts: unsynced changes that survived".to_owned(), self.kept.to_string()]);
        table.add_row(["moves: commands that waited at a home cut off".to_owned(), self.orphans.to_string()]);
        for (what, count) in &self.checked {
            table.add_row([format!("checked: {what}"), count.to_string()]);
        }
        table.add_row(["violations".to_owned(), self.violations.len().to_string()]);
        table.to_string()
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let document = json!({
            "schedules": self.schedules(),
            "seeds": self.seeds,
            "operations": self.operations,
            "sealed": self.sealed,
            "seconds": self.seconds,
            "nodes": self.nodes.iter().map(|((voters, observers), schedules)| json!({
                "voters": voters, "observers": observers, "schedules": schedules,
            })).collect::<Vec<_>>(),
            "faults": self.faults,
            "power_cuts": {
                "writes_lost": self.lost_writes, "names_lost": self.lost_names, "survived": self.kept,
            },
            "orphans": self.orphans,
            "checked": self.checked,
            "violations": self.violations,
        });
        format!("{document:#}\n")
    }
}
