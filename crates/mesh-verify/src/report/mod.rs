//! Who did what when, under which council and standards, with which outcome: one row per leaf.

mod form;
mod row;

pub use row::Row;

use mesh_governance::{Applied, Damage, MemState};
use mesh_model::UnixMs;
use serde::Serialize;

use crate::check::{Verified, Watch};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page with one table.
    Markdown,
    /// RFC 4180: a header line, lines that end in CR LF.
    Csv,
    /// One object.
    Json,
}

/// Watches an audit and makes a row of each leaf.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows, one per leaf.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The report of an export that holds.
    ///
    /// # Panics
    /// When it did not watch the audit that verified the export.
    pub fn write(&self, verified: &Verified, format: Format) -> String {
        assert_eq!(self.rows.len() as u64, verified.header.size, "the report watched the audit");
        match format {
            Format::Markdown => form::markdown(verified, &self.rows),
            Format::Csv => form::csv(&self.rows),
            Format::Json => form::json(verified, &self.rows),
        }
    }
}

impl Watch for Report {
    fn decided(&mut self, before: &MemState, applied: &Applied) -> Result<(), Damage> {
        self.rows.push(Row::of(before, applied)?);
        Ok(())
    }
}

/// Ledger time in UTC, as RFC 3339 has it.
pub(crate) fn time(stamp: UnixMs) -> String {
    let known = i64::try_from(stamp).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    known.map_or_else(|| format!("{stamp} ms"), |time| format!("{time:.3}"))
}
