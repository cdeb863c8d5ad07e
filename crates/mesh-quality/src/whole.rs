//! Conditions on the whole data: one query each, that gives one boolean.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{ObjectNamePart, Statement, Visit, visit_relations};
use mesh_model::Quantity;
use rust_decimal::Decimal;

use crate::engine::Engine;
use crate::error::{QualityError, QueryError};
use crate::outcome::Verdict;
use crate::rule::{DataRule, query, slot, value};
use crate::tables::Looked;

/// Places of a number that is shown.
const PLACES: u32 = 10;

/// How a condition on the whole data came out.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) verdict: Verdict,
    pub(crate) measured: Option<Quantity>,
    pub(crate) sentence: String,
    /// The tables that it reads, by their numbers.
    pub(crate) tables: BTreeSet<usize>,
}

/// Asks the data.
pub(crate) async fn ask(
    engine: &Engine<'_>,
    tables: &[Looked<'_>],
    name: &str,
    rule: &DataRule,
) -> Result<Told, QualityError> {
    let read = read(rule, tables);
    let rows: u64 =
        read.iter().filter_map(|at| tables.get(*at)?.state.as_ref().ok()).map(super::tables::Readable::rows).sum();
    let told = |verdict, measured, sentence| Told { verdict, measured, sentence, tables: read.clone() };
    let answer = match statement(rule) {
        // Two rows, to see that there is more than one.
        Ok(statement) => engine.query(name, Some(rows), statement, 2).await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Ok(told(Verdict::Error, None, error.sentence()?)),
    };
    let has_subject = matches!(rule, DataRule::Condition { subject: Some(_), .. });
    let columns = if has_subject { 2 } else { 1 };
    if answer.num_rows() != 1 || answer.num_columns() != columns {
        let rows = match answer.num_rows() {
            0 => "0 rows",
            1 => "one row",
            _ => "several rows",
        };
        let why = format!("it gives {rows} of {} columns: expected one row with one boolean", answer.num_columns());
        return Ok(told(Verdict::Error, None, why));
    }
    let measured = if has_subject { number(&answer, 1) } else { None };
    Ok(match boolean(&answer) {
        Ok(true) => told(Verdict::Passed, measured, String::new()),
        Ok(false) => {
            let sentence = match (&measured, rule) {
                (Some(found), DataRule::Condition { condition, .. }) => {
                    let condition = condition.to_string().replace(&value().to_string(), "the value");
                    crate::words::shortened(&format!("the value is {}; expected: {condition}", found.value))
                }
                _ => "it is not true of the data".to_owned(),
            };
            told(Verdict::Failed, measured, sentence)
        }
        Err(why) => told(Verdict::Error, None, why),
    })
}

fn statement(rule: &DataRule) -> Result<Statement, QueryError> {
    match rule {
        DataRule::Select(select) => Ok(Statement::Query(select.clone())),
        DataRule::Condition { condition, subject: None } => {
            query(&format!("SELECT {}", slot(0)), &[condition.as_ref()])
        }
        DataRule::Condition { condition, subject: Some(subject) } => {
            let (ok, of, value) = (slot(0), slot(1), value());
            query(
                &format!("SELECT {ok}, {value} FROM (SELECT {of} AS {value}) AS subject"),
                &[condition.as_ref(), subject.as_ref()],
            )
        }
    }
}

/// The tables that a rule reads.
fn read(rule: &DataRule, tables: &[Looked<'_>]) -> BTreeSet<usize> {
    let names = match rule {
        DataRule::Select(select) => relations(select),
        DataRule::Condition { condition, subject } => {
            let mut names = relations(condition);
            names.extend(relations(subject));
            names
        }
    };
    let named = tables.iter().enumerate().filter(|(_, table)| names.contains(table.name()));
    named.map(|(at, _)| at).collect()
}

fn relations(node: &impl Visit) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let ControlFlow::Continue(()) = visit_relations(node, |relation| {
        let last = relation.0.last().and_then(ObjectNamePart::as_ident);
        names.extend(last.map(|last| last.value.clone()));
        ControlFlow::<Infallible>::Continue(())
    });
    names
}

fn boolean(answer: &RecordBatch) -> Result<bool, String> {
    let value =
        ScalarValue::try_from_array(answer.column(0), 0).map_err(|e| format!("the engine gave no answer: {e}"))?;
    match value {
        ScalarValue::Boolean(truth) => Ok(truth.unwrap_or_default()),
        ScalarValue::Null => Ok(false),
        other => Err(format!("it gives a value of type {}: expected a boolean", other.data_type())),
    }
}

/// A number as a decimal, where one holds it.
fn number(answer: &RecordBatch, column: usize) -> Option<Quantity> {
    let value: Decimal = match ScalarValue::try_from_array(answer.column(column), 0).ok()? {
        ScalarValue::Int8(value) => value?.into(),
        ScalarValue::Int16(value) => value?.into(),
        ScalarValue::Int32(value) => value?.into(),
        ScalarValue::Int64(value) => value?.into(),
        ScalarValue::UInt8(value) => value?.into(),
        ScalarValue::UInt16(value) => value?.into(),
        ScalarValue::UInt32(value) => value?.into(),
        ScalarValue::UInt64(value) => value?.into(),
        ScalarValue::Decimal128(value, _, scale) => {
            Decimal::try_from_i128_with_scale(value?, u32::try_from(scale).ok()?).ok()?
        }
        ScalarValue::Float64(value) => Decimal::try_from(value?).ok()?,
        ScalarValue::Float32(value) => Decimal::try_from(value?).ok()?,
        _ => return None,
    };
    let value = value.round_dp(PLACES).normalize();
    // What a descriptor can hold: 63 bits.
    i64::try_from(value.mantissa()).ok()?;
    Some(Quantity { comparison: "=".to_owned(), value, unit: String::new() })
}
