//! Versions that this side of the mesh knows of and the ledger has not sealed: from feeds written here and from copies of others'. They
//! are shown with a mark, and never as sealed: the ledger may still refuse them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_catalog::{Lifecycle, Query};
use mesh_event::{Body, Command, Envelope, EventKind, FeedEvent, FeedId, descriptor_digest};
use mesh_governance::read;
use mesh_model::{Code, Descriptor, Digest, DomainName, ProductId, PublicKey};
use mesh_proto::status::MeshError;

use crate::core::{Core, storage_error};
use crate::replicas::copy::{kept_head, store_id};
use crate::replicas::forks::forked;

/// Versions of one domain that are shown as pending; the newer ones wait unseen.
const MOST: usize = 2_000;
/// And their bytes.
const MOST_BYTES: usize = 16 << 20;
const PAGE: usize = 256;
/// How old a tail may be where it only adds to what is sealed, and the list that searches look through: under load a tail is another one with
/// every batch, and reading it each time would cost more than the reads.
const LISTED: Duration = Duration::from_millis(250);

/// A version that is not sealed.
#[derive(Debug, Clone)]
pub struct PendingVersion {
    /// What it says.
    pub descriptor: Arc<Descriptor>,
    /// Who signed it.
    pub author: PublicKey,
    /// What names its content.
    pub digest: Digest,
}

/// A domain's tail, and how far it was read.
struct Tail {
    epoch: u64,
    size: u64,
    last_outbox: u64,
    read: Instant,
    versions: Arc<Vec<PendingVersion>>,
}

/// The tails that were read, and all of them in one list for searches.
#[derive(Default)]
pub struct Pending {
    tails: Mutex<BTreeMap<DomainName, Tail>>,
    listed: Mutex<Option<(Instant, Arc<Vec<PendingVersion>>)>>,
}

/// How much of the feed is durable and under a signed head here.
fn readable(core: &Core, feed: &FeedId) -> Result<u64, MeshError> {
    if core.store.feed(store_id(feed)?).is_copy().map_err(|e| storage_error(&e))? {
        return Ok(kept_head(&core.store, feed)?.map_or(0, |head| head.goal.size));
    }
    // A feed of our own with something that waits is open.
    Ok(core.feeds.known(feed).map_or(0, |writer| writer.durable_size()))
}

impl Pending {
    /// What waits in one domain's feed, oldest first; as it was a moment ago unless it has to be `exact`. Nothing of a feed that was signed
    /// in two histories.
    ///
    /// # Errors
    /// When state or feed cannot be read.
    pub fn of_domain(
        &self,
        core: &Core,
        domain: &DomainName,
        exact: bool,
    ) -> Result<Arc<Vec<PendingVersion>>, MeshError> {
        if !exact {
            let tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(tail) = tails.get(domain).filter(|tail| tail.read.elapsed() < LISTED) {
                return Ok(Arc::clone(&tail.versions));
            }
        }
        let fail = |e| core.state_error(&e);
        let nothing = || Ok(Arc::new(Vec::new()));
        if forked(core, domain)?.is_some() {
            return nothing();
        }
        let Some(record) = read::domain(&core.state, domain).map_err(fail)? else { return nothing() };
        let Some(delegation) = record.delegation else { return nothing() };
        let epoch = delegation.epoch;
        let feed = FeedId { domain: domain.clone(), epoch };
        let size = readable(core, &feed)?;
        let cursor = read::feed_cursor(&core.state, domain).map_err(fail)?.filter(|cursor| cursor.epoch == epoch);
        let (last_outbox, from) =
            cursor.map_or((0, 0), |cursor| (cursor.last_outbox, cursor.last_seq.map_or(0, |seq| seq + 1)));
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Instant::now();
        if let Some(tail) =
            tails.get_mut(domain).filter(|tail| (tail.epoch, tail.size, tail.last_outbox) == (epoch, size, last_outbox))
        {
            tail.read = read;
            return Ok(Arc::clone(&tail.versions));
        }
        let versions = Arc::new(read_tail(core, &feed, from, size)?);
        tails.insert(domain.clone(), Tail { epoch, size, last_outbox, read, versions: Arc::clone(&versions) });
        Ok(versions)
    }

    /// The product's pending versions, oldest first.
    ///
    /// # Errors
    /// As [`Pending::of_domain`].
    pub fn of_product(&self, core: &Core, id: &ProductId, exact: bool) -> Result<Vec<PendingVersion>, MeshError> {
        let all = self.of_domain(core, &id.domain, exact)?;
        Ok(all.iter().filter(|one| one.descriptor.id() == *id).cloned().collect())
    }

    /// Pending versions that hold every word of the query and fit its filters, the newest of each product.
    ///
    /// # Errors
    /// As [`Pending::of_domain`].
    pub fn search(&self, core: &Core, query: &Query) -> Result<Vec<PendingVersion>, MeshError> {
        if !query.statuses.is_empty() && !query.statuses.contains(&Lifecycle::Active) {
            return Ok(Vec::new());
        }
        let words: Vec<String> = query.text.split_whitespace().map(str::to_lowercase).collect();
        let fits = |one: &&PendingVersion| {
            let d = &one.descriptor;
            let text = format!("{} {} {} {}", d.id(), d.title, d.description, d.tags.join(" ")).to_lowercase();
            words.iter().all(|word| text.contains(word.as_str()))
                && (query.domains.is_empty() || query.domains.contains(&d.domain))
                && query.tags.iter().all(|tag| d.tags.iter().any(|one| one.eq_ignore_ascii_case(tag)))
                && (query.owners.is_empty() || query.owners.iter().any(|team| team.eq_ignore_ascii_case(&d.owner.team)))
        };
        let mut newest = BTreeMap::new();
        for one in self.listed(core)?.iter().filter(fits) {
            newest.insert(one.descriptor.id(), one.clone());
        }
        Ok(newest.into_values().collect())
    }

    /// The newest pending versions of products that have no sealed one, by product: of one domain or of all, behind `after` and up to `last`.
    ///
    /// # Errors
    /// As [`Pending::of_domain`].
    pub fn unsealed(
        &self,
        core: &Core,
        domain: Option<&DomainName>,
        after: Option<&ProductId>,
        last: Option<&ProductId>,
    ) -> Result<BTreeMap<ProductId, PendingVersion>, MeshError> {
        let mut newest = BTreeMap::new();
        for one in self.listed(core)?.iter() {
            let id = one.descriptor.id();
            let is_within = after.is_none_or(|after| id > *after) && last.is_none_or(|last| id <= *last);
            if is_within && domain.is_none_or(|domain| id.domain == *domain) {
                newest.insert(id, one.clone());
            }
        }
        let mut unsealed = BTreeMap::new();
        for (id, one) in newest {
            if read::product(&core.state, &id).map_err(|e| core.state_error(&e))?.is_none() {
                unsealed.insert(id, one);
            }
        }
        Ok(unsealed)
    }

    fn listed(&self, core: &Core) -> Result<Arc<Vec<PendingVersion>>, MeshError> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, list)) = listed.as_ref().filter(|(when, _)| when.elapsed() < LISTED) {
            return Ok(Arc::clone(list));
        }
        let mut all = Vec::new();
        let mut last: Option<DomainName> = None;
        for feed in core.store.feeds().map_err(|e| storage_error(&e))? {
            let Ok(domain) = DomainName::parse(feed.domain()) else { continue };
            if last.as_ref() != Some(&domain) {
                all.extend(self.of_domain(core, &domain, false)?.iter().cloned());
                last = Some(domain);
            }
        }
        let all = Arc::new(all);
        *listed = Some((Instant::now(), Arc::clone(&all)));
        Ok(all)
    }
}

fn read_tail(core: &Core, feed: &FeedId, from: u64, size: u64) -> Result<Vec<PendingVersion>, MeshError> {
    let log = core.store.feed(store_id(feed)?);
    let (mut versions, mut bytes, mut at) = (Vec::new(), 0, from);
    while at < size {
        let page = log.log().leaves(at..size, PAGE).map_err(|e| storage_error(&e))?;
        let Some((last, _)) = page.last() else { break };
        at = last + 1;
        for (seq, leaf) in page {
            bytes += leaf.len();
            let event = FeedEvent::decode(&leaf).map_err(|error| {
                MeshError::new(Code::Damaged, format!("event {seq} of a feed does not decode: {error}"))
            })?;
            let EventKind::Command { envelope, .. } = event.kind else { continue };
            let command = Envelope::parse(envelope).ok().and_then(|envelope| Command::decode(envelope.payload()).ok());
            let Some(Command { author, body: Body::PublishVersion(body), .. }) = command else { continue };
            let digest = descriptor_digest(&body.descriptor);
            versions.push(PendingVersion { descriptor: Arc::new(body.descriptor), author, digest });
            if versions.len() >= MOST || bytes >= MOST_BYTES {
                return Ok(versions);
            }
        }
    }
    Ok(versions)
}
