//! `mesh list`: products, complete unless limited.

use clap::Args;
use mesh_client::{ListQuery, ProductSummary};
use mesh_model::DomainName;
use serde_json::json;

use crate::app::App;
use crate::completer;
use crate::failure::Failure;
use crate::output::Row;
use crate::reading::note_age;

/// Arguments of `mesh list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Of this domain
    #[arg(long, add = completer::domains())]
    domain: Option<DomainName>,
    /// In this state: active, deprecated or retired; repeatable. All but retired otherwise
    #[arg(long, value_parser = ["active", "deprecated", "retired"])]
    status: Vec<String>,
    /// At most so many
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl Row for ProductSummary {
    fn columns(wide: bool) -> Vec<&'static str> {
        if wide {
            vec!["product", "version", "status", "owner", "index", "tags", "title", "description"]
        } else {
            vec!["product", "version", "status", "owner", "title"]
        }
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let mut cells = vec![self.id.clone(), self.version.clone(), self.status.clone(), self.owner.clone()];
        if wide {
            cells.push(if self.pending { String::new() } else { self.ledger_index.to_string() });
            cells.push(self.tags.join(", "));
        }
        cells.push(self.title.clone());
        if wide {
            cells.push(self.description.clone());
        }
        cells
    }
    fn name(&self) -> String {
        self.id.clone()
    }
}

/// Lists products.
///
/// # Errors
/// The transport's.
pub(crate) async fn run(args: ListArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let query = ListQuery {
        domain: args.domain.map_or_else(String::new, |domain| domain.to_string()),
        statuses: args.status,
        limit: args.limit.map(|limit| limit as usize),
        at_least_index: None,
    };
    let listing = client.products(&query).await?;
    app.output().list("products", &listing.items, json!({ "cut": listing.cut, "freshness": listing.freshness }))?;
    if listing.cut {
        app.note(format!("cut after {}; without --limit the list is complete", listing.items.len()));
    } else if listing.items.is_empty() {
        app.note("no products");
    }
    note_age(app, &listing.freshness);
    Ok(())
}
