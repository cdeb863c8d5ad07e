//! Everything that the facts of one domain came to, in their order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_event::Fact;
use mesh_model::{Digest, DomainName, FactId, ProductId, UnixMs};

use crate::record::{AccessRecord, Refused};

/// Most requests of one consumer that nobody decided yet, in one owning domain.
pub const MOST_WAITING: usize = 100;
/// Most requests of one consumer in a day, in one owning domain.
pub const MOST_IN_A_DAY: usize = 1_000;
const DAY_MS: u64 = 86_400_000;

/// A fact that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// SHA-256 of its signed payload.
    pub payload: Digest,
    /// The epoch of the feed that has it.
    pub epoch: u64,
    /// Its number in that feed.
    pub seq: u64,
}

/// The latest first.
type Place = (Reverse<UnixMs>, FactId);

/// The requests for access to the products of one domain. What it says is a function of the facts that it took, in their order.
#[derive(Debug, Clone, Default)]
pub struct Book {
    records: HashMap<FactId, AccessRecord>,
    facts: HashMap<FactId, Known>,
    /// Which request a text of a fact is about.
    texts: HashMap<(Digest, FactId), FactId>,
    order: BTreeSet<Place>,
    waiting: BTreeSet<Place>,
    consumers: BTreeMap<(DomainName, ProductId), BTreeSet<Place>>,
    latest: UnixMs,
}

fn place(record: &AccessRecord) -> Place {
    (Reverse(record.asked_unix_ms), record.request)
}

impl Book {
    /// What a fact would make of its request at a moment.
    ///
    /// # Errors
    /// [`Refused`]: nothing changes.
    pub fn judge(&self, fact: &Fact, at: UnixMs) -> Result<AccessRecord, Refused> {
        let id = AccessRecord::request_of(fact);
        AccessRecord::follow(self.records.get(&id), fact, at)?.ok_or(Refused::Unknown(id))
    }

    /// Takes a fact that was stated at a moment.
    ///
    /// # Errors
    /// [`Refused`]: nothing changes.
    pub fn take(&mut self, fact: &Fact, known: Known, at: UnixMs) -> Result<(), Refused> {
        if self.facts.contains_key(&fact.id) {
            return Err(Refused::Taken(fact.id));
        }
        let next = self.judge(fact, at)?;
        let place = place(&next);
        self.order.insert(place);
        self.consumers.entry((next.consumer.clone(), next.product.clone())).or_default().insert(place);
        if next.grant.is_none() && next.end.is_none() {
            self.waiting.insert(place);
        } else {
            self.waiting.remove(&place);
        }
        if let Some(text) = fact.body.private_text() {
            self.texts.insert((text.digest, fact.id), next.request);
        }
        self.facts.insert(fact.id, known);
        self.latest = self.latest.max(at);
        self.records.insert(next.request, next);
        Ok(())
    }

    /// When the last fact was stated: the next one is not stated before that.
    pub fn latest(&self) -> UnixMs {
        self.latest
    }

    /// A fact by its id.
    pub fn fact(&self, id: &FactId) -> Option<&Known> {
        self.facts.get(id)
    }

    /// A request by its id.
    pub fn request(&self, id: &FactId) -> Option<&AccessRecord> {
        self.records.get(id)
    }

    /// The request that a fact with this private text is about. Which fact a text belongs to, it says itself.
    pub fn text(&self, digest: &Digest, fact: &FactId) -> Option<&AccessRecord> {
        self.records.get(self.texts.get(&(*digest, *fact))?)
    }

    fn at<'a>(&'a self, places: impl IntoIterator<Item = &'a Place> + 'a) -> impl Iterator<Item = &'a AccessRecord> {
        places.into_iter().filter_map(|(_, id)| self.records.get(id))
    }

    /// All requests, the latest first.
    pub fn all(&self) -> impl Iterator<Item = &AccessRecord> {
        self.at(&self.order)
    }

    /// Those that nobody decided yet, the latest first.
    pub fn waiting(&self) -> impl Iterator<Item = &AccessRecord> {
        self.at(&self.waiting)
    }

    /// Those of one consumer for one product, the latest first.
    pub fn of(&self, consumer: &DomainName, product: &ProductId) -> impl Iterator<Item = &AccessRecord> {
        self.at(self.consumers.get(&(consumer.clone(), product.clone())).into_iter().flatten())
    }

    /// Whether one more request of a consumer would be too many.
    ///
    /// # Errors
    /// [`Refused::TooMany`].
    pub fn check_room(&self, consumer: &DomainName, now: UnixMs) -> Result<(), Refused> {
        let of = |record: &&AccessRecord| record.consumer == *consumer;
        let in_a_day = |record: &&AccessRecord| now.saturating_sub(record.asked_unix_ms) < DAY_MS;
        let waiting = self.waiting().filter(of).take(MOST_WAITING).count();
        let today = self.all().take_while(in_a_day).filter(of).take(MOST_IN_A_DAY).count();
        if waiting < MOST_WAITING && today < MOST_IN_A_DAY {
            return Ok(());
        }
        Err(Refused::TooMany(consumer.clone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::Status;
    use mesh_event::FactBody;
    use mesh_event::fact::{CancelAccess, PrivateText, RequestAccess};
    use mesh_model::{Code, MeshId, PublicKey};

    const NOON: UnixMs = 1_800_000_000_000;

    fn known(seq: u64) -> Known {
        Known { payload: Digest([0; 32]), epoch: 1, seq }
    }

    fn id(n: u64) -> FactId {
        FactId(u128::from(n).to_be_bytes())
    }

    fn fact(n: u64, body: FactBody) -> Fact {
        let (mesh_id, domain) = (MeshId([7; 32]), "orders".parse().unwrap());
        Fact { mesh_id, domain, id: id(n), author: PublicKey([1; 32]), body }
    }

    fn ask(n: u64, consumer: &str) -> Fact {
        let purpose = PrivateText { digest: Digest::of(&n.to_be_bytes()), size: 4 };
        let body = RequestAccess {
            product: "orders/returns".parse().unwrap(),
            major: 1,
            scope: Vec::new(),
            consumer: consumer.parse().unwrap(),
            purpose,
            days: 9,
        };
        fact(n, FactBody::RequestAccess(body))
    }

    fn ids<'a>(records: impl Iterator<Item = &'a AccessRecord>) -> Vec<FactId> {
        records.map(|record| record.request).collect()
    }

    #[test]
    fn each_list_has_the_latest_first_and_what_was_decided_waits_no_more() {
        let mut book = Book::default();
        for (n, consumer) in [(1, "finance"), (2, "sales"), (3, "finance")] {
            book.take(&ask(n, consumer), known(n), NOON + n).unwrap();
        }
        let product = "orders/returns".parse().unwrap();
        assert_eq!(ids(book.all()), [id(3), id(2), id(1)]);
        assert_eq!(ids(book.of(&"finance".parse().unwrap(), &product)), [id(3), id(1)]);
        assert_eq!(ids(book.of(&"nobody".parse().unwrap(), &product)), []);
        let cancel = fact(9, FactBody::CancelAccess(CancelAccess { request: id(3) }));
        book.take(&cancel, known(9), NOON + 9).unwrap();
        assert_eq!(ids(book.waiting()), [id(2), id(1)]);
        assert_eq!((book.request(&id(3)).unwrap().status(NOON), book.latest()), (Status::Cancelled, NOON + 9));
        let text = book.text(&Digest::of(&2_u64.to_be_bytes()), &id(2));
        assert_eq!(text.map(|record| record.request), Some(id(2)));
        assert_eq!(book.fact(&id(9)), Some(&known(9)));
    }

    #[test]
    fn a_fact_is_taken_once_and_a_text_is_found_by_its_fact() {
        let mut book = Book::default();
        book.take(&ask(1, "finance"), known(1), NOON).unwrap();
        assert_eq!(book.take(&ask(1, "finance"), known(2), NOON), Err(Refused::Taken(id(1))));
        let lost = fact(5, FactBody::CancelAccess(CancelAccess { request: id(4) }));
        assert_eq!(book.take(&lost, known(3), NOON), Err(Refused::Unknown(id(4))));
        let FactBody::RequestAccess(first) = ask(1, "finance").body else { unreachable!() };
        let FactBody::RequestAccess(other) = ask(2, "sales").body else { unreachable!() };
        let thief = fact(2, FactBody::RequestAccess(RequestAccess { purpose: first.purpose, ..other }));
        book.take(&thief, known(4), NOON).unwrap();
        // Whoever else names it, the text says that it is the first one's.
        assert_eq!(book.text(&first.purpose.digest, &id(1)).map(|record| record.request), Some(id(1)));
    }

    #[test]
    fn one_consumer_does_not_flood_an_owner() {
        let (mut book, finance) = (Book::default(), "finance".parse().unwrap());
        for n in 0..MOST_WAITING as u64 {
            book.check_room(&finance, NOON).unwrap();
            book.take(&ask(n, "finance"), known(n), NOON).unwrap();
        }
        assert_eq!(book.check_room(&finance, NOON).unwrap_err().code(), Code::QuotaUsedUp);
        book.check_room(&"sales".parse().unwrap(), NOON).unwrap();
        for n in 0..MOST_IN_A_DAY as u64 {
            let (asked, gone) = (10_000 + n, 20_000 + n);
            if n >= MOST_WAITING as u64 {
                book.take(&ask(asked, "finance"), known(asked), NOON).unwrap();
            }
            let request = if n < MOST_WAITING as u64 { id(n) } else { id(asked) };
            let cancel = fact(gone, FactBody::CancelAccess(CancelAccess { request }));
            book.take(&cancel, known(gone), NOON).unwrap();
        }
        assert_eq!(ids(book.waiting()), []);
        book.check_room(&finance, NOON + DAY_MS - 1).unwrap_err();
        book.check_room(&finance, NOON + DAY_MS).unwrap();
    }
}
