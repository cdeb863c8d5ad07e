//! `mesh quality run`: the rules and metrics of a product, held against the data of its ports.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use mesh_client::{Client, ProductView, Read};
use mesh_event::Keypair;
use mesh_event::fact::{CheckVerdict, FactBody, QualityRun};
use mesh_measure::worker::{CheckOutcome, PortOutcome, PortTask, Task, WORKER_PROTOCOL};
use mesh_model::{Code, Descriptor, Digest, FactId, Name, OutputPort, PortKind, Severity, VersionId};
use serde::Serialize;

use super::quality::measured;
use crate::app::App;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::measuring;
use crate::output::printable;
use crate::product_files;
use crate::style::Style;
use crate::time;

/// The name under which its runs are stated.
const TOOL: &str = "mesh-quality";
const MIB: u64 = 1 << 20;

/// Arguments of `mesh quality run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A product of the mesh, or a product file: what a file promises is measured and not stated
    #[arg(value_name = "DOMAIN/NAME[@VERSION] | FILE", add = crate::completer::ids())]
    product: String,
    #[command(flatten)]
    pub(super) how: How,
    /// Prints what came out and states nothing
    #[arg(long)]
    no_report: bool,
}

/// How data is read.
#[derive(Debug, Clone, Args)]
pub(crate) struct How {
    /// Reads a port's data from here instead of its location: a file, a folder, or s3://bucket/prefix/. Repeatable
    #[arg(long = "data", value_name = "PORT=PATH")]
    data: Vec<DataArg>,
    /// Only these ports. Repeatable
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<Name>,
    /// Most memory for data, in MiB; more goes to temporary files
    #[arg(long, default_value_t = 512, value_name = "MIB", value_parser = clap::value_parser!(u64).range(64..=1_048_576))]
    memory: u64,
    /// Longest time for one port
    #[arg(long, default_value = "30m", value_name = "TIME", value_parser = time::parse_duration)]
    limit: Duration,
}

/// `PORT=PATH`.
#[derive(Debug, Clone)]
struct DataArg {
    port: Name,
    path: String,
}

impl FromStr for DataArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, path) = text.split_once('=').ok_or("expected PORT=PATH")?;
        if path.is_empty() {
            return Err("expected PORT=PATH".to_owned());
        }
        Ok(Self {
            port: port.parse().map_err(|error: mesh_model::NameError| error.to_string())?,
            path: path.to_owned(),
        })
    }
}

/// Whose promises are measured.
pub(super) struct Measured {
    descriptor: Descriptor,
    /// The digest of the sealed descriptor; `None` for what nobody can state anything of.
    sealed: Option<Digest>,
}

impl Measured {
    /// How often the data of its most frequent port is renewed, by what ports declare.
    pub(super) fn every(&self) -> Option<Duration> {
        self.descriptor.outputs.iter().filter_map(OutputPort::renewed_every).min()
    }
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    product: String,
    ports: &'a [PortOutcome],
    stated: Vec<StatedPort>,
}

/// A run that was stated.
#[derive(Debug, Serialize)]
pub(super) struct StatedPort {
    port: Name,
    id: FactId,
}

/// Measures a product, prints what came out, and states it.
///
/// # Errors
/// Exit 3 when a promise is broken, 6 when data cannot be read, 2 when no port has any that could be.
pub(crate) async fn run(args: RunArgs, app: &App) -> Result<(), Failure> {
    let measured = if is_file(&args.product) {
        of_file(Path::new(&args.product))?
    } else {
        let client = app.client()?;
        of_product(client.product(&args.product, Read::default()).await?)
    };
    let outcomes = measure(app, &measured, &args.how).await?;
    let signer = if args.no_report || measured.sealed.is_none() { None } else { app.signer_if_any()? };
    let mut stated = Vec::new();
    let stating = match &signer {
        Some(signer) => state(&app.client()?, signer, &measured, &outcomes, &mut stated).await,
        None => Ok(()),
    };
    let id = measured.descriptor.version_id().to_string();
    let printed = Printed { product: id.clone(), ports: &outcomes, stated };
    // What came out is there, whatever became of stating it.
    app.output().one(&printed, &id, |style| told(&id, &outcomes, style))?;
    stating?;
    if measured.sealed.is_none() {
        app.note("not stated: only of what is sealed");
    } else if args.no_report {
        app.note("not stated: --no-report");
    } else if signer.is_none() {
        app.note("not stated: no key to sign with");
    } else {
        app.note(format!("stated; `mesh quality show {}` shows it on every node", measured.descriptor.id()));
    }
    let untold = outcomes.iter().filter(|outcome| outcome.problem.is_none()).flat_map(|outcome| &outcome.checks);
    let untold = untold.filter(|outcome| outcome.check.verdict == CheckVerdict::Error).count();
    if untold > 0 {
        app.warn(format!("{untold} of the checks could not be run: nothing is known of them"));
    }
    broken(&outcomes)
}

/// Whether it names a file: by how it ends, or because there is one.
fn is_file(text: &str) -> bool {
    let ends = [".hcl", ".yaml", ".yml"].iter().any(|end| text.ends_with(end));
    ends || (!text.contains('@') && Path::new(text).is_file())
}

fn of_file(path: &Path) -> Result<Measured, Failure> {
    let loaded = product_files::load(path, None)?;
    product_files::refuse_errors(&loaded)?;
    let mut products: Vec<_> = loaded.into_iter().flat_map(|file| file.products).collect();
    match (products.pop(), products.is_empty()) {
        (Some(product), true) => Ok(Measured { descriptor: product.descriptor, sealed: None }),
        (None, _) => Err(Failure::new(Code::InvalidFile, format!("{} has no product", path.display()))),
        (Some(_), false) => {
            let text = format!("{} has {} products; expected one", path.display(), products.len() + 1);
            Err(Failure::usage(text))
        }
    }
}

pub(super) fn of_product(view: ProductView) -> Measured {
    let sealed = (!view.pending).then_some(view.descriptor_digest);
    Measured { descriptor: view.descriptor, sealed }
}

/// Has the data read by the program that does that.
pub(super) async fn measure(app: &App, measured: &Measured, how: &How) -> Result<Vec<PortOutcome>, Failure> {
    let descriptor = &measured.descriptor;
    let task = Task {
        protocol: WORKER_PROTOCOL,
        ports: ports(descriptor, how)?,
        descriptor: descriptor.clone(),
        now_unix_ms: time::now(),
        memory_bytes: how.memory * MIB,
        limit_ms: u64::try_from(how.limit.as_millis()).unwrap_or(u64::MAX),
    };
    measuring::measure(app, &task).await
}

/// Which ports are read, and from where.
fn ports(descriptor: &Descriptor, how: &How) -> Result<Vec<PortTask>, Failure> {
    let known = |name: &Name| descriptor.outputs.iter().find(|output| output.name == *name);
    for name in how.data.iter().map(|data| &data.port).chain(&how.ports) {
        if known(name).is_none() {
            let names: Vec<&str> = descriptor.outputs.iter().map(|output| output.name.as_str()).collect();
            let text = format!("{} has no port {name}; it has {}", descriptor.id(), names.join(", "));
            return Err(Failure::usage(text));
        }
    }
    let is_wanted = |name: &Name| {
        let named = how.ports.is_empty() || how.ports.contains(name);
        // Whoever says where one port's data is does not mean others whose data is elsewhere.
        named && (how.data.is_empty() || how.data.iter().any(|data| data.port == *name) || !how.ports.is_empty())
    };
    let tasks: Vec<PortTask> = descriptor
        .outputs
        .iter()
        .filter(|output| is_wanted(&output.name))
        .filter_map(|output| {
            let given = how.data.iter().rev().find(|data| data.port == output.name);
            let location = given.map(|data| absolute(&data.path)).or_else(|| readable(output))?;
            Some(PortTask {
                port: output.name.clone(),
                location,
                format: given.map_or(output.format.clone(), |_| None),
            })
        })
        .collect();
    if tasks.is_empty() {
        let text = format!("no port of {} has data that can be read here", descriptor.id());
        let failure = Failure::usage(text);
        return Err(
            failure.hint("--data PORT=PATH says where: a CSV, JSON or Parquet file, a folder, or s3://bucket/prefix/")
        );
    }
    Ok(tasks)
}

/// Where a port's files are. APIs, streams and databases are measured by other tools; and a path of this machine is read only when whoever
/// measures names it: a product's file is other people's word.
fn readable(output: &OutputPort) -> Option<String> {
    let has_files = output.enabled && matches!(output.kind, PortKind::Batch | PortKind::File);
    output.location.clone().filter(|location| has_files && location.starts_with("s3://"))
}

/// What another program says of a file has to name it wherever that is read.
fn absolute(path: &str) -> String {
    if path.contains("://") || Path::new(path).is_absolute() {
        return path.to_owned();
    }
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    here.join(path).display().to_string()
}

/// States each port's run.
pub(super) async fn state(
    client: &Client,
    signer: &Keypair,
    measured: &Measured,
    outcomes: &[PortOutcome],
    stated: &mut Vec<StatedPort>,
) -> Result<(), Failure> {
    let Some(sealed) = measured.sealed else { return Ok(()) };
    for outcome in outcomes.iter().filter(|outcome| !outcome.checks.is_empty()) {
        let version = measured.descriptor.version_id();
        let domain = version.product.domain.clone();
        let details = outcome.details();
        let body = |details| {
            FactBody::ReportQuality(Box::new(QualityRun {
                details,
                ..said(&measured.descriptor, version, sealed, outcome)
            }))
        };
        let fact = client.state_fact(&domain, details.as_deref(), body, &[signer]).await?;
        stated.push(StatedPort { port: outcome.port.clone(), id: fact.id });
    }
    Ok(())
}

fn said(descriptor: &Descriptor, version: VersionId, sealed: Digest, outcome: &PortOutcome) -> QualityRun {
    let output = descriptor.outputs.iter().find(|output| output.name == outcome.port);
    QualityRun {
        version,
        descriptor: sealed,
        port: outcome.port.clone(),
        contract: output.and_then(|output| output.contract.as_ref()?.digest),
        tool: TOOL.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        began_unix_ms: outcome.began_unix_ms,
        ended_unix_ms: outcome.ended_unix_ms,
        rows: outcome.rows,
        newest_unix_ms: outcome.newest_unix_ms,
        checks: outcome.checks.iter().map(|outcome| outcome.check.clone()).collect(),
        details: None,
    }
}

/// Exit 3 when something that means harm failed, 6 when nothing could be read.
pub(super) fn broken(outcomes: &[PortOutcome]) -> Result<(), Failure> {
    let names = |fits: fn(&PortOutcome) -> bool| -> Vec<&str> {
        outcomes.iter().filter(|outcome| fits(outcome)).map(|outcome| outcome.port.as_str()).collect()
    };
    let (unread, broken) = (names(|outcome| outcome.problem.is_some()), names(PortOutcome::is_broken));
    if !broken.is_empty() {
        return Err(Failure::new(Code::PromiseBroken, format!("a promise is broken at port {}", broken.join(", "))));
    }
    if !unread.is_empty() {
        let text = format!("nothing could be measured at port {}", unread.join(", "));
        return Err(Failure::new(Code::DataUnreadable, text).hint("the reasons stand with the port"));
    }
    Ok(())
}

fn told(id: &str, outcomes: &[PortOutcome], style: Style) -> String {
    let mut lines = Lines::default();
    lines.add(style.bold(id));
    for outcome in outcomes {
        lines.add(format!(
            "port {}: {} rows, {} bytes, {}",
            outcome.port,
            outcome.rows,
            outcome.bytes,
            time::age(outcome.ended_unix_ms.saturating_sub(outcome.began_unix_ms))
        ));
        if let Some(problem) = &outcome.problem {
            lines.add(format!("  {}", printable(problem)));
            continue;
        }
        for check in &outcome.checks {
            add_check(&mut lines, check, style);
        }
        for sample in &outcome.samples {
            lines.add(format!("  failed {}: {}", printable(&sample.check), printable(&sample.row)));
        }
    }
    lines.into_text()
}

fn add_check(lines: &mut Lines, outcome: &CheckOutcome, style: Style) {
    let CheckOutcome { check, why } = outcome;
    let value = check.value.as_ref().map_or_else(String::new, |value| format!("  {}", measured(value)));
    let rows = match check.verdict {
        CheckVerdict::Passed | CheckVerdict::Failed if check.failed > 0 => {
            format!("  {} of {} rows failed", check.failed, check.rows)
        }
        _ => String::new(),
    };
    let why = if why.is_empty() { String::new() } else { format!("  {}", printable(why)) };
    lines.add(format!(
        "  {} {}{value}{rows}{why}",
        verdict(check.verdict, check.severity, style),
        printable(&check.name)
    ));
}

/// Padded before it is coloured.
pub(super) fn verdict(verdict: CheckVerdict, severity: Severity, style: Style) -> String {
    let word = match (verdict, severity) {
        (CheckVerdict::Failed, Severity::Warning) => "warning",
        (verdict, _) => verdict.as_str(),
    };
    let text = format!("{word:8}");
    match verdict {
        CheckVerdict::Passed => style.green(&text),
        CheckVerdict::Failed if severity == Severity::Error => style.red(&text),
        CheckVerdict::Failed | CheckVerdict::Error => style.yellow(&text),
        CheckVerdict::NotRun => text,
    }
}
