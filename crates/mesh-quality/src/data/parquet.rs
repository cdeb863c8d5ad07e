//! Tables of Parquet files. DataFusion reads them, in batches, and only the columns and row groups that a query needs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::file_format::FileFormat as _;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use futures::FutureExt as _;
use object_store::ObjectMeta;

use super::listing::{DataFile, Listing};
use super::{COLUMNS, Data, Lack, peek};
use crate::error::ReadError;

/// Looks at the footers of a table's files.
pub(super) async fn open(engine: &SessionContext, listing: Listing) -> std::result::Result<Data, ReadError> {
    engine.register_object_store(listing.store.url.as_ref(), Arc::clone(&listing.store.objects));
    let (state, format) = (engine.state(), ParquetFormat::default());
    let mut merged = Merged::default();
    let mut rows = 0_u64;
    for file in &listing.files {
        peek::head(&listing, file).await?;
        let look = async {
            let one = std::slice::from_ref(&file.meta);
            let schema = format.infer_schema(&state, &listing.store.objects, one).await?;
            // Without columns it is the number of rows alone.
            let nothing = Arc::new(Schema::empty());
            Ok((schema, format.infer_stats(&state, &listing.store.objects, nothing, &file.meta).await?))
        };
        let error =
            |why: &dyn std::fmt::Display| ReadError::new(&file.name, format!("is no Parquet that can be read: {why}"));
        // Some damage breaks the reader off instead of being told.
        let looked = AssertUnwindSafe(look).catch_unwind().await.map_err(|_| error(&"its footer is damaged"))?;
        let (schema, said) = looked.map_err(|e: DataFusionError| error(&e))?;
        merged.add(file, schema)?;
        rows += said.num_rows.get_value().and_then(|rows| u64::try_from(*rows).ok()).unwrap_or_default();
    }
    let (columns, lacks) = merged.done();
    // A column of the files goes before a folder of the same name.
    let is_free = |name: &&String| columns.column_with_name(name).is_none();
    let partitions: Vec<FieldRef> =
        listing.keys.iter().filter(is_free).map(|name| Arc::new(Field::new(name, DataType::Utf8, true))).collect();
    let places: Vec<usize> =
        partitions.iter().filter_map(|field| listing.keys.iter().position(|key| key == field.name())).collect();
    let files = listing.files.iter().map(|file| {
        let value = |at: &usize| ScalarValue::Utf8(file.partition.get(*at).cloned().flatten());
        (file.meta.clone(), places.iter().map(value).collect::<Vec<_>>())
    });
    let files: Vec<(ObjectMeta, Vec<ScalarValue>)> = files.collect();
    let schema = TableSchema::builder(columns).with_table_partition_cols(partitions).build();
    let (bytes, written) = (listing.bytes(), listing.newest());
    let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
    let table = ParquetTable { format, url: listing.store.url, files, schema };
    let schema = table.schema();
    Ok(Data { provider: Arc::new(table), schema, files: count, bytes, written, rows: Some(rows), lacks })
}

/// The columns of all files. They may have them in another order, and some may lack some; a column of two types is a mistake.
#[derive(Default)]
struct Merged {
    fields: Vec<Field>,
    /// For each column, the first file that has it.
    first: Vec<String>,
    lacks: Vec<Lack>,
    /// The first file, and how many there were.
    files: Option<(String, usize)>,
    last: Option<SchemaRef>,
}

impl Merged {
    fn add(&mut self, file: &DataFile, schema: SchemaRef) -> std::result::Result<(), ReadError> {
        // Mostly they are all alike.
        let is_as_before = self.last.as_ref() == Some(&schema) && self.fields.len() == schema.fields().len();
        if !is_as_before {
            schema.fields().iter().try_for_each(|field| self.add_field(file, field))?;
            self.add_lacks(file, &schema);
            self.last = Some(schema);
        }
        let (_, count) = self.files.get_or_insert_with(|| (file.name.clone(), 0));
        *count += 1;
        Ok(())
    }

    fn add_field(&mut self, file: &DataFile, field: &Field) -> std::result::Result<(), ReadError> {
        // A file that lacks it reads as null.
        let field = field.clone().with_nullable(true);
        let known = self.fields.iter_mut().zip(&self.first).find(|(known, _)| known.name() == field.name());
        if let Some((known, first)) = known {
            let before = known.data_type().clone();
            return known.try_merge(&field).map_err(|_| {
                let (name, found) = (field.name(), field.data_type());
                ReadError::new(&file.name, format!("has '{name}' as {found}: expected {before} as in {first}"))
            });
        }
        if self.fields.len() == COLUMNS {
            let why = format!("brings the table over {COLUMNS} columns: expected at most as many");
            return Err(ReadError::new(&file.name, why));
        }
        if let Some((first, files)) = &self.files {
            self.lacks.push(Lack { column: field.name().clone(), file: first.clone(), files: *files });
        }
        self.first.push(file.name.clone());
        self.fields.push(field);
        Ok(())
    }

    fn add_lacks(&mut self, file: &DataFile, schema: &Schema) {
        for known in &self.fields {
            if schema.column_with_name(known.name()).is_some() {
                continue;
            }
            match self.lacks.iter_mut().find(|lack| lack.column == *known.name()) {
                Some(lack) => lack.files += 1,
                None => self.lacks.push(Lack { column: known.name().clone(), file: file.name.clone(), files: 1 }),
            }
        }
    }

    fn done(self) -> (SchemaRef, Vec<Lack>) {
        (Arc::new(Schema::new(self.fields)), self.lacks)
    }
}

/// The table.
#[derive(Debug)]
struct ParquetTable {
    format: ParquetFormat,
    url: ObjectStoreUrl,
    files: Vec<(ObjectMeta, Vec<ScalarValue>)>,
    schema: TableSchema,
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
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
        let file = |(meta, partition): &(ObjectMeta, Vec<ScalarValue>)| {
            PartitionedFile::new_from_meta(meta.clone()).with_partition_values(partition.clone())
        };
        let files = FileGroup::new(self.files.iter().map(file).collect());
        let groups = files.split_files(state.config().target_partitions());
        let source = self.format.file_source(self.schema.clone());
        let config = FileScanConfigBuilder::new(self.url.clone(), source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(state, config).await
    }
}
