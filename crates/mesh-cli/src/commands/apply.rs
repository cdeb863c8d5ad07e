//! `mesh apply`: plan, sign, publish. Idempotent; never retires what is absent.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use mesh_client::{Client, PlanAction, Read, WaitLevel};
use mesh_event::{Keypair, Signer as _};
use mesh_formats::Product;
use mesh_model::{Code, DomainName, MeshId};
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::output::Format;
use crate::plan_file::{PlanFile, Planned};
use crate::product_files;
use crate::publishing::{
    Applied, Publishing, conclude, plan_all, publish_all, refuse_refusals, rounds, warn_of_standards,
};

/// Arguments of `mesh apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A product file, a folder of them, or - for standard input
    #[arg(value_name = "FILE|DIR|-", required_unless_present = "plan", conflicts_with = "plan")]
    path: Option<PathBuf>,
    /// Carry out exactly this plan, made by `mesh plan --out`
    #[arg(long, value_name = "PLAN")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    wait: WaitArgs,
    /// The domain of products whose file names none
    #[arg(long, conflicts_with = "plan")]
    domain: Option<DomainName>,
    /// Breaking changes are intended: publish a new major version
    #[arg(long, conflicts_with = "plan")]
    major: bool,
}

/// How far and how long to wait.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitArgs {
    /// How far to wait: local (durable at the domain's home node), sealed (decided by the ledger) or receipt
    #[arg(long, value_enum, default_value = "sealed", value_name = "LEVEL")]
    pub(crate) wait: Wait,
    /// How long to wait for it, such as 30s or 2m
    #[arg(long, value_parser = crate::time::parse_duration, default_value = "30s", value_name = "TIME")]
    pub(crate) timeout: Duration,
}

/// `--wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    Local,
    Sealed,
    Receipt,
}

impl From<Wait> for WaitLevel {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Local => Self::Local,
            Wait::Sealed => Self::Sealed,
            Wait::Receipt => Self::Receipt,
        }
    }
}

impl WaitArgs {
    /// The same for those who publish.
    pub(crate) fn publishing(self) -> Publishing {
        Publishing { wait: self.wait.into(), patience: self.timeout }
    }
}

/// Above this many products only those that changed are listed for people.
const LISTED: usize = 50;

/// Plans, signs and publishes.
///
/// # Errors
/// Nothing is published when a file has errors or would be refused (exit 3 or 5); exit 9 when something is safe and not
/// sealed yet.
pub(crate) async fn run(args: ApplyArgs, app: &App) -> Result<(), Failure> {
    let how = args.wait.publishing();
    let signer = app.signer()?;
    let client = app.client_within(how.patience.min(Duration::from_secs(10)))?;
    let applied = match (&args.plan, &args.path) {
        (Some(plan), _) => {
            let plan = PlanFile::read(plan)?;
            let mesh = client.mesh().await?;
            if plan.mesh_id != mesh.id {
                let (planned, found) = (plan.mesh_id.short(), mesh.id.short());
                return Err(Failure::new(
                    Code::WrongMesh,
                    format!("the plan is for mesh {planned}; this is mesh {found}"),
                ));
            }
            publish_all(app, &client, mesh.id, &signer, plan.products, how).await?
        }
        (None, path) => {
            let path = path.as_ref().ok_or_else(|| Failure::usage("expected a file, a folder or --plan"))?;
            let loaded = product_files::load(path, args.domain.as_ref())?;
            super::validate::warn(app, &loaded);
            product_files::refuse_errors(&loaded)?;
            product_files::refuse_drafts(&loaded)?;
            let products = loaded.into_iter().flat_map(|file| {
                let name = file.file;
                file.products.into_iter().map(move |product| (name.clone(), product))
            });
            let mesh = client.mesh().await?;
            apply_all(app, &client, mesh.id, &signer, products.collect(), args.major, how).await?
        }
    };
    show(app, &applied)?;
    conclude(&applied, how.wait)
}

/// Plans and publishes products in as many rounds as they have versions. Nothing of a round is published when one of its
/// products is refused.
///
/// # Errors
/// Refusals and the transport's; what fails on the way is in the results.
pub(crate) async fn apply_all(
    app: &App,
    client: &Client,
    mesh_id: MeshId,
    signer: &Keypair,
    products: Vec<(String, Product)>,
    major: bool,
    how: Publishing,
) -> Result<Vec<Applied>, Failure> {
    let look_up = products.len() <= LISTED;
    let mut applied = Vec::with_capacity(products.len());
    for round in rounds(products)? {
        let plans = plan_all(app, client, Some(signer), round, major, None).await?;
        warn_of_standards(app, &plans);
        refuse_refusals(&plans)?;
        let mut planned = Vec::new();
        for (prepared, plan) in plans {
            if plan.action == PlanAction::Unchanged {
                let id = prepared.product.descriptor.id();
                let index = match plan.version {
                    Some(version) if look_up => client
                        .product(&format!("{id}@{version}"), Read::default())
                        .await
                        .ok()
                        .map(|view| view.ledger_index),
                    _ => None,
                };
                applied.push(Applied::unchanged(prepared.file, &id, &plan, index));
            } else {
                planned.extend(Planned::of(prepared, &plan));
            }
        }
        let failed = |applied: &[Applied]| applied.iter().any(|one| one.error.is_some());
        applied.extend(publish_all(app, client, mesh_id, signer, planned, how).await?);
        if failed(&applied) {
            break;
        }
    }
    tracing::debug!(key = %signer.public_key().fingerprint(), "applied {} products", applied.len());
    Ok(applied)
}

/// Prints what became of each product.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn show(app: &App, applied: &[Applied]) -> Result<(), Failure> {
    let output = app.output();
    let people = matches!(output.format(), Format::Table | Format::Wide);
    if let ([one], true) = (applied, people) {
        if one.error.is_some() {
            return Ok(());
        }
        return output.text(&sentence(one));
    }
    if people && applied.len() > LISTED {
        let changed: Vec<Applied> = applied.iter().filter(|one| one.action != "unchanged").cloned().collect();
        output.list("products", &changed, json!({}))?;
    } else {
        output.list("products", applied, json!({}))?;
    }
    let count = |action: &str| applied.iter().filter(|one| one.action == action).count();
    app.note(format!(
        "{} created, {} updated, {} unchanged, {} failed",
        count("created"),
        count("updated"),
        count("unchanged"),
        count("failed")
    ));
    Ok(())
}

fn sentence(one: &Applied) -> String {
    let at = one.ledger_index.map_or_else(String::new, |index| format!("ledger index {index}"));
    let detail = if one.detail.is_empty() { String::new() } else { format!(" ({})", one.detail) };
    match one.reached {
        None => {
            let known = if at.is_empty() { &one.detail } else { &at };
            format!("unchanged {}: {known}; nothing to do\n", one.id)
        }
        Some(WaitLevel::Local) => format!("{} {}: safe on the home node, not sealed yet{detail}\n", one.action, one.id),
        Some(_) => format!("{} {}: {at}, {}{detail}\n", one.action, one.id, one.outcome),
    }
}
