//! `mesh quality`: what was measured about products, and measuring it.

use clap::{Args, Subcommand};
use mesh_client::quality::{IncidentListing, MeasuredPlace, Promise, QualityIncident, QualityView, StatedRun};
use mesh_event::fact::{CheckVerdict, Measured};
use mesh_measure::Standing;
use mesh_measure::worker::Details;
use mesh_model::{Code, DomainName, FactId, ProductId, UnixMs};
use serde_json::json;

use super::{quality_report, quality_run, quality_watch};
use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::{Row, printable};
use crate::reading::note_age;
use crate::style::Style;
use crate::time;

/// Incidents of a product that are shown to people.
const INCIDENTS: usize = 10;

/// Quality and service levels: rules and metrics of products, run over their data; error budgets, incidents, history.
#[derive(Debug, Args)]
pub(crate) struct QualityArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Runs a product's rules and metrics over the data of its ports, and states what came out; exit code 3 when a promise is broken
    Run(quality_run::RunArgs),
    /// Does so again and again, as often as ports say that their data is renewed
    Watch(quality_watch::WatchArgs),
    /// States what another tool measured
    Report(quality_report::ReportArgs),
    /// Shows a product's promises with their error budgets, its incidents and its latest runs
    Show {
        /// The product
        #[arg(value_name = "DOMAIN/NAME", add = crate::completer::ids())]
        product: ProductId,
        /// How it was at this moment: RFC 3339, or a day, which stands for its end (UTC)
        #[arg(long, value_name = "TIME", value_parser = moment)]
        as_of: Option<UnixMs>,
        /// So many of the latest runs
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=200))]
        runs: u32,
        /// One run with its reasons and sample rows, if your key may read them
        #[arg(long, value_name = "RUN", conflicts_with = "as_of")]
        run: Option<FactId>,
    },
    /// Lists promises that are broken
    Incidents {
        /// Of this domain's products only
        #[arg(long, value_name = "DOMAIN", add = crate::completer::domains())]
        domain: Option<DomainName>,
        /// Also those that are over
        #[arg(long)]
        ended: bool,
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
}

pub(super) fn moment(text: &str) -> Result<UnixMs, String> {
    time::parse(text).ok_or_else(|| "expected a time such as 2026-11-23T04:24:00Z, or a day".to_owned())
}

/// Measures, or shows what was measured.
///
/// # Errors
/// What the node says; exit 3 when a promise is broken.
pub(crate) async fn run(args: QualityArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Run(args) => quality_run::run(args, app).await,
        Action::Watch(args) => quality_watch::run(args, app).await,
        Action::Report(args) => quality_report::run(args, app).await,
        Action::Show { product, run: Some(run), .. } => show_run(app, &product, run).await,
        Action::Show { product, as_of, runs, run: None } => show(app, &product, as_of, runs).await,
        Action::Incidents { domain, ended, limit } => incidents(app, domain.as_ref(), ended, limit).await,
    }
}

async fn show(app: &App, product: &ProductId, as_of: Option<UnixMs>, runs: u32) -> Result<(), Failure> {
    let view = app.client()?.quality(product, runs, as_of).await?;
    app.output().one(&view, &product.to_string(), |style| told(&view, as_of, style))?;
    note_copy(app, &view);
    note_age(app, &view.freshness);
    Ok(())
}

fn note_copy(app: &App, view: &QualityView) {
    if view.from_copy {
        app.warn(format!(
            "the home of {} does not answer: shown from a copy; later runs may be missing",
            view.product.domain
        ));
    }
}

fn told(view: &QualityView, as_of: Option<UnixMs>, style: Style) -> String {
    let mut lines = Lines::default();
    let when = as_of.map_or_else(String::new, |at| format!(", as it was {}", time::show(at)));
    lines.add(style.bold(&format!("{}{when}", view.product)));
    if view.places.is_empty() {
        lines.add(format!("nothing was measured yet; `mesh quality run {}` does", view.product));
    }
    for place in &view.places {
        add_place(&mut lines, place, style);
    }
    if !view.unmeasured.is_empty() {
        let names: Vec<String> = view.unmeasured.iter().map(|name| printable(name)).collect();
        lines.add(format!("declared, and measured by nobody: {}", names.join(", ")));
    }
    if !view.incidents.is_empty() {
        lines.add("incidents");
    }
    for incident in view.incidents.iter().take(INCIDENTS) {
        lines.add(format!("  {}", incident_text(incident)));
    }
    let more = view.incidents.len().saturating_sub(INCIDENTS);
    if more > 0 {
        lines.add(format!("  and {more} more; all with -o json"));
    }
    if !view.runs.is_empty() {
        lines.add("runs");
    }
    for run in &view.runs {
        lines.add(format!("  {}", run_text(run)));
    }
    lines.into_text()
}

fn add_place(lines: &mut Lines, at: &MeasuredPlace, style: Style) {
    let place = &at.place;
    lines.add(format!("port {} of major {}, by {}", place.port, place.major, printable(&place.tool)));
    if let Some(over) = at.overdue_ms {
        let text =
            format!("  the last run is of {}; one is overdue for {}", time::show(at.last_run_unix_ms), time::age(over));
        lines.add(style.yellow(&text));
    }
    let shown: Vec<&Promise> = at.promises.iter().filter(|promise| !promise.gone).collect();
    let width = shown.iter().map(|promise| printable(&promise.name).chars().count()).max().unwrap_or(0).min(40);
    for promise in shown {
        let standing = standing(promise.level.standing, style);
        let value = promise.value.as_ref().map_or_else(String::new, |value| format!("  {}", measured(value)));
        let level = &promise.level;
        let budget = match level.standing {
            Standing::Unknown => String::new(),
            _ if level.broken_ms == 0 => "  nothing of its error budget is spent".to_owned(),
            _ => format!(
                "  {} % of its error budget is spent ({} of {} in 30 days)",
                level.spent_percent,
                time::age(level.broken_ms),
                time::age(level.budget_ms)
            ),
        };
        let last = match promise.last {
            CheckVerdict::Passed | CheckVerdict::Failed => String::new(),
            CheckVerdict::Error => "  could not be run last time".to_owned(),
            CheckVerdict::NotRun => "  not run".to_owned(),
        };
        let name = printable(&promise.name);
        lines.add(format!("  {standing} {name:width$}{value}{budget}{last}"));
    }
}

/// Padded before it is coloured.
fn standing(standing: Standing, style: Style) -> String {
    let text = format!("{:8}", standing.as_str());
    match standing {
        Standing::Unknown => text,
        Standing::Healthy => style.green(&text),
        Standing::AtRisk => style.yellow(&text),
        Standing::Broken => style.red(&text),
    }
}

/// `98.5 %`.
pub(super) fn measured(value: &Measured) -> String {
    format!("{} {}", value.value.normalize(), printable(&value.unit)).trim_end().to_owned()
}

fn incident_text(incident: &QualityIncident) -> String {
    let place = &incident.place;
    let what = format!("{} at port {} of major {}", printable(&incident.check), place.port, place.major);
    let since = time::show(incident.since_unix_ms);
    match &incident.end {
        None => format!("open    {what}, since {since} (run {})", incident.run),
        Some(end) => format!("{:7} {what}, {since} to {}", end.how.as_str(), time::show(end.at_unix_ms)),
    }
}

fn run_text(run: &StatedRun) -> String {
    let said = &run.said;
    let count = |verdict| said.checks.iter().filter(|check| check.verdict == verdict).count();
    let (passed, failed) = (count(CheckVerdict::Passed), count(CheckVerdict::Failed));
    let rest = said.checks.len() - passed - failed;
    let rest = if rest == 0 { String::new() } else { format!(", {rest} not run") };
    format!(
        "{}  {}  {} of {}: {passed} passed, {failed} failed{rest}; {} rows",
        time::show(run.at_unix_ms),
        run.id,
        said.port,
        said.version.version,
        said.rows
    )
}

/// One run, with what only the domain reads.
async fn show_run(app: &App, product: &ProductId, id: FactId) -> Result<(), Failure> {
    let client = app.client()?;
    let view = client.quality(product, 200, None).await?;
    let Some(run) = view.runs.iter().find(|run| run.id == id) else {
        let text = format!("{product} has no run {id} among its latest {}", view.runs.len());
        return Err(Failure::new(Code::NotFound, text).hint(format!("`mesh quality show {product}` lists them")));
    };
    let details = match (&run.said.details, app.signer_if_any()?) {
        (Some(text), Some(signer)) => match client.fact_text(&product.domain, text, &signer).await {
            Ok(text) => Some(serde_json::from_str::<Details>(&text).unwrap_or_default()),
            Err(error) => {
                app.warn(format!("its reasons and rows: {error}"));
                None
            }
        },
        (Some(_), None) => {
            app.note("its reasons and rows are read by keys of the domain; none is given");
            None
        }
        (None, _) => None,
    };
    let mut value = serde_json::to_value(run).map_err(|error| Failure::internal(error.to_string()))?;
    if let Some(details) = &details {
        value["reasons"] = json!(details.reasons);
        value["rows_that_failed"] = json!(details.rows);
    }
    app.output().one(&value, &id.to_string(), |style| run_told(run, details.as_ref(), style))?;
    note_copy(app, &view);
    Ok(())
}

fn run_told(run: &StatedRun, details: Option<&Details>, style: Style) -> String {
    let mut lines = Lines::default();
    let said = &run.said;
    lines.add(style.bold(&format!("run {} of port {} of {}", run.id, said.port, said.version)));
    lines.add(format!(
        "stated {} by {}; {} rows, by {} {}",
        time::show(run.at_unix_ms),
        named(&run.by),
        said.rows,
        printable(&said.tool),
        printable(&said.tool_version)
    ));
    for check in &said.checks {
        let value = check.value.as_ref().map_or_else(String::new, |value| format!("  {}", measured(value)));
        let rows = if check.failed == 0 { String::new() } else { format!("  {} of {} rows", check.failed, check.rows) };
        lines.add(format!(
            "  {} {}{value}{rows}",
            quality_run::verdict(check.verdict, check.severity, style),
            printable(&check.name)
        ));
        let reason = details.and_then(|details| details.reasons.iter().find(|reason| reason.check == check.name));
        if let Some(reason) = reason {
            lines.add(format!("           {}", printable(&reason.why)));
        }
    }
    for row in details.iter().flat_map(|details| &details.rows) {
        lines.add(format!("  failed {}: {}", printable(&row.check), printable(&row.row)));
    }
    lines.into_text()
}

impl Row for QualityIncident {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["product", "check", "port", "since", "until"];
        if wide {
            columns.extend(["major", "tool", "run"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let until = self.end.as_ref().map_or_else(|| "open".to_owned(), |end| time::show(end.at_unix_ms));
        let mut cells = vec![
            self.product.to_string(),
            printable(&self.check),
            self.place.port.to_string(),
            time::show(self.since_unix_ms),
            until,
        ];
        if wide {
            cells.extend([self.place.major.to_string(), printable(&self.place.tool), self.run.to_string()]);
        }
        cells
    }
    fn name(&self) -> String {
        self.product.to_string()
    }
}

async fn incidents(app: &App, domain: Option<&DomainName>, ended: bool, limit: u32) -> Result<(), Failure> {
    let listing = app.client()?.incidents(domain, ended, limit).await?;
    let IncidentListing { incidents, cut, unreached, from_copies, freshness } = &listing;
    let more = json!({ "cut": cut, "unreached": unreached, "from_copies": from_copies, "freshness": freshness });
    app.output().list("incidents", incidents, more)?;
    if incidents.is_empty() {
        app.note("no promise is broken, as far as anybody measured");
    }
    if *cut {
        app.note(format!("there are more than {limit}; --limit shows more"));
    }
    let names = |domains: &[DomainName]| domains.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !unreached.is_empty() {
        app.warn(format!("this node has too little of the feeds of {}", names(unreached)));
    }
    note_age(app, freshness);
    Ok(())
}
