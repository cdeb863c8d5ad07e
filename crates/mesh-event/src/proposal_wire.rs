//! The message form of proposals and back.

use prost::Message as _;

use crate::body_wire::{
    admission, admission_message, grant, grant_message, keys, keys_message, optional, optional_text,
};
use crate::convert::{Malformed, digest, text};
use crate::genesis::{Council, NodeRecord};
use crate::proposal::{
    AmendCouncil, DomainStanding, EnactStandard, ProposalBody, Propose, ReplaceDomainRoot, ResolveFork, RetireStandard,
    RevokeNode, RevokeWaiver, SetProtocol, SetVoters, Waive, WaiverScope,
};
use crate::{later_wire, proto, standard};

impl ProposalBody {
    /// Its bytes, as the state keeps them while the proposal is open. What was signed are the bytes of the whole command.
    pub fn encode(&self) -> Vec<u8> {
        if let Some(bytes) = later_wire::encode_matter(self) {
            return bytes;
        }
        let body = Some(body_message(self));
        proto::Propose { body, ..proto::Propose::default() }.encode_to_vec()
    }

    /// Reads what [`ProposalBody::encode`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let m = proto::Propose::decode(bytes).map_err(|error| Malformed::new("proposal", error))?;
        m.body.map_or_else(|| later_wire::decode_matter(bytes), body)
    }
}

pub(crate) fn propose_message(p: &Propose) -> proto::Propose {
    proto::Propose {
        closes_unix_ms: p.closes_unix_ms,
        summary: p.summary.clone(),
        council_version: p.council_version,
        body: Some(body_message(&p.body)),
    }
}

pub(crate) fn propose(m: proto::Propose) -> Result<Propose, Malformed> {
    Ok(Propose {
        body: body(m.body.ok_or_else(unknown)?)?,
        closes_unix_ms: m.closes_unix_ms,
        summary: m.summary,
        council_version: m.council_version,
    })
}

fn unknown() -> Malformed {
    Malformed::new("body", "is missing or of a kind that this build does not know")
}

fn body_message(body: &ProposalBody) -> proto::propose::Body {
    use proto::propose::Body as M;
    match body {
        ProposalBody::EnactStandard(b) => M::EnactStandard(proto::EnactStandard {
            standard: Some(standard::to_message(&b.standard)),
            supersedes: optional(b.supersedes.as_ref()),
        }),
        ProposalBody::RetireStandard(b) => M::RetireStandard(proto::RetireStandard {
            id: b.id.to_string(),
            version: b.version.to_string(),
            reason: b.reason.clone(),
        }),
        ProposalBody::AdmitDomains(list) => {
            M::AdmitDomains(proto::AdmitDomainList { domains: list.iter().map(admission_message).collect() })
        }
        ProposalBody::SuspendDomain(b) => {
            M::SuspendDomain(proto::SuspendDomain { domain: b.domain.to_string(), reason: b.reason.clone() })
        }
        ProposalBody::ResumeDomain(b) => {
            M::ResumeDomain(proto::ResumeDomain { domain: b.domain.to_string(), reason: b.reason.clone() })
        }
        ProposalBody::RemoveDomain(b) => {
            M::RemoveDomain(proto::RemoveDomain { domain: b.domain.to_string(), reason: b.reason.clone() })
        }
        ProposalBody::AmendCouncil(b) => M::AmendCouncil(proto::AmendCouncil {
            council: Some(b.council.to_message()),
            min_review_ms: b.min_review_ms,
            recovery_keys: keys_message(&b.recovery_keys),
        }),
        ProposalBody::Waive(b) => M::Waive(proto::Waive {
            standard: b.standard.to_string(),
            scope: Some(match &b.scope {
                WaiverScope::Product(id) => proto::waive::Scope::Product(id.to_string()),
                WaiverScope::Domain(name) => proto::waive::Scope::Domain(name.to_string()),
            }),
            reason: b.reason.clone(),
            expires_unix_ms: b.expires_unix_ms,
        }),
        ProposalBody::RevokeWaiver(b) => {
            M::RevokeWaiver(proto::RevokeWaiver { waiver: b.waiver, reason: b.reason.clone() })
        }
        ProposalBody::ReplaceDomainRoot(b) => M::ReplaceDomainRoot(proto::ReplaceDomainRoot {
            domain: b.domain.to_string(),
            root_keys: keys_message(&b.root_keys),
            root_threshold: b.root_threshold,
            reason: b.reason.clone(),
        }),
        ProposalBody::SetVoters(b) => {
            M::SetVoters(proto::SetVoters { voters: b.voters.clone(), replaces: b.replaces.clone() })
        }
        ProposalBody::AdmitNode(record) => M::AdmitNode(proto::AdmitNode { node: Some(record.to_message()) }),
        ProposalBody::RevokeNode(b) => {
            M::RevokeNode(proto::RevokeNode { node_id: b.node_id, reason: b.reason.clone() })
        }
        ProposalBody::SetProtocol(b) => M::SetProtocol(proto::SetProtocol { protocol_version: b.protocol_version }),
        ProposalBody::ResolveFork(b) => M::ResolveFork(proto::ResolveFork {
            proof: b.proof.0.to_vec(),
            size: b.size,
            root: b.root.0.to_vec(),
            refused_size: b.refused_size,
            refused_root: b.refused_root.0.to_vec(),
            reason: b.reason.clone(),
        }),
        ProposalBody::GrantRole(b) => M::GrantRole(proto::GrantMeshRole { grant: Some(grant_message(b)) }),
        ProposalBody::SetAdmissionRule(_) => unreachable!("later_wire encodes what came with later protocols"),
    }
}

fn body(m: proto::propose::Body) -> Result<ProposalBody, Malformed> {
    use proto::propose::Body as M;
    let standing =
        |domain: &str, reason| Ok::<_, Malformed>(DomainStanding { domain: text("domain", domain)?, reason });
    Ok(match m {
        M::EnactStandard(b) => {
            let standard = b.standard.ok_or_else(|| Malformed::missing("standard"))?;
            ProposalBody::EnactStandard(EnactStandard {
                standard: standard::from_message(standard).map_err(|error| error.within("standard"))?,
                supersedes: optional_text("supersedes", &b.supersedes)?,
            })
        }
        M::RetireStandard(b) => ProposalBody::RetireStandard(RetireStandard {
            id: text("id", &b.id)?,
            version: text("version", &b.version)?,
            reason: b.reason,
        }),
        M::AdmitDomains(b) => {
            ProposalBody::AdmitDomains(b.domains.into_iter().map(admission).collect::<Result<_, _>>()?)
        }
        M::SuspendDomain(b) => ProposalBody::SuspendDomain(standing(&b.domain, b.reason)?),
        M::ResumeDomain(b) => ProposalBody::ResumeDomain(standing(&b.domain, b.reason)?),
        M::RemoveDomain(b) => ProposalBody::RemoveDomain(standing(&b.domain, b.reason)?),
        M::AmendCouncil(b) => ProposalBody::AmendCouncil(AmendCouncil {
            council: Council::from_message(b.council.ok_or_else(|| Malformed::missing("council"))?)?,
            min_review_ms: b.min_review_ms,
            recovery_keys: keys("recovery_keys", &b.recovery_keys)?,
        }),
        M::Waive(b) => ProposalBody::Waive(Waive {
            standard: text("standard", &b.standard)?,
            scope: match b.scope.ok_or_else(|| Malformed::missing("scope"))? {
                proto::waive::Scope::Product(id) => WaiverScope::Product(text("product", &id)?),
                proto::waive::Scope::Domain(name) => WaiverScope::Domain(text("domain", &name)?),
            },
            reason: b.reason,
            expires_unix_ms: b.expires_unix_ms,
        }),
        M::RevokeWaiver(b) => ProposalBody::RevokeWaiver(RevokeWaiver { waiver: b.waiver, reason: b.reason }),
        M::ReplaceDomainRoot(b) => ProposalBody::ReplaceDomainRoot(ReplaceDomainRoot {
            domain: text("domain", &b.domain)?,
            root_keys: keys("root_keys", &b.root_keys)?,
            root_threshold: b.root_threshold,
            reason: b.reason,
        }),
        M::SetVoters(b) => ProposalBody::SetVoters(SetVoters { voters: b.voters, replaces: b.replaces }),
        M::AdmitNode(b) => {
            let record = NodeRecord::from_message(b.node.ok_or_else(|| Malformed::missing("node"))?);
            ProposalBody::AdmitNode(record.map_err(|error| error.within("node"))?)
        }
        M::RevokeNode(b) => ProposalBody::RevokeNode(RevokeNode { node_id: b.node_id, reason: b.reason }),
        M::SetProtocol(b) => ProposalBody::SetProtocol(SetProtocol { protocol_version: b.protocol_version }),
        M::ResolveFork(b) => ProposalBody::ResolveFork(ResolveFork {
            proof: digest("proof", &b.proof)?,
            size: b.size,
            root: digest("root", &b.root)?,
            refused_size: b.refused_size,
            refused_root: digest("refused_root", &b.refused_root)?,
            reason: b.reason,
        }),
        M::GrantRole(b) => ProposalBody::GrantRole(grant(&b.grant.ok_or_else(|| Malformed::missing("grant"))?)?),
    })
}
