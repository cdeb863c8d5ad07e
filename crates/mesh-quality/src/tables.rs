//! The tables of a run: found, opened, and known to the engine by their names.
//!
//! Where fields are declared with a type and the data is text, queries see the type: what cannot be read as it is null to them, and
//! [`crate::conforms`] counts it. The engine knows such a table twice, as it is read and as it is declared.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use mesh_model::Field;

use crate::column::{self, Column, quoted};
use crate::data::{self, Data};
use crate::engine::Engine;
use crate::error::{QualityError, QueryError};
use crate::facts::{self, Facts};
use crate::input::{Input, Table};
use crate::rule::{Known, query};
use crate::types;

/// The tag of the field that says when something happened.
const EVENT_TIME: &str = "event-time";

/// A table, and what could be read of it.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    pub(crate) table: &'a Table,
    /// The data, or why it cannot be read.
    pub(crate) state: Result<Readable, String>,
}

/// A table that can be read.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) data: Data,
    /// The name of the table as it is read.
    raw: String,
    /// For columns of text that are read as something else, the engine's type.
    pub(crate) casts: BTreeMap<String, String>,
    /// The columns as queries see them.
    pub(crate) view: SchemaRef,
    /// What was counted over all rows.
    pub(crate) facts: Facts,
}

impl Looked<'_> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.table.name()
    }

    /// The declared field of a name; upper and lower case do not matter.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.table.fields().iter().find(|field| column::is_alike(&field.name, name))
    }

    /// The field that says when something happened.
    pub(crate) fn event_time(&self) -> Option<&Field> {
        let is_tagged = |field: &&Field| field.tags.iter().any(|tag| tag.eq_ignore_ascii_case(EVENT_TIME));
        self.table.fields().iter().find(is_tagged)
    }

    /// Whether a name is one of its fields or columns.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.field(name).is_some() || self.column(name).is_some()
    }

    /// The column that a name means.
    pub(crate) fn column(&self, name: &str) -> Option<Column> {
        self.state.as_ref().ok().and_then(|readable| Column::find(&readable.data.schema, name))
    }

    /// The data, or a sentence that says why it cannot be read.
    pub(crate) fn readable(&self) -> Result<&Readable, String> {
        self.state.as_ref().map_err(|why| format!("{} cannot be read: {why}", self.name()))
    }
}

impl Readable {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> u64 {
        self.facts.count(facts::ROWS)
    }

    /// A column in SQL over the table as it is read, with the type that queries see.
    pub(crate) fn typed(&self, column: &Column) -> String {
        match self.casts.get(&column.top).filter(|_| column.nested.is_empty()) {
            Some(cast) => format!("TRY_CAST({} AS {cast})", quoted(&column.top)),
            None => column.sql(),
        }
    }

    /// The ask for a column's newest value; none when its values are no times. Of text, those count that read as one.
    pub(crate) fn newest(&self, column: &Column) -> Option<String> {
        let cast = self.casts.get(&column.top).filter(|_| column.nested.is_empty());
        let is_time = match cast {
            Some(cast) => types::is_time(cast),
            None => matches!(column.data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)),
        };
        let is_text = self.is_text(column);
        (is_time || is_text).then(|| facts::newest(&self.typed(column), is_text))
    }

    /// Whether queries see text in a column.
    pub(crate) fn is_text(&self, column: &Column) -> bool {
        column.data_type.is_string() && !(column.nested.is_empty() && self.casts.contains_key(&column.top))
    }
}

/// Opens all tables. One that cannot be read is no reason not to look at the others.
pub(crate) async fn open<'a>(engine: &Engine<'_>, input: &'a Input) -> Result<Vec<Looked<'a>>, QualityError> {
    let mut tables = Vec::with_capacity(input.tables().len());
    for table in input.tables() {
        let step = format!("{}: files", table.name());
        let files = data::open(engine.context(), table, engine.read());
        let state = match engine.wait(&step, None, files, || 0).await {
            Ok(Ok(data)) => match known(engine, table, data).await {
                Ok(readable) => Ok(readable),
                Err(error) => Err(error.sentence()?),
            },
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.sentence()?),
        };
        tables.push(Looked { table, state });
    }
    Ok(tables)
}

/// Makes a table known to the engine.
async fn known(engine: &Engine<'_>, table: &Table, data: Data) -> Result<Readable, QueryError> {
    let fields = || data.schema.fields().iter().map(|field| &**field);
    let casts: BTreeMap<String, String> = table
        .fields()
        .iter()
        .filter_map(|declared| {
            let column = column::find(fields(), &declared.name).filter(|column| column.data_type().is_string())?;
            Some((column.name().clone(), types::cast(&declared.logical_type)?))
        })
        .collect();
    let name = table.name();
    if casts.is_empty() {
        engine.register(name, data.provider.clone())?;
        let view = data.schema.clone();
        return Ok(Readable { raw: name.to_owned(), data, casts, view, facts: Facts::default() });
    }
    // No product calls a table so, and rules can name none but the tables of the product.
    let raw = format!("{name}\u{1f}as it is read");
    engine.register(&raw, data.provider.clone())?;
    let columns = fields().map(|field| {
        let column = quoted(field.name());
        match casts.get(field.name()) {
            Some(cast) => format!("TRY_CAST({column} AS {cast}) AS {column}"),
            None => column,
        }
    });
    let columns: Vec<String> = columns.collect();
    let select = format!("SELECT {} FROM {}", columns.join(", "), quoted(&raw));
    let view = engine.register_view(name, query(&select, &[])?).await?;
    Ok(Readable { raw, data, casts, view, facts: Facts::default() })
}

/// The tables that rules may name.
pub(crate) fn known_tables(tables: &[Looked<'_>]) -> Vec<Known> {
    let known = tables.iter().filter_map(|table| {
        let readable = table.state.as_ref().ok()?;
        Some(Known { name: table.name().to_owned(), schema: readable.view.clone() })
    });
    known.collect()
}

/// Counts what is asked of each table, in one pass over it. Nothing in it can fail but the reading: a table for which it does cannot be read.
pub(crate) async fn count(
    engine: &Engine<'_>,
    tables: &mut [Looked<'_>],
    mut asks: Vec<BTreeSet<String>>,
) -> Result<(), QualityError> {
    asks.resize_with(tables.len(), BTreeSet::new);
    for (table, asks) in tables.iter_mut().zip(asks) {
        let name = table.name().to_owned();
        let Ok(readable) = &mut table.state else { continue };
        match facts::count(engine, &name, &readable.raw, readable.data.rows, asks).await {
            Ok(facts) => readable.facts = facts,
            Err(error) => table.state = Err(error.sentence()?),
        }
    }
    Ok(())
}
