//! `mesh term`: what words and identifiers mean across domains, and where they are used.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use mesh_client::standards::TermView;
use mesh_model::StandardDetail;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::{Row, printable};
use crate::style::Style;

/// The semantic layer: glossary terms, identifier schemes and time conventions, and every field that carries one.
#[derive(Debug, Args)]
pub(crate) struct TermArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists what is defined or used
    List,
    /// Shows one: what it means, and every field in every domain that carries it
    Show {
        /// Its id, such as customer-id
        id: String,
    },
}

impl Row for TermView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["term", "kind", "title", "fields", "domains"];
        if wide {
            columns.push("means");
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let kind = self.standard.as_ref().map_or_else(|| "not defined".to_owned(), |standard| word(standard.kind));
        let title = self.standard.as_ref().map_or_else(String::new, |standard| printable(&standard.title));
        let domains = domains(self).into_keys().collect::<Vec<_>>().join(", ");
        let mut cells = vec![printable(&self.id), kind, title, self.fields.len().to_string(), domains];
        if wide {
            cells.push(meaning(self));
        }
        cells
    }
    fn name(&self) -> String {
        self.id.clone()
    }
}

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Domain to its number of fields.
fn domains(term: &TermView) -> BTreeMap<&str, usize> {
    let mut domains = BTreeMap::new();
    for field in &term.fields {
        *domains.entry(field.product.split('/').next().unwrap_or_default()).or_default() += 1;
    }
    domains
}

fn meaning(term: &TermView) -> String {
    match term.standard.as_ref().and_then(|standard| standard.detail.as_ref()) {
        Some(StandardDetail::GlossaryTerm { definition, .. }) => printable(definition),
        Some(StandardDetail::Identifier { entity, pattern, checksum, .. }) => {
            let checksum = if checksum.is_empty() { "none" } else { checksum };
            format!("identifies a {}: {}, check digit {checksum}", printable(entity), printable(pattern))
        }
        Some(StandardDetail::Time { zone, granularity, calendar, time }) => {
            format!("{time} time in {zone}, {calendar} calendar, in steps of {granularity}")
        }
        _ => String::new(),
    }
}

pub(crate) async fn run(args: TermArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    match args.action {
        Action::List => {
            let listing = client.terms(None).await?;
            app.output().list("terms", &listing.items, json!({ "freshness": listing.freshness }))?;
            if listing.items.is_empty() {
                app.note("nothing is defined, and no field carries a term");
            }
            Ok(())
        }
        Action::Show { id } => {
            let listing = client.terms(Some(&id)).await?;
            let Some(term) = listing.items.first() else { return Ok(()) };
            app.output().one(term, &id, |style| told(term, style))
        }
    }
}

fn told(term: &TermView, style: Style) -> String {
    let mut lines = Lines::default();
    match &term.standard {
        None => lines.add(format!("{}: no standard defines it", style.bold(&printable(&term.id)))),
        Some(standard) => {
            let title = format!("{}@{}: {}", standard.id, standard.version, printable(&standard.title));
            lines.add(style.bold(&title));
            lines.add(meaning(term));
            match &standard.detail {
                Some(StandardDetail::GlossaryTerm { synonyms, owner, .. }) => {
                    if !synonyms.is_empty() {
                        lines.add(format!("also called {}", printable(&synonyms.join(", "))));
                    }
                    lines.add(format!("{} answers questions about it", printable(owner)));
                }
                Some(StandardDetail::Identifier { examples, .. }) if !examples.is_empty() => {
                    lines.add(format!("such as {}", printable(&examples.join(", "))));
                }
                _ => {}
            }
        }
    }
    lines.add("");
    let domains = domains(term).len();
    lines.add(format!("{} fields in {domains} domains carry it", term.fields.len()));
    for field in &term.fields {
        let kind = if field.data_type.is_empty() { String::new() } else { format!(" ({})", field.data_type) };
        lines.add(format!("  {} {}.{}{kind}", field.product, field.dataset, field.field));
    }
    lines.into_text()
}
