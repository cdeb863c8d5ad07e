//! Files, tables and runs, in few words.

use std::fs;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use mesh_model::{Field, Metric, QualityRule, Quantity, Severity, UnixMs};
use mesh_quality::{CheckOutcome, DataSource, Input, Limits, Outcome, Progress, QualityError, Table, Verdict, run};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The moment at which tests run: 2026-06-01T00:00Z.
pub(crate) const NOW: UnixMs = 1_780_272_000_000;

/// A folder of files, gone with the test.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, with the folders that it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn parquet(&self, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let path = self.write(name, "");
        let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }
}

pub(crate) fn field(name: &str, logical_type: &str) -> Field {
    Field { name: name.into(), logical_type: logical_type.into(), ..Field::default() }
}

pub(crate) fn table_of(name: &str, fields: Vec<Field>, path: &Path, format: Option<&str>) -> Table {
    let source = DataSource::parse(&[path.to_str().unwrap()], format, &[]).unwrap();
    Table::new(name, fields, source).unwrap()
}

pub(crate) fn table(name: &str, path: &Path) -> Table {
    table_of(name, vec![], path, None)
}

pub(crate) fn rule(name: &str, check: &str) -> QualityRule {
    QualityRule {
        name: name.into(),
        check: check.into(),
        severity: Severity::Error,
        dimension: None,
        description: String::new(),
    }
}

/// A metric with a target such as `>= 99.5 %`; without one when it is empty.
pub(crate) fn metric(name: &str, target: &str, scope: &str) -> Metric {
    let target = target.split_once(' ').map(|(comparison, rest)| {
        let (value, unit) = rest.split_once(' ').unwrap_or((rest, ""));
        Quantity { comparison: comparison.into(), value: value.parse().unwrap(), unit: unit.into() }
    });
    Metric { name: name.into(), target, scope: scope.into(), measured: String::new(), description: String::new() }
}

pub(crate) fn limits() -> Limits {
    Limits { threads: 2, ..Limits::default() }
}

pub(crate) async fn outcome_within(
    limits: &Limits,
    tables: Vec<Table>,
    rules: Vec<QualityRule>,
    metrics: Vec<Metric>,
) -> Result<Outcome, QualityError> {
    let input = Input::new(tables, rules, metrics)?;
    let (progress, _) = watch::channel(Progress::default());
    run(&input, limits, NOW, &CancellationToken::new(), &progress).await
}

pub(crate) async fn outcome(tables: Vec<Table>, rules: Vec<QualityRule>, metrics: Vec<Metric>) -> Outcome {
    outcome_within(&limits(), tables, rules, metrics).await.unwrap()
}

pub(crate) fn check<'a>(outcome: &'a Outcome, name: &str) -> &'a CheckOutcome {
    outcome.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name}: {outcome:#?}"))
}

/// A check in one line: `Failed 2/4 of customers`.
pub(crate) fn line(outcome: &Outcome, name: &str) -> String {
    let CheckOutcome { verdict, failed, rows, of, .. } = check(outcome, name);
    format!("{verdict:?} {failed}/{rows} of {of}")
}

/// What was measured: `Passed 99.5%`.
pub(crate) fn measured(outcome: &Outcome, name: &str) -> String {
    let check = check(outcome, name);
    let measured = check.measured.as_ref().map(|found| format!(" {} {}", found.value, found.unit));
    format!("{:?}{}", check.verdict, measured.unwrap_or_default()).trim_end().to_owned()
}

/// The sentence of a check with a verdict.
pub(crate) fn why(outcome: &Outcome, name: &str, verdict: Verdict) -> String {
    let check = check(outcome, name);
    assert_eq!(check.verdict, verdict, "{check:?}");
    check.sentence.clone()
}
