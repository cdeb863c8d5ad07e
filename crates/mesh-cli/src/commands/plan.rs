//! `mesh plan`: what `mesh apply` would do, field by field.

use std::path::PathBuf;

use clap::Args;
use mesh_client::{Plan, PlanAction};
use mesh_model::{Bump, Change, ChangeKind, DomainName};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::{Format, Row, printable};
use crate::plan_file::{PlanFile, Planned};
use crate::preparing::Prepared;
use crate::product_files;
use crate::publishing::{plan_all, refuse_refusals, rounds, warn_of_standards};
use crate::style::Style;

/// Arguments of `mesh plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A product file, a folder of them, or - for standard input
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Exit with 10 when there are changes
    #[arg(long)]
    exit_code: bool,
    /// Write the plan to a file that `mesh apply --plan` carries out
    #[arg(long, value_name = "PLAN")]
    out: Option<PathBuf>,
    /// The domain of products whose file names none
    #[arg(long)]
    domain: Option<DomainName>,
    /// Breaking changes are intended: propose a new major version
    #[arg(long)]
    major: bool,
}

/// A plan as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    file: &'a str,
    id: String,
    #[serde(flatten)]
    plan: &'a Plan,
    /// Breaks among parts that lie in attachments, which the node does not see.
    overflow_breaks: &'a [String],
}

impl Row for Shown<'_> {
    fn columns(_: bool) -> Vec<&'static str> {
        vec!["action", "product", "version", "previous", "changes"]
    }
    fn cells(&self, _: bool) -> Vec<String> {
        let text = |version: Option<mesh_model::Version>| version.map_or_else(|| "-".to_owned(), |v| v.to_string());
        vec![
            action(self.plan.action).to_owned(),
            self.id.clone(),
            text(self.plan.version),
            text(self.plan.previous),
            self.plan.changes.len().to_string(),
        ]
    }
    fn name(&self) -> String {
        self.id.clone()
    }
}

/// Plans every product and prints what would change.
///
/// # Errors
/// Exit 3 when something would be refused; exit 10 with `--exit-code` and changes.
pub(crate) async fn run(args: PlanArgs, app: &App) -> Result<(), Failure> {
    let loaded = product_files::load(&args.path, args.domain.as_ref())?;
    super::validate::warn(app, &loaded);
    product_files::refuse_errors(&loaded)?;
    product_files::refuse_drafts(&loaded)?;
    let products = loaded.into_iter().flat_map(|file| file.products.into_iter().map(move |p| (file.file.clone(), p)));
    let products: Vec<_> = products.collect();
    // Several versions of one product can only be planned one after the other; here each is compared with what is sealed.
    drop(rounds(products.clone())?);

    let client = app.client()?;
    let mesh = client.mesh().await?;
    let signer = app.signer_if_any()?;
    let plans = plan_all(app, &client, signer.as_ref(), products, args.major, None).await?;
    show(app, &plans)?;
    warn_of_standards(app, &plans);
    refuse_refusals(&plans)?;
    let changes = plans.iter().any(|(_, plan)| plan.action != PlanAction::Unchanged);
    if let Some(path) = &args.out {
        let planned = plans.into_iter().filter_map(|(prepared, plan)| Planned::of(prepared, &plan)).collect();
        PlanFile::new(mesh.id, planned).write(path)?;
        app.note(format!("written to {}; `mesh apply --plan {}` carries it out", path.display(), path.display()));
    }
    if args.exit_code && changes { Err(Failure::changes()) } else { Ok(()) }
}

fn show(app: &App, plans: &[(Prepared, Plan)]) -> Result<(), Failure> {
    let shown: Vec<Shown<'_>> = plans
        .iter()
        .map(|(prepared, plan)| Shown {
            file: &prepared.file,
            id: prepared.product.descriptor.id().to_string(),
            plan,
            overflow_breaks: &prepared.overflow_breaks,
        })
        .collect();
    let style = app.output().style();
    match app.output().format() {
        Format::Table | Format::Wide => {
            let mut text = Lines::default();
            for one in &shown {
                human(one, style, &mut text);
            }
            text.add(summary(&shown));
            app.output().text(&text.into_text())
        }
        _ => app.output().list("plans", &shown, json!({})),
    }
}

fn action(action: PlanAction) -> &'static str {
    match action {
        PlanAction::Create => "create",
        PlanAction::Update => "update",
        PlanAction::Unchanged => "unchanged",
        PlanAction::Refused => "refused",
    }
}

fn human(shown: &Shown<'_>, style: Style, text: &mut Lines) {
    let plan = shown.plan;
    let version = plan.version.map_or_else(String::new, |version| format!("@{version}"));
    let from = plan.previous.map_or_else(String::new, |previous| format!(" (compared with {previous})"));
    let word = action(plan.action);
    let word = match plan.action {
        PlanAction::Create => style.green(word),
        PlanAction::Update => style.yellow(word),
        PlanAction::Unchanged => style.dim(word),
        PlanAction::Refused => style.red(word),
    };
    text.add(format!("{word} {}{from}", style.bold(&format!("{}{version}", shown.id))));
    for change in &plan.changes {
        text.add(format!("  {}", change_line(change, style)));
    }
    for path in shown.overflow_breaks {
        text.add(format!("  {} {path}: breaks consumers, in a part that lies in an attachment", style.red("!")));
    }
}

/// One change as a line: `~ path: before -> after  (minor)`.
pub(crate) fn change_line(change: &Change, style: Style) -> String {
    let line = printable(&change.to_string());
    let line = match change.kind {
        ChangeKind::Added => style.green(&line),
        ChangeKind::Removed => style.red(&line),
        ChangeKind::Changed => style.yellow(&line),
    };
    match (&change.breaks, change.bump) {
        (Some(why), _) => format!("{line}  {}", style.red(&format!("(breaks: {why})"))),
        (None, Bump::Patch) => line,
        (None, bump) => format!("{line}  {}", style.dim(&format!("({bump:?})").to_lowercase())),
    }
}

fn summary(shown: &[Shown<'_>]) -> String {
    let count = |wanted: PlanAction| shown.iter().filter(|one| one.plan.action == wanted).count();
    format!(
        "plan: {} to create, {} to update, {} unchanged, {} refused",
        count(PlanAction::Create),
        count(PlanAction::Update),
        count(PlanAction::Unchanged),
        count(PlanAction::Refused)
    )
}
