//! `mesh quality report`: states what another tool measured.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use mesh_client::Read;
use mesh_event::fact::{CheckKind, CheckVerdict, FactBody, MOST_CHECKS, Measured, QualityCheck, QualityRun};
use mesh_measure::worker::{CheckOutcome, PortOutcome, Sample};
use mesh_model::{Code, Name, ProductId, Severity, UnixMs, Version};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::app::App;
use crate::failure::Failure;

/// Longest report, in bytes.
const REPORT_BYTES: u64 = 4 << 20;

/// Arguments of `mesh quality report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The report, as docs/quality.md describes it, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a tool measured, as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    product: ProductId,
    /// The newest active one without it.
    version: Option<Version>,
    port: Name,
    tool: String,
    #[serde(default)]
    tool_version: String,
    began: Timestamp,
    ended: Timestamp,
    #[serde(default)]
    rows: u64,
    newest: Option<Timestamp>,
    checks: Vec<Check>,
    /// Rows that failed; what must not be shown is to be masked.
    #[serde(default)]
    samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    name: String,
    #[serde(default = "rule")]
    kind: CheckKind,
    #[serde(default = "error")]
    severity: Severity,
    verdict: CheckVerdict,
    #[serde(default)]
    rows: u64,
    #[serde(default)]
    failed: u64,
    value: Option<Decimal>,
    #[serde(default)]
    unit: String,
    /// Read by the domain only.
    #[serde(default)]
    why: String,
}

fn rule() -> CheckKind {
    CheckKind::Rule
}

fn error() -> Severity {
    Severity::Error
}

/// Reads a report, signs and states it.
///
/// # Errors
/// Exit 3 for a file that is no report, and for what the domain's home refuses.
pub(crate) async fn run(args: ReportArgs, app: &App) -> Result<(), Failure> {
    let source: Box<dyn std::io::Read> = if args.file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(&args.file).map_err(|error| Failure::io("read", &args.file, &error))?)
    };
    let mut bytes = Vec::new();
    let read = source.take(REPORT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::io("read", &args.file, &error))?;
    let name = args.file.display();
    if bytes.len() as u64 > REPORT_BYTES {
        return Err(Failure::new(Code::TooLarge, format!("{name} is over {REPORT_BYTES} bytes")));
    }
    let report: Report = serde_json::from_slice(&bytes).map_err(|error| {
        let failure = Failure::new(Code::InvalidFile, format!("{name}: {error}"));
        failure.hint("docs/quality.md describes reports")
    })?;
    let (client, signer) = (app.client()?, app.signer()?);
    let id = match report.version {
        Some(version) => format!("{}@{version}", report.product),
        None => report.product.to_string(),
    };
    let view = client.product(&id, Read::default()).await?;
    if view.pending {
        let text = format!("{} is not sealed yet; a run is stated of what is", view.descriptor.version_id());
        return Err(Failure::new(Code::Sealing, text));
    }
    let run = report.into_run(&view);
    let (said, details) = run.map_err(|why| Failure::new(Code::InvalidFile, format!("{name}: {why}")))?;
    let domain = view.descriptor.domain.clone();
    let body = |details| FactBody::ReportQuality(Box::new(QualityRun { details, ..said }));
    let stated = client.state_fact(&domain, details.as_deref(), body, &[&signer]).await?;
    app.output().one(&stated, &stated.id.to_string(), |_| format!("run {}\n", stated.id))?;
    app.note(format!("stated; `mesh quality show {}` shows it on every node", view.descriptor.id()));
    Ok(())
}

impl Report {
    /// The run, and its private text.
    fn into_run(self, view: &mesh_client::ProductView) -> Result<(QualityRun, Option<String>), String> {
        let output = view.descriptor.outputs.iter().find(|output| output.name == self.port);
        let (began, ended) = (unix_ms("began", self.began)?, unix_ms("ended", self.ended)?);
        if self.checks.is_empty() || self.checks.len() > MOST_CHECKS {
            return Err(format!("checks: expected 1 to {MOST_CHECKS}; found {}", self.checks.len()));
        }
        let checks = self.checks.into_iter().map(Check::into_outcome).collect::<Result<Vec<_>, _>>()?;
        let newest = self.newest.map(|at| unix_ms("newest", at)).transpose()?;
        let outcome = PortOutcome {
            port: self.port.clone(),
            began_unix_ms: began,
            ended_unix_ms: ended,
            rows: self.rows,
            bytes: 0,
            newest_unix_ms: newest,
            checks,
            samples: self.samples,
            problem: None,
        };
        let details = outcome.details();
        let run = QualityRun {
            version: view.descriptor.version_id(),
            descriptor: view.descriptor_digest,
            port: self.port,
            contract: output.and_then(|output| output.contract.as_ref()?.digest),
            tool: self.tool,
            tool_version: self.tool_version,
            began_unix_ms: began,
            ended_unix_ms: ended,
            rows: self.rows,
            newest_unix_ms: newest,
            checks: outcome.checks.into_iter().map(|outcome| outcome.check).collect(),
            details: None,
        };
        // The same look at it that the home takes: names, lengths, counts.
        QualityRun::from_message(run.to_message()).map(|_| ()).map_err(|error| error.to_string())?;
        Ok((run, details))
    }
}

impl Check {
    fn into_outcome(self) -> Result<CheckOutcome, String> {
        if self.value.is_none() && !self.unit.is_empty() {
            return Err(format!("checks: {}: a unit without a value", self.name));
        }
        let check = QualityCheck {
            name: self.name,
            kind: self.kind,
            severity: self.severity,
            verdict: self.verdict,
            rows: self.rows,
            failed: self.failed,
            value: self.value.map(|value| Measured { value, unit: self.unit }),
        };
        Ok(CheckOutcome { check, why: self.why })
    }
}

fn unix_ms(field: &str, at: Timestamp) -> Result<UnixMs, String> {
    u64::try_from(at.as_millisecond()).map_err(|_| format!("{field}: expected a time from 1970 on"))
}
