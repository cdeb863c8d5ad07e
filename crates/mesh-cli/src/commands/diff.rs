//! `mesh diff`: what differs between two versions, or between a file and what is sealed.

use std::path::Path;

use clap::Args;
use mesh_client::{Client, Read};
use mesh_model::{Change, Code, Descriptor, DomainName, ProductId, VersionId, compare};
use serde::Serialize;
use serde_json::json;

use super::plan::change_line;
use crate::app::App;
use crate::completer;
use crate::contracts;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::{Format, Row};
use crate::preparing::prepare;
use crate::product_files;
use crate::reading::whole;

/// Arguments of `mesh diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A version (domain/name@1.0.0), or a product file that is compared with the newest sealed version
    #[arg(value_name = "ID@A|FILE", add = completer::ids())]
    first: String,
    /// The version to compare with
    #[arg(value_name = "ID@B", add = completer::ids())]
    second: Option<String>,
    /// The domain of products whose file names none
    #[arg(long)]
    domain: Option<DomainName>,
}

#[derive(Debug, Serialize)]
struct Difference {
    #[serde(flatten)]
    change: Change,
    #[serde(skip)]
    id: String,
}

impl Row for Difference {
    fn columns(_: bool) -> Vec<&'static str> {
        vec!["kind", "path", "before", "after", "bump", "breaks"]
    }
    fn cells(&self, _: bool) -> Vec<String> {
        let Change { path, kind, before, after, bump, breaks } = &self.change;
        vec![
            format!("{kind:?}").to_lowercase(),
            path.clone(),
            before.to_string(),
            after.to_string(),
            format!("{bump:?}").to_lowercase(),
            breaks.clone().unwrap_or_default(),
        ]
    }
    fn name(&self) -> String {
        format!("{}: {}", self.id, self.change.path)
    }
}

/// Compares and prints. Differences are no error.
///
/// # Errors
/// Exit 4 for what is not there.
pub(crate) async fn run(args: DiffArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    if let Some(second) = &args.second {
        let before = sealed(&client, &args.first).await?;
        let after = sealed(&client, second).await?;
        let (from, to) = (before.version_id().to_string(), after.version_id().to_string());
        let mut changes = compare(&before, &after);
        changes.extend(contracts::changes(&client, &before, &after, &[]).await?);
        return show(app, &[(from, to, changes)]);
    }
    let path = Path::new(&args.first);
    if !path.exists() && args.first != "-" {
        if ProductId::parse(&args.first).is_ok() || VersionId::parse(&args.first).is_ok() {
            let message = format!("'{}' is one version; expected a second one, or a file", args.first);
            return Err(Failure::usage(message).hint("mesh diff ID@A ID@B"));
        }
        return Err(Failure::new(Code::NotFound, format!("there is no file {}", path.display())));
    }
    let loaded = product_files::load(path, args.domain.as_ref())?;
    product_files::refuse_errors(&loaded)?;
    let signer = app.signer_if_any()?;
    let mut differences = Vec::new();
    for file in loaded {
        for product in file.products {
            let id = product.descriptor.id();
            // The salts of what is sealed: fresh ones would look like a change.
            let prepared = prepare(&client, signer.as_ref(), file.file.clone(), product.clone(), true).await?;
            let mut after = product.descriptor;
            after.owner.people = prepared.product.descriptor.owner.people;
            match client.product(&id.to_string(), Read::default()).await {
                Ok(view) => {
                    let before = whole(&client, &view.descriptor).await?;
                    let mut changes = compare(&before, &after);
                    changes.extend(contracts::changes(&client, &before, &after, &prepared.product.attachments).await?);
                    differences.push((before.version_id().to_string(), file.file.clone(), changes));
                }
                Err(error) if error.code == Code::UnknownProduct => {
                    app.note(format!("{id} is not in the mesh; everything in {} is new", file.file));
                    let nothing = Descriptor::new(after.domain.clone(), after.name.clone());
                    differences.push((format!("{id} (nothing)"), file.file.clone(), compare(&nothing, &after)));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    show(app, &differences)
}

async fn sealed(client: &Client, id: &str) -> Result<Descriptor, Failure> {
    let view = client.product(id, Read::default()).await?;
    whole(client, &view.descriptor).await
}

fn show(app: &App, differences: &[(String, String, Vec<Change>)]) -> Result<(), Failure> {
    let style = app.output().style();
    if matches!(app.output().format(), Format::Table | Format::Wide) {
        let mut text = Lines::default();
        for (from, to, changes) in differences {
            text.add(style.bold(&format!("{from} -> {to}")));
            for change in changes {
                text.add(format!("  {}", change_line(change, style)));
            }
            if changes.is_empty() {
                text.add("  no difference");
            }
        }
        return app.output().text(&text.into_text());
    }
    let compared: Vec<_> = differences.iter().map(|(from, to, _)| json!({ "from": from, "to": to })).collect();
    let all: Vec<Difference> = differences
        .iter()
        .flat_map(|(from, _, changes)| {
            changes.iter().map(|change| Difference { change: change.clone(), id: from.clone() })
        })
        .collect();
    app.output().list("changes", &all, json!({ "compared": compared }))
}
