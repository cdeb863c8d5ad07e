//! `mesh search`: exact names first, then close ones, structure, description.

use std::time::Duration;

use clap::Args;
use mesh_client::{SearchHit, SearchQuery};
use mesh_model::DomainName;
use serde_json::json;

use crate::app::App;
use crate::completer;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::{Format, Row, printable};
use crate::reading::note_age;

/// How long a search waits for the index to catch up with the ledger.
const CATCH_UP: Duration = Duration::from_millis(800);

/// Arguments of `mesh search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words to look for: in names, fields, rules, ports, contacts, descriptions
    #[arg(value_name = "QUERY")]
    query: Vec<String>,
    /// Only of this domain; repeatable
    #[arg(long, add = completer::domains())]
    domain: Vec<DomainName>,
    /// Only with this tag; repeatable
    #[arg(long)]
    tag: Vec<String>,
    /// Only in this state; repeatable
    #[arg(long, value_parser = ["active", "deprecated", "retired"])]
    status: Vec<String>,
    /// Only of this owner; repeatable
    #[arg(long)]
    owner: Vec<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Leave out so many from the top
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// Say why each was found
    #[arg(long)]
    explain: bool,
}

impl Row for SearchHit {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = mesh_client::ProductSummary::columns(wide);
        if wide {
            columns.push("score");
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let mut cells = self.product.cells(wide);
        if wide {
            cells.push(format!("{:.2}", self.score));
        }
        cells
    }
    fn name(&self) -> String {
        self.product.id.clone()
    }
}

/// Searches.
///
/// # Errors
/// The transport's. Finding nothing is no error.
pub(crate) async fn run(args: SearchArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let query = SearchQuery {
        query: args.query.join(" "),
        domains: args.domain.iter().map(ToString::to_string).collect(),
        tags: args.tag,
        statuses: args.status,
        owners: args.owner,
        limit: args.limit,
        offset: args.offset,
        explain: args.explain,
        at_least_index: None,
    };
    // What somebody just published should be found: the index may be some hundred milliseconds behind the ledger. An index that
    // lags more is searched as it is, and the answer says how old it is.
    let head = client.ledger_head(None).await?.size;
    let fresh = SearchQuery { at_least_index: head.checked_sub(1), ..query.clone() };
    let fresh = tokio::time::timeout(CATCH_UP, client.search(&fresh)).await;
    let page = match fresh {
        Ok(Ok(page)) => page,
        _ => client.search(&query).await?,
    };
    let people = matches!(app.output().format(), Format::Table | Format::Wide);
    if people && args.explain {
        let style = app.output().style();
        let mut text = Lines::default();
        for hit in &page.hits {
            text.add(format!("{}  {:.2}", style.bold(&hit.product.id), hit.score));
            for why in &hit.why {
                let found = if why.matched == why.term { String::new() } else { format!(" as '{}'", why.matched) };
                let line = format!("  {} '{}'{found} in {} (+{:.2})", why.how, why.term, why.field, why.weight);
                text.add(printable(&line));
            }
        }
        app.output().text(&text.into_text())?;
    } else {
        let more = json!({ "total": page.total, "facets": page.facets, "freshness": page.freshness });
        app.output().list("hits", &page.hits, more)?;
    }
    let shown = page.hits.len() as u64 + u64::from(args.offset);
    if page.hits.is_empty() {
        app.note("nothing found");
    } else if page.total > shown {
        app.note(format!("{} of {}; --limit shows more", page.hits.len(), page.total));
    }
    note_age(app, &page.freshness);
    Ok(())
}
