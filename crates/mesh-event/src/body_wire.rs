//! The message form of a command's body and back.

use mesh_model::{PublicKey, limits};
use prost::Message as _;

use crate::command::{
    AdmitDomains, Body, DelegateNode, DeprecateVersion, DomainAdmission, GrantRole, OffboardMember, PublishVersion,
    RetireProduct, RevokeKey, RoleGrant, RotateDomainKeys, VetoRootReplacement,
};
use crate::convert::{Malformed, digest, key, optional_digest, text};
use crate::descriptor::{from_message, role, role_message, to_message};
use crate::proposal::{Approve, Comment, Reject, Withdraw};
use crate::{proposal_wire, proto};

/// An optional value as text; empty for none.
pub(crate) fn optional<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

/// The message of a body.
pub(crate) fn message(body: &Body) -> proto::command::Body {
    use proto::command::Body as M;
    match body {
        Body::PublishVersion(b) => M::PublishVersion(proto::PublishVersion {
            descriptor: Some(to_message(&b.descriptor)),
            planned_against: b.planned_against.map_or_else(Vec::new, |digest| digest.0.to_vec()),
            overflow_breaks: b.overflow_breaks.clone(),
        }),
        Body::DeprecateVersion(b) => M::DeprecateVersion(proto::DeprecateVersion {
            product: b.product.to_string(),
            version: optional(b.version.as_ref()),
            sunset: b.sunset.clone(),
            successor: b.successor.clone(),
            reason: b.reason.clone(),
        }),
        Body::RetireProduct(b) => M::RetireProduct(proto::RetireProduct {
            product: b.product.to_string(),
            version: optional(b.version.as_ref()),
            reason: b.reason.clone(),
        }),
        Body::AdmitDomains(b) => M::AdmitDomains(proto::AdmitDomains {
            domains: b.domains.iter().map(admission_message).collect(),
            council_version: b.council_version,
        }),
        Body::GrantRole(b) => M::GrantRole(proto::GrantRole {
            domain: optional(b.domain.as_ref()),
            grant: Some(grant_message(&b.grant)),
            roster_version: b.roster_version,
        }),
        Body::RevokeKey(b) => M::RevokeKey(proto::RevokeKey {
            domain: optional(b.domain.as_ref()),
            key: b.key.0.to_vec(),
            reason: b.reason.clone(),
            roster_version: b.roster_version,
        }),
        Body::DelegateNode(b) => M::DelegateNode(proto::DelegateNode {
            domain: b.domain.to_string(),
            node_id: b.node_id,
            epoch: b.epoch,
            base_size: b.base_size,
            base_root: b.base_root.map_or_else(Vec::new, |root| root.0.to_vec()),
        }),
        Body::RotateDomainKeys(b) => M::RotateDomainKeys(proto::RotateDomainKeys {
            domain: b.domain.to_string(),
            root_keys: keys_message(&b.root_keys),
            root_threshold: b.root_threshold,
            roster_version: b.roster_version,
        }),
        Body::VetoRootReplacement(b) => M::VetoRootReplacement(proto::VetoRootReplacement {
            domain: b.domain.to_string(),
            proposal: b.proposal,
            reason: b.reason.clone(),
        }),
        Body::OffboardMember(b) => M::OffboardMember(proto::OffboardMember {
            key: b.key.0.to_vec(),
            domain: optional(b.domain.as_ref()),
            reason: b.reason.clone(),
            version: b.version,
        }),
        Body::Propose(b) => M::Propose(proposal_wire::propose_message(b)),
        Body::Approve(b) => M::Approve(proto::Approve {
            proposal: b.proposal,
            digest: b.digest.0.to_vec(),
            council_version: b.council_version,
        }),
        Body::Reject(b) => M::Reject(proto::Reject {
            proposal: b.proposal,
            digest: b.digest.0.to_vec(),
            council_version: b.council_version,
            reason: b.reason.clone(),
        }),
        Body::Withdraw(b) => M::Withdraw(proto::Withdraw { proposal: b.proposal, reason: b.reason.clone() }),
        Body::Comment(b) => M::Comment(proto::Comment { proposal: b.proposal, text: b.text.clone() }),
        Body::AdmitVouchedNode(_)
        | Body::RecoverVoters(_)
        | Body::FeedAnchor(_)
        | Body::ReportEquivocation(_)
        | Body::ResolveEquivocation(_)
        | Body::Erase(_) => unreachable!("later_wire encodes what came with later protocols"),
    }
}

pub(crate) fn admission_message(admission: &DomainAdmission) -> proto::DomainAdmission {
    proto::DomainAdmission {
        name: admission.name.to_string(),
        title: admission.title.clone(),
        description: admission.description.clone(),
        responsibilities: admission.responsibilities.clone(),
        parent: optional(admission.parent.as_ref()),
        root_keys: keys_message(&admission.root_keys),
        root_threshold: admission.root_threshold,
        roles: admission.roles.iter().map(grant_message).collect(),
        delegate_node_id: admission.delegate.unwrap_or(0),
    }
}

pub(crate) fn grant_message(grant: &RoleGrant) -> proto::RoleGrant {
    proto::RoleGrant { key: grant.key.0.to_vec(), role: role_message(grant.role) }
}

pub(crate) fn grant(m: &proto::RoleGrant) -> Result<RoleGrant, Malformed> {
    Ok(RoleGrant { key: key("key", &m.key)?, role: role("role", m.role)? })
}

pub(crate) fn optional_text<T: std::str::FromStr>(field: &str, value: &str) -> Result<Option<T>, Malformed>
where
    T::Err: std::fmt::Display,
{
    if value.is_empty() { Ok(None) } else { text(field, value).map(Some) }
}

/// The body of a message.
pub(crate) fn body(m: proto::command::Body) -> Result<Body, Malformed> {
    use proto::command::Body as M;
    Ok(match m {
        M::PublishVersion(b) => {
            let descriptor = b.descriptor.ok_or_else(|| Malformed::missing("descriptor"))?;
            let size = descriptor.encoded_len();
            if size > limits::DESCRIPTOR_BYTES {
                let limit = limits::DESCRIPTOR_BYTES;
                return Err(Malformed::new("descriptor", format!("expected at most {limit} bytes; found {size}")));
            }
            Body::PublishVersion(PublishVersion {
                descriptor: from_message(descriptor).map_err(|error| error.within("descriptor"))?,
                planned_against: optional_digest("planned_against", &b.planned_against)?,
                overflow_breaks: b.overflow_breaks,
            })
        }
        M::DeprecateVersion(b) => Body::DeprecateVersion(DeprecateVersion {
            product: text("product", &b.product)?,
            version: optional_text("version", &b.version)?,
            sunset: b.sunset,
            successor: b.successor,
            reason: b.reason,
        }),
        M::RetireProduct(b) => Body::RetireProduct(RetireProduct {
            product: text("product", &b.product)?,
            version: optional_text("version", &b.version)?,
            reason: b.reason,
        }),
        M::AdmitDomains(b) => Body::AdmitDomains(AdmitDomains {
            domains: b.domains.into_iter().map(admission).collect::<Result<_, _>>()?,
            council_version: b.council_version,
        }),
        M::GrantRole(b) => Body::GrantRole(GrantRole {
            domain: optional_text("domain", &b.domain)?,
            grant: grant(&b.grant.ok_or_else(|| Malformed::missing("grant"))?)?,
            roster_version: b.roster_version,
        }),
        M::RevokeKey(b) => Body::RevokeKey(RevokeKey {
            domain: optional_text("domain", &b.domain)?,
            key: key("key", &b.key)?,
            reason: b.reason,
            roster_version: b.roster_version,
        }),
        M::DelegateNode(b) => Body::DelegateNode(DelegateNode {
            domain: text("domain", &b.domain)?,
            node_id: b.node_id,
            epoch: b.epoch,
            base_size: b.base_size,
            base_root: optional_digest("base_root", &b.base_root)?,
        }),
        M::RotateDomainKeys(b) => Body::RotateDomainKeys(RotateDomainKeys {
            domain: text("domain", &b.domain)?,
            root_keys: keys("root_keys", &b.root_keys)?,
            root_threshold: b.root_threshold,
            roster_version: b.roster_version,
        }),
        M::VetoRootReplacement(b) => Body::VetoRootReplacement(VetoRootReplacement {
            domain: text("domain", &b.domain)?,
            proposal: b.proposal,
            reason: b.reason,
        }),
        M::OffboardMember(b) => Body::OffboardMember(OffboardMember {
            key: key("key", &b.key)?,
            domain: optional_text("domain", &b.domain)?,
            reason: b.reason,
            version: b.version,
        }),
        M::Propose(b) => Body::Propose(proposal_wire::propose(b)?),
        M::Approve(b) => Body::Approve(Approve {
            proposal: b.proposal,
            digest: digest("digest", &b.digest)?,
            council_version: b.council_version,
        }),
        M::Reject(b) => Body::Reject(Reject {
            proposal: b.proposal,
            digest: digest("digest", &b.digest)?,
            council_version: b.council_version,
            reason: b.reason,
        }),
        M::Withdraw(b) => Body::Withdraw(Withdraw { proposal: b.proposal, reason: b.reason }),
        M::Comment(b) => Body::Comment(Comment { proposal: b.proposal, text: b.text }),
    })
}

pub(crate) fn admission(m: proto::DomainAdmission) -> Result<DomainAdmission, Malformed> {
    let root_keys = keys("root_keys", &m.root_keys)?;
    Ok(DomainAdmission {
        name: text("name", &m.name)?,
        title: m.title,
        description: m.description,
        responsibilities: m.responsibilities,
        parent: optional_text("parent", &m.parent)?,
        root_keys,
        root_threshold: m.root_threshold,
        roles: m.roles.iter().map(grant).collect::<Result<_, _>>()?,
        delegate: (m.delegate_node_id != 0).then_some(m.delegate_node_id),
    })
}

/// Public keys as messages carry them.
pub(crate) fn keys_message(keys: &[PublicKey]) -> Vec<Vec<u8>> {
    keys.iter().map(|key| key.0.to_vec()).collect()
}

/// Public keys of a message.
pub(crate) fn keys(field: &str, bytes: &[Vec<u8>]) -> Result<Vec<PublicKey>, Malformed> {
    bytes.iter().map(|bytes| key(field, bytes)).collect()
}
