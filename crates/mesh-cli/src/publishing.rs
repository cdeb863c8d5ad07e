//! Planning and publishing many products, with progress, and what became of each.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use mesh_client::{Client, CommandBuilder, MeshError, Outgoing, Plan, PlanAction, StreamOptions, WaitLevel};
use mesh_event::command::PublishVersion;
use mesh_event::{Body, Keypair, Signer};
use mesh_formats::Product;
use mesh_model::{Class, Code, LedgerIndex, MeshId, ProductId};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::fate::Fate;
use crate::output::{Row, printable};
use crate::plan_file::Planned;
use crate::preparing::{Prepared, prepare};
use crate::time::show;

/// How many plans are asked for at once.
const PLANNING: usize = 16;
/// How many failures are listed one by one.
const LISTED: usize = 50;

/// What became of one product.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Applied {
    /// The file it comes from.
    pub(crate) file: String,
    /// `domain/name@version`.
    pub(crate) id: String,
    /// `created`, `updated`, `unchanged` or `failed`.
    pub(crate) action: &'static str,
    /// How far it got; `null` for what is unchanged or failed.
    pub(crate) reached: Option<WaitLevel>,
    /// The leaf.
    pub(crate) ledger_index: Option<LedgerIndex>,
    /// The outcome's name, such as `accepted`.
    pub(crate) outcome: &'static str,
    /// The outcome's code, such as `MESH-0000`.
    pub(crate) code: String,
    /// What the code is about.
    pub(crate) detail: String,
    #[serde(skip)]
    pub(crate) error: Option<MeshError>,
}

impl Row for Applied {
    fn columns(wide: bool) -> Vec<&'static str> {
        if wide {
            vec!["action", "product", "index", "outcome", "detail", "file"]
        } else {
            vec!["action", "product", "index", "outcome", "detail"]
        }
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let index = self.ledger_index.map_or_else(|| "-".to_owned(), |index| index.to_string());
        let mut cells =
            vec![self.action.to_owned(), self.id.clone(), index, self.outcome.to_owned(), self.detail.clone()];
        if wide {
            cells.push(self.file.clone());
        }
        cells
    }
    fn name(&self) -> String {
        self.id.clone()
    }
}

impl Applied {
    pub(crate) fn unchanged(file: String, id: &ProductId, plan: &Plan, ledger_index: Option<LedgerIndex>) -> Self {
        Self {
            file,
            id: plan.version.map_or_else(|| id.to_string(), |version| format!("{id}@{version}")),
            action: "unchanged",
            reached: None,
            ledger_index,
            outcome: Code::AlreadySo.slug(),
            code: Code::AlreadySo.to_string(),
            detail: String::new(),
            error: None,
        }
    }

    /// What became of it when it failed.
    pub(crate) fn fate(&self) -> Option<Fate> {
        self.error.as_ref().map(|error| Fate::of(error.code))
    }

    /// Whether the mesh changed, or will.
    pub(crate) fn changed(&self) -> bool {
        matches!(self.action, "created" | "updated")
    }
}

/// Prepares and plans products, several at a time, in their order. `exists` says which are in the mesh already; without
/// it each is asked for.
///
/// # Errors
/// The first that is no refusal: an unknown domain, a limit, the transport's.
pub(crate) async fn plan_all(
    app: &App,
    client: &Client,
    signer: Option<&Keypair>,
    products: Vec<(String, Product)>,
    major: bool,
    exists: Option<&dyn Fn(&ProductId) -> bool>,
) -> Result<Vec<(Prepared, Plan)>, Failure> {
    let mut progress = app.progress("planning", Some(products.len() as u64));
    let mut plans = Vec::with_capacity(products.len());
    let mut planning = futures::stream::iter(products.into_iter().map(|(file, product)| {
        let may_exist = exists.is_none_or(|exists| exists(&product.descriptor.id()));
        async move {
            let prepared = prepare(client, signer, file, product, may_exist).await?;
            let plan = prepared.plan(client, major).await?;
            Ok::<_, Failure>((prepared, plan))
        }
    }))
    .buffered(PLANNING);
    while let Some(planned) = planning.try_next().await? {
        progress.inc();
        plans.push(planned);
    }
    progress.finish();
    Ok(plans)
}

/// Tells what would pass and should be looked at.
pub(crate) fn warn_of_standards(app: &App, plans: &[(Prepared, Plan)]) {
    for (prepared, plan) in plans {
        for warning in &plan.warnings {
            let due = warning.due_unix_ms.map_or_else(String::new, |due| format!("; refused from {} on", show(due)));
            app.warn(format!("{}: {}{due}", prepared.file, printable(&warning.message)));
        }
    }
}

/// All refusals of all plans as a failure; `Ok` when there are none.
///
/// # Errors
/// The code of the first refusal: rejected (exit 3) or a conflict (exit 5).
pub(crate) fn refuse_refusals(plans: &[(Prepared, Plan)]) -> Result<(), Failure> {
    let refused: Vec<_> = plans.iter().filter(|(_, plan)| plan.action == PlanAction::Refused).collect();
    let Some((first, plan)) = refused.first() else { return Ok(()) };
    let problems = refused
        .iter()
        .flat_map(|(prepared, plan)| plan.problems.iter().map(move |problem| (prepared, problem)))
        .map(|(prepared, problem)| {
            let at = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
            format!("{}: {at}{} [{}]", prepared.file, problem.message, problem.code)
        })
        .collect();
    let message = match refused.len() {
        1 => format!("{} is refused; nothing was published", first.product.descriptor.id()),
        more => format!("{more} of {} products are refused; nothing was published", plans.len()),
    };
    // A conflict is one only when nothing else is wrong: violations have to be mended first.
    let codes = || refused.iter().flat_map(|(_, plan)| plan.problems.iter().map(|problem| problem.code));
    let code = codes()
        .find(|code| code.class() == Class::Rejected)
        .or_else(|| plan.problems.first().map(|problem| problem.code))
        .unwrap_or(Code::InvalidProduct);
    Err(Failure::new(code, message).problems(problems))
}

/// How to publish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publishing {
    /// How far to wait for each.
    pub(crate) wait: WaitLevel,
    /// Longest silence.
    pub(crate) patience: Duration,
}

/// Signs and publishes planned versions as one stream. One result for each, in order.
///
/// # Errors
/// When something cannot be signed; what the mesh refuses is in the results.
pub(crate) async fn publish_all(
    app: &App,
    client: &Client,
    mesh_id: MeshId,
    signer: &Keypair,
    planned: Vec<Planned>,
    how: Publishing,
) -> Result<Vec<Applied>, Failure> {
    let builder = CommandBuilder::new(mesh_id);
    let mut outgoing = Vec::with_capacity(planned.len());
    let mut labels = Vec::with_capacity(planned.len());
    for product in planned {
        let descriptor = product.descriptor()?;
        let id = descriptor.version_id().to_string();
        let attachments = product.attachments()?;
        let body = Body::PublishVersion(PublishVersion {
            descriptor,
            planned_against: product.against,
            overflow_breaks: product.overflow_breaks,
        });
        let envelope =
            builder.sign(body, &[signer as &dyn Signer]).map_err(|error| Failure::from(error).within(&product.file))?;
        outgoing.push(Outgoing { envelope, attachments });
        labels.push((product.file, id, if product.creates { "created" } else { "updated" }));
    }
    let ids: Vec<String> = labels.iter().map(|(_, id, _)| id.clone()).collect();
    let results = send_all(app, client, outgoing, &ids, how, "publishing").await?;
    Ok(labels.into_iter().zip(results).map(|((file, id, action), result)| applied(file, id, action, result)).collect())
}

/// Sends signed commands as one stream, or by itself when there is only one. One result for each, in order; `ids` names
/// them, in the same order.
///
/// # Errors
/// When no node can be reached at all.
pub(crate) async fn send_all(
    app: &App,
    client: &Client,
    outgoing: Vec<Outgoing>,
    ids: &[String],
    how: Publishing,
    what: &str,
) -> Result<Vec<Result<mesh_client::Acknowledgement, MeshError>>, Failure> {
    let total = outgoing.len();
    let mut results = Vec::with_capacity(total);
    if let [one] = outgoing.as_slice() {
        app.reach("the command was sent; running it again is safe");
        let result = client.publish_within(one, how.wait, how.patience).await;
        results.push(with_receipt(app, client, result).await);
        return Ok(results);
    }
    let options = StreamOptions { wait: how.wait, patience: how.patience, ..StreamOptions::default() };
    let mut answers = client.publish_stream(futures::stream::iter(outgoing), options)?;
    let mut progress = app.progress(what, Some(total as u64));
    let mut listed = 0;
    while let Some(delivered) = answers.next().await {
        match failure_of(&delivered.result) {
            None => progress.inc(),
            Some(error) if listed < LISTED => {
                listed += 1;
                let id = ids.get(results.len()).map_or("", String::as_str);
                let fate = format!("{}:", Fate::of(error.code).word());
                progress.line(&format!("{} {id}: {}", app.style().red(&fate), printable(&error.message)));
            }
            Some(_) => listed += 1,
        }
        app.reach(format!("{what}: {}; running it again is safe", progress.count()));
        results.push(with_receipt(app, client, delivered.result).await);
    }
    progress.finish();
    if listed > LISTED {
        app.note(format!("{what}: {} more failed", listed - LISTED));
    }
    let silent = || Err(MeshError::new(Code::OutcomeUnknown, "the stream ended before this was acknowledged"));
    results.resize_with(total, silent);
    if total > 0 {
        app.note(format!("{what}: {} at {:.0} per second", progress.count(), progress.rate()));
    }
    Ok(results)
}

/// Where a receipt was reached, it is fetched and verified: nobody is believed that there is one.
async fn with_receipt(
    app: &App,
    client: &Client,
    result: Result<mesh_client::Acknowledgement, MeshError>,
) -> Result<mesh_client::Acknowledgement, MeshError> {
    let acknowledgement = result?;
    if let (WaitLevel::Receipt, Some(index)) = (acknowledgement.reached, acknowledgement.ledger_index) {
        let (_, checked) = client.receipt(index).await?;
        app.note(crate::commands::ledger_proofs::sentence(&checked));
    }
    Ok(acknowledgement)
}

/// What went wrong with a command, if anything did.
fn failure_of(result: &Result<mesh_client::Acknowledgement, MeshError>) -> Option<MeshError> {
    let result = result.clone().and_then(mesh_client::Acknowledgement::accepted);
    result.err().filter(|error| error.code.class() != Class::Done)
}

fn applied(
    file: String,
    id: String,
    action: &'static str,
    result: Result<mesh_client::Acknowledgement, MeshError>,
) -> Applied {
    match result.and_then(mesh_client::Acknowledgement::accepted) {
        Ok(acknowledgement) => {
            let code = acknowledgement.code.unwrap_or(Code::Sealing);
            Applied {
                file,
                id,
                action: if code == Code::AlreadySo { "unchanged" } else { action },
                reached: Some(acknowledgement.reached),
                ledger_index: acknowledgement.ledger_index,
                outcome: code.slug(),
                code: code.to_string(),
                detail: acknowledgement.detail,
                error: None,
            }
        }
        // The node says that there is nothing to do: the content is sealed already.
        Err(error) if error.code.class() == Class::Done => Applied {
            file,
            id,
            action: "unchanged",
            reached: None,
            ledger_index: None,
            outcome: error.code.slug(),
            code: error.code.to_string(),
            detail: error.message,
            error: None,
        },
        Err(error) => Applied {
            file,
            id,
            action: "failed",
            reached: None,
            ledger_index: None,
            outcome: error.code.slug(),
            code: error.code.to_string(),
            detail: error.message.clone(),
            error: Some(error),
        },
    }
}

/// What the whole ends with: the first failure, or that something is not sealed yet.
///
/// # Errors
/// The first failure's code; [`Code::Sealing`] (exit 9) when less was reached than was waited for.
pub(crate) fn conclude(applied: &[Applied], wait: WaitLevel) -> Result<(), Failure> {
    let failed: Vec<&Applied> = applied.iter().filter(|one| one.error.is_some()).collect();
    if let Some(error) = failed.first().and_then(|one| one.error.clone()) {
        if applied.len() == 1 {
            return Err(error.into());
        }
        let mut problems: Vec<String> =
            failed.iter().take(LISTED).map(|one| format!("{}: {} [{}]", one.id, one.detail, one.code)).collect();
        if failed.len() > LISTED {
            problems.push(format!("and {} more", failed.len() - LISTED));
        }
        let count = |fate: Fate| failed.iter().filter(|one| one.fate() == Some(fate)).count();
        let fates: Vec<String> = [Fate::Refused, Fate::Unknown, Fate::NotSent]
            .into_iter()
            .filter(|fate| count(*fate) > 0)
            .map(|fate| format!("{} {}", count(fate), fate.word()))
            .collect();
        let done = applied.len() - failed.len();
        let message = format!("{done} of {} products are published, {}", applied.len(), fates.join(", "));
        return Err(Failure::new(error.code, message).problems(problems));
    }
    let waiting = applied.iter().filter(|one| one.reached.is_some_and(|reached| reached < wait)).count();
    if waiting > 0 {
        let all = applied.len();
        let is_sealed = applied.iter().all(|one| one.reached.is_none_or(|reached| reached >= WaitLevel::Sealed));
        let message = if is_sealed {
            format!("{waiting} of {all} are sealed, and no checkpoint with a majority covers them yet")
        } else {
            format!("{waiting} of {all} are safe on the home node and not sealed yet")
        };
        return Err(Failure::new(Code::Sealing, message));
    }
    Ok(())
}

/// Splits products into rounds with each product once in a round, so that several versions of one product are planned one
/// after the other, the lowest first.
///
/// # Errors
/// [`Code::InvalidFile`] when two files describe the same version, or a product twice without naming versions.
pub(crate) fn rounds(products: Vec<(String, Product)>) -> Result<Vec<Vec<(String, Product)>>, Failure> {
    let mut by_id: BTreeMap<ProductId, Vec<(String, Product)>> = BTreeMap::new();
    let mut order = Vec::new();
    for (file, product) in products {
        let id = product.descriptor.id();
        let same = by_id.entry(id.clone()).or_default();
        if let Some((other, _)) = same.iter().find(|(_, known)| {
            !known.version_given || !product.version_given || known.descriptor.version == product.descriptor.version
        }) {
            let message = format!("{file} and {other} both describe {id}");
            return Err(
                Failure::new(Code::InvalidFile, message).hint("name different versions in the files, or apply one")
            );
        }
        if same.is_empty() {
            order.push(id);
        }
        same.push((file, product));
    }
    let mut rounds: Vec<Vec<(String, Product)>> = Vec::new();
    for id in order {
        let mut versions = by_id.remove(&id).unwrap_or_default();
        versions.sort_by_key(|(_, product)| product.descriptor.version);
        for (at, version) in versions.into_iter().enumerate() {
            if rounds.len() == at {
                rounds.push(Vec::new());
            }
            rounds[at].push(version);
        }
    }
    Ok(rounds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_model::{Descriptor, DomainName, Name, Version};

    fn product(name: &str, version: Option<&str>) -> (String, Product) {
        let mut d = Descriptor::new(DomainName::parse("sales").unwrap(), Name::parse(name).unwrap());
        if let Some(version) = version {
            d.version = Version::parse(version).unwrap();
        }
        (format!("{name}-{}.hcl", version.unwrap_or("x")), Product::new(d, version.is_some()))
    }

    #[test]
    fn versions_of_one_product_are_published_one_after_the_other() {
        let rounds =
            rounds(vec![product("orders", Some("1.1.0")), product("returns", None), product("orders", Some("1.0.0"))])
                .unwrap();
        let names: Vec<Vec<&str>> =
            rounds.iter().map(|round| round.iter().map(|(file, _)| file.as_str()).collect()).collect();
        assert_eq!(names, [vec!["orders-1.0.0.hcl", "returns-x.hcl"], vec!["orders-1.1.0.hcl"]]);
    }

    #[test]
    fn two_files_for_one_version_are_refused() {
        for pair in [[Some("1.0.0"), Some("1.0.0")], [None, Some("1.0.0")], [None, None]] {
            let failure = rounds(pair.into_iter().map(|version| product("orders", version)).collect()).unwrap_err();
            assert_eq!(failure.code, Some(Code::InvalidFile));
        }
    }
}
