//! `mesh show`: everything about one product.

use clap::Args;
use mesh_client::{Freshness, ProductView, Read};
use mesh_formats::Person;
use mesh_model::{Descriptor, Digest, LedgerIndex, ProductId, PublicKey, Version};
use serde::Serialize;

use crate::app::App;
use crate::completer;
use crate::failure::Failure;
use crate::product_page;
use crate::reading::{Named, note_age, people, whole};
use crate::time;

/// Arguments of `mesh show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A product (domain/name, its newest version) or one version (domain/name@1.0.0)
    #[arg(add = completer::ids())]
    id: String,
    /// As it was after a ledger index, or at a time (2026-01-31 or 2026-01-31T12:00:00Z)
    #[arg(long, value_name = "INDEX|TIME", value_parser = at)]
    at: Option<Read>,
}

fn at(text: &str) -> Result<Read, String> {
    if let Ok(index) = text.parse() {
        return Ok(Read { as_of_index: Some(index), ..Read::default() });
    }
    match time::parse(text) {
        Some(ms) => Ok(Read { as_of_unix_ms: Some(ms), ..Read::default() }),
        None => Err("expected a ledger index, a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z".into()),
    }
}

/// A product as `-o json` has it: the descriptor's own keys stand beside these.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) id: ProductId,
    pub(crate) lifecycle: Lifecycle,
    /// Not sealed: index and time of the seal say nothing.
    pub(crate) pending: bool,
    pub(crate) ledger_index: LedgerIndex,
    /// RFC 3339.
    pub(crate) sealed_at: String,
    pub(crate) author: PublicKey,
    pub(crate) digest: Digest,
    pub(crate) versions: Vec<ShownVersion>,
    pub(crate) freshness: Freshness,
    /// People whom the product names; `null` when there are none or the key at hand may not read them.
    pub(crate) people: Option<Vec<Person>>,
    /// Their names were erased. Only whoever might have read them is told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) people_erased: bool,
    #[serde(flatten)]
    pub(crate) descriptor: Descriptor,
}

/// Where the version stands in its life.
#[derive(Debug, Serialize)]
pub(crate) struct Lifecycle {
    pub(crate) status: String,
    pub(crate) sunset: Option<String>,
    pub(crate) successor: Option<String>,
    pub(crate) reason: Option<String>,
}

/// One of the product's versions.
#[derive(Debug, Serialize)]
pub(crate) struct ShownVersion {
    pub(crate) version: Version,
    pub(crate) status: String,
    pub(crate) ledger_index: LedgerIndex,
    pub(crate) pending: bool,
}

impl Shown {
    fn of(view: ProductView, descriptor: Descriptor, named: Named) -> Self {
        let people_erased = matches!(named, Named::Erased);
        let people = if let Named::People(people) = named { Some(people) } else { None };
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let versions = view.versions.into_iter().map(|one| ShownVersion {
            version: one.version,
            status: one.status,
            ledger_index: one.ledger_index,
            pending: one.pending,
        });
        Self {
            id: descriptor.id(),
            lifecycle: Lifecycle {
                status: view.status,
                sunset: some(view.sunset),
                successor: some(view.successor),
                reason: some(view.reason),
            },
            pending: view.pending,
            ledger_index: view.ledger_index,
            sealed_at: time::rfc3339(view.sealed_unix_ms),
            author: view.author,
            digest: view.descriptor_digest,
            versions: versions.collect(),
            freshness: view.freshness,
            people,
            people_erased,
            descriptor,
        }
    }
}

/// Reads the product, puts back what overflowed, and prints it.
///
/// # Errors
/// Exit 4 for what is not in the mesh.
pub(crate) async fn run(args: ShowArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let view = client.product(&args.id, args.at.unwrap_or_default()).await?;
    let descriptor = whole(&client, &view.descriptor).await?;
    // A key that is no use for reading must not keep anybody from reading what is public.
    let signer = if view.descriptor.owner.people.is_some() { app.signer_if_any().unwrap_or_default() } else { None };
    let people = people(&client, &view, signer.as_ref()).await?;
    let shown = Shown::of(view, descriptor, people);
    let name = shown.descriptor.version_id().to_string();
    app.output().one(&shown, &name, |style| product_page::page(&shown, style))?;
    note_age(app, &shown.freshness);
    Ok(())
}
