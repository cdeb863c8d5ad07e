//! The guide's measures of success, for any moment: what `mesh-insight` makes of this node's ledger and feeds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_access::{AccessRecord, Book};
use mesh_governance::{ProposalStatus, read};
use mesh_insight::{History, Insights, ProductLife, ProposalLife, RequestLife, VersionLife};
use mesh_model::{DomainName, ProductId, Source, UnixMs};
use mesh_proto::status::MeshError;

use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::facts::Reach;
use crate::followed::{Followed, OfProducts};
use crate::quality::{domains, standing};

/// Versions of a product that are looked at.
const VERSIONS: usize = 10_000;
/// Proposals that are read from the state at once.
const PAGE: usize = 256;

/// When versions of products came and went, and what they were made of.
#[derive(Default)]
pub struct Lives(BTreeMap<ProductId, ProductLife>);

/// They, once somebody asked.
pub type ProductLives = Followed<Lives>;

impl OfProducts for Lives {
    fn take(&mut self, core: &Core, id: &ProductId) -> Result<(), MeshError> {
        let fail = |e| core.state_error(&e);
        let Some(product) = read::product(&core.state, id).map_err(fail)? else { return Ok(()) };
        let mut life = ProductLife::default();
        for version in read::versions(&core.state, id, true, VERSIONS).map_err(fail)? {
            let descriptor = core.reads.descriptor(core, version.ledger_index)?;
            let inputs = descriptor.inputs.iter().filter_map(|input| match &input.source {
                Source::Product { product, .. } => Some(product.clone()),
                Source::External(_) => None,
            });
            life.versions.push(VersionLife {
                sealed_unix_ms: version.stamp_unix_ms,
                ended_unix_ms: version.ending(&product).map(|ending| ending.stamp_unix_ms),
                inputs: inputs.collect(),
            });
        }
        self.0.insert(id.clone(), life);
        Ok(())
    }
}

/// What was found, and what was missing for it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// In the order of the moments.
    pub insights: Vec<Insights>,
    /// Domains of whose feeds too little is here.
    pub unreached: BTreeSet<DomainName>,
    /// Domains whose feed was read from this node's copy.
    pub from_copies: BTreeSet<DomainName>,
}

/// What the history comes to at each of some moments; now, when there is none. For a thread that may block.
///
/// # Errors
/// When ledger or feeds cannot be read.
pub fn at(core: &Arc<Core>, moments: &[UnixMs]) -> Result<Found, MeshError> {
    let now = now_unix_ms().max(core.ledger_end().last_stamp);
    let moments = if moments.is_empty() { &[now] } else { moments };
    let mut history = of_ledger(core)?;
    let mut found = Found::default();
    let mut kept: Vec<BTreeMap<ProductId, bool>> = vec![BTreeMap::new(); moments.len()];
    for domain in domains(core, None)? {
        let reach = core.books.read(core, &domain, |book, reach| {
            if reach != Reach::Part {
                history.requests.extend(requests(&book.access));
                for (id, product) in book.measures.products() {
                    let product = standing(core, id, product)?;
                    for (kept, moment) in kept.iter_mut().zip(moments) {
                        kept.extend(product.kept_at(*moment).map(|all| (id.clone(), all)));
                    }
                }
            }
            Ok::<_, MeshError>(reach)
        })??;
        reach.note(domain, &mut found.from_copies, &mut found.unreached);
    }
    for (moment, kept) in moments.iter().zip(kept) {
        history.kept = kept;
        found.insights.push(Insights::at(&history, *moment));
    }
    Ok(found)
}

/// What the ledger knows: domains, products, proposals.
fn of_ledger(core: &Core) -> Result<History, MeshError> {
    let fail = |e| core.state_error(&e);
    let mut history = History { products: core.lives.ask(core, |lives| lives.0.clone())?, ..History::default() };
    for name in domains(core, None)? {
        let admitted = read::domain(&core.state, &name).map_err(fail)?.map(|domain| domain.admitted_unix_ms);
        history.domains.extend(admitted.map(|at| (name, at)));
    }
    let mut after = None;
    loop {
        let page = read::proposals(&core.state, after, PAGE).map_err(fail)?;
        let Some(last) = page.last() else { return Ok(history) };
        after = Some(last.index);
        history.proposals.extend(page.iter().map(|proposal| ProposalLife {
            opened_unix_ms: proposal.opened_unix_ms,
            enacted_unix_ms: match proposal.status {
                ProposalStatus::Enacted { stamp_unix_ms, .. } => Some(stamp_unix_ms),
                _ => None,
            },
        }));
    }
}

fn requests(book: &Book) -> impl Iterator<Item = RequestLife> {
    let life = |record: &AccessRecord| {
        let until = record.grant.as_ref().map(|grant| grant.until_unix_ms);
        let ended = record.end.as_ref().map(|end| end.at_unix_ms);
        RequestLife {
            product: record.product.clone(),
            consumer: record.consumer.clone(),
            asked_unix_ms: record.asked_unix_ms,
            granted_unix_ms: record.grant.as_ref().map(|grant| grant.at_unix_ms),
            ended_unix_ms: [until, ended].into_iter().flatten().min(),
        }
    };
    book.all().map(life)
}
