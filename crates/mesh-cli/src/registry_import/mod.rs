//! Importing the Registry of Open Data: records, then domains, then products, then deprecations.
//!
//! Every step finds out what is there already and does the rest, so an import that was killed is simply run again, and
//! a second run changes nothing. Keys are on disk before the command that names them is sent.
//!
//! | file | does |
//! |---|---|
//! | [`records`] | reads the records, tells organisations apart, gives names |
//! | [`keys`] | keys of the domains, on disk |
//! | [`domains`] | admits missing domains in lists that fit an envelope |

mod domains;
mod keys;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use mesh_client::{Client, ListQuery, Outgoing, PlanAction, SearchQuery, WaitLevel};
use mesh_event::command::DeprecateVersion;
use mesh_event::{Body, Keypair, Signer};
use mesh_model::{Code, MeshId, ProductId};
use serde::Serialize;

use crate::app::App;
use crate::commands::import::RegistryArgs;
use crate::failure::Failure;
use crate::fate::Fate;
use crate::lines::Lines;
use crate::plan_file::Planned;
use crate::publishing::{Applied, Publishing, conclude, plan_all, publish_all, refuse_refusals, send_all};
use crate::style::Style;
use records::Records;

/// What an import did.
#[derive(Debug, Default, Serialize)]
struct Summary {
    dry_run: bool,
    records: usize,
    unreadable: usize,
    domains: usize,
    domains_admitted: usize,
    products_created: usize,
    products_updated: usize,
    products_unchanged: usize,
    products_failed: usize,
    /// Of them, those that the mesh decided against.
    products_refused: usize,
    /// Of them, those that may have taken effect.
    products_unknown: usize,
    /// Of them, those with which nothing happened.
    products_not_sent: usize,
    /// Products that the registry calls deprecated.
    deprecated: usize,
    /// Of them, those that this run marked.
    deprecated_now: usize,
    /// Spellings of one organisation that became one domain.
    merged: BTreeMap<String, Vec<String>>,
    ledger_size_before: u64,
    /// `None` when no node answered at the end.
    ledger_size: Option<u64>,
    /// Whether the node's search has all of it by now.
    searchable: bool,
    seconds: f64,
}

/// Runs the whole import.
///
/// # Errors
/// The first step that cannot be done; exit 3 at the end when records could not be read.
pub(crate) async fn run(args: RegistryArgs, app: &App) -> Result<(), Failure> {
    let started = Instant::now();
    let records = Records::read(app, &args.dir)?;
    let mut summary = Summary {
        dry_run: args.dry_run,
        records: records.products.len() + records.errors.len(),
        unreadable: records.errors.len(),
        domains: records.domains.len(),
        deprecated: records.deprecated.len(),
        merged: records.merged().into_iter().map(|(domain, texts)| (domain.to_string(), texts)).collect(),
        ..Summary::default()
    };

    let how = Publishing { wait: WaitLevel::Sealed, patience: args.timeout };
    let client = app.client_within(args.timeout)?;
    let mesh = client.mesh().await?;
    summary.ledger_size_before = client.ledger_head(None).await?.size;
    let folder = keys::KeyFolder::find(app, args.keys.as_deref(), mesh.id)?;

    let admitted = domains::missing(&client, &records).await?;
    summary.domains_admitted = admitted.len();
    let mut failure = None;
    let applied = if args.dry_run {
        dry_run(app, &client, folder.engineer_if_any()?.as_ref(), &records, &admitted, &mut summary).await?;
        Vec::new()
    } else {
        let engineer = folder.engineer()?;
        domains::admit(app, &client, mesh.id, &records, &admitted, &folder, &args.council_keys).await?;
        let applied = publish(app, &client, mesh.id, &engineer, &records, how).await?;
        let failed: BTreeSet<&str> =
            applied.iter().filter(|one| one.error.is_some()).map(|one| one.id.as_str()).collect();
        // A mesh that does not answer is not asked for more; what is missing is done by the next run.
        let cut_off = applied.iter().any(|one| one.fate().is_some_and(|fate| fate != Fate::Refused));
        if !cut_off {
            match deprecate(app, &client, mesh.id, &engineer, &records, &failed, how).await {
                Ok(marked) => summary.deprecated_now = marked,
                Err(error) => failure = Some(error),
            }
        }
        applied
    };
    if !args.dry_run {
        let count = |action: &str| applied.iter().filter(|one| one.action == action).count();
        summary.products_created = count("created");
        summary.products_updated = count("updated");
        summary.products_unchanged = count("unchanged");
        summary.products_failed = count("failed");
        let count = |fate: Fate| applied.iter().filter(|one| one.fate() == Some(fate)).count();
        summary.products_refused = count(Fate::Refused);
        summary.products_unknown = count(Fate::Unknown);
        summary.products_not_sent = count(Fate::NotSent);
    }
    // What was reached is said even when the mesh is gone by now.
    match client.ledger_head(None).await {
        Ok(head) => summary.ledger_size = Some(head.size),
        Err(error) => failure = failure.or_else(|| Some(Failure::from(error).within("reading the ledger's size"))),
    }
    summary.seconds = started.elapsed().as_secs_f64();
    if let Some(last) = summary.ledger_size.and_then(|size| size.checked_sub(1)).filter(|_| !args.dry_run) {
        // Whoever imports searches next: the index lags while so much is published.
        let progress = app.progress("making everything searchable", None);
        let query = SearchQuery { limit: 1, at_least_index: Some(last), ..SearchQuery::default() };
        summary.searchable = client.search(&query).await.is_ok();
        progress.finish();
    }
    app.output().one(&summary, "open-data-registry", |style| human(&summary, style))?;
    conclude(&applied, how.wait)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    records.refuse_errors()
}

/// Says what would be done.
async fn dry_run(
    app: &App,
    client: &Client,
    engineer: Option<&Keypair>,
    records: &Records,
    missing: &BTreeSet<mesh_model::DomainName>,
    summary: &mut Summary,
) -> Result<(), Failure> {
    // Products of domains that are not there yet cannot be planned: they would all be new.
    let (new, known): (Vec<_>, Vec<_>) =
        records.products.iter().cloned().partition(|(_, product)| missing.contains(&product.descriptor.domain));
    summary.products_created = new.len();
    let existing = existing(client).await?;
    let plans = plan_all(app, client, engineer, known, false, Some(&|id| existing.contains_key(id))).await?;
    for (_, plan) in &plans {
        match plan.action {
            PlanAction::Create => summary.products_created += 1,
            PlanAction::Update => summary.products_updated += 1,
            PlanAction::Unchanged => summary.products_unchanged += 1,
            PlanAction::Refused => summary.products_failed += 1,
        }
    }
    let marked = |id: &&ProductId| existing.get(*id).is_some_and(|status| status != "active");
    summary.deprecated_now = records.deprecated.len() - records.deprecated.keys().filter(marked).count();
    Ok(())
}

/// The mesh's products and their states, retired ones included.
async fn existing(client: &Client) -> Result<BTreeMap<ProductId, String>, Failure> {
    let statuses = ["active", "deprecated", "retired"].map(str::to_owned).to_vec();
    let listing = client.products(&ListQuery { statuses, ..ListQuery::default() }).await?;
    let parsed = listing.items.into_iter().filter_map(|item| Some((ProductId::parse(&item.id).ok()?, item.status)));
    Ok(parsed.collect())
}

async fn publish(
    app: &App,
    client: &Client,
    mesh_id: MeshId,
    engineer: &Keypair,
    records: &Records,
    how: Publishing,
) -> Result<Vec<Applied>, Failure> {
    let existing = existing(client).await?;
    let exists = |id: &ProductId| existing.contains_key(id);
    let plans = plan_all(app, client, Some(engineer), records.products.clone(), false, Some(&exists)).await?;
    refuse_refusals(&plans)?;
    let mut applied = Vec::new();
    let mut planned = Vec::new();
    for (prepared, plan) in plans {
        if plan.action == PlanAction::Unchanged {
            let id = prepared.product.descriptor.id();
            applied.push(Applied::unchanged(prepared.file, &id, &plan, None));
        } else {
            planned.extend(Planned::of(prepared, &plan));
        }
    }
    applied.extend(publish_all(app, client, mesh_id, engineer, planned, how).await?);
    Ok(applied)
}

/// Marks what the registry calls deprecated; how many were marked now.
async fn deprecate(
    app: &App,
    client: &Client,
    mesh_id: MeshId,
    engineer: &Keypair,
    records: &Records,
    failed: &BTreeSet<&str>,
    how: Publishing,
) -> Result<usize, Failure> {
    if records.deprecated.is_empty() {
        return Ok(0);
    }
    let existing = existing(client).await?;
    let builder = mesh_client::CommandBuilder::new(mesh_id);
    let mut outgoing = Vec::new();
    let mut ids = Vec::new();
    for (id, reason) in &records.deprecated {
        let prefix = format!("{id}@");
        let publish_failed = failed.iter().any(|version| version.starts_with(&prefix));
        if publish_failed || existing.get(id).is_some_and(|status| status != "active") {
            continue;
        }
        let body = Body::DeprecateVersion(DeprecateVersion {
            product: id.clone(),
            version: None,
            sunset: String::new(),
            successor: String::new(),
            reason: reason.clone(),
        });
        outgoing.push(Outgoing::new(builder.sign(body, &[engineer as &dyn Signer])?));
        ids.push(id);
    }
    if outgoing.is_empty() {
        return Ok(0);
    }
    let labels: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let results = send_all(app, client, outgoing, &labels, how, "deprecating").await?;
    let mut marked = 0;
    for (id, result) in ids.into_iter().zip(results) {
        match result.and_then(mesh_client::Acknowledgement::accepted) {
            Ok(acknowledgement) => marked += usize::from(acknowledgement.code != Some(Code::AlreadySo)),
            Err(error) if error.code == Code::AlreadySo => {}
            Err(error) => return Err(Failure::from(error).within(format_args!("deprecating {id}"))),
        }
    }
    Ok(marked)
}

fn human(s: &Summary, style: Style) -> String {
    let mut text = Lines::default();
    let did = if s.dry_run { "would be " } else { "" };
    if s.dry_run {
        text.add("dry run: nothing was changed");
    }
    text.add(format!("{} records of {} organisations", s.records, s.domains));
    text.add(format!(
        "  domains   {} {did}admitted, {} there already",
        s.domains_admitted,
        s.domains - s.domains_admitted
    ));
    text.add(format!(
        "  products  {} {did}created, {} {did}updated, {} unchanged, {} failed",
        s.products_created, s.products_updated, s.products_unchanged, s.products_failed
    ));
    if s.products_failed > 0 && !s.dry_run {
        text.add(format!(
            "            {} refused, {} unknown, {} not sent; running it again is safe",
            s.products_refused, s.products_unknown, s.products_not_sent
        ));
    }
    text.add(format!("  deprecated  {}, {} of them {did}marked now", s.deprecated, s.deprecated_now));
    if s.unreadable > 0 {
        text.add(format!("  {}", style.red(&format!("{} records cannot be read", s.unreadable))));
    }
    if !s.merged.is_empty() {
        text.add(format!("{} organisations are spelt in several ways and became one domain each:", s.merged.len()));
        for (domain, spellings) in &s.merged {
            let spellings: Vec<String> = spellings.iter().map(|spelling| crate::output::printable(spelling)).collect();
            text.add(format!("  {}: {}", style.bold(domain), spellings.join(" | ")));
        }
    }
    if s.ledger_size.is_some() && !s.searchable && !s.dry_run {
        text.add("the search index of the node is still behind; it catches up by itself");
    }
    let Some(ledger_size) = s.ledger_size else {
        text.add(format!("ledger size unknown (was {}): no node answers", s.ledger_size_before));
        return text.into_text();
    };
    if ledger_size == s.ledger_size_before {
        text.add(format!("ledger size unchanged at {ledger_size}"));
    } else {
        let published = s.products_created + s.products_updated;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = published as f64 / s.seconds.max(0.001);
        text.add(format!(
            "ledger size {ledger_size} (was {}); {:.1} s, {rate:.0} products per second",
            s.ledger_size_before, s.seconds
        ));
    }
    text.into_text()
}
