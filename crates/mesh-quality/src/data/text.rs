//! Tables of text files. They are read here and not by the engine's own readers, because those say neither which file nor which line is wrong, read
//! columns of CSV by their place only, and take the first records of JSON for all of them.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::scalar::ScalarValue;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::csv::{self, Layout};
use super::json;
use super::listing::{DataFile, Listing};
use super::shape::Shapes;
use super::{Data, Lack, peek, rows_of_batch, source};
use crate::error::ReadError;

/// How a file is read.
#[derive(Debug, Clone)]
enum Reading {
    Csv(Layout),
    Json { is_array: bool, rows: usize },
}

/// A file, and how it is read.
#[derive(Debug, Clone)]
struct TextFile {
    file: DataFile,
    /// Bytes at its start that are no text.
    skip: u64,
    reading: Reading,
}

/// What all readers of a table share.
#[derive(Debug)]
struct Text {
    listing: Listing,
    files: Vec<TextFile>,
    /// The columns of the files; those of partitions follow them in the table.
    columns: SchemaRef,
    /// Rows that were read, for whoever waits.
    read: Arc<AtomicU64>,
}

/// Looks at the header lines of a table's files.
pub(super) async fn csv(listing: Listing, read: &Arc<AtomicU64>) -> std::result::Result<Data, ReadError> {
    let (mut files, mut columns) = (Vec::<TextFile>::new(), Vec::<String>::new());
    for file in &listing.files {
        let head = peek::head(&listing, file).await?;
        let mut layout = Layout::of(&head).map_err(|why| ReadError::new(&file.name, why))?;
        match files.last().map(|before| &before.reading) {
            // Mostly they are all alike.
            Some(Reading::Csv(before)) if before.columns == layout.columns => {
                layout.columns = Arc::clone(&before.columns);
            }
            _ => {
                let new: Vec<String> = layout.columns.iter().filter(|name| !columns.contains(name)).cloned().collect();
                columns.extend(new);
            }
        }
        if columns.len() > super::COLUMNS {
            let why = format!("brings the table over {} columns: expected at most as many", super::COLUMNS);
            return Err(ReadError::new(&file.name, why));
        }
        files.push(TextFile { file: file.clone(), skip: peek::bom(&head), reading: Reading::Csv(layout) });
    }
    let lacks = lacks(&columns, &files);
    Ok(table(listing, files, csv::texts(&columns), lacks, read, None))
}

/// Looks at all records of a table's files.
pub(super) async fn json(listing: Listing, read: &Arc<AtomicU64>) -> std::result::Result<Data, ReadError> {
    let (mut files, mut shapes, mut rows) = (Vec::new(), Shapes::default(), 0_u64);
    // A thread that reads cannot be stopped from outside: it looks at this, which is set when nobody waits any more.
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    for file in &listing.files {
        let head = peek::head(&listing, file).await?;
        let (skip, is_array) = (peek::bom(&head), json::is_array(&head));
        let opened = source::open(&listing.store, file, skip).await?;
        let (mut seen, stop) = (shapes, stop.clone());
        let scan = SpawnedTask::spawn_blocking(move || {
            let count = json::scan(opened, is_array, &mut seen, &stop);
            (count, seen)
        });
        let (count, seen) = scan.await.map_err(|e| ReadError::new(&file.name, format!("cannot be read: {e}")))?;
        let count = count.map_err(|why| ReadError::new(&file.name, why))?;
        (shapes, rows) = (seen, rows + count);
        // By the columns of this file and those before: later ones are seldom much wider.
        let long = usize::try_from(file.meta.size / count.max(1)).unwrap_or(usize::MAX);
        let reading = Reading::Json { is_array, rows: rows_of_batch(shapes.fields().len(), long) };
        files.push(TextFile { file: file.clone(), skip, reading });
    }
    let columns = Arc::new(Schema::new(shapes.fields()));
    Ok(table(listing, files, columns, Vec::new(), read, Some(rows)))
}

/// Which columns are not in all files.
fn lacks(columns: &[String], files: &[TextFile]) -> Vec<Lack> {
    let has = |file: &TextFile, column: &String| match &file.reading {
        Reading::Csv(layout) => layout.columns.contains(column),
        Reading::Json { .. } => true,
    };
    let lack = |column: &String| {
        let mut without = files.iter().filter(|file| !has(file, column));
        let first = without.next()?;
        Some(Lack { column: column.clone(), file: first.file.name.clone(), files: 1 + without.count() })
    };
    columns.iter().filter_map(lack).collect()
}

fn table(
    listing: Listing,
    files: Vec<TextFile>,
    columns: SchemaRef,
    lacks: Vec<Lack>,
    read: &Arc<AtomicU64>,
    rows: Option<u64>,
) -> Data {
    // A column of the files goes before a folder of the same name.
    let names = listing.keys.iter().filter(|name| columns.column_with_name(name).is_none());
    let partitions = names.map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
    let fields: Vec<_> = columns.fields().iter().cloned().chain(partitions).collect();
    let schema = Arc::new(Schema::new(fields));
    let (bytes, written) = (listing.bytes(), listing.newest());
    let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
    let text = Arc::new(Text { listing, files, columns, read: Arc::clone(read) });
    let provider = Arc::new(TextTable { text, schema: Arc::clone(&schema) });
    Data { provider, schema, files: count, bytes, written, rows, lacks }
}

/// The table.
#[derive(Debug)]
struct TextTable {
    text: Arc<Text>,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for TextTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let wanted: Arc<[usize]> = projection.cloned().unwrap_or_else(all).into();
        let schema = Arc::new(self.schema.project(&wanted)?);
        let groups = state.config().target_partitions().clamp(1, self.text.files.len().max(1));
        let partitions = (0..groups).map(|group| {
            let files = (group..self.text.files.len()).step_by(groups).collect();
            let part =
                Part { text: Arc::clone(&self.text), files, wanted: Arc::clone(&wanted), schema: Arc::clone(&schema) };
            Arc::new(part) as Arc<dyn PartitionStream>
        });
        let plan = StreamingTableExec::try_new(Arc::clone(&schema), partitions.collect(), None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// Some files of a table, one after the other.
#[derive(Clone)]
struct Part {
    text: Arc<Text>,
    files: Vec<usize>,
    /// The columns that are wanted, by their numbers in the table.
    wanted: Arc<[usize]>,
    schema: SchemaRef,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("files", &self.files).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 2);
        let (part, batches) = (self.clone(), stream.tx());
        stream.spawn(part.run(batches));
        stream.build()
    }
}

impl Part {
    async fn run(self, batches: Sender<Result<RecordBatch>>) -> Result<()> {
        let part = Arc::new(self);
        for file in part.files.iter().filter_map(|at| part.text.files.get(*at)) {
            let source = source::open(&part.text.listing.store, &file.file, file.skip).await.map_err(external)?;
            let (part, file, batches) = (Arc::clone(&part), file.clone(), batches.clone());
            let read = SpawnedTask::spawn_blocking(move || part.read(&file, source, &batches));
            if read.await.map_err(|e| DataFusionError::External(Box::new(e)))??.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Reads one file; it is broken off when nobody takes its batches any more.
    fn read(
        &self,
        file: &TextFile,
        source: source::Source,
        batches: &Sender<Result<RecordBatch>>,
    ) -> Result<ControlFlow<()>> {
        let columns = &self.text.columns;
        // Numbers of the wanted columns that the file itself has, in the order of the table's.
        let own: Vec<usize> = self.wanted.iter().copied().filter(|at| *at < columns.fields().len()).collect();
        let mut flow = ControlFlow::Continue(());
        let mut failed = Ok(());
        let mut take = |batch: &RecordBatch, places: &[Option<usize>]| {
            let rows = batch.num_rows();
            self.text.read.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
            match self.arranged(file, batch, places).map(|batch| batches.blocking_send(Ok(batch)).is_ok()) {
                Ok(true) => {}
                Ok(false) => flow = ControlFlow::Break(()),
                Err(error) => {
                    failed = Err(error);
                    flow = ControlFlow::Break(());
                }
            }
            flow
        };
        let done = match &file.reading {
            Reading::Csv(layout) => {
                // By name: files of one table may have their columns in another order.
                let numbers = own.iter().map(|at| {
                    let name = columns.field(*at).name();
                    layout.columns.iter().position(|column| column == name)
                });
                let numbers: Vec<Option<usize>> = numbers.collect();
                let there: Vec<usize> = numbers.iter().copied().flatten().collect();
                let mut next = 0;
                let places = numbers.iter().map(|number| {
                    number.map(|_| {
                        next += 1;
                        next - 1
                    })
                });
                let places: Vec<Option<usize>> = places.collect();
                layout.read(source, &there, |batch| take(batch, &places))
            }
            Reading::Json { is_array, rows } => {
                let places: Vec<Option<usize>> = (0..own.len()).map(Some).collect();
                let schema = Arc::new(columns.project(&own)?);
                json::read(source, *is_array, schema, *rows, |batch| take(batch, &places))
            }
        };
        done.map_err(|why| external(ReadError::new(&file.file.name, why)))?;
        failed?;
        Ok(flow)
    }

    /// The wanted columns in their order: of the file, null where it lacks one, and of the folders that it is in. `places` says where in the
    /// batch the file's own columns are.
    fn arranged(&self, file: &TextFile, batch: &RecordBatch, places: &[Option<usize>]) -> Result<RecordBatch> {
        let (rows, own) = (batch.num_rows(), self.text.columns.fields().len());
        let mut places = places.iter();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.wanted.len());
        for (at, field) in self.wanted.iter().zip(self.schema.fields()) {
            if *at < own {
                arrays.push(match places.next().copied().flatten() {
                    Some(place) => Arc::clone(batch.column(place)),
                    None => new_null_array(field.data_type(), rows),
                });
                continue;
            }
            let key = self.text.listing.keys.iter().position(|key| key == field.name());
            let value = key.and_then(|key| file.file.partition.get(key)).cloned().flatten();
            arrays.push(ScalarValue::Utf8(value).to_array_of_size(rows)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

fn external(error: ReadError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
