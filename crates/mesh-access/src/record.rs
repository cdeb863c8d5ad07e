//! One request, and what became of it.

use mesh_event::fact::{ApproveAccess, Fact, FactBody, PrivateText};
use mesh_model::{Code, DomainName, FactId, Name, ProductId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

use crate::MOST_DAYS;
use crate::book::{MOST_IN_A_DAY, MOST_WAITING};
use crate::rule::AccessRule;
use crate::scope::Scope;

const DAY_MS: u64 = 86_400_000;

/// A request for access with its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// The id of the fact that asked.
    pub request: FactId,
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// What was asked.
    pub asked: Scope,
    /// Which domain asks.
    pub consumer: DomainName,
    /// Whose key asked for it.
    pub requester: PublicKey,
    /// What for.
    pub purpose: PrivateText,
    /// For how many days.
    pub days: u32,
    /// When, by the home's clock.
    pub asked_unix_ms: UnixMs,
    /// What was granted, whatever came later.
    pub grant: Option<Grant>,
    /// How it ended, unless it did by time.
    pub end: Option<End>,
}

/// What the owner granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What.
    pub scope: Scope,
    /// Who approved.
    pub by: PublicKey,
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
    /// The first moment at which it does not hold any more.
    pub until_unix_ms: UnixMs,
    /// A word to the consumer.
    pub note: Option<PrivateText>,
    /// Which approval in advance it was, if it was one: then `by` is who stated that.
    pub rule: Option<FactId>,
}

/// An end that somebody stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Which.
    pub how: Ending,
    /// Who stated it.
    pub by: PublicKey,
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
    /// Why.
    pub note: Option<PrivateText>,
}

/// How a request or a grant ends by somebody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The owner said no.
    Denied,
    /// The consumer stepped back.
    Cancelled,
    /// The owner took the grant back.
    Revoked,
}

/// Where a request stands at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody decided yet.
    Waiting,
    /// It holds.
    Granted,
    /// The owner said no.
    Denied,
    /// The consumer stepped back.
    Cancelled,
    /// The owner took it back.
    Revoked,
    /// Its days are over.
    Expired,
}

impl Status {
    /// All of them, in the order of a request's life.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Granted, Self::Denied, Self::Cancelled, Self::Revoked, Self::Expired];

    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a fact does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It asks for no days, or too many.
    #[error("access is asked for {found} days; expected 1 to {MOST_DAYS}")]
    Days {
        /// What it asks for.
        found: u32,
    },
    /// The owner needs no grant.
    #[error("{0} owns the product: it needs no access")]
    Owner(DomainName),
    /// It is decided, or over.
    #[error("the request {request} is {status}; {what} does not follow")]
    Over {
        /// Which.
        request: FactId,
        /// Where it stands.
        status: Status,
        /// What was stated.
        what: &'static str,
    },
    /// Whoever asked decides.
    #[error("key {0} made the request; somebody else decides it")]
    OwnRequest(String),
    /// The approval names what was not asked.
    #[error("{granted} was not asked for; the request is for {asked}")]
    Wider {
        /// What would be granted.
        granted: Scope,
        /// What was asked.
        asked: Scope,
    },
    /// The approval is for longer than was asked.
    #[error("expected at most the {asked} days that were asked for; found {found}")]
    Longer {
        /// What was asked.
        asked: u32,
        /// What would be granted.
        found: u32,
    },
    /// It is about another request, or says something else of it.
    #[error("it is about another request, or says something else of it")]
    Other,
    /// There is no such request.
    #[error("there is no request for access {0}")]
    Unknown(FactId),
    /// The fact was taken before.
    #[error("the fact {0} was taken before")]
    Taken(FactId),
    /// There is no such approval in advance, or it was ended.
    #[error("there is no approval in advance {0} in force")]
    UnknownRule(FactId),
    /// The domain has too many of something.
    #[error("{domain} would have more than {most} {what}")]
    Full {
        /// Which.
        domain: DomainName,
        /// Of what.
        what: &'static str,
        /// How many at most.
        most: usize,
    },
    /// The key of an issuer did not sign for this domain.
    #[error("key {0} did not sign that it issues tokens for this domain")]
    NotProven(String),
    /// The key is no issuer, or was one.
    #[error("key {key} {why}")]
    Issuer {
        /// Its fingerprint.
        key: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing was granted, so there is no token.
    #[error("nothing was granted by the request {0}: there is no token for it")]
    NoGrant(FactId),
    /// The consumer asks for very much.
    #[error(
        "{0} asks for too much at once: at most {MOST_WAITING} of its requests wait, and {MOST_IN_A_DAY} are made in a day"
    )]
    TooMany(DomainName),
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Days { .. }
            | Self::Owner(_)
            | Self::Wider { .. }
            | Self::Longer { .. }
            | Self::Other
            | Self::Full { .. }
            | Self::Issuer { .. }
            | Self::NoGrant(_) => Code::BadRequest,
            Self::Over { .. } => Code::RequestOver,
            Self::OwnRequest(_) => Code::OwnRequest,
            Self::Unknown(_) => Code::UnknownRequest,
            Self::UnknownRule(_) => Code::UnknownRule,
            Self::NotProven(_) => Code::NoPossession,
            Self::Taken(_) => Code::Duplicate,
            Self::TooMany(_) => Code::QuotaUsedUp,
        }
    }
}

fn after_days(at: UnixMs, days: u32) -> UnixMs {
    at.saturating_add(u64::from(days) * DAY_MS)
}

impl AccessRecord {
    /// Which request a fact is about, if it is about one.
    pub fn request_of(fact: &Fact) -> Option<FactId> {
        match &fact.body {
            FactBody::RequestAccess(_) => Some(fact.id),
            FactBody::ApproveAccess(body) => Some(body.request),
            FactBody::DenyAccess(body) => Some(body.request),
            FactBody::CancelAccess(body) => Some(body.request),
            FactBody::RevokeAccess(body) => Some(body.request),
            FactBody::RevokeToken(body) => Some(body.request),
            FactBody::SetAccessRule(_)
            | FactBody::EndAccessRule(_)
            | FactBody::GrantIssuer(_)
            | FactBody::EndIssuer(_)
            | FactBody::ReportQuality(_) => None,
        }
    }

    /// What a fact makes of the request that it is about. `before`: what there was; `at`: when the fact was taken, by the home's clock.
    ///
    /// # Errors
    /// [`Refused`], and `None` for an answer to a request that is not there: nothing changes.
    pub fn follow(before: Option<&Self>, fact: &Fact, at: UnixMs) -> Result<Option<Self>, Refused> {
        match (before, &fact.body) {
            (None, FactBody::RequestAccess(_)) => Self::begin(fact, at).map(Some),
            (None, _) => Ok(None),
            (Some(record), _) => record.answer(fact, at).map(Some),
        }
    }

    fn begin(fact: &Fact, at: UnixMs) -> Result<Self, Refused> {
        let FactBody::RequestAccess(body) = &fact.body else { return Err(Refused::Other) };
        if !(1..=MOST_DAYS).contains(&body.days) {
            return Err(Refused::Days { found: body.days });
        }
        if body.consumer == fact.domain {
            return Err(Refused::Owner(fact.domain.clone()));
        }
        Ok(Self {
            request: fact.id,
            product: body.product.clone(),
            major: body.major,
            asked: Scope(body.scope.clone()),
            consumer: body.consumer.clone(),
            requester: fact.author,
            purpose: body.purpose,
            days: body.days,
            asked_unix_ms: at,
            grant: None,
            end: None,
        })
    }

    fn answer(&self, fact: &Fact, at: UnixMs) -> Result<Self, Refused> {
        if Self::request_of(fact) != Some(self.request) || fact.domain != self.product.domain {
            return Err(Refused::Other);
        }
        let status = self.status(at);
        let expected: &[Status] = match &fact.body {
            // What nobody decided but a rule granted, the owner may deny: at a next home a rule can fit what was denied at the former one.
            FactBody::DenyAccess(_) if self.grant.as_ref().is_some_and(|grant| grant.rule.is_some()) => {
                &[Status::Waiting, Status::Granted]
            }
            FactBody::ApproveAccess(_) | FactBody::DenyAccess(_) => &[Status::Waiting],
            FactBody::CancelAccess(_) => &[Status::Waiting, Status::Granted],
            FactBody::RevokeAccess(_) => &[Status::Granted],
            _ => &[],
        };
        if !expected.contains(&status) {
            return Err(Refused::Over { request: self.request, status, what: fact.body.kind() });
        }
        let decides = matches!(fact.body, FactBody::ApproveAccess(_) | FactBody::DenyAccess(_));
        if decides && fact.author == self.requester {
            return Err(Refused::OwnRequest(fact.author.fingerprint()));
        }
        let end = |how, note| End { how, by: fact.author, at_unix_ms: at, note };
        let mut next = self.clone();
        match &fact.body {
            FactBody::ApproveAccess(body) => next.grant = Some(self.granted(body, fact.author, at)?),
            FactBody::DenyAccess(body) => next.end = Some(end(Ending::Denied, Some(body.note))),
            FactBody::CancelAccess(_) => next.end = Some(end(Ending::Cancelled, None)),
            FactBody::RevokeAccess(body) => next.end = Some(end(Ending::Revoked, Some(body.note))),
            _ => return Err(Refused::Other),
        }
        Ok(next)
    }

    fn granted(&self, body: &ApproveAccess, by: PublicKey, at: UnixMs) -> Result<Grant, Refused> {
        if (&body.product, body.major, &body.consumer) != (&self.product, self.major, &self.consumer) {
            return Err(Refused::Other);
        }
        let scope = Scope(body.scope.clone());
        if !self.asked.contains(&scope) {
            return Err(Refused::Wider { granted: scope, asked: self.asked.clone() });
        }
        if body.days == 0 {
            return Err(Refused::Days { found: body.days });
        }
        if body.days > self.days {
            return Err(Refused::Longer { asked: self.days, found: body.days });
        }
        Ok(Grant { scope, by, at_unix_ms: at, until_unix_ms: after_days(at, body.days), note: body.note, rule: None })
    }

    /// Grants what was asked, by an approval in advance that it fits.
    pub(crate) fn granted_by(mut self, rule: &AccessRule) -> Self {
        let at = self.asked_unix_ms;
        let until_unix_ms = after_days(at, self.days);
        let scope = self.asked.clone();
        self.grant = Some(Grant { scope, by: rule.by, at_unix_ms: at, until_unix_ms, note: None, rule: Some(rule.id) });
        self
    }

    /// Where it stands at a moment.
    pub fn status(&self, now: UnixMs) -> Status {
        match (&self.end, &self.grant) {
            (Some(end), _) => match end.how {
                Ending::Denied => Status::Denied,
                Ending::Cancelled => Status::Cancelled,
                Ending::Revoked => Status::Revoked,
            },
            (None, Some(grant)) if now >= grant.until_unix_ms => Status::Expired,
            (None, Some(_)) => Status::Granted,
            (None, None) => Status::Waiting,
        }
    }

    /// Whether it lets its consumer read a port at a moment, or a field of it.
    pub fn allows(&self, major: u32, port: &Name, field: Option<&str>, now: UnixMs) -> bool {
        let covers = |grant: &Grant| grant.scope.covers(port, field);
        self.status(now) == Status::Granted && self.major == major && self.grant.as_ref().is_some_and(covers)
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
