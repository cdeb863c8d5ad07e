//! The book of each domain that was asked about, as far as the feeds that are here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use mesh_event::event::NO_LEAF;
use mesh_event::fact::Known;
use mesh_event::{FeedEvent, FeedId, SignedFact};
use mesh_governance::{FactCase, may_state, read};
use mesh_model::{Code, DomainName};
use mesh_proto::status::MeshError;
use mesh_tlog::{Hash, leaf_hash};
use tracing::warn;

use super::book::DomainBook;
use super::fact_of;
use crate::core::{Core, storage_error};
use crate::replicas::copy::store_id;
use crate::replicas::writers;

/// Events that are read at once.
const PAGE: usize = 256;

/// How far a book goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This node writes the feed, and has all of it.
    Home,
    /// All that is here of the feed in force, behind all of the epochs before.
    Copy,
    /// Less: it may lack whatever.
    Part,
}

impl Reach {
    /// Remembers of a domain that an answer rests on less than all of its feed.
    pub(crate) fn note(
        self,
        domain: DomainName,
        from_copies: &mut BTreeSet<DomainName>,
        unreached: &mut BTreeSet<DomainName>,
    ) {
        match self {
            Self::Home => {}
            Self::Copy => _ = from_copies.insert(domain),
            Self::Part => _ = unreached.insert(domain),
        }
    }
}

/// One domain's book, and where in the domain's feeds it stands.
struct Shelf {
    book: DomainBook,
    epoch: u64,
    /// Events of that epoch that were looked at.
    seq: u64,
    /// The leaf hash of the last of them: it stands for all before it.
    last: Hash,
}

impl Shelf {
    fn new() -> Self {
        Self { book: DomainBook::default(), epoch: 1, seq: 0, last: NO_LEAF }
    }
}

/// One domain: its book, and the lock of whoever states a fact.
#[derive(Clone)]
struct Entry {
    shelf: Arc<Mutex<Shelf>>,
    stating: Arc<tokio::sync::Mutex<()>>,
}

/// The books of all domains that were asked about.
#[derive(Default)]
pub struct Books {
    open: Mutex<BTreeMap<DomainName, Entry>>,
}

impl Books {
    fn entry(&self, domain: &DomainName) -> Entry {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Entry { shelf: Arc::new(Mutex::new(Shelf::new())), stating: Arc::default() };
        open.entry(domain.clone()).or_insert_with(new).clone()
    }

    /// Held by whoever takes a fact, from the look at what was there before until it is durable: each is judged by what the one before came to.
    pub async fn state_alone(&self, domain: &DomainName) -> tokio::sync::OwnedMutexGuard<()> {
        self.entry(domain).stating.lock_owned().await
    }

    /// Reads a domain's book, as far as its feeds are here now. For a thread that may block.
    ///
    /// # Errors
    /// [`Code::Damaged`], [`Code::StorageFailed`] when a feed cannot be read.
    pub fn read<T>(
        &self,
        core: &Arc<Core>,
        domain: &DomainName,
        ask: impl FnOnce(&DomainBook, Reach) -> T,
    ) -> Result<T, MeshError> {
        let entry = self.entry(domain);
        let mut shelf = entry.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let reach = follow(core, domain, &mut shelf)?;
        Ok(ask(&shelf.book, reach))
    }
}

/// Takes in what is new in the domain's feeds.
fn follow(core: &Arc<Core>, domain: &DomainName, shelf: &mut Shelf) -> Result<Reach, MeshError> {
    let record = read::domain(&core.state, domain).map_err(|e| core.state_error(&e))?;
    let Some(in_force) = record.and_then(|record| record.delegation) else { return Ok(Reach::Part) };
    loop {
        let feed = FeedId { domain: domain.clone(), epoch: shelf.epoch };
        let Some(delegated) = writers::of(core, &feed)? else { return Ok(Reach::Part) };
        let log = core.store.feed(store_id(&feed)?).log().clone();
        let mut size = log.size().map_err(|e| storage_error(&e))?;
        let writer = core.feeds.known(&feed);
        if let Some(writer) = &writer {
            // What a crash could still take back is not told.
            size = size.min(writer.durable_size());
        }
        let goal = delegated.ended_at;
        let limit = goal.map_or(size, |goal| size.min(goal.size));
        let last = shelf.seq.checked_sub(1).filter(|_| shelf.seq <= limit);
        let is_the_same = match last {
            Some(last) => {
                log.leaf(last).map_err(|e| storage_error(&e))?.is_some_and(|bytes| leaf_hash(&bytes) == shelf.last)
            }
            None => shelf.seq == 0,
        };
        if !is_the_same {
            // The feed was thrown away, or the next epoch does not continue all of what was here.
            *shelf = Shelf::new();
            continue;
        }
        if !take(core, &log, limit, shelf)? {
            return Ok(Reach::Part);
        }
        match goal {
            Some(goal) if size < goal.size => return Ok(Reach::Part),
            Some(goal) => {
                let root =
                    if goal.size == 0 { None } else { Some(log.root_at(goal.size).map_err(|e| storage_error(&e))?) };
                if root.is_some_and(|root| root != goal.root) {
                    // Another history than the one that the domain goes on with.
                    *shelf = Shelf::new();
                    return Ok(Reach::Part);
                }
                (shelf.epoch, shelf.seq, shelf.last) = (shelf.epoch + 1, 0, NO_LEAF);
            }
            None => {
                let writes = in_force.node_id == core.node_id() && in_force.epoch == shelf.epoch;
                let is_home = writes && core.feeds.writer(core, domain).is_ok();
                // Who has nothing of the feed in force, or keeps no copy of it any more, knows how it was once.
                let keeps = || -> Result<bool, MeshError> {
                    let keepers = core.replicas.duties().keepers_of(core, domain)?;
                    let subscribes = core.config.feeds.subscribe.iter().any(|name| name == domain.as_str());
                    Ok(subscribes || keepers.contains(&core.node_id()))
                };
                let has_some = size > 0 && (writes || keeps()?);
                return Ok(match (is_home, has_some) {
                    (true, _) => Reach::Home,
                    (false, true) => Reach::Copy,
                    (false, false) => Reach::Part,
                });
            }
        }
    }
}

/// Takes in events up to a limit; returns whether all of them could be judged.
fn take(core: &Arc<Core>, log: &mesh_store::MerkleLog, limit: u64, shelf: &mut Shelf) -> Result<bool, MeshError> {
    while shelf.seq < limit {
        let page = log.leaves(shelf.seq..limit, PAGE).map_err(|e| storage_error(&e))?;
        if page.is_empty() {
            return Err(MeshError::new(Code::Damaged, format!("event {} of a feed is not there", shelf.seq)));
        }
        for (seq, bytes) in page {
            if let Some((event, signed)) = fact_of(&bytes) {
                if event.ledger_size > core.ledger_size() {
                    // Its author's rights are not known yet.
                    return Ok(false);
                }
                take_fact(core, &event, &signed, &mut shelf.book)?;
            }
            (shelf.seq, shelf.last) = (seq + 1, leaf_hash(&bytes));
        }
    }
    Ok(true)
}

/// Its home judged it; whoever keeps a copy judges it again, so that a home can't speak for others. What does not hold is left out and told.
fn take_fact(core: &Core, event: &FeedEvent, signed: &SignedFact, book: &mut DomainBook) -> Result<(), MeshError> {
    let fact = signed.fact();
    let tell = |why: &dyn std::fmt::Display| {
        warn!(domain = %event.feed.domain, epoch = event.feed.epoch, seq = event.seq, %why, "a fact in a feed does not hold");
    };
    let consumer = book.consumer_of(fact);
    let case = FactCase {
        fact,
        signers: signed.signers(),
        consumer: consumer.as_ref(),
        at_ledger_size: event.ledger_size,
        was_taken: true,
    };
    if let Err(rejection) = may_state(&core.state, &case).map_err(|e| core.state_error(&e))? {
        tell(&rejection.detail);
        return Ok(());
    }
    let known = Known { payload: signed.digest(), epoch: event.feed.epoch, seq: event.seq };
    // Never before what came before it, whatever a home writes.
    let at = event.at_unix_ms.max(book.latest());
    if let Err(refused) = book.take(fact, signed.signers(), known, at) {
        tell(&refused);
    }
    Ok(())
}
