//! Conditions on rows, counted: all of a table in one pass. Where that fails, each is counted alone, so one that is wrong takes no other with it.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Expr;

use crate::column::quoted;
use crate::engine::Engine;
use crate::error::{QualityError, QueryError};
use crate::facts::whole;
use crate::metric::Accuracy;
use crate::prepare::Job;
use crate::rule::{query, slot};
use crate::tables::Looked;

/// How many rows of a table do not fulfil a condition, or why that cannot be told.
pub(crate) type Counted = Result<u64, String>;

/// A job with the number of its rule, and whether it counts for accuracy.
pub(crate) struct Counting<'a> {
    pub(crate) rule: usize,
    pub(crate) job: &'a Job,
    /// Whether the rule is of severity error.
    pub(crate) is_error: bool,
}

/// What was counted, by rule and table.
pub(crate) type Counts = BTreeMap<(usize, usize), Counted>;

/// Counts all jobs, and the rows that fail any of severity error where that is wanted.
pub(crate) async fn count(
    engine: &Engine<'_>,
    tables: &[Looked<'_>],
    jobs: &[Counting<'_>],
    wants_accuracy: &BTreeSet<usize>,
) -> Result<(Counts, Accuracy), QualityError> {
    let (mut counts, mut accuracy) = (Counts::new(), Accuracy::new());
    for (at, table) in tables.iter().enumerate() {
        let Ok(readable) = &table.state else { continue };
        let jobs: Vec<&Counting<'_>> = jobs.iter().filter(|counting| counting.job.table == at).collect();
        let pass = Pass { engine, table: table.name(), rows: readable.rows() };
        let (alone, together): (Vec<_>, Vec<_>) = jobs.iter().copied().partition(|counting| counting.job.is_alone);
        let errors: Vec<&Expr> = jobs.iter().filter(|job| job.is_error).map(|job| job.job.condition.as_ref()).collect();
        let wants = wants_accuracy.contains(&at) && !errors.is_empty();
        let can_share = wants && !alone.iter().any(|job| job.is_error);
        let mut failing = None;
        match pass.shared(&together, can_share.then_some(errors.as_slice())).await {
            Ok(answers) => {
                failing = answers.get(together.len()).copied();
                counts.extend(together.iter().zip(answers).map(|(job, count)| ((job.rule, at), Ok(count))));
            }
            Err(QueryError::Cancelled) => return Err(QualityError::Cancelled),
            Err(error) if together.len() == 1 => {
                counts.insert((together[0].rule, at), Err(error.sentence()?));
            }
            Err(_) => {
                for job in &together {
                    let counted = match pass.shared(&[*job], None).await {
                        Ok(answers) => Ok(answers.first().copied().unwrap_or_default()),
                        Err(error) => Err(error.sentence()?),
                    };
                    counts.insert((job.rule, at), counted);
                }
            }
        }
        for job in alone {
            let counted = match pass.failing_all(&[job.job.condition.as_ref()]).await {
                Ok(count) => Ok(count),
                Err(error) => Err(error.sentence()?),
            };
            counts.insert((job.rule, at), counted);
        }
        if wants {
            let broken = jobs
                .iter()
                .filter(|job| job.is_error)
                .any(|job| counts.get(&(job.rule, at)).is_none_or(Result::is_err));
            let told = match failing {
                Some(count) => Ok(count),
                None if broken => Err("a rule of severity error could not be run".to_owned()),
                None => match pass.failing_all(&errors).await {
                    Ok(count) => Ok(count),
                    Err(error) => Err(error.sentence()?),
                },
            };
            accuracy.insert(at, told);
        }
    }
    Ok((counts, accuracy))
}

/// A pass over a table.
struct Pass<'a> {
    engine: &'a Engine<'a>,
    table: &'a str,
    rows: u64,
}

impl Pass<'_> {
    /// For each job the rows that do not fulfil it; behind them, where wanted, the rows that do not fulfil all of some.
    async fn shared(&self, jobs: &[&Counting<'_>], all: Option<&[&Expr]>) -> Result<Vec<u64>, QueryError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let mut parts: Vec<&Expr> = jobs.iter().map(|job| job.job.condition.as_ref()).collect();
        let mut columns: Vec<String> = (0..parts.len()).map(|at| failing(&format!("{} IS TRUE", slot(at)))).collect();
        if let Some(all) = all {
            let first = parts.len();
            let truths = (0..all.len()).map(|at| format!("{} IS TRUE", slot(first + at)));
            columns.push(failing(&truths.collect::<Vec<_>>().join(" AND ")));
            parts.extend(all.iter().copied());
        }
        let columns = columns.iter().enumerate().map(|(at, column)| format!("{column} AS \"c{at}\""));
        let columns: Vec<String> = columns.collect();
        let select = format!("SELECT {} FROM {}", columns.join(", "), quoted(self.table));
        self.ask("rules", &select, &parts).await
    }

    /// The rows that do not fulfil all conditions: those that a filter would not let through. It can be planned where conditions ask queries.
    async fn failing_all(&self, conditions: &[&Expr]) -> Result<u64, QueryError> {
        let slots: Vec<String> = (0..conditions.len()).map(slot).collect();
        let select = format!("SELECT count(*) FROM {} WHERE {}", quoted(self.table), slots.join(" AND "));
        let passing = self.ask("rule", &select, conditions).await?.first().copied().unwrap_or_default();
        Ok(self.rows.saturating_sub(passing))
    }

    async fn ask(&self, what: &str, select: &str, parts: &[&Expr]) -> Result<Vec<u64>, QueryError> {
        let step = format!("{}: {what}", self.table);
        let answer = self.engine.query(&step, Some(self.rows), query(select, parts)?, 1).await?;
        if answer.num_rows() == 0 {
            return Err(QueryError::Failed("the engine gave no answer".to_owned()));
        }
        let failed = |e: DataFusionError| QueryError::Failed(format!("the engine gave no answer: {e}"));
        let values = answer.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
        values.map(|value| Ok(whole(&value.map_err(failed)?))).collect()
    }
}

/// How many rows do not fulfil a condition; null of no rows, which is read as 0.
fn failing(condition: &str) -> String {
    format!("sum(CASE WHEN {condition} THEN 0 ELSE 1 END)")
}
