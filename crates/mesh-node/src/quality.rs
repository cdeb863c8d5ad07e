//! What was measured about products: what the facts of their domains ([`crate::facts`]) come to, held against what versions promise.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesh_governance::read;
use mesh_measure::{Incident, Measures, ProductMeasures};
use mesh_model::{Code, DomainName, Metric, Name, NodeId, ProductId, UnixMs, VersionId};
use mesh_proto::status::MeshError;
use mesh_proto::v1;

use crate::core::Core;
use crate::facts::{ASKING, AtHome, FactDesk, is_from_copy};
use crate::services::quality as wire;

/// Domains that are read from the ledger at once.
const PAGE: usize = 256;
/// Versions of a product that are looked at.
const VERSIONS: usize = 10_000;

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
                    let nothing = ProductMeasures::default();
                    let measured =
                        standing(&here, &query.product, book.measures.product(&query.product).unwrap_or(&nothing))?;
                    Ok::<_, MeshError>((wire::answer(&query, &measured, &declared, moment), reach))
                })?
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
                        found.items.extend(incidents(&core, &book.measures, ended, now)?);
                        Ok::<_, MeshError>(reach)
                    })??;
                    reach.note(domain, &mut found.from_copies, &mut found.unreached);
                }
                found.items.sort_by_key(|(_, incident)| incident.order());
                found.cut = found.items.len() > limit;
                found.items.truncate(limit);
                Ok(found)
            })
            .await
    }
}

fn incidents(
    core: &Core,
    measures: &Measures,
    ended: bool,
    now: UnixMs,
) -> Result<Vec<(ProductId, Incident)>, MeshError> {
    let mut found = Vec::new();
    for (id, product) in measures.products() {
        let incidents = standing(core, id, product)?.incidents(now);
        let shown = incidents.into_iter().filter(|incident| ended || incident.end.is_none());
        found.extend(shown.map(|incident| (id.clone(), incident)));
    }
    Ok(found)
}

/// What was measured of a product, with the promises of majors that are retired ended when they were.
pub(crate) fn standing<'a>(
    core: &Core,
    id: &ProductId,
    measures: &'a ProductMeasures,
) -> Result<Cow<'a, ProductMeasures>, MeshError> {
    let fail = |e| core.state_error(&e);
    let Some(product) = read::product(&core.state, id).map_err(fail)? else { return Ok(Cow::Borrowed(measures)) };
    if product.retirement.is_none() && product.retired == 0 {
        return Ok(Cow::Borrowed(measures));
    }
    let versions = read::versions(&core.state, id, true, VERSIONS).map_err(fail)?;
    // When the last version of each major ended; `None` while one of them stands.
    let mut ends: BTreeMap<u32, Option<UnixMs>> = BTreeMap::new();
    for version in &versions {
        let ended = version.ending(&product).map(|ending| ending.stamp_unix_ms);
        let last = ends.entry(version.version.major).or_insert(Some(0));
        *last = last.zip(ended).map(|(last, ended)| last.max(ended));
    }
    Ok(measures.with_ends(&ends.into_iter().filter_map(|(major, end)| Some((major, end?))).collect()))
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

/// What the newest version that stands calls for.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// Its major; `None` when none stands.
    pub(crate) major: Option<u32>,
    /// Checks: its rules, and its metrics with a target.
    pub(crate) checks: BTreeSet<String>,
    /// How often the data of ports is renewed.
    pub(crate) every: BTreeMap<Name, Duration>,
}

fn declared(core: &Core, product: &ProductId) -> Result<Declared, MeshError> {
    let fail = |e| core.state_error(&e);
    let Some(record) = read::product(&core.state, product).map_err(fail)? else {
        return Err(MeshError::new(Code::UnknownProduct, format!("there is no product {product}")));
    };
    let versions = read::versions(&core.state, product, true, VERSIONS).map_err(fail)?;
    let Some(newest) = versions.iter().find(|version| version.ending(&record).is_none()) else {
        return Ok(Declared::default());
    };
    let newest = VersionId { product: product.clone(), version: newest.version };
    let Some(descriptor) = read::descriptor_of(&core.state, &newest).map_err(fail)? else {
        return Ok(Declared::default());
    };
    let metrics = descriptor.quality.iter().filter(|metric| metric.target.is_some());
    let rules = descriptor.quality_rules.iter().map(|rule| rule.name.clone());
    let every = descriptor.outputs.iter().filter_map(|output| Some((output.name.clone(), output.renewed_every()?)));
    let major = Some(newest.version.major);
    Ok(Declared { major, checks: rules.chain(metrics.map(Metric::check_name)).collect(), every: every.collect() })
}
