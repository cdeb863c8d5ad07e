//! The run: the steps in their order.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{QualityRule, Severity, UnixMs};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::conforms;
use crate::engine::Engine;
use crate::error::QualityError;
use crate::input::{Input, Limits};
use crate::metric::Plan;
use crate::names::Names;
use crate::outcome::{CheckKind, CheckOutcome, Outcome, Progress, TableOutcome, Verdict};
use crate::prepare::{Ready, prepare};
use crate::rows::{self, Counting, Counts};
use crate::samples::{self, Failing};
use crate::tables::{self, Looked};
use crate::whole;

/// Runs the checks of an input. `now` is the moment at which data is said to be so old.
///
/// What is wrong with a table, a rule or a metric stands in the outcome; the others are looked at all the same. It has to be called on a runtime of
/// tokio with timers. Dropping it ends what runs.
///
/// # Errors
/// [`QualityError::Cancelled`] when `cancel` is cancelled, [`QualityError::Engine`] when the engine cannot be started.
pub async fn run(
    input: &Input,
    limits: &Limits,
    now: UnixMs,
    cancel: &CancellationToken,
    progress: &watch::Sender<Progress>,
) -> Result<Outcome, QualityError> {
    let engine = Engine::start(limits, cancel, progress)?;
    let mut tables = tables::open(&engine, input).await?;
    let plans: Vec<Plan<'_>> = input.metrics().iter().map(|metric| Plan::of(metric, &tables)).collect();
    let asks = asks(&tables, &plans);
    tables::count(&engine, &mut tables, asks).await?;

    let mut names = Names::default();
    let rules = Rules::ready(input.rules(), &tables, &mut names);
    let wants_accuracy: BTreeSet<usize> = plans.iter().flat_map(Plan::needs_accuracy).collect();
    let jobs = rules.jobs();
    let (counts, mut accuracy) = rows::count(&engine, &tables, &jobs, &wants_accuracy).await?;
    if let Some(broken) = rules.broken() {
        let why = format!("the rule '{broken}' of severity error could not be run");
        accuracy = wants_accuracy.iter().map(|at| (*at, Err(why.clone()))).collect();
    }
    let mut checks = rules.outcomes(&engine, &tables, &counts).await?;
    for plan in &plans {
        let name = names.take(&plan.name());
        checks.push(plan.measure(&engine, &tables, &accuracy, now, name).await?);
    }
    for table in &tables {
        checks.push(conforms::outcome(names.take(&format!("{}.conforms", table.name())), table));
    }
    let samples = samples::take(&engine, &tables, &rules.failing(&counts)).await?;
    Ok(Outcome { tables: tables.iter().map(table).collect(), checks, samples })
}

/// What has to be counted of each table.
fn asks(tables: &[Looked<'_>], plans: &[Plan<'_>]) -> Vec<BTreeSet<String>> {
    let mut asks: Vec<BTreeSet<String>> = tables.iter().map(conforms::asks).collect();
    for (asks, table) in asks.iter_mut().zip(tables) {
        asks.extend(event_time(table));
    }
    for (at, ask) in plans.iter().flat_map(|plan| plan.asks(tables)) {
        asks[at].insert(ask);
    }
    asks
}

/// The ask for the newest value of the field that says when something happened.
fn event_time(table: &Looked<'_>) -> Option<String> {
    let column = table.column(&table.event_time()?.name)?;
    table.state.as_ref().ok()?.newest(&column)
}

fn table(table: &Looked<'_>) -> TableOutcome {
    let name = table.name().to_owned();
    let Ok(readable) = &table.state else {
        return TableOutcome { name, files: 0, bytes: 0, rows: 0, newest_unix_ms: None };
    };
    let newest_unix_ms = match event_time(table) {
        Some(ask) => readable.facts.moment(&ask).and_then(|at| UnixMs::try_from(at).ok()),
        None => readable.data.written,
    };
    let (files, bytes, rows) = (readable.data.files, readable.data.bytes, readable.rows());
    TableOutcome { name, files, bytes, rows, newest_unix_ms }
}

/// The rules, each with its distinct name and what it comes to.
struct Rules<'a>(Vec<(String, &'a QualityRule, Ready)>);

impl<'a> Rules<'a> {
    fn ready(rules: &'a [QualityRule], tables: &[Looked<'_>], names: &mut Names) -> Self {
        let known = tables::known_tables(tables);
        Self(rules.iter().map(|rule| (names.take(&rule.name), rule, prepare(rule, tables, &known))).collect())
    }

    /// Conditions on rows, with the numbers of their rules.
    fn jobs(&self) -> Vec<Counting<'_>> {
        let mut all = Vec::new();
        for (number, (_, rule, ready)) in self.0.iter().enumerate() {
            if let Ready::Rows(jobs) = ready {
                let is_error = rule.severity == Severity::Error;
                all.extend(jobs.iter().map(|job| Counting { rule: number, job, is_error }));
            }
        }
        all
    }

    /// A rule of severity error that cannot be run: how many rows pass all of them is then not known.
    fn broken(&self) -> Option<&str> {
        let is_broken = |(_, rule, ready): &&(String, &QualityRule, Ready)| {
            rule.severity == Severity::Error && matches!(ready, Ready::Not(..))
        };
        self.0.iter().find(is_broken).map(|(name, ..)| name.as_str())
    }

    async fn outcomes(
        &self,
        engine: &Engine<'_>,
        tables: &[Looked<'_>],
        counts: &Counts,
    ) -> Result<Vec<CheckOutcome>, QualityError> {
        let mut outcomes = Vec::with_capacity(self.0.len());
        for (number, (name, rule, ready)) in self.0.iter().enumerate() {
            let nothing = CheckOutcome {
                name: name.clone(),
                kind: CheckKind::Rule,
                severity: rule.severity,
                verdict: Verdict::Error,
                of: String::new(),
                rows: 0,
                failed: 0,
                measured: None,
                sentence: String::new(),
            };
            outcomes.push(match ready {
                Ready::Not(verdict, why) => CheckOutcome { verdict: *verdict, sentence: why.clone(), ..nothing },
                Ready::Rows(_) => of_rows(number, nothing, tables, counts),
                Ready::Data(rule) => {
                    let told = whole::ask(engine, tables, name, rule).await?;
                    let (of, rows) = (named(&told.tables, tables), rows_of(&told.tables, tables));
                    let whole::Told { verdict, measured, sentence, .. } = told;
                    CheckOutcome { verdict, of, rows, measured, sentence, ..nothing }
                }
            });
        }
        Ok(outcomes)
    }

    /// The conditions that rows fail.
    fn failing(&self, counts: &Counts) -> Vec<Failing<'_>> {
        let mut failing = Vec::new();
        for (number, (name, _, ready)) in self.0.iter().enumerate() {
            let Ready::Rows(jobs) = ready else { continue };
            let fails = jobs.iter().filter(|job| matches!(counts.get(&(number, job.table)), Some(Ok(1..))));
            failing.extend(fails.map(|job| Failing { rule: name, job }));
        }
        failing
    }
}

/// A condition on rows, over all the tables that it was counted of.
fn of_rows(rule: usize, nothing: CheckOutcome, tables: &[Looked<'_>], counts: &Counts) -> CheckOutcome {
    let counted: BTreeMap<usize, _> =
        counts.iter().filter(|((number, _), _)| *number == rule).map(|((_, table), count)| (*table, count)).collect();
    let all: BTreeSet<usize> = counted.keys().copied().collect();
    let (of, rows) = (named(&all, tables), rows_of(&all, tables));
    let failed: u64 = counted.values().filter_map(|count| count.as_ref().ok()).sum();
    let errors = counted.iter().filter_map(|(table, count)| {
        let why = count.as_ref().err()?;
        Some(format!("over {}: {why}", tables.get(*table)?.name()))
    });
    let errors: Vec<String> = errors.collect();
    let (verdict, sentence) = match (errors.as_slice(), failed) {
        ([], 0) => (Verdict::Passed, String::new()),
        ([], failed) => (Verdict::Failed, format!("{failed} of {rows} rows do not pass")),
        (errors, _) => (Verdict::Error, errors.join("; ")),
    };
    CheckOutcome { verdict, of, rows, failed, sentence, ..nothing }
}

fn named(some: &BTreeSet<usize>, tables: &[Looked<'_>]) -> String {
    some.iter().filter_map(|at| Some(tables.get(*at)?.name())).collect::<Vec<_>>().join(", ")
}

fn rows_of(some: &BTreeSet<usize>, tables: &[Looked<'_>]) -> u64 {
    some.iter().filter_map(|at| tables.get(*at)?.state.as_ref().ok()).map(tables::Readable::rows).sum()
}
