//! The message of each kind of fact, and back.

use std::collections::BTreeSet;

use mesh_model::{DomainName, TokenId};

use super::access::{
    ApproveAccess, CancelAccess, DenyAccess, EndAccessRule, EndIssuer, GrantIssuer, RULE_CONSUMERS, RequestAccess,
    RevokeAccess, RevokeToken, SetAccessRule,
};
use super::quality::QualityRun;
use super::{FactBody, PrivateText, fact_id, scope};
use crate::convert::{Malformed, key, length, text};
use crate::proto;
use crate::proto::fact::Body as Message;

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
        FactBody::ReportQuality(run) => Message::QualityRun(run.to_message()),
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
        Message::QualityRun(m) => FactBody::ReportQuality(Box::new(QualityRun::from_message(m)?)),
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
