//! How a metric will be measured: decided before anything is counted, so that all counts of a table are one pass over it.

use std::collections::BTreeSet;

use mesh_model::{Field, Metric};

use super::scope::Scope;
use super::target::{Sign, Target, Unit};
use crate::column::Column;
use crate::facts::{filled, present};
use crate::tables::Looked;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Completeness,
    Uniqueness,
    Accuracy,
    Freshness,
    RowCount,
    NullValues,
    MissingValues,
    DuplicateValues,
}

const NAMES: [(&str, Kind); 9] = [
    ("completeness", Kind::Completeness),
    ("uniqueness", Kind::Uniqueness),
    ("accuracy", Kind::Accuracy),
    ("timeliness", Kind::Freshness),
    ("freshness", Kind::Freshness),
    ("rowcount", Kind::RowCount),
    ("nullvalues", Kind::NullValues),
    ("missingvalues", Kind::MissingValues),
    ("duplicatevalues", Kind::DuplicateValues),
];

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let letters: String = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&letters)).map(|(_, kind)| *kind)
    }

    /// What a number without a sign means.
    fn unsaid(self) -> Sign {
        match self {
            Self::Completeness | Self::Uniqueness | Self::Accuracy | Self::RowCount => Sign::AtLeast,
            Self::Freshness | Self::NullValues | Self::MissingValues | Self::DuplicateValues => Sign::AtMost,
        }
    }

    /// Whether it is measured in a unit; else in what it is.
    fn in_unit(self, unit: Unit) -> Result<(), &'static str> {
        let (fits, expected) = match self {
            Self::Completeness | Self::Uniqueness | Self::Accuracy => (unit == Unit::Percent, "%"),
            Self::Freshness => (matches!(unit, Unit::Time(_)), "a time such as minutes"),
            Self::RowCount => (unit == Unit::Rows, "rows"),
            Self::NullValues | Self::MissingValues | Self::DuplicateValues => {
                (matches!(unit, Unit::Rows | Unit::Percent), "rows or %")
            }
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

/// A field that is looked at, or a whole table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) table: usize,
    /// As it is declared; none for the whole table.
    pub(super) field: Option<String>,
    /// Where the data has it.
    pub(super) column: Option<Column>,
}

/// How it will be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct How {
    pub(super) kind: Kind,
    pub(super) target: Target,
    pub(super) places: Vec<Place>,
}

/// A metric, and how it will be measured, or why it will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan<'a> {
    pub(super) metric: &'a Metric,
    pub(super) how: Result<How, String>,
}

impl<'a> Plan<'a> {
    /// Decides how a metric will be measured.
    pub(crate) fn of(metric: &'a Metric, tables: &[Looked<'_>]) -> Self {
        Self { metric, how: how(metric, tables) }
    }

    /// What its check is called.
    pub(crate) fn name(&self) -> String {
        self.metric.check_name()
    }

    /// What has to be counted for it, of which tables.
    pub(crate) fn asks(&self, tables: &[Looked<'_>]) -> Vec<(usize, String)> {
        let Ok(how) = &self.how else { return Vec::new() };
        how.places.iter().filter_map(|place| Some((place.table, how.ask(place, tables)?))).collect()
    }

    /// The tables of which it has to be known how many rows pass all rules.
    pub(crate) fn needs_accuracy(&self) -> BTreeSet<usize> {
        match &self.how {
            Ok(how) if how.kind == Kind::Accuracy => how.places.iter().map(|place| place.table).collect(),
            _ => BTreeSet::new(),
        }
    }
}

impl How {
    /// The aggregate that tells what is measured of a place.
    pub(super) fn ask(&self, place: &Place, tables: &[Looked<'_>]) -> Option<String> {
        let readable = tables.get(place.table)?.state.as_ref().ok()?;
        let column = place.column.as_ref()?;
        let (typed, is_text) = (readable.typed(column), readable.is_text(column));
        match self.kind {
            Kind::MissingValues if is_text => Some(filled(&typed)),
            Kind::Completeness | Kind::Uniqueness | Kind::NullValues | Kind::MissingValues | Kind::DuplicateValues => {
                Some(present(&typed))
            }
            Kind::Freshness => readable.newest(column),
            Kind::Accuracy | Kind::RowCount => None,
        }
    }
}

fn how(metric: &Metric, tables: &[Looked<'_>]) -> Result<How, String> {
    let kind =
        Kind::of(&metric.name).ok_or_else(|| format!("'{}' is no metric that can be measured here", metric.name))?;
    let target = Target::of(metric, kind.unsaid())?;
    kind.in_unit(target.unit)
        .map_err(|expected| format!("it is measured in {expected}, and its target is in '{}'", target.word))?;
    let scope = Scope::of(&metric.scope, tables)?;
    let places = match (kind, scope) {
        (Kind::Accuracy | Kind::RowCount, Scope::Named(named)) => whole_tables(named.into_iter().map(|(at, _)| at)),
        (Kind::Accuracy | Kind::RowCount | Kind::DuplicateValues, Scope::Whole) => whole_tables(0..tables.len()),
        // Whole rows of a table, values of a field.
        (Kind::DuplicateValues, Scope::Named(named)) => {
            named.into_iter().map(|(at, field)| place(at, field, tables)).collect()
        }
        (kind, scope) => fields(kind, scope, tables),
    };
    if places.is_empty() {
        return Err(match kind {
            Kind::Uniqueness => "no field is declared unique, and its scope names none".to_owned(),
            _ => "there is no field to look at: none is declared and none could be read".to_owned(),
        });
    }
    Ok(How { kind, target, places })
}

/// Each table once.
fn whole_tables(tables: impl Iterator<Item = usize>) -> Vec<Place> {
    let tables: BTreeSet<usize> = tables.collect();
    tables.into_iter().map(|table| Place { table, field: None, column: None }).collect()
}

fn place(table: usize, field: Option<String>, tables: &[Looked<'_>]) -> Place {
    let column = field.as_deref().and_then(|field| tables.get(table)?.column(field));
    Place { table, field, column }
}

/// The fields that a scope names, and of the tables that it names those that the kind is about.
fn fields(kind: Kind, scope: Scope, tables: &[Looked<'_>]) -> Vec<Place> {
    let named = match scope {
        Scope::Named(named) => named,
        Scope::Whole => (0..tables.len()).map(|at| (at, None)).collect(),
    };
    let (whole, fields): (Vec<_>, Vec<_>) = named.into_iter().partition(|(_, field)| field.is_none());
    let mut places: Vec<Place> = fields.into_iter().map(|(at, field)| place(at, field, tables)).collect();
    let whole: Vec<usize> = whole.into_iter().map(|(at, _)| at).collect();
    let declared = |is_meant: &dyn Fn(&Field) -> bool| -> Vec<Place> {
        let of = |at: &usize| tables.get(*at).map(|table| (*at, table.table.fields()));
        let fields = whole.iter().filter_map(of).flat_map(|(at, fields)| fields.iter().map(move |field| (at, field)));
        let meant = fields.filter(|(_, field)| is_meant(field));
        meant.map(|(at, field)| place(at, Some(field.name.clone()), tables)).collect()
    };
    let chosen = match kind {
        Kind::Completeness => Some(declared(&|field| !field.nullable)).filter(|required| !required.is_empty()),
        Kind::Uniqueness => Some(declared(&|field| field.unique)),
        Kind::Freshness => Some(whole.iter().map(|at| event_time(*at, tables)).collect()),
        _ => None,
    };
    let chosen = chosen.unwrap_or_else(|| {
        let all = declared(&|_| true);
        if all.is_empty() { columns(&whole, tables) } else { all }
    });
    places.extend(chosen);
    places
}

/// The field of a table that says when something happened; without one, the whole table, whose files say when they were written.
fn event_time(at: usize, tables: &[Looked<'_>]) -> Place {
    let field = tables.get(at).and_then(Looked::event_time);
    place(at, field.map(|field| field.name.clone()), tables)
}

/// The columns of tables that declare none.
fn columns(whole: &[usize], tables: &[Looked<'_>]) -> Vec<Place> {
    let mut places = Vec::new();
    for at in whole {
        let Some(Ok(readable)) = tables.get(*at).map(|table| &table.state) else { continue };
        let names = readable.data.schema.fields().iter().map(|field| field.name().clone());
        places.extend(names.map(|name| place(*at, Some(name), tables)));
    }
    places
}
