//! `mesh doctor`: why something does not work, or does not show.

use clap::Args;
use mesh_client::ClientOptions;
use serde_json::json;

use crate::app::App;
use crate::completer;
use crate::doctor::finding::{Finding, Verdict, first_broken};
use crate::doctor::node_checks::{look, worst};
use crate::doctor::path::walk;
use crate::doctor::seen::Seen;
use crate::failure::Failure;
use crate::output::printable;

/// Looks at the nodes of the context, at one node, or at a product's way from one to another. Exit 6 when something is broken.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A product (domain/name, or domain/name@1.0.0) whose way is walked; or a node: its number, name or address. All nodes when absent
    #[arg(value_name = "PRODUCT|NODE", add = completer::ids())]
    what: Option<String>,
    /// Where the product was published, or is known: a node's number, name or address. The context's first node when absent
    #[arg(long, value_name = "NODE")]
    from: Option<String>,
    /// Where it does not show: a node's number, name or address. The context's last node when absent
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
}

/// Something is broken: not now, as for a node that does not answer.
fn broken() -> Failure {
    Failure::quiet(mesh_model::Class::Unavailable.exit_code())
}

fn is_product(text: &str) -> bool {
    text.contains('/') && !text.contains("://")
}

pub(crate) async fn run(args: DoctorArgs, app: &App) -> Result<(), Failure> {
    let urls: Vec<String> = app.client()?.nodes().map(str::to_owned).collect();
    let options = app.context()?.options()?;
    match args.what {
        Some(id) if is_product(&id) => {
            let from = address(app, args.from.as_deref(), urls.first()).await?;
            let to = address(app, args.to.as_deref(), urls.last()).await?;
            product(&id, &from, &to, &options, app).await
        }
        what => {
            if args.from.is_some() || args.to.is_some() {
                return Err(Failure::usage("--from and --to are about a product; expected domain/name before them"));
            }
            let one = match &what {
                Some(node) => Some(address(app, Some(node), None).await?),
                None => None,
            };
            nodes(one.as_deref(), urls, &options, app).await
        }
    }
}

/// The address of a node that is named by number, name or address.
async fn address(app: &App, named: Option<&str>, usual: Option<&String>) -> Result<String, Failure> {
    let Some(named) = named else {
        return Ok(usual.cloned().unwrap_or_default());
    };
    if named.contains("://") {
        return Ok(named.to_owned());
    }
    if named.contains(':') {
        return Ok(format!("http://{named}"));
    }
    let known = app.client()?.known_nodes().await?.items;
    let found = known
        .iter()
        .filter(|node| node.revoked_index.is_none())
        .find(|node| node.record.name == named || node.record.node_id.to_string() == named);
    match found {
        Some(node) if node.record.api_address.contains("://") => Ok(node.record.api_address.clone()),
        Some(node) => Ok(format!("http://{}", node.record.api_address)),
        None => Err(Failure::new(mesh_model::Code::UnknownNode, format!("the ledger knows no node {named}"))
            .hint("`mesh node list` shows numbers, names and addresses")),
    }
}

async fn nodes(one: Option<&str>, mut urls: Vec<String>, options: &ClientOptions, app: &App) -> Result<(), Failure> {
    if let Some(one) = one
        && !urls.iter().any(|url| url == one)
    {
        urls.push(one.to_owned());
    }
    let asked = futures::future::join_all(urls.iter().map(|url| Seen::ask(url, options))).await;
    let seen = asked.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut looked: Vec<(&Seen, Vec<Finding>)> = Vec::new();
    for node in seen.iter().filter(|node| one.is_none_or(|one| node.url == one)) {
        let others: Vec<&Seen> = seen.iter().filter(|other| other.url != node.url).collect();
        looked.push((node, look(node, &others).await));
    }
    let document = json!({
        "nodes": looked.iter().map(|(node, findings)| json!({
            "url": node.url,
            "node_id": node.status.as_ref().ok().map(|status| status.node_id),
            "verdict": worst(findings),
            "checks": findings,
        })).collect::<Vec<_>>(),
    });
    let any_broken = looked.iter().any(|(_, findings)| worst(findings) == Verdict::Broken);
    app.output().one(&document, if any_broken { "broken" } else { "ok" }, |style| {
        let mut text = String::new();
        for (node, findings) in &looked {
            text.push_str(&style.bold(&printable(&node.name())));
            text.push('\n');
            text.extend(findings.iter().map(|finding| finding.lines(style)));
        }
        text
    })?;
    if any_broken { Err(broken()) } else { Ok(()) }
}

async fn product(id: &str, from: &str, to: &str, options: &ClientOptions, app: &App) -> Result<(), Failure> {
    let (from, to) = tokio::join!(Seen::ask(from, options), Seen::ask(to, options));
    let (from, to) = (from?, to?);
    let steps = walk(id, &from, &to).await;
    let broken_step = first_broken(&steps).cloned();
    let document = json!({
        "product": id,
        "from": from.url,
        "to": to.url,
        "steps": steps,
        "broken": broken_step.as_ref().map(|step| step.check),
    });
    let name = broken_step.as_ref().map_or("ok", |step| step.check);
    app.output().one(&document, name, |style| {
        let mut text: String = steps.iter().map(|step| step.lines(style)).collect();
        let last = match &broken_step {
            Some(step) => format!("{} stops at: {}\n", printable(id), style.bold(step.check)),
            None => format!("{} shows at {}\n", printable(id), printable(&to.name())),
        };
        text.push_str(&last);
        text
    })?;
    if broken_step.is_some() { Err(broken()) } else { Ok(()) }
}
