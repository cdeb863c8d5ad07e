//! The formats that are read.

use std::fmt;
use std::str::FromStr;

use crate::error::QualityError;

/// A format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Text with a header line; the separator is told from that line.
    Csv,
    /// One object on each line, or one array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// Names of formats, in ports and at the ends of files.
const NAMES: [(&str, Format); 13] = [
    ("csv", Format::Csv),
    ("tsv", Format::Csv),
    ("text/csv", Format::Csv),
    ("json", Format::Json),
    ("jsonl", Format::Json),
    ("ndjson", Format::Json),
    ("json lines", Format::Json),
    ("application/json", Format::Json),
    ("application/x-ndjson", Format::Json),
    ("parquet", Format::Parquet),
    ("pq", Format::Parquet),
    ("apache parquet", Format::Parquet),
    ("application/vnd.apache.parquet", Format::Parquet),
];

impl Format {
    /// What the end of a file's name says.
    pub(crate) fn of_file(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        named(ending)
    }
}

fn named(name: &str) -> Option<Format> {
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, format)| *format)
}

impl FromStr for Format {
    type Err = QualityError;

    fn from_str(text: &str) -> Result<Self, QualityError> {
        named(text.trim()).ok_or_else(|| QualityError::Format(text.trim().to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
        })
    }
}
