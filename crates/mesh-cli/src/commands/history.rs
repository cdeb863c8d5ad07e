//! `mesh history`: everything that the ledger decided about a product or a domain.

use clap::Args;
use mesh_client::HistoryItem;
use serde_json::json;

use crate::app::App;
use crate::completer;
use crate::failure::Failure;
use crate::output::Row;
use crate::reading::note_age;
use crate::time::show;

/// Arguments of `mesh history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// A product (domain/name) or a domain
    #[arg(add = completer::ids())]
    id: String,
}

impl Row for HistoryItem {
    fn columns(wide: bool) -> Vec<&'static str> {
        if wide {
            vec!["index", "at", "what", "version", "outcome", "author", "detail", "reason"]
        } else {
            vec!["index", "at", "what", "version", "outcome", "reason"]
        }
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let mut cells = vec![
            self.ledger_index.to_string(),
            show(self.at_unix_ms),
            self.kind.clone(),
            self.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            self.code.slug().to_owned(),
        ];
        if wide {
            cells.push(self.author.map_or_else(|| "-".to_owned(), |key| key.fingerprint()));
            cells.push(self.detail.clone());
            cells.push(self.reason.clone());
        } else {
            // A refusal's detail says why; an accepted command's reason does.
            cells.push(if self.reason.is_empty() { self.detail.clone() } else { self.reason.clone() });
        }
        cells
    }
    fn name(&self) -> String {
        self.ledger_index.to_string()
    }
}

/// Prints the history, oldest first.
///
/// # Errors
/// Exit 4 for what is not in the mesh.
pub(crate) async fn run(args: HistoryArgs, app: &App) -> Result<(), Failure> {
    let listing = app.client()?.history(&args.id).await?;
    app.output().list("history", &listing.items, json!({ "id": args.id, "freshness": listing.freshness }))?;
    note_age(app, &listing.freshness);
    Ok(())
}
