//! Metrics measured, from what was counted and, for duplicates, by a query of their own.

use std::collections::BTreeMap;

use datafusion::scalar::ScalarValue;
use mesh_model::{Severity, UnixMs};
use rust_decimal::Decimal;

use super::plan::{How, Kind, Place, Plan};
use super::target::{Unit, percent, with_unit};
use crate::column::quoted;
use crate::engine::Engine;
use crate::error::{QualityError, QueryError};
use crate::facts::{present, whole};
use crate::outcome::{CheckKind, CheckOutcome, Verdict};
use crate::rule::query;
use crate::tables::{Looked, Readable};

/// Names in a sentence.
const NAMED: usize = 8;

/// For each table, how many of its rows fail a rule of severity error, or why that cannot be told.
pub(crate) type Accuracy = BTreeMap<usize, Result<u64, String>>;

/// What was found.
struct Found {
    rows: u64,
    failed: u64,
    /// In the target's unit.
    value: Decimal,
}

/// Why nothing was found.
enum Not {
    /// It was tried.
    Told(String),
    /// There is nothing to measure.
    There(String),
    Query(QueryError),
}

impl Plan<'_> {
    /// Measures the metric.
    pub(crate) async fn measure(
        &self,
        engine: &Engine<'_>,
        tables: &[Looked<'_>],
        accuracy: &Accuracy,
        now: UnixMs,
        name: String,
    ) -> Result<CheckOutcome, QualityError> {
        let nothing = CheckOutcome {
            name,
            kind: CheckKind::Metric,
            severity: Severity::Error,
            verdict: Verdict::NotRun,
            of: self.metric.scope.clone(),
            rows: 0,
            failed: 0,
            measured: None,
            sentence: String::new(),
        };
        let how = match &self.how {
            Ok(how) => how,
            Err(why) => return Ok(CheckOutcome { sentence: why.clone(), ..nothing }),
        };
        let nothing = CheckOutcome { of: how.words(tables), ..nothing };
        let found = match how.found(engine, tables, accuracy, now).await {
            Ok(found) => found,
            Err(Not::There(sentence)) => return Ok(CheckOutcome { sentence, ..nothing }),
            Err(Not::Told(sentence)) => return Ok(CheckOutcome { verdict: Verdict::Error, sentence, ..nothing }),
            Err(Not::Query(error)) => {
                return Ok(CheckOutcome { verdict: Verdict::Error, sentence: error.sentence()?, ..nothing });
            }
        };
        let measured = how.target.shown(found.value);
        let (verdict, sentence) = if how.target.is_kept_by(found.value) {
            (Verdict::Passed, String::new())
        } else {
            let value = with_unit(measured.value, &measured.unit);
            (Verdict::Failed, format!("{value} was measured; promised is {}", how.target.words()))
        };
        let (rows, failed, measured) = (found.rows, found.failed, Some(measured));
        Ok(CheckOutcome { verdict, rows, failed, measured, sentence, ..nothing })
    }
}

impl How {
    /// What is looked at.
    fn words(&self, tables: &[Looked<'_>]) -> String {
        let words = self.places.iter().filter_map(|place| {
            let table = tables.get(place.table)?.name();
            Some(place.field.as_ref().map_or_else(|| table.to_owned(), |field| format!("{table}.{field}")))
        });
        let mut words: Vec<String> = words.collect();
        if words.len() > NAMED {
            let more = format!("{} more", words.len() - NAMED);
            words.truncate(NAMED);
            words.push(more);
        }
        words.join(", ")
    }

    async fn found(
        &self,
        engine: &Engine<'_>,
        tables: &[Looked<'_>],
        accuracy: &Accuracy,
        now: UnixMs,
    ) -> Result<Found, Not> {
        let mut readable = Vec::with_capacity(self.places.len());
        for place in &self.places {
            let Some(table) = tables.get(place.table) else { continue };
            readable.push((place, table, table.readable().map_err(Not::Told)?));
        }
        match self.kind {
            Kind::Completeness | Kind::NullValues | Kind::MissingValues => self.absent(tables, &readable),
            Kind::Uniqueness | Kind::DuplicateValues => self.duplicates(engine, &readable).await,
            Kind::Accuracy => {
                let mut failed = 0_u64;
                for place in &self.places {
                    match accuracy.get(&place.table) {
                        Some(Ok(rows)) => failed += rows,
                        Some(Err(why)) => return Err(Not::Told(why.clone())),
                        None => return Err(Not::There("no row rule of severity error is declared for it".to_owned())),
                    }
                }
                self.share(readable.iter().map(|(.., readable)| readable.rows()).sum(), failed)
            }
            Kind::RowCount => {
                let rows: u64 = readable.iter().map(|(.., readable)| readable.rows()).sum();
                Ok(Found { rows, failed: 0, value: Decimal::from(rows) })
            }
            Kind::Freshness => self.age(&readable, now),
        }
    }

    /// Of so many, so many are bad: as many, or the share of the good ones, or of the bad ones.
    fn share(&self, rows: u64, failed: u64) -> Result<Found, Not> {
        let is_of_good = matches!(self.kind, Kind::Completeness | Kind::Uniqueness | Kind::Accuracy);
        let value = match self.target.unit {
            Unit::Percent if is_of_good => percent(rows.saturating_sub(failed), rows),
            Unit::Percent => percent(failed, rows),
            Unit::Rows | Unit::Time(_) => Some(Decimal::from(failed)),
        };
        match value {
            Some(value) => Ok(Found { rows, failed, value }),
            None => Err(Not::There("there is no value to look at".to_owned())),
        }
    }

    fn absent(&self, tables: &[Looked<'_>], places: &[(&Place, &Looked<'_>, &Readable)]) -> Result<Found, Not> {
        let (mut values, mut absent) = (0_u64, 0_u64);
        for (place, _, readable) in places {
            // A field that the data has not is absent in every row.
            let there = self.ask(place, tables).map_or(0, |ask| readable.facts.count(&ask));
            values = values.saturating_add(readable.rows());
            absent = absent.saturating_add(readable.rows().saturating_sub(there));
        }
        self.share(values, absent)
    }

    async fn duplicates(&self, engine: &Engine<'_>, places: &[(&Place, &Looked<'_>, &Readable)]) -> Result<Found, Not> {
        let (mut values, mut duplicates) = (0_u64, 0_u64);
        for (place, table, readable) in places {
            let (columns, there, what) = match (&place.field, &place.column) {
                (Some(_), Some(column)) => {
                    let there = readable.facts.count(&present(&readable.typed(column)));
                    (vec![column.sql()], there, column.name.as_str())
                }
                (Some(field), None) => return Err(Not::Told(format!("{} has no column '{field}'", table.name()))),
                (None, _) => {
                    let columns = readable.view.fields().iter().map(|field| quoted(field.name()));
                    (columns.collect(), readable.rows(), "rows")
                }
            };
            // Groups spill to disk; a set of all values would have to fit into memory.
            let is_there = match place.field {
                Some(_) => format!("WHERE {} IS NOT NULL", columns.join(", ")),
                None => String::new(),
            };
            let (from, by) = (quoted(table.name()), columns.join(", "));
            let twice = format!("SELECT count(*) AS n FROM {from} {is_there} GROUP BY {by} HAVING count(*) > 1");
            let select = format!("SELECT sum(n) FROM ({twice}) AS twice");
            let step = format!("{}: duplicates of {what}", table.name());
            let select = query(&select, &[]).map_err(Not::Query)?;
            let answer = engine.query(&step, Some(readable.rows()), select, 1).await.map_err(Not::Query)?;
            let sum = answer.columns().first().filter(|_| answer.num_rows() > 0);
            let sum = sum.and_then(|column| ScalarValue::try_from_array(column, 0).ok());
            values = values.saturating_add(there);
            duplicates = duplicates.saturating_add(sum.as_ref().map_or(0, whole));
        }
        self.share(values, duplicates)
    }

    fn age(&self, places: &[(&Place, &Looked<'_>, &Readable)], now: UnixMs) -> Result<Found, Not> {
        let Unit::Time(unit) = self.target.unit else {
            return Err(Not::There("its target is no time".to_owned()));
        };
        let (mut stalest, mut rows) = (None, 0_u64);
        for (place, table, readable) in places {
            let newest = match &place.field {
                None => readable.data.written.and_then(|at| i64::try_from(at).ok()),
                Some(field) => {
                    let column = place.column.as_ref();
                    let column =
                        column.ok_or_else(|| Not::Told(format!("{} has no column '{field}'", table.name())))?;
                    let Some(ask) = readable.newest(column) else {
                        return Err(Not::There(format!("{}.{field} is {}, no time", table.name(), column.data_type)));
                    };
                    readable.facts.moment(&ask)
                }
            };
            let Some(newest) = newest else {
                let what = place.field.as_deref().unwrap_or("no file");
                return Err(Not::Told(format!("{}.{what} has no value that is a time", table.name())));
            };
            rows = rows.saturating_add(readable.rows());
            stalest = Some(stalest.map_or(newest, |stalest: i64| stalest.min(newest)));
        }
        let Some(stalest) = stalest else { return Err(Not::There("there is no value to look at".to_owned())) };
        // What is said to be of the future is not old.
        let age = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(stalest).max(0);
        Ok(Found { rows, failed: 0, value: Decimal::from(age) / Decimal::from(unit) })
    }
}
