//! What is to be looked at: tables with their files, rules, metrics, and how much a run may take.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use mesh_model::{Field, Metric, QualityRule};

use crate::error::QualityError;
use crate::format::Format;
use crate::location::Location;

/// What one run looks at: at least one table, and no two of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    tables: Vec<Table>,
    rules: Vec<QualityRule>,
    metrics: Vec<Metric>,
}

impl Input {
    /// Tables and what was promised of them.
    ///
    /// # Errors
    /// [`QualityError::NoTables`], [`QualityError::TwoTables`].
    pub fn new(tables: Vec<Table>, rules: Vec<QualityRule>, metrics: Vec<Metric>) -> Result<Self, QualityError> {
        if tables.is_empty() {
            return Err(QualityError::NoTables);
        }
        let mut names = BTreeSet::new();
        match tables.iter().find(|table| !names.insert(table.name.to_lowercase())) {
            Some(twice) => Err(QualityError::TwoTables(twice.name.clone())),
            None => Ok(Self { tables, rules, metrics }),
        }
    }

    /// The tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }
    /// The rules.
    pub fn rules(&self) -> &[QualityRule] {
        &self.rules
    }
    /// The metrics.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }
}

/// One table: a dataset, or all of a product that declares none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: String,
    fields: Vec<Field>,
    source: DataSource,
}

impl Table {
    /// A table with the fields that were declared of it; none when nothing was.
    ///
    /// # Errors
    /// [`QualityError::NoName`].
    pub fn new(name: impl Into<String>, fields: Vec<Field>, source: DataSource) -> Result<Self, QualityError> {
        let name = name.into();
        if name.trim().is_empty() { Err(QualityError::NoName) } else { Ok(Self { name, fields, source }) }
    }

    /// What rules call it.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The declared fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
    /// Where its files are.
    pub fn source(&self) -> &DataSource {
        &self.source
    }
}

/// Where a table's files are, and of what kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    locations: Vec<Location>,
    format: Option<Format>,
    partition_by: Vec<String>,
}

impl DataSource {
    /// Reads what an output port says: its places, its format, and the columns by which its folders are split. Without a format the files'
    /// names tell it.
    ///
    /// # Errors
    /// [`QualityError::Location`], also when there is none; [`QualityError::Format`].
    pub fn parse<T: AsRef<str>>(
        locations: &[T],
        format: Option<&str>,
        partition_by: &[String],
    ) -> Result<Self, QualityError> {
        let locations = locations.iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Location>, _>>()?;
        if locations.is_empty() {
            return Err(QualityError::Location {
                found: String::new(),
                why: "there is none; expected a path or s3://bucket/prefix/".to_owned(),
            });
        }
        let format = format.map(str::trim).filter(|text| !text.is_empty()).map(str::parse::<Format>).transpose()?;
        Ok(Self { locations, format, partition_by: partition_by.to_vec() })
    }

    /// Where the files are: at least one place.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }
    /// The declared format.
    pub fn format(&self) -> Option<Format> {
        self.format
    }
    /// The columns by which folders are split.
    pub fn partition_by(&self) -> &[String] {
        &self.partition_by
    }
}

/// How much a run may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that sorting, grouping and joining may hold; beyond them they spill to disk. Buffers of readers come on top: for Parquet about a row
    /// group of the columns that a query needs, for each of `threads`. Below 64 MiB, large groupings fail.
    pub memory_bytes: usize,
    /// How long one query may take. The rules of a table share one query; if it takes longer, each rule has this time for itself.
    pub query_time: Duration,
    /// Partitions that are read side by side. Each costs memory.
    pub threads: usize,
    /// Where to spill; the system's folder for temporary files when none is given. At most 100 GB are written there, and removed.
    pub spill_to: Option<PathBuf>,
}

impl Default for Limits {
    /// 512 MiB, ten minutes, as many threads as there are processors, at most 4.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        Self { memory_bytes: 512 << 20, query_time: Duration::from_mins(10), threads, spill_to: None }
    }
}
