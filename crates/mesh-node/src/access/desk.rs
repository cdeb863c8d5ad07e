//! Takes facts about access, and answers what they come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use mesh_access::{AccessRecord, Book, Refused, Status};
use mesh_event::command::CommandError;
use mesh_event::{Envelope, FactBody, FeedId, SignedFact};
use mesh_governance::{FactCase, admit_fact, grants_count, read};
use mesh_model::{Action, Class, Code, DomainName, Name, NodeId, ProductId, PublicKey, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{self, StateFactRequest};
use tracing::debug;

use super::books::{Reach, consumer_of};
use super::query::AccessQuery;
use super::texts;
use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::feeds;
use crate::publish::{Publisher, Route};
use crate::replicas::forks;
use crate::services::access as wire;

/// Domains that are read from the ledger at once.
const PAGE: usize = 256;
/// How long a home may take to say what it has: those that don't answer are named, and nobody waits longer for them.
pub(super) const ASKING: Duration = Duration::from_secs(2);
/// Homes that are asked at the same time.
const AT_ONCE: usize = 16;
/// Grants and requests that an answer about one port shows.
const SHOWN: usize = 10;

/// Where a fact lies now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The feed.
    pub feed: FeedId,
    /// Its number there.
    pub seq: u64,
}

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

/// Takes facts, and shows what they come to.
#[derive(Clone)]
pub struct AccessDesk {
    pub(super) core: Arc<Core>,
    publisher: Publisher,
    /// Whether other nodes are asked: for clients, not for other nodes.
    asks_others: bool,
}

pub(super) fn from_command(error: &CommandError) -> MeshError {
    MeshError::new(error.code(), error.to_string())
}

impl AccessDesk {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        Self { publisher: Publisher::new(Arc::clone(&core)), core, asks_others: true }
    }

    /// For other nodes: nothing is passed on.
    pub fn of_home(core: Arc<Core>) -> Self {
        Self { publisher: Publisher::of_home(Arc::clone(&core)), core, asks_others: false }
    }

    /// Takes a fact, here or at its domain's home. It is durable when this returns. The same fact again is answered with the first result.
    ///
    /// # Errors
    /// What is wrong with the bytes, who may not, what does not follow; [`Code::Duplicate`] for other content under an id that was taken;
    /// [`Code::HomeUnreachable`]: nothing happened.
    pub async fn state(&self, request: StateFactRequest, within: Duration) -> Result<Stated, MeshError> {
        let envelope = Envelope::parse(request.envelope.clone());
        let envelope = envelope.map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let signed = SignedFact::verify(envelope, &self.core.mesh_id).map_err(|e| from_command(&e))?;
        let domain = &signed.fact().domain;
        if let Route::Home(home) = self.publisher.route(domain)? {
            self.publisher.check_passes_on(home, domain)?;
            return self.core.forward.state_fact(home, domain, request, within).await;
        }
        self.publisher.await_base(domain, within).await?;
        // It goes on when its caller goes away: whoever comes next must find what it did.
        let desk = self.clone();
        let task = self.core.tasks.spawn(async move { desk.take(&signed, request).await });
        task.await.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?
    }

    /// Takes a fact at its home.
    async fn take(&self, signed: &SignedFact, request: StateFactRequest) -> Result<Stated, MeshError> {
        let (core, fact) = (&self.core, signed.fact());
        let domain = &fact.domain;
        core.check_writable()?;
        core.checkpoints.check_no_fork()?;
        forks::refuse(core, domain)?;
        let writer = core.feeds.writer(core, domain)?;
        let _alone = core.books.state_alone(domain).await;
        let size = core.ledger_size();
        let at = now_unix_ms().max(core.ledger_end().last_stamp);
        let found = self.judge(signed, at, request.carried).await?;
        let (at, consumer) = match found {
            Found::Before(stated) => return Ok(stated),
            Found::Follows { at, consumer } => (at, consumer),
            Found::Other(refused, consumer) => {
                // Who may not at all is told so, and not what became of the request.
                if consumer.is_some() || AccessRecord::request_of(fact).is_none() {
                    self.admit(signed, consumer.as_ref(), size, request.carried)?;
                }
                return Err(MeshError::new(refused.code(), format!("{refused}; nothing happened")));
            }
        };
        self.admit(signed, consumer.as_ref(), size, request.carried)?;
        if !request.carried {
            core.command_rate.count(&fact.author, Instant::now())?;
        }
        let text = texts::take(core, fact, request.attachments).await;
        let is_new = match text {
            // Its former home took it with its text, which is gone since.
            Err(error) if request.carried && matches!(error.code, Code::Erased | Code::NotPublishedHere) => false,
            text => text?,
        };
        let appended = match writer.append_fact(signed, size, at) {
            Ok(appended) => appended,
            Err(error) => {
                if is_new {
                    texts::drop_again(core, fact);
                }
                return Err(error);
            }
        };
        appended.durable.wait().await?;
        Ok(Stated { feed: writer.id().clone(), seq: appended.seq })
    }

    fn admit(
        &self,
        signed: &SignedFact,
        consumer: Option<&DomainName>,
        size: u64,
        was_taken: bool,
    ) -> Result<(), MeshError> {
        let core = &self.core;
        let case =
            FactCase { fact: signed.fact(), signers: signed.signers(), consumer, at_ledger_size: size, was_taken };
        let admitted = admit_fact(&core.state, &case, self.now()).map_err(|e| core.state_error(&e))?;
        admitted.map_err(|rejection| feeds::refusal(rejection.code, rejection.detail, "; nothing happened"))
    }

    /// What a fact is to the book of its domain.
    async fn judge(&self, signed: &SignedFact, at: UnixMs, is_carried: bool) -> Result<Found, MeshError> {
        let (core, signed) = (Arc::clone(&self.core), signed.clone());
        self.core
            .offload(move || {
                let domain = signed.fact().domain.clone();
                core.books.read(&core, &domain, |book, reach| found(book, reach, &signed, at, is_carried))?
            })
            .await
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
        let (core, query, now) = (Arc::clone(&self.core), query.clone(), self.now());
        self.core
            .offload(move || {
                let mut listed = Listed::default();
                for domain in domains {
                    let reach = core.books.read(&core, &domain, |book, reach| {
                        let found = select(book, &query, now, limit);
                        listed.cut |= found.len() > limit;
                        listed.items.extend(found.into_iter().take(limit).map(|record| wire::item(record, now)));
                        reach
                    })?;
                    match reach {
                        Reach::Home => {}
                        Reach::Copy => _ = listed.from_copies.insert(domain),
                        Reach::Part => _ = listed.unreached.insert(domain),
                    }
                }
                Ok(listed)
            })
            .await
    }

    /// Asks a domain's home, where that is another node and answers.
    pub(super) async fn at_home<T>(
        &self,
        domain: &DomainName,
        asks: impl AsyncFnOnce(NodeId) -> Result<T, MeshError>,
    ) -> Result<AtHome<T>, MeshError> {
        let Route::Home(home) = self.publisher.route(domain)? else { return Ok(AtHome::LookHere(None)) };
        self.publisher.check_passes_on(home, domain)?;
        match asks(home).await {
            Ok(answer) => Ok(AtHome::Says(answer)),
            Err(error) if error.code.class() == Class::Unavailable => Ok(AtHome::LookHere(Some(error))),
            Err(error) => Err(error),
        }
    }

    /// Never before what the ledger has reached: a clock that was set back does not bring grants back.
    pub(super) fn now(&self) -> UnixMs {
        now_unix_ms().max(self.core.ledger_end().last_stamp)
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
        let unreached = match self.at_home(&product.domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(unreached) => unreached,
        };
        let counts = grants_count(&core.state, product, major, consumer).map_err(|e| core.state_error(&e))?;
        if let Err(rejection) = &counts
            && matches!(rejection.code, Code::UnknownDomain | Code::UnknownProduct | Code::UnknownVersion)
        {
            return Err(MeshError::new(rejection.code, rejection.detail.clone()));
        }
        let (here, now) = (Arc::clone(core), self.now());
        let (of, port, field, by) = (product.clone(), port.clone(), field.map(str::to_owned), consumer.clone());
        let (mut checked, reach) = core
            .offload(move || {
                here.books.read(&here, &of.domain, |book, reach| {
                    (checked(book, &of, major, (&port, field.as_deref()), &by, now), reach)
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

/// What a domain's home says, or that this node looks for itself.
pub(super) enum AtHome<T> {
    /// The home's answer.
    Says(T),
    /// This node is the home; or why the home does not answer, so that a copy has to.
    LookHere(Option<MeshError>),
}

/// Whether what was read here is a copy's word.
///
/// # Errors
/// Where too little is here: why the home did not answer.
pub(super) fn is_from_copy(reach: Reach, domain: &DomainName, unreached: Option<MeshError>) -> Result<bool, MeshError> {
    match reach {
        Reach::Home => Ok(false),
        Reach::Copy => Ok(true),
        Reach::Part => Err(unreached.unwrap_or_else(|| {
            let text = format!("too little is here of the feed of {domain} to tell");
            MeshError::new(Code::FeedMissing, text)
        })),
    }
}

/// What a fact is to a book.
enum Found {
    /// It was taken before.
    Before(Stated),
    /// It follows, stated at this time; this domain asks, or asked, where it is about a request.
    Follows { at: UnixMs, consumer: Option<DomainName> },
    /// It does not; and which domain asks, where that is known.
    Other(Refused, Option<DomainName>),
}

fn found(book: &Book, reach: Reach, signed: &SignedFact, at: UnixMs, is_carried: bool) -> Result<Found, MeshError> {
    let fact = signed.fact();
    if reach != Reach::Home {
        let text = format!("this node has not all of the feed of {} yet; nothing happened", fact.domain);
        return Err(MeshError::new(Code::FeedMissing, text));
    }
    if let Some(known) = book.fact(&fact.id) {
        if known.payload == signed.digest() {
            let feed = FeedId { domain: fact.domain.clone(), epoch: known.epoch };
            return Ok(Found::Before(Stated { feed, seq: known.seq }));
        }
        let text = format!("the id {} was given to another fact; nothing happened", fact.id);
        return Err(MeshError::new(Code::Duplicate, text));
    }
    let at = at.max(book.latest());
    let consumer = consumer_of(book, fact);
    let judged = book.judge(fact, signed.signers(), at).and_then(|_| match &fact.body {
        // What its former home took had room there.
        FactBody::RequestAccess(body) if !is_carried => book.check_room(&body.consumer, at),
        _ => Ok(()),
    });
    Ok(match judged {
        Ok(()) => Found::Follows { at, consumer },
        Err(refused) => Found::Other(refused, consumer),
    })
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
