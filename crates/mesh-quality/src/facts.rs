//! What is counted over all rows of a table, in one pass: every ask is an aggregate in SQL over the table as it is read, and is also the name of its
//! answer.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::scalar::ScalarValue;

use crate::column::quoted;
use crate::engine::Engine;
use crate::error::QueryError;
use crate::rule::query;

/// The number of rows; always asked.
pub(crate) const ROWS: &str = "count(*)";
/// Most asks of one query; more make a second one.
const ASKS: usize = 1_000;
const DAY_MS: i64 = 86_400_000;

/// How many values of an expression are there.
pub(crate) fn present(expression: &str) -> String {
    format!("count({expression})")
}

/// How many values of a text are there and not empty.
pub(crate) fn filled(expression: &str) -> String {
    format!("count(NULLIF({expression}, ''))")
}

/// The newest value of a time; of text, of what reads as one.
pub(crate) fn newest(expression: &str, is_text: bool) -> String {
    if is_text { format!("max(TRY_CAST({expression} AS TIMESTAMP(6)))") } else { format!("max({expression})") }
}

/// The answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts(BTreeMap<String, ScalarValue>);

impl Facts {
    /// A number of rows or values; 0 for what was not asked.
    pub(crate) fn count(&self, ask: &str) -> u64 {
        self.0.get(ask).map_or(0, whole)
    }

    /// A moment in milliseconds since 1970, which may be before; none when there is no value, or it is none.
    pub(crate) fn moment(&self, ask: &str) -> Option<i64> {
        match *self.0.get(ask)? {
            ScalarValue::Date32(Some(day)) => Some(i64::from(day).saturating_mul(DAY_MS)),
            ScalarValue::TimestampSecond(Some(at), _) => Some(at.saturating_mul(1_000)),
            ScalarValue::Date64(Some(at)) | ScalarValue::TimestampMillisecond(Some(at), _) => Some(at),
            ScalarValue::TimestampMicrosecond(Some(at), _) => Some(at.div_euclid(1_000)),
            ScalarValue::TimestampNanosecond(Some(at), _) => Some(at.div_euclid(1_000_000)),
            _ => None,
        }
    }
}

/// A count; null, as of sums over nothing, is 0.
pub(crate) fn whole(value: &ScalarValue) -> u64 {
    match *value {
        ScalarValue::Int64(Some(count)) => u64::try_from(count).unwrap_or_default(),
        ScalarValue::UInt64(Some(count)) => count,
        _ => 0,
    }
}

/// The query of some asks. What is aggregated is named first: the engine calls a value and what it is cast to by one name, and refuses two
/// aggregates that are called alike.
fn select(asks: &[String], raw: &str) -> String {
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    for (at, ask) in asks.iter().enumerate() {
        let parts = ask.strip_suffix(')').and_then(|ask| ask.split_once('('));
        match parts.filter(|(_, expression)| *expression != "*") {
            Some((function, expression)) => {
                inner.push(format!("{expression} AS \"e{at}\""));
                outer.push(format!("{function}(\"e{at}\") AS \"f{at}\""));
            }
            None => outer.push(format!("{ask} AS \"f{at}\"")),
        }
    }
    let (outer, raw) = (outer.join(", "), quoted(raw));
    if inner.is_empty() {
        return format!("SELECT {outer} FROM {raw}");
    }
    format!("SELECT {outer} FROM (SELECT {} FROM {raw}) AS \"asked\"", inner.join(", "))
}

/// Counts.
pub(crate) async fn count(
    engine: &Engine<'_>,
    table: &str,
    raw: &str,
    rows: Option<u64>,
    mut asks: BTreeSet<String>,
) -> Result<Facts, QueryError> {
    asks.insert(ROWS.to_owned());
    let asks: Vec<String> = asks.into_iter().collect();
    let step = format!("{table}: counts");
    let mut facts = Facts::default();
    for asks in asks.chunks(ASKS) {
        let select = select(asks, raw);
        let answer = engine.query(&step, rows, query(&select, &[])?, 1).await?;
        if answer.num_rows() == 0 {
            return Err(QueryError::Failed("the engine gave no answer".to_owned()));
        }
        for (ask, column) in asks.iter().zip(answer.columns()) {
            let value = ScalarValue::try_from_array(column, 0);
            let value = value.map_err(|e| QueryError::Failed(format!("the engine gave no answer: {e}")))?;
            facts.0.insert(ask.clone(), value);
        }
    }
    Ok(facts)
}
