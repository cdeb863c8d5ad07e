//! The query engine: a session that can read the registered tables and nothing else, within limits.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::Result as EngineResult;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext, SessionState};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::Statement;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::{QualityError, QueryError};
use crate::input::Limits;
use crate::outcome::Progress;
use crate::words;

/// How often progress is told.
const TICK: Duration = Duration::from_millis(200);

/// The engine of one run.
pub(crate) struct Engine<'a> {
    context: SessionContext,
    limits: &'a Limits,
    cancel: &'a CancellationToken,
    progress: &'a watch::Sender<Progress>,
    /// Rows of text that the query at hand has read.
    read: Arc<AtomicU64>,
}

impl<'a> Engine<'a> {
    /// Starts it.
    pub(crate) fn start(
        limits: &'a Limits,
        cancel: &'a CancellationToken,
        progress: &'a watch::Sender<Progress>,
    ) -> Result<Self, QualityError> {
        let spill = match &limits.spill_to {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
            .build_arc()
            .map_err(|e| QualityError::Engine(words::of(&e, limits.memory_bytes)))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(limits.threads.max(1))
            .with_information_schema(false)
            .with_collect_statistics(false);
        // One of these can run for ever, and none is needed to check data.
        config.options_mut().execution.enable_recursive_ctes = false;
        let context = SessionContext::new_with_config_rt(config, runtime);
        // The only functions that make tables; rules that use one are refused before they get here.
        for name in ["generate_series", "range"] {
            context.deregister_udtf(name);
        }
        Ok(Self { context, limits, cancel, progress, read: Arc::default() })
    }

    /// For those who look at files.
    pub(crate) fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Counts rows of text, for progress.
    pub(crate) fn read(&self) -> &Arc<AtomicU64> {
        &self.read
    }

    /// Makes a table known by a name.
    pub(crate) fn register(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<(), QueryError> {
        let done = self.context.register_table(TableReference::bare(name), table);
        done.map(|_| ()).map_err(|e| self.failed(&e))
    }

    /// Makes what a query gives known by a name, and says its columns. Nothing is read yet.
    pub(crate) async fn register_view(&self, name: &str, query: Statement) -> Result<SchemaRef, QueryError> {
        let state = self.context.state();
        let plan = plan(&state, query).await.map_err(|e| self.failed(&e))?;
        let view = DataFrame::new(state, plan).into_view();
        let schema = view.schema();
        self.register(name, view)?;
        Ok(schema)
    }

    /// Runs a query and gives at most so many of its rows. `of` is how many rows it will read, where that is known.
    pub(crate) async fn query(
        &self,
        step: &str,
        of: Option<u64>,
        query: Statement,
        most: usize,
    ) -> Result<RecordBatch, QueryError> {
        let running: Arc<OnceLock<Arc<dyn ExecutionPlan>>> = Arc::default();
        // In a task of its own: what hogs its thread does not keep the clock from being looked at, and dropping it ends it.
        let task = SpawnedTask::spawn(answer(self.context.state(), query, most, Arc::clone(&running)));
        let done = self.wait(step, of, task, || running.get().map_or(0, rows_read)).await?;
        match done {
            Ok(answer) => answer.map_err(|e| self.failed(&e)),
            Err(broken) if broken.is_panic() => Err(QueryError::Failed("the query engine broke off".to_owned())),
            Err(_) => Err(QueryError::Failed("the query was broken off".to_owned())),
        }
    }

    /// Waits for work, but no longer than a query may take, and tells how far it is. `rows` are those that the work counts itself.
    pub(crate) async fn wait<T>(
        &self,
        step: &str,
        of: Option<u64>,
        work: impl Future<Output = T>,
        rows: impl Fn() -> u64,
    ) -> Result<T, QueryError> {
        self.read.store(0, Ordering::Relaxed);
        let mut work = pin!(work);
        let mut end = pin!(tokio::time::sleep(self.limits.query_time));
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(QueryError::Cancelled),
                done = &mut work => return Ok(done),
                () = &mut end => return Err(QueryError::TooLong(self.limits.query_time)),
                _ = ticks.tick() => {
                    let rows = rows().saturating_add(self.read.load(Ordering::Relaxed));
                    self.progress.send_replace(Progress { step: step.to_owned(), rows, of });
                }
            }
        }
    }

    fn failed(&self, error: &datafusion::error::DataFusionError) -> QueryError {
        QueryError::Failed(words::of(error, self.limits.memory_bytes))
    }
}

async fn plan(state: &SessionState, query: Statement) -> EngineResult<datafusion::logical_expr::LogicalPlan> {
    let plan = state.statement_to_plan(EngineStatement::Statement(Box::new(query))).await?;
    // Rules are looked at before they come here; this is the second lock.
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan)?;
    Ok(plan)
}

async fn answer(
    state: SessionState,
    query: Statement,
    most: usize,
    running: Arc<OnceLock<Arc<dyn ExecutionPlan>>>,
) -> EngineResult<RecordBatch> {
    let plan = plan(&state, query).await?;
    let frame = DataFrame::new(state, plan).limit(0, Some(most))?;
    let physical = frame.create_physical_plan().await?;
    running.get_or_init(|| Arc::clone(&physical));
    let batches = collect(Arc::clone(&physical), Arc::new(frame.task_ctx())).await?;
    Ok(concat_batches(&physical.schema(), &batches)?)
}

/// Rows that the engine's own readers have read; those of text count themselves.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let below: u64 = plan.children().into_iter().map(rows_read).sum();
    let own =
        if plan.name() == "DataSourceExec" { plan.metrics().and_then(|metrics| metrics.output_rows()) } else { None };
    below + own.and_then(|rows| u64::try_from(rows).ok()).unwrap_or_default()
}
