//! Rules made ready: read, and brought together with the tables that have their columns.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::Expr;
use mesh_model::QualityRule;

use crate::outcome::Verdict;
use crate::rule::{About, Check, DataRule, Known, Resolved, RowRule, fill, for_data, for_row, parse};
use crate::tables::Looked;

/// Columns in a sentence.
const NAMED: usize = 12;

/// What a rule comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ready {
    /// Conditions on rows, one for each table that has the columns.
    Rows(Vec<Job>),
    /// A condition on the whole data.
    Data(DataRule),
    /// It cannot be run.
    Not(Verdict, String),
}

/// A condition on the rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// The table's number.
    pub(crate) table: usize,
    pub(crate) condition: Box<Expr>,
    /// Whether it has to be counted alone.
    pub(crate) is_alone: bool,
}

/// Makes a rule ready. `known` are the tables that can be read.
pub(crate) fn prepare(rule: &QualityRule, tables: &[Looked<'_>], known: &[Known]) -> Ready {
    let about = About::of(&rule.name, known);
    let text = match fill(&rule.check, &about) {
        Ok(text) => text,
        Err(why) => return Ready::Not(Verdict::NotRun, why),
    };
    match parse(&text) {
        Err(why) => Ready::Not(Verdict::Error, why),
        Ok(Check::Row(rule)) => rows(&rule, tables, known),
        Ok(Check::Data(rule)) => match for_data(&rule, known) {
            Ok(rule) => Ready::Data(rule),
            Err(why) => Ready::Not(Verdict::Error, with_unreadable(why, tables)),
        },
    }
}

fn rows(rule: &RowRule, tables: &[Looked<'_>], known: &[Known]) -> Ready {
    let (mut jobs, mut closest) = (Vec::new(), None::<(&Known, BTreeSet<String>)>);
    let readable = tables.iter().enumerate().filter(|(_, table)| table.state.is_ok()).map(|(at, _)| at);
    for (table, known_table) in readable.zip(known) {
        match for_row(rule, known_table, known) {
            Ok(Resolved::Ready(condition)) => jobs.push(Job { table, condition, is_alone: rule.has_subquery }),
            Ok(Resolved::Missing(names)) => {
                if closest.as_ref().is_none_or(|(_, fewest)| names.len() < fewest.len()) {
                    closest = Some((known_table, names));
                }
            }
            Err(why) => return Ready::Not(Verdict::Error, with_unreadable(why, tables)),
        }
    }
    if !jobs.is_empty() {
        return Ready::Rows(jobs);
    }
    let why = match closest {
        Some((table, names)) => {
            let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
            format!("{} has no column {names} (columns: {})", table.name, columns(table))
        }
        None => "no table can be read".to_owned(),
    };
    Ready::Not(Verdict::Error, with_unreadable(why, tables))
}

fn columns(table: &Known) -> String {
    let fields = table.schema.fields();
    let first: Vec<&str> = fields.iter().take(NAMED).map(|field| field.name().as_str()).collect();
    match fields.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The table that is missed may be one of those that cannot be read.
fn with_unreadable(why: String, tables: &[Looked<'_>]) -> String {
    match tables.iter().find_map(|table| table.readable().err()) {
        Some(unreadable) => format!("{why}; {unreadable}"),
        None => why,
    }
}
