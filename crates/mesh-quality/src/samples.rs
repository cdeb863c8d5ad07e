//! Some of the rows that fail, so that somebody sees what is wrong. What must not be seen does not leave the query.

use datafusion::arrow::array::{Array as _, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::scalar::ScalarValue;
use mesh_model::Field;
use serde_json::{Map, Value};

use crate::column::{quoted, text};
use crate::engine::Engine;
use crate::error::{QualityError, QueryError};
use crate::outcome::Sample;
use crate::prepare::Job;
use crate::rule::{query, slot};
use crate::tables::Looked;
use crate::{MASK, SAMPLE_COLUMNS, SAMPLES};

/// Most letters of a text.
const LETTERS: usize = 200;
/// The classification that says that a value may be seen by everybody.
const PUBLIC: &str = "public";

/// A rule that rows fail.
pub(crate) struct Failing<'a> {
    /// The check's name.
    pub(crate) rule: &'a str,
    pub(crate) job: &'a Job,
}

/// Takes samples: of every rule some, as long as there is room.
pub(crate) async fn take(
    engine: &Engine<'_>,
    tables: &[Looked<'_>],
    failing: &[Failing<'_>],
) -> Result<Vec<Sample>, QualityError> {
    let mut samples = Vec::new();
    for (at, Failing { rule, job }) in failing.iter().enumerate() {
        let room = SAMPLES.saturating_sub(samples.len()).div_ceil(failing.len() - at);
        let Some(table) = tables.get(job.table).filter(|_| room > 0) else { continue };
        let Ok(readable) = &table.state else { continue };
        let columns = readable.view.fields().iter().take(SAMPLE_COLUMNS).map(|field| shown(table, field.name()));
        let columns: Vec<String> = columns.collect();
        let select =
            format!("SELECT {} FROM {} WHERE {} IS NOT TRUE", columns.join(", "), quoted(table.name()), slot(0));
        let answer = match query(&select, &[job.condition.as_ref()]) {
            Ok(select) => engine.query(&format!("{}: samples", table.name()), None, select, room).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                let (rule, table) = ((*rule).to_owned(), table.name().to_owned());
                let sample = |at| Sample { rule: rule.clone(), table: table.clone(), row: row(&answer, at) };
                samples.extend((0..answer.num_rows()).map(sample));
            }
            Err(QueryError::Cancelled) => return Err(QualityError::Cancelled),
            // The rows are counted; which they are is only to help.
            Err(_) => {}
        }
    }
    Ok(samples)
}

/// A column in SQL, masked where its values must not be seen; that there is none is no secret.
fn shown(table: &Looked<'_>, column: &str) -> String {
    let name = quoted(column);
    if is_open(table, column) {
        name
    } else {
        format!("CASE WHEN {name} IS NULL THEN NULL ELSE {} END AS {name}", text(MASK))
    }
}

/// Whether everybody may see a column: it is declared, and neither it nor a field within it is personal or classified.
fn is_open(table: &Looked<'_>, column: &str) -> bool {
    let is_open = |field: &Field| {
        let classification = field.classification.as_deref().map(str::trim).unwrap_or_default();
        !field.pii && (classification.is_empty() || classification.eq_ignore_ascii_case(PUBLIC))
    };
    let within = format!("{}.", column.to_lowercase());
    let mut nested = table.table.fields().iter().filter(|field| field.name.to_lowercase().starts_with(&within));
    table.field(column).is_some_and(is_open) && nested.all(is_open)
}

fn row(answer: &RecordBatch, at: usize) -> Map<String, Value> {
    let schema = answer.schema();
    let cells = schema.fields().iter().zip(answer.columns());
    cells.map(|(field, column)| (field.name().clone(), cell(column, at))).collect()
}

/// Whole numbers, booleans and null as they are; all else as text, for a float has more than one way to be written.
fn cell(column: &ArrayRef, at: usize) -> Value {
    if column.is_null(at) {
        return Value::Null;
    }
    let is_plain = matches!(
        column.data_type(),
        DataType::Boolean | DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64
    );
    if !is_plain {
        let shown = array_value_to_string(column, at).unwrap_or_default();
        return Value::String(match shown.char_indices().nth(LETTERS) {
            Some((end, _)) => format!("{}…", &shown[..end]),
            None => shown,
        });
    }
    match ScalarValue::try_from_array(column, at) {
        Ok(ScalarValue::Boolean(Some(value))) => Value::Bool(value),
        Ok(ScalarValue::Int8(Some(value))) => value.into(),
        Ok(ScalarValue::Int16(Some(value))) => value.into(),
        Ok(ScalarValue::Int32(Some(value))) => value.into(),
        Ok(ScalarValue::Int64(Some(value))) => value.into(),
        _ => Value::Null,
    }
}
