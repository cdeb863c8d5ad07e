//! Access to products: asked for, answered, looked up.

use mesh_access::{AccessRecord, End, Ending, Grant, Scope, Status};
use mesh_event::attachment::PrivateAttachment;
use mesh_event::fact::{FactText, PortScope, PrivateText};
use mesh_event::{Envelope, Fact, FactBody, Signer};
use mesh_model::{Code, DomainName, FactId, Name, ProductId, PublicKey};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::command::random_salt;
use crate::convert::{digest, key, missing, odd, parse};
use crate::retry::{Failed, Repeat};

/// A request for access with what became of it, by the time of the node that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessItem {
    /// Where it stands.
    pub status: Status,
    /// Its facts.
    #[serde(flatten)]
    pub record: AccessRecord,
}

/// Which requests are asked for: all that fit what is said.
#[derive(Debug, Clone, Default)]
pub struct AccessQuery {
    /// This one only.
    pub request: Option<FactId>,
    /// Of products of these domains; empty for all.
    pub domains: Vec<DomainName>,
    /// Of this product.
    pub product: Option<ProductId>,
    /// By this domain.
    pub consumer: Option<DomainName>,
    /// Made by this key.
    pub requester: Option<PublicKey>,
    /// Of domains in which this key decides.
    pub decider: Option<PublicKey>,
    /// In one of these; empty for all.
    pub statuses: Vec<Status>,
    /// At most so many, up to 1,000; 0 for 100.
    pub limit: u32,
}

/// Requests, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessListing {
    /// They.
    pub requests: Vec<AccessItem>,
    /// There are more.
    pub cut: bool,
    /// Domains whose requests are missing: their home does not answer, and the node has no copy of their feed.
    pub unreached: Vec<DomainName>,
    /// Domains whose requests are as the node's copy of their feed has them: their home does not answer.
    pub from_copies: Vec<DomainName>,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// Whether a domain may read a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessCheck {
    /// It may.
    pub allowed: bool,
    /// One sentence.
    pub why: String,
    /// What it rests on, or would.
    pub requests: Vec<AccessItem>,
    /// Whether the owner's home did not answer: then a grant may have been revoked since.
    pub from_copy: bool,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// A port of a product's major, or one field of it, that somebody wants to read.
#[derive(Debug, Clone)]
pub struct AccessTarget {
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// The port.
    pub port: Name,
    /// One of its fields; `None` for the whole port.
    pub field: Option<String>,
}

/// Where a fact lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactStated {
    /// Its id; a request's is the request's.
    pub id: FactId,
    /// Whose feed.
    pub domain: DomainName,
    /// The epoch of the feed.
    pub epoch: u64,
    /// The event's number in the feed, from 0.
    pub seq: u64,
}

/// A fresh id of 128 random bits.
pub fn random_fact_id() -> FactId {
    FactId(random_salt())
}

/// The private text of a fact with a fresh salt: what the fact names, and what goes along with it.
pub fn fact_text(domain: &DomainName, fact: FactId, text: &str) -> (PrivateText, PrivateAttachment) {
    let body = FactText { domain: domain.clone(), fact, text: text.to_owned() }.encode();
    let attachment = PrivateAttachment { salt: random_salt(), body };
    (PrivateText { digest: attachment.digest(), size: attachment.body.len() as u64 }, attachment)
}

impl Client {
    /// Signs a fact of a fresh id, as its first signer, and states it. `body` gets what names the private text, where there is one. It is durable at the domain's home
    /// when this returns.
    ///
    /// # Errors
    /// As [`Client::state_signed_fact`].
    pub async fn state_fact(
        &self,
        domain: &DomainName,
        text: Option<&str>,
        body: impl FnOnce(Option<PrivateText>) -> FactBody,
        signers: &[&dyn Signer],
    ) -> Result<FactStated, MeshError> {
        let Some(author) = signers.first().map(|signer| signer.public_key()) else {
            return Err(MeshError::new(Code::BadSignature, "nobody signs"));
        };
        let (mesh_id, id) = (self.mesh().await?.id, random_fact_id());
        let (named, text) = text.map(|text| fact_text(domain, id, text)).unzip();
        let fact = Fact { mesh_id, domain: domain.clone(), id, author, body: body(named) };
        let envelope = fact.sign(signers).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        self.state_signed_fact(id, &envelope, text).await
    }

    /// The private text of a fact in a domain's feed, for a key of that domain or of the one that the fact is about.
    ///
    /// # Errors
    /// [`Code::ReadDenied`], [`Code::Erased`], [`Code::AttachmentMissing`], [`Code::Damaged`] when the bytes are others.
    pub async fn fact_text(
        &self,
        domain: &DomainName,
        text: &PrivateText,
        signer: &dyn Signer,
    ) -> Result<String, MeshError> {
        let attachment = self.private_attachment_in(text.digest, Some(domain), signer).await?;
        let found = FactText::parse(&attachment.body).filter(|found| found.domain == *domain);
        found.map(|found| found.text).ok_or_else(|| MeshError::new(Code::Damaged, "it is no text of such a fact"))
    }

    /// States a fact that is signed. Sent again when the connection breaks: the home knows its id.
    ///
    /// # Errors
    /// What keeps the author from it or the fact from following; [`Code::HomeUnreachable`]: nothing happened; [`Code::OutcomeUnknown`] when
    /// time ran out on the way.
    pub async fn state_signed_fact(
        &self,
        id: FactId,
        envelope: &Envelope,
        text: Option<PrivateAttachment>,
    ) -> Result<FactStated, MeshError> {
        let body = |text: PrivateAttachment| v1::AttachmentBody {
            digest: text.digest().0.to_vec(),
            body: text.to_bytes(),
            private: true,
        };
        let attachments = text.into_iter().map(body).collect();
        let message = v1::StateFactRequest { envelope: envelope.bytes().to_vec(), attachments, carried: false };
        let answer = self
            .call(Repeat::Publish, async |attempt| {
                let answer = attempt.access().state_fact(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(FactStated { id, domain: parse("domain", &answer.domain)?, epoch: answer.epoch, seq: answer.seq })
    }

    /// Requests for access, from the homes of the domains that own the products.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], or the transport's.
    pub async fn access(&self, query: &AccessQuery) -> Result<AccessListing, MeshError> {
        let bytes = |key: Option<PublicKey>| key.map_or_else(Vec::new, |key| key.0.to_vec());
        let message = v1::ListAccessRequest {
            request_id: query.request.map_or_else(Vec::new, |id| id.0.to_vec()),
            domains: query.domains.iter().map(ToString::to_string).collect(),
            product: query.product.as_ref().map_or_else(String::new, ToString::to_string),
            consumer: query.consumer.as_ref().map_or_else(String::new, ToString::to_string),
            requester: bytes(query.requester),
            decider: bytes(query.decider),
            statuses: query.statuses.iter().map(|status| status_number(*status).into()).collect(),
            limit: query.limit,
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.access().list_access(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let names = |field: &str, names: &[String]| -> Result<Vec<DomainName>, MeshError> {
            names.iter().map(|name| parse(field, name)).collect()
        };
        Ok(AccessListing {
            requests: answer.items.into_iter().map(item).collect::<Result<_, _>>()?,
            cut: answer.cut,
            unreached: names("unreached", &answer.unreached)?,
            from_copies: names("from_copies", &answer.from_copies)?,
            freshness: Freshness::of(answer.freshness),
        })
    }

    /// One request.
    ///
    /// # Errors
    /// [`Code::UnknownRequest`], or the transport's.
    pub async fn access_request(&self, id: FactId) -> Result<AccessItem, MeshError> {
        let listing = self.access(&AccessQuery { request: Some(id), ..AccessQuery::default() }).await?;
        if let Some(found) = listing.requests.into_iter().next() {
            return Ok(found);
        }
        let silent: Vec<&str> = listing.unreached.iter().map(DomainName::as_str).collect();
        let but = match silent.as_slice() {
            [] => String::new(),
            silent => format!("; nobody answers for {}", silent.join(", ")),
        };
        Err(MeshError::new(Code::UnknownRequest, format!("there is no request for access {id}{but}")))
    }

    /// Whether a domain may read a port now.
    ///
    /// # Errors
    /// [`Code::UnknownProduct`], [`Code::HomeUnreachable`], or the transport's.
    pub async fn check_access(&self, target: &AccessTarget, consumer: &DomainName) -> Result<AccessCheck, MeshError> {
        let message = v1::CheckAccessRequest {
            product: target.product.to_string(),
            major: target.major,
            port: target.port.to_string(),
            field: target.field.clone().unwrap_or_default(),
            consumer: consumer.to_string(),
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.access().check_access(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(AccessCheck {
            allowed: answer.allowed,
            why: answer.why,
            requests: answer.items.into_iter().map(item).collect::<Result<_, _>>()?,
            from_copy: answer.from_copy,
            freshness: Freshness::of(answer.freshness),
        })
    }
}

fn status_number(status: Status) -> v1::AccessStatus {
    match status {
        Status::Waiting => v1::AccessStatus::Waiting,
        Status::Granted => v1::AccessStatus::Granted,
        Status::Denied => v1::AccessStatus::Denied,
        Status::Cancelled => v1::AccessStatus::Cancelled,
        Status::Revoked => v1::AccessStatus::Revoked,
        Status::Expired => v1::AccessStatus::Expired,
    }
}

pub(crate) fn fact_id(field: &str, bytes: &[u8]) -> Result<FactId, MeshError> {
    FactId::from_slice(bytes).ok_or_else(|| odd(field, "expected 16 bytes"))
}

pub(crate) fn scope(field: &str, ports: Vec<v1::AccessPort>) -> Result<Scope, MeshError> {
    let port = |port: v1::AccessPort| Ok(PortScope { port: parse(field, &port.port)?, fields: port.fields });
    ports.into_iter().map(port).collect::<Result<_, MeshError>>().map(Scope)
}

fn text(field: &str, text: &v1::AccessText) -> Result<PrivateText, MeshError> {
    Ok(PrivateText { digest: digest(field, &text.digest)?, size: text.size })
}

fn optional_text(field: &str, found: Option<&v1::AccessText>) -> Result<Option<PrivateText>, MeshError> {
    found.map(|found| text(field, found)).transpose()
}

fn item(m: v1::AccessItem) -> Result<AccessItem, MeshError> {
    let found = v1::AccessStatus::try_from(m.status).ok();
    let status = Status::ALL.into_iter().find(|status| Some(status_number(*status)) == found);
    let status = status.ok_or_else(|| odd("status", m.status))?;
    let grant = match (m.granted_unix_ms, m.until_unix_ms) {
        (Some(at_unix_ms), Some(until_unix_ms)) => Some(Grant {
            scope: scope("granted", m.granted)?,
            by: key("granted_by", &m.granted_by)?,
            at_unix_ms,
            until_unix_ms,
            note: optional_text("grant_note", m.grant_note.as_ref())?,
            rule: match m.granted_rule.as_slice() {
                [] => None,
                bytes => Some(fact_id("granted_rule", bytes)?),
            },
        }),
        _ => None,
    };
    let how = match status {
        Status::Denied => Some(Ending::Denied),
        Status::Cancelled => Some(Ending::Cancelled),
        Status::Revoked => Some(Ending::Revoked),
        Status::Waiting | Status::Granted | Status::Expired => None,
    };
    let end = match (how, m.ended_unix_ms) {
        (Some(how), Some(at_unix_ms)) => {
            let note = optional_text("end_note", m.end_note.as_ref())?;
            Some(End { how, by: key("ended_by", &m.ended_by)?, at_unix_ms, note })
        }
        _ => None,
    };
    let request = fact_id("request_id", &m.request_id)?;
    let purpose = text("purpose", &m.purpose.ok_or_else(|| missing("purpose"))?)?;
    let record = AccessRecord {
        request,
        product: parse("product", &m.product)?,
        major: m.major,
        asked: scope("asked", m.asked)?,
        consumer: parse("consumer", &m.consumer)?,
        requester: key("requester", &m.requester)?,
        purpose,
        days: m.days,
        asked_unix_ms: m.asked_unix_ms,
        grant,
        end,
    };
    Ok(AccessItem { status, record })
}
