//! Everything that the facts of one domain came to, in their order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_event::fact::Known;
use mesh_event::{Fact, FactBody};
use mesh_model::{Digest, DomainName, FactId, ProductId, PublicKey, TokenId, UnixMs};

use crate::issuer::{Issuer, RevokedToken};
use crate::record::{AccessRecord, Refused};
use crate::rule::AccessRule;

/// Most requests of one consumer that nobody decided yet, in one owning domain.
pub const MOST_WAITING: usize = 100;
/// Most requests of one consumer in a day, in one owning domain.
pub const MOST_IN_A_DAY: usize = 1_000;
/// Most approvals in advance that are in force, for one major of a product.
pub const MOST_RULES: usize = 64;
/// Most keys that are token issuers of one domain at the same time.
pub const MOST_ISSUERS: usize = 64;
/// Most tokens that are revoked one by one for one grant, in [`TOKEN_MEMORY_MS`].
pub const MOST_TOKENS: usize = 100;
/// How long what was revoked is remembered for those who check tokens without a connection: longer than any token counts.
pub const TOKEN_MEMORY_MS: u64 = 25 * 60 * 60 * 1_000;
const DAY_MS: u64 = 86_400_000;

/// The latest first.
type Place = (Reverse<UnixMs>, FactId);

/// Everything about access to the products of one domain. What it says is a function of the facts that it took, in their order.
#[derive(Debug, Clone, Default)]
pub struct Book {
    records: HashMap<FactId, AccessRecord>,
    facts: HashMap<FactId, Known>,
    /// Which request a text of a fact is about.
    texts: HashMap<(Digest, FactId), FactId>,
    order: BTreeSet<Place>,
    waiting: BTreeSet<Place>,
    /// Grants that somebody ended, by when.
    ended: BTreeSet<Place>,
    consumers: BTreeMap<(DomainName, ProductId), BTreeSet<Place>>,
    /// Those in force, of each major in the order in which they were set.
    rules: BTreeMap<(ProductId, u32), BTreeMap<u64, AccessRule>>,
    rules_set: u64,
    /// Grants that nobody ended. Some are over by time.
    granted: BTreeMap<Readers, BTreeSet<FactId>>,
    issuers: BTreeMap<PublicKey, Issuer>,
    tokens: HashMap<FactId, BTreeMap<TokenId, RevokedToken>>,
    /// The same, by when.
    tokens_order: BTreeSet<(Reverse<UnixMs>, FactId, TokenId)>,
    latest: UnixMs,
}

/// Which product and major, and which domain reads it.
pub type Readers = (ProductId, u32, DomainName);

/// What a fact would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This request is new, or another than before.
    Request(Box<AccessRecord>),
    /// This approval in advance is in force.
    Rule(AccessRule),
    /// This one is in force no more.
    RuleOver(FactId),
    /// This issuer is new, or another than before.
    Issuer(Issuer),
    /// This token counts no more.
    Token(RevokedToken),
}

fn odd(key: &PublicKey, why: &'static str) -> Refused {
    Refused::Issuer { key: key.fingerprint(), why }
}

fn place(record: &AccessRecord) -> Place {
    (Reverse(record.asked_unix_ms), record.request)
}

impl Book {
    /// What a fact that these keys signed would make of its subject at a moment.
    ///
    /// # Errors
    /// [`Refused`]: nothing changes.
    pub fn judge(&self, fact: &Fact, signers: &BTreeSet<PublicKey>, at: UnixMs) -> Result<Next, Refused> {
        let full = |what, most| Refused::Full { domain: fact.domain.clone(), what, most };
        match &fact.body {
            FactBody::SetAccessRule(body) => {
                let same = self.rules.get(&(body.product.clone(), body.major));
                if same.is_some_and(|rules| rules.len() >= MOST_RULES) {
                    return Err(full("approvals in advance for one major", MOST_RULES));
                }
                AccessRule::begin(fact, body, at).map(Next::Rule)
            }
            FactBody::EndAccessRule(body) => {
                let rule = self.rule(&body.rule).ok_or(Refused::UnknownRule(body.rule))?;
                Ok(Next::RuleOver(rule.id))
            }
            FactBody::GrantIssuer(body) => {
                let issuer = Issuer::begin(fact, body, signers, at)?;
                match self.issuers.get(&body.key) {
                    Some(before) if before.ended.is_some() => {
                        Err(odd(&body.key, "was an issuer; what has ended never comes back"))
                    }
                    None if self.issuers().filter(|issuer| issuer.ended.is_none()).count() >= MOST_ISSUERS => {
                        Err(full("token issuers", MOST_ISSUERS))
                    }
                    _ => Ok(Next::Issuer(issuer)),
                }
            }
            FactBody::EndIssuer(body) => {
                // Also of a key that nobody named: whoever has its name in hand later does not get to use it.
                let issuer = self.issuers.get(&body.key).cloned().unwrap_or_else(|| Issuer::unnamed(body.key, at));
                if issuer.ended.is_some() {
                    return Err(odd(&body.key, "was ended before"));
                }
                Ok(Next::Issuer(Issuer { ended: Some((fact.author, at)), ..issuer }))
            }
            FactBody::RevokeToken(body) => {
                let record = self.records.get(&body.request).ok_or(Refused::Unknown(body.request))?;
                let since = at.saturating_sub(TOKEN_MEMORY_MS);
                // Later than that no token for it can be good.
                let ended = record.end.as_ref().map_or(UnixMs::MAX, |end| end.at_unix_ms);
                if record.grant.as_ref().is_none_or(|grant| grant.until_unix_ms.min(ended) < since) {
                    return Err(Refused::NoGrant(body.request));
                }
                let revoked = self.tokens.get(&body.request).into_iter().flat_map(BTreeMap::values);
                if revoked.filter(|token| token.at_unix_ms >= since).count() >= MOST_TOKENS {
                    return Err(full("tokens revoked for one grant in a day; revoke the grant", MOST_TOKENS));
                }
                Ok(Next::Token(RevokedToken::begin(fact, body, at)))
            }
            FactBody::RequestAccess(_)
            | FactBody::ApproveAccess(_)
            | FactBody::DenyAccess(_)
            | FactBody::CancelAccess(_)
            | FactBody::RevokeAccess(_) => self.follow(fact, at).map(|record| Next::Request(Box::new(record))),
            FactBody::ReportQuality(_) => Err(Refused::Other),
        }
    }

    fn follow(&self, fact: &Fact, at: UnixMs) -> Result<AccessRecord, Refused> {
        let id = AccessRecord::request_of(fact).ok_or(Refused::Other)?;
        let before = self.records.get(&id);
        let next = AccessRecord::follow(before, fact, at)?.ok_or(Refused::Unknown(id))?;
        let rules = self.rules.get(&(next.product.clone(), next.major)).filter(|_| before.is_none());
        let rule = rules.into_iter().flat_map(BTreeMap::values).find(|rule| rule.fits(&next));
        Ok(match rule {
            Some(rule) => next.granted_by(rule),
            None => next,
        })
    }

    /// Takes a fact that these keys signed, and that was stated at a moment.
    ///
    /// # Errors
    /// [`Refused`]: nothing changes.
    pub fn take(
        &mut self,
        fact: &Fact,
        signers: &BTreeSet<PublicKey>,
        known: Known,
        at: UnixMs,
    ) -> Result<(), Refused> {
        if self.facts.contains_key(&fact.id) {
            return Err(Refused::Taken(fact.id));
        }
        match self.judge(fact, signers, at)? {
            Next::Request(record) => self.put(*record, fact),
            Next::Rule(rule) => {
                self.rules_set += 1;
                let major = (rule.product.clone(), rule.major);
                self.rules.entry(major).or_default().insert(self.rules_set, rule);
            }
            Next::RuleOver(id) => {
                self.rules.retain(|_, rules| {
                    rules.retain(|_, rule| rule.id != id);
                    !rules.is_empty()
                });
            }
            Next::Issuer(issuer) => _ = self.issuers.insert(issuer.key, issuer),
            Next::Token(token) => {
                let tokens = self.tokens.entry(token.request).or_default();
                // The first word is the one that counts.
                if !tokens.contains_key(&token.token) {
                    self.tokens_order.insert((Reverse(token.at_unix_ms), token.request, token.token.clone()));
                    tokens.insert(token.token.clone(), token);
                }
            }
        }
        self.facts.insert(fact.id, known);
        self.latest = self.latest.max(at);
        Ok(())
    }

    fn put(&mut self, next: AccessRecord, fact: &Fact) {
        let place = place(&next);
        self.order.insert(place);
        self.consumers.entry((next.consumer.clone(), next.product.clone())).or_default().insert(place);
        if next.grant.is_none() && next.end.is_none() {
            self.waiting.insert(place);
        } else {
            self.waiting.remove(&place);
        }
        let readers = || (next.product.clone(), next.major, next.consumer.clone());
        match (&next.grant, &next.end) {
            (Some(_), Some(end)) => {
                self.ended.insert((Reverse(end.at_unix_ms), next.request));
                if let Some(standing) = self.granted.get_mut(&readers()) {
                    standing.remove(&next.request);
                }
            }
            (Some(_), None) => _ = self.granted.entry(readers()).or_default().insert(next.request),
            (None, _) => {}
        }
        if let Some(text) = fact.body.private_text() {
            self.texts.insert((text.digest, fact.id), next.request);
        }
        self.records.insert(next.request, next);
    }

    /// Approvals in advance that are in force, of each major in the order in which they were set.
    pub fn rules(&self) -> impl Iterator<Item = &AccessRule> {
        self.rules.values().flat_map(BTreeMap::values)
    }

    fn rule(&self, id: &FactId) -> Option<&AccessRule> {
        self.rules().find(|rule| rule.id == *id)
    }

    /// Who was granted what, and the grants that nobody ended; some may be over by time.
    pub fn granted(&self) -> impl Iterator<Item = (&Readers, &BTreeSet<FactId>)> {
        self.granted.iter().filter(|(_, grants)| !grants.is_empty())
    }

    /// All keys that were ever named as issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.values()
    }

    /// Whether a token for a request counts no more, by one of its revocation ids.
    pub fn is_revoked(&self, request: &FactId, token: &TokenId) -> bool {
        self.tokens.get(request).is_some_and(|tokens| tokens.contains_key(token))
    }

    /// Tokens that were revoked since then, the latest first.
    pub fn revoked_since(&self, since: UnixMs) -> impl Iterator<Item = &RevokedToken> {
        let tokens = self.tokens_order.iter().take_while(move |(at, ..)| at.0 >= since);
        tokens.filter_map(|(_, request, id)| self.tokens.get(request)?.get(id))
    }

    /// Grants that somebody ended since then, the latest first. No token for one counts any more.
    pub fn ended_since(&self, since: UnixMs) -> impl Iterator<Item = &AccessRecord> {
        self.at(self.ended.iter().take_while(move |(at, _)| at.0 >= since))
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
#[path = "book_tests.rs"]
mod tests;
