//! What was measured about products: what the facts of their domains ([`crate::facts`]) come to, held against what versions promise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesh_governance::read;
use mesh_measure::{Incident, Measures, ProductMeasures};
use mesh_model::{Code, DomainName, Metric, Name, NodeId, ProductId, UnixMs, Version, VersionId};
use mesh_proto::status::MeshError;
use mesh_proto::v1;

use crate::core::Core;
use crate::facts::{ASKING, AtHome, FactDesk, Reach, is_from_copy};
use crate::services::quality as wire;

/// Domains that are read from the ledger at once.
const PAGE: usize = 256;

/// What is asked about one product.
#[derive(Debug, Clone)]
pub struct QualityQuery {
    /// Which.
    pub product: ProductId,
    /// At most so many runs.
    pub runs: usize,
    /// How it was at this moment; `None` for now.
    pub as_of: Option<UnixMs>,
}

/// Incidents, and whose are missing.
#[derive(Debug, Clone, Default)]
pub struct Incidents {
    /// Open ones first, and the latest of them.
    pub items: Vec<(ProductId, Incident)>,
    /// There are more.
    pub cut: bool,
    /// Domains of which too little is here.
    pub unreached: BTreeSet<DomainName>,
    /// Domains whose feed was read from this node's copy.
    pub from_copies: BTreeSet<DomainName>,
}

/// Shows what was measured.
#[derive(Clone)]
pub struct QualityDesk {
    core: Arc<Core>,
    facts: FactDesk,
}

impl QualityDesk {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        Self { facts: FactDesk::new(Arc::clone(&core)), core }
    }

    /// For other nodes: nothing is passed on.
    pub fn of_home(core: Arc<Core>) -> Self {
        Self { facts: FactDesk::of_home(Arc::clone(&core)), core }
    }

    /// One product: from the home of its domain, or else from what is here.
    ///
    /// # Errors
    /// [`Code::UnknownProduct`], [`Code::UnknownDomain`]; [`Code::HomeUnreachable`] where too little is known here, too.
    pub async fn of_product(&self, query: QualityQuery) -> Result<v1::GetQualityResponse, MeshError> {
        let core = &self.core;
        let asks = async |home: NodeId| core.forward.quality(home, wire::request(&query), ASKING).await;
        let unreached = match self.facts.at_home(&query.product.domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(unreached) => unreached,
        };
        let (here, now, product) = (Arc::clone(core), self.facts.now(), query.product.clone());
        let (mut answer, reach) = core
            .offload(move || {
                let declared = declared(&here, &query.product)?;
                let moment = query.as_of.unwrap_or(now).min(now);
                here.books.read(&here, &query.product.domain, |book, reach| {
                    let measured = book.measures.product(&query.product);
                    (wire::answer(&query, measured, &declared, moment), reach)
                })
            })
            .await?;
        answer.from_copy = is_from_copy(reach, &product.domain, unreached)?;
        Ok(answer)
    }

    /// Incidents of the domains whose feeds are here; at most `limit`. `ended`: also those that are over.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::StorageFailed`], [`Code::Damaged`].
    pub async fn incidents(
        &self,
        domain: Option<DomainName>,
        ended: bool,
        limit: usize,
    ) -> Result<Incidents, MeshError> {
        let (core, now) = (Arc::clone(&self.core), self.facts.now());
        self.core
            .offload(move || {
                let mut found = Incidents::default();
                for domain in domains(&core, domain)? {
                    let reach = core.books.read(&core, &domain, |book, reach| {
                        found.items.extend(incidents(&book.measures, ended, now));
                        reach
                    })?;
                    match reach {
                        Reach::Home => {}
                        Reach::Copy => _ = found.from_copies.insert(domain),
                        Reach::Part => _ = found.unreached.insert(domain),
                    }
                }
                found.items.sort_by_key(|(_, incident)| incident.order());
                found.cut = found.items.len() > limit;
                found.items.truncate(limit);
                Ok(found)
            })
            .await
    }
}

fn incidents(measures: &Measures, ended: bool, now: UnixMs) -> Vec<(ProductId, Incident)> {
    let of = |(id, product): (&ProductId, &ProductMeasures)| {
        let shown = product.incidents(now).into_iter().filter(|incident| ended || incident.end.is_none());
        shown.map(|incident| (id.clone(), incident)).collect::<Vec<_>>()
    };
    measures.products().flat_map(of).collect()
}

/// The domains that have a home; or the one that is asked for.
pub(crate) fn domains(core: &Core, one: Option<DomainName>) -> Result<Vec<DomainName>, MeshError> {
    let fail = |e| core.state_error(&e);
    if let Some(one) = one {
        return match read::domain(&core.state, &one).map_err(fail)? {
            Some(_) => Ok(vec![one]),
            None => Err(MeshError::new(Code::UnknownDomain, format!("no domain is called {one}"))),
        };
    }
    let mut names: Vec<DomainName> = Vec::new();
    loop {
        let page = read::domains(&core.state, names.last(), PAGE).map_err(fail)?;
        if page.is_empty() {
            return Ok(names);
        }
        names.extend(page.into_iter().map(|domain| domain.name));
    }
}

/// What the newest version of a product calls for.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// Checks: its rules, and its metrics with a target.
    pub(crate) checks: BTreeSet<String>,
    /// How often the data of ports is renewed.
    pub(crate) every: BTreeMap<Name, Duration>,
}

fn declared(core: &Core, product: &ProductId) -> Result<Declared, MeshError> {
    let fail = |e| core.state_error(&e);
    let behind = VersionId { product: product.clone(), version: Version::new(u32::MAX, u32::MAX, u32::MAX) };
    let Some(newest) = read::version_below(&core.state, &behind).map_err(fail)? else {
        return Err(MeshError::new(Code::UnknownProduct, format!("there is no product {product}")));
    };
    let newest = VersionId { product: product.clone(), version: newest.version };
    let Some(descriptor) = read::descriptor_of(&core.state, &newest).map_err(fail)? else {
        return Ok(Declared::default());
    };
    let metrics = descriptor.quality.iter().filter(|metric| metric.target.is_some());
    let rules = descriptor.quality_rules.iter().map(|rule| rule.name.clone());
    let every = descriptor.outputs.iter().filter_map(|output| Some((output.name.clone(), output.renewed_every()?)));
    Ok(Declared { checks: rules.chain(metrics.map(Metric::check_name)).collect(), every: every.collect() })
}
