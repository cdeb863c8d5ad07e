//! Answers what facts about access come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use mesh_access::{AccessRecord, Book, Status};
use mesh_governance::{grants_count, read};
use mesh_model::{Action, Code, DomainName, Name, NodeId, ProductId, PublicKey, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use tracing::debug;

use super::query::AccessQuery;
use crate::core::Core;
use crate::facts::{ASKING, AtHome, FactDesk, is_from_copy};
use crate::services::access as wire;

/// Domains that are read from the ledger at once.
const PAGE: usize = 256;
/// Homes that are asked at the same time.
const AT_ONCE: usize = 16;
/// Grants and requests that an answer about one port shows.
const SHOWN: usize = 10;

/// Requests as they cross the wire, and whose are missing.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The latest first.
    pub items: Vec<v1::AccessItem>,
    /// There are more.
    pub cut: bool,
    /// Domains of which nothing is known here.
    pub unreached: BTreeSet<DomainName>,
    /// Domains whose feed was read from this node's copy.
    pub from_copies: BTreeSet<DomainName>,
}

impl Listed {
    fn add(&mut self, more: Self) {
        let Self { items, cut, unreached, from_copies } = more;
        self.items.extend(items);
        self.cut |= cut;
        self.unreached.extend(unreached);
        self.from_copies.extend(from_copies);
    }
}

/// Whether a domain may read a port.
#[derive(Debug, Clone)]
pub struct Checked {
    /// It may.
    pub allowed: bool,
    /// One sentence.
    pub why: String,
    /// What it rests on, or would.
    pub items: Vec<v1::AccessItem>,
    /// Whether the owner's home did not answer.
    pub from_copy: bool,
}

/// Shows what facts about access come to.
#[derive(Clone)]
pub struct AccessDesk {
    pub(super) core: Arc<Core>,
    pub(super) facts: FactDesk,
    /// Whether other nodes are asked: for clients, not for other nodes.
    asks_others: bool,
}

impl AccessDesk {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        Self { facts: FactDesk::new(Arc::clone(&core)), core, asks_others: true }
    }

    /// For other nodes: nothing is passed on.
    pub fn of_home(core: Arc<Core>) -> Self {
        Self { facts: FactDesk::of_home(Arc::clone(&core)), core, asks_others: false }
    }

    /// Requests of all domains whose feeds this node, or another one that answers, writes; at most `limit`.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`] and the like for what is asked about, [`Code::StorageFailed`], [`Code::Damaged`].
    pub async fn list(
        &self,
        query: &AccessQuery,
        decider: Option<&PublicKey>,
        limit: usize,
    ) -> Result<Listed, MeshError> {
        let (mut here, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        let mut elsewhere: BTreeMap<NodeId, BTreeSet<DomainName>> = BTreeMap::new();
        for (domain, home) in self.homes(query, decider)? {
            if home == self.core.node_id() {
                here.insert(domain);
            } else if self.asks_others {
                elsewhere.entry(home).or_default().insert(domain);
            } else {
                unknown.insert(domain);
            }
        }
        let mut listed = self.read(here, query, limit).await?;
        listed.unreached.extend(unknown);
        let asked = stream::iter(elsewhere).map(async |(home, domains)| {
            let names = domains.iter().map(ToString::to_string).collect();
            let request = wire::list_request(query, names, limit);
            (domains, self.core.forward.list_access(home, request, ASKING).await)
        });
        let mut answers = asked.buffer_unordered(AT_ONCE);
        while let Some((domains, answer)) = answers.next().await {
            match answer {
                Ok(answer) => {
                    // It speaks for the domains that it was asked about, and for no others.
                    let is_asked = |item: &v1::AccessItem| {
                        let owner = item.product.parse::<ProductId>().ok().map(|product| product.domain);
                        let is_right = query.request.is_none_or(|id| item.request_id == id.0);
                        is_right && owner.is_some_and(|owner| domains.contains(&owner))
                    };
                    listed.items.extend(answer.items.into_iter().filter(is_asked).take(limit));
                    listed.cut |= answer.cut;
                    let named = |names: &[String]| -> BTreeSet<DomainName> {
                        let names = names.iter().filter_map(|name| name.parse().ok());
                        names.filter(|name| domains.contains(name)).collect()
                    };
                    listed.from_copies.extend(named(&answer.from_copies));
                    // It is their home, and has not all of their feeds yet.
                    listed.add(self.read(named(&answer.unreached), query, limit).await?);
                }
                // Whatever is wrong with it: what is here of its domains is better than nothing about all of them.
                Err(error) => {
                    debug!(%error, "a home does not tell who asked for access");
                    listed.add(self.read(domains, query, limit).await?);
                }
            }
        }
        drop(answers);
        listed.items.sort_by_key(|item| std::cmp::Reverse(item.asked_unix_ms));
        listed.cut |= listed.items.len() > limit;
        listed.items.truncate(limit);
        Ok(listed)
    }

    /// Whose products are asked about, with their homes.
    fn homes(&self, query: &AccessQuery, decider: Option<&PublicKey>) -> Result<Vec<(DomainName, NodeId)>, MeshError> {
        let (core, state) = (&self.core, &self.core.state);
        let fail = |e| core.state_error(&e);
        let owners = query.owners();
        let mut homes = Vec::new();
        for owner in &owners {
            let record = read::domain(state, owner).map_err(fail)?;
            let Some(record) = record else {
                return Err(MeshError::new(Code::UnknownDomain, format!("no domain is called {owner}")));
            };
            let home = record.delegation.map(|delegation| (owner.clone(), delegation.node_id));
            homes.extend(home.filter(|_| self.may_decide(owner, decider)));
        }
        if !owners.is_empty() {
            return Ok(homes);
        }
        let mut after: Option<DomainName> = None;
        loop {
            let page = read::domains(state, after.as_ref(), PAGE).map_err(fail)?;
            let Some(last) = page.last() else { return Ok(homes) };
            after = Some(last.name.clone());
            for domain in page {
                let Some(delegation) = domain.delegation else { continue };
                if self.may_decide(&domain.name, decider) {
                    homes.push((domain.name, delegation.node_id));
                }
            }
        }
    }

    fn may_decide(&self, domain: &DomainName, decider: Option<&PublicKey>) -> bool {
        let may = |key| read::may(&self.core.state, key, Action::DecideAccess, domain, self.core.ledger_size());
        decider.is_none_or(|key| may(key).unwrap_or(false))
    }

    /// What lies here of these domains.
    async fn read(
        &self,
        domains: BTreeSet<DomainName>,
        query: &AccessQuery,
        limit: usize,
    ) -> Result<Listed, MeshError> {
        let (core, query, now) = (Arc::clone(&self.core), query.clone(), self.facts.now());
        self.core
            .offload(move || {
                let mut listed = Listed::default();
                for domain in domains {
                    let reach = core.books.read(&core, &domain, |book, reach| {
                        let found = select(&book.access, &query, now, limit);
                        listed.cut |= found.len() > limit;
                        listed.items.extend(found.into_iter().take(limit).map(|record| wire::item(record, now)));
                        reach
                    })?;
                    reach.note(domain, &mut listed.from_copies, &mut listed.unreached);
                }
                Ok(listed)
            })
            .await
    }

    /// Whether a domain may read a port of a product's major now, or one field of it.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::UnknownProduct`]; [`Code::HomeUnreachable`] where too little is known here, too.
    pub async fn check(
        &self,
        product: &ProductId,
        major: u32,
        (port, field): (&Name, Option<&str>),
        consumer: &DomainName,
    ) -> Result<Checked, MeshError> {
        let core = &self.core;
        let asks = async |home: NodeId| {
            let request = wire::check_request(product, major, (port, field), consumer);
            core.forward.check_access(home, request, ASKING).await
        };
        let unreached = match self.facts.at_home(&product.domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(unreached) => unreached,
        };
        let counts = grants_count(&core.state, product, major, consumer).map_err(|e| core.state_error(&e))?;
        if let Err(rejection) = &counts
            && matches!(rejection.code, Code::UnknownDomain | Code::UnknownProduct | Code::UnknownVersion)
        {
            return Err(MeshError::new(rejection.code, rejection.detail.clone()));
        }
        let (here, now) = (Arc::clone(core), self.facts.now());
        let (of, port, field, by) = (product.clone(), port.clone(), field.map(str::to_owned), consumer.clone());
        let (mut checked, reach) = core
            .offload(move || {
                here.books.read(&here, &of.domain, |book, reach| {
                    (checked(&book.access, &of, major, (&port, field.as_deref()), &by, now), reach)
                })
            })
            .await?;
        checked.from_copy = is_from_copy(reach, &product.domain, unreached)?;
        if let Err(rejection) = counts {
            (checked.allowed, checked.why) = (false, rejection.detail);
        }
        Ok(checked)
    }
}

/// The latest requests that a query asks for, and one more than the limit if there is one.
fn select<'a>(book: &'a Book, query: &AccessQuery, now: UnixMs, limit: usize) -> Vec<&'a AccessRecord> {
    let fits = |record: &&AccessRecord| query.fits(record, now);
    match (&query.request, &query.consumer, &query.product) {
        (Some(id), _, _) => book.request(id).into_iter().filter(fits).collect(),
        (None, Some(consumer), Some(product)) => book.of(consumer, product).filter(fits).take(limit + 1).collect(),
        _ if query.is_waiting() => book.waiting().filter(fits).take(limit + 1).collect(),
        _ => book.all().filter(fits).take(limit + 1).collect(),
    }
}

fn checked(
    book: &Book,
    product: &ProductId,
    major: u32,
    (port, field): (&Name, Option<&str>),
    consumer: &DomainName,
    now: UnixMs,
) -> Checked {
    let answer = |allowed, why, records: Vec<&AccessRecord>| {
        let items = records.into_iter().map(|record| wire::item(record, now)).collect();
        Checked { allowed, why, items, from_copy: false }
    };
    if *consumer == product.domain {
        return answer(true, format!("{consumer} owns {product}"), Vec::new());
    }
    let all = || book.of(consumer, product).filter(|record| record.major == major);
    if let Some(grant) = all().find(|record| record.allows(major, port, field, now)) {
        return answer(true, format!("the grant {} covers it", grant.request), vec![grant]);
    }
    let latest: Vec<_> = all().take(SHOWN).collect();
    let why = match latest.first() {
        None => format!("{consumer} never asked for access to major {major} of {product}"),
        Some(_) if all().any(|record| record.status(now) == Status::Granted) => {
            format!("what {consumer} was granted does not cover it")
        }
        Some(latest) => format!("the latest request of {consumer} is {}", latest.status(now)),
    };
    answer(false, why, latest)
}
