//! Access to products: what is asked, answered, approved in advance, and who issues tokens for what was granted.

use std::collections::BTreeSet;

use mesh_model::{DomainName, FactId, ProductId, PublicKey, TokenId};

use super::scope::{self, PortScope};
use super::text::PrivateText;
use super::{FactBody, fact_id};
use crate::convert::{Malformed, key, length, text};
use crate::proto;
use crate::proto::fact::Body as Message;

/// Most domains that a standing approval names.
pub const RULE_CONSUMERS: usize = 256;

/// A domain asks for access to a major version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestAccess {
    /// The product.
    pub product: ProductId,
    /// Which major: a grant holds for all its versions.
    pub major: u32,
    /// Empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// The domain that asks.
    pub consumer: DomainName,
    /// What for.
    pub purpose: PrivateText,
    /// For how many days, from the approval on.
    pub days: u32,
}

/// The owner grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveAccess {
    /// The request.
    pub request: FactId,
    /// The product, as in the request.
    pub product: ProductId,
    /// The major, as in the request.
    pub major: u32,
    /// Who asked, as in the request.
    pub consumer: DomainName,
    /// What was asked or a part of it; empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// At most what was asked.
    pub days: u32,
    /// A word to the consumer.
    pub note: Option<PrivateText>,
}

/// The owner refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyAccess {
    /// The request.
    pub request: FactId,
    /// Why.
    pub note: PrivateText,
}

/// The consumer steps back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelAccess {
    /// The request.
    pub request: FactId,
}

/// The owner ends a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeAccess {
    /// The request that was granted.
    pub request: FactId,
    /// Why.
    pub note: PrivateText,
}
/// The owner approves in advance: a request that fits is granted as it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAccessRule {
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// Whose requests; empty for everybody's, also of domains that come later.
    pub consumers: Vec<DomainName>,
    /// What they may ask for; empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// For how many days at most.
    pub days: u32,
}

/// The owner approves in advance no longer. What was granted stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndAccessRule {
    /// The fact that set the rule.
    pub rule: FactId,
}

/// The domain's root names a key that may issue tokens for what the domain granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantIssuer {
    /// The key.
    pub key: PublicKey,
    /// Its tokens count while this epoch of the domain's feed is in force; a key of the domain's own is bound to none.
    pub epoch: Option<u64>,
    /// Its signature, [`crate::access_issuer::prove`]: whoever names a key shows that somebody has it.
    pub possession: [u8; 64],
}

/// A key issues tokens no longer, and those that it issued count no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndIssuer {
    /// The key.
    pub key: PublicKey,
}

/// A token counts no more, before its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeToken {
    /// The request whose grant it was issued for.
    pub request: FactId,
    /// A revocation id of the token: of its first block for all that was made of it, of a later block for that part.
    pub token: TokenId,
}

pub(super) fn to_message(body: &FactBody) -> Message {
    match body {
        FactBody::RequestAccess(body) => Message::AccessRequest(proto::AccessRequest {
            product: body.product.to_string(),
            major: body.major,
            scope: scope::to_messages(&body.scope),
            consumer: body.consumer.to_string(),
            purpose: Some(body.purpose.to_message()),
            days: body.days,
        }),
        FactBody::ApproveAccess(body) => Message::AccessApproval(proto::AccessApproval {
            request: body.request.0.to_vec(),
            product: body.product.to_string(),
            major: body.major,
            consumer: body.consumer.to_string(),
            scope: scope::to_messages(&body.scope),
            days: body.days,
            note: body.note.map(PrivateText::to_message),
        }),
        FactBody::DenyAccess(body) => Message::AccessDenial(proto::AccessDenial {
            request: body.request.0.to_vec(),
            note: Some(body.note.to_message()),
        }),
        FactBody::CancelAccess(body) => {
            Message::AccessCancellation(proto::AccessCancellation { request: body.request.0.to_vec() })
        }
        FactBody::RevokeAccess(body) => Message::AccessRevocation(proto::AccessRevocation {
            request: body.request.0.to_vec(),
            note: Some(body.note.to_message()),
        }),
        FactBody::SetAccessRule(body) => Message::AccessRule(proto::AccessRule {
            product: body.product.to_string(),
            major: body.major,
            consumers: body.consumers.iter().map(ToString::to_string).collect(),
            scope: scope::to_messages(&body.scope),
            days: body.days,
        }),
        FactBody::EndAccessRule(body) => Message::AccessRuleEnd(proto::AccessRuleEnd { rule: body.rule.0.to_vec() }),
        FactBody::GrantIssuer(body) => Message::AccessIssuer(proto::AccessIssuer {
            key: body.key.0.to_vec(),
            possession: body.possession.to_vec(),
            epoch: body.epoch.unwrap_or(0),
        }),
        FactBody::EndIssuer(body) => Message::AccessIssuerEnd(proto::AccessIssuerEnd { key: body.key.0.to_vec() }),
        FactBody::RevokeToken(body) => Message::AccessTokenRevocation(proto::AccessTokenRevocation {
            request: body.request.0.to_vec(),
            token: body.token.as_bytes().to_vec(),
        }),
    }
}

pub(super) fn from_message(message: Message) -> Result<FactBody, Malformed> {
    Ok(match message {
        Message::AccessRequest(m) => FactBody::RequestAccess(RequestAccess {
            product: text("product", &m.product)?,
            major: m.major,
            scope: scope::from_messages(m.scope)?,
            consumer: text("consumer", &m.consumer)?,
            purpose: PrivateText::required("purpose", m.purpose)?,
            days: m.days,
        }),
        Message::AccessApproval(m) => FactBody::ApproveAccess(ApproveAccess {
            request: fact_id("request", &m.request)?,
            product: text("product", &m.product)?,
            major: m.major,
            consumer: text("consumer", &m.consumer)?,
            scope: scope::from_messages(m.scope)?,
            days: m.days,
            note: m.note.map(|note| PrivateText::from_message("note", &note)).transpose()?,
        }),
        Message::AccessDenial(m) => FactBody::DenyAccess(DenyAccess {
            request: fact_id("request", &m.request)?,
            note: PrivateText::required("note", m.note)?,
        }),
        Message::AccessCancellation(m) => {
            FactBody::CancelAccess(CancelAccess { request: fact_id("request", &m.request)? })
        }
        Message::AccessRevocation(m) => FactBody::RevokeAccess(RevokeAccess {
            request: fact_id("request", &m.request)?,
            note: PrivateText::required("note", m.note)?,
        }),
        Message::AccessRule(m) => FactBody::SetAccessRule(SetAccessRule {
            product: text("product", &m.product)?,
            major: m.major,
            consumers: consumers(&m.consumers)?,
            scope: scope::from_messages(m.scope)?,
            days: m.days,
        }),
        Message::AccessRuleEnd(m) => FactBody::EndAccessRule(EndAccessRule { rule: fact_id("rule", &m.rule)? }),
        Message::AccessIssuer(m) => FactBody::GrantIssuer(GrantIssuer {
            key: key("key", &m.key)?,
            epoch: Some(m.epoch).filter(|epoch| *epoch != 0),
            possession: m.possession.as_slice().try_into().map_err(|_| length("possession", 64, m.possession.len()))?,
        }),
        Message::AccessIssuerEnd(m) => FactBody::EndIssuer(EndIssuer { key: key("key", &m.key)? }),
        Message::AccessTokenRevocation(m) => {
            let bytes = m.token.len();
            let token = TokenId::new(m.token).ok_or_else(|| {
                Malformed::new("token", format!("expected 1 to {} bytes; found {bytes}", TokenId::MOST_BYTES))
            })?;
            FactBody::RevokeToken(RevokeToken { request: fact_id("request", &m.request)?, token })
        }
    })
}

/// Each domain once.
fn consumers(names: &[String]) -> Result<Vec<DomainName>, Malformed> {
    if names.len() > RULE_CONSUMERS {
        let text = format!("expected at most {RULE_CONSUMERS} domains; found {}", names.len());
        return Err(Malformed::new("consumers", text));
    }
    let consumers = names.iter().map(|name| text("consumers", name)).collect::<Result<Vec<DomainName>, _>>()?;
    if consumers.iter().collect::<BTreeSet<_>>().len() == consumers.len() {
        return Ok(consumers);
    }
    Err(Malformed::new("consumers", "a domain stands there twice"))
}
