//! Data: from where a table's files are said to be to something that queries can read.
//!
//! ```text
//! locations -> files (listing) -> first bytes (peek) -> columns -> a table of the engine
//!                                                                  text: CSV and JSON, read here
//!                                                                  parquet: read by DataFusion
//! ```

mod csv;
mod json;
mod listing;
mod parquet;
mod partition;
mod peek;
mod shape;
mod source;
mod store;
mod text;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::context::SessionContext;
use mesh_model::UnixMs;

use crate::error::ReadError;
use crate::format::Format;
use crate::input::Table;

/// Most columns of a table; of JSON, those of nested values included.
pub(crate) const COLUMNS: usize = 5_000;
/// Most bytes of a row: what is longer is no row, but a quotation mark that is missing.
const ROW_BYTES: usize = 8 << 20;
/// Cells and bytes of a batch, so that wide tables and long rows take no more memory than others.
const BATCH_CELLS: usize = 1 << 20;
const BATCH_BYTES: usize = 4 << 20;
const BATCH_ROWS: usize = 8_192;

/// A table that queries can read.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) provider: Arc<dyn TableProvider>,
    /// The columns as they are read; those of partitions come last.
    pub(crate) schema: SchemaRef,
    /// How many files.
    pub(crate) files: u64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// When the newest file was written.
    pub(crate) written: Option<UnixMs>,
    /// How many rows, when the files say it.
    pub(crate) rows: Option<u64>,
    /// Columns that some files have and others lack: the column, a file without it, how many files lack it.
    pub(crate) lacks: Vec<Lack>,
}

/// A column that some files lack; it is null in their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lack {
    pub(crate) column: String,
    /// The first file without it.
    pub(crate) file: String,
    /// How many files.
    pub(crate) files: usize,
}

/// Finds a table's files and looks at what they hold. `read` counts the rows of text that are read later.
pub(crate) async fn open(engine: &SessionContext, table: &Table, read: &Arc<AtomicU64>) -> Result<Data, ReadError> {
    let listing = listing::list(table).await?;
    match listing.format {
        Format::Csv => text::csv(listing, read).await,
        Format::Json => text::json(listing, read).await,
        Format::Parquet => parquet::open(engine, listing).await,
    }
}

/// Rows of a batch, for so many columns and so many bytes of a row.
fn rows_of_batch(columns: usize, row_bytes: usize) -> usize {
    let by_cells = BATCH_CELLS / columns.max(1);
    let by_bytes = BATCH_BYTES / row_bytes.max(1);
    by_cells.min(by_bytes).clamp(1, BATCH_ROWS)
}
