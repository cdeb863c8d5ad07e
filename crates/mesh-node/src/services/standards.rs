//! Council matters, standards and compliance as messages: the reading half of `GovernanceService`.

use mesh_governance::compliance::{Compliance, ComplianceState, Impact};
use mesh_governance::{GrantedWaiver, Proposal, compliance, read, semantics};
use mesh_model::{Code, DomainName, Enforcement, LedgerIndex, Name, PublicKey, UnixMs};
use mesh_policy::Violation;
use mesh_proto::status::MeshError;
use mesh_proto::v1::{
    ComplianceView, Finding, GetComplianceRequest, GetComplianceResponse, GetProposalResponse, ImpactView,
    ListProposalsRequest, ListProposalsResponse, ListStandardsRequest, ListStandardsResponse, ListTermsRequest,
    ListTermsResponse, ListWaiversResponse, PreviewStandardRequest, PreviewStandardResponse, ProposalView,
    ProposalVote, Remark, StandardView, TermField, TermView, WaiverView,
};

use crate::clock::now_unix_ms;
use crate::core::Core;

/// Proposals of one answer.
const PROPOSALS: usize = 500;

fn bad(field: &str, error: impl std::fmt::Display) -> MeshError {
    let why = error.to_string();
    MeshError { code: Code::BadArgument, message: format!("{field}: {why}"), fields: vec![(field.to_owned(), why)] }
}

/// Ledger time as far as this node can tell: never before the last stamp.
fn now(core: &Core) -> UnixMs {
    now_unix_ms().max(core.ledger_end().last_stamp)
}

pub(super) fn proposals(core: &Core, request: &ListProposalsRequest) -> Result<ListProposalsResponse, MeshError> {
    let fail = |e| core.state_error(&e);
    let now = now(core);
    let mut found = if request.waiting_for.is_empty() {
        if request.all {
            read::proposals(&core.state, None, PROPOSALS).map_err(fail)?
        } else {
            read::open_proposals(&core.state, now).map_err(fail)?
        }
    } else {
        let key = PublicKey::from_slice(&request.waiting_for).ok_or_else(|| bad("waiting_for", "expected 32 bytes"))?;
        read::waiting_for(&core.state, &key, now).map_err(fail)?
    };
    found.sort_by_key(|proposal| std::cmp::Reverse(proposal.index));
    let proposals = found.iter().map(|proposal| proposal_view(core, proposal, now)).collect::<Result<_, _>>()?;
    Ok(ListProposalsResponse { proposals, freshness: Some(super::freshness(core)) })
}

pub(super) fn proposal(core: &Core, index: LedgerIndex) -> Result<GetProposalResponse, MeshError> {
    let fail = |e| core.state_error(&e);
    let found = read::proposal(&core.state, index).map_err(fail)?;
    let found = found
        .ok_or_else(|| MeshError::new(Code::UnknownProposal, format!("no proposal was opened at index {index}")))?;
    let leaf = read::leaf(&core.state, index).map_err(fail)?;
    let envelope = leaf.as_ref().and_then(read::envelope_of);
    let envelope = envelope.ok_or_else(|| MeshError::new(Code::Damaged, format!("leaf {index} holds no proposal")))?;
    let remarks = read::comments(&core.state, index).map_err(fail)?.into_iter().map(|remark| Remark {
        key: remark.key.0.to_vec(),
        ledger_index: remark.index,
        at_unix_ms: remark.stamp_unix_ms,
        text: remark.text,
    });
    Ok(GetProposalResponse {
        proposal: Some(proposal_view(core, &found, now(core))?),
        remarks: remarks.collect(),
        envelope: envelope.bytes().to_vec(),
        freshness: Some(super::freshness(core)),
    })
}

fn proposal_view(core: &Core, proposal: &Proposal, now: UnixMs) -> Result<ProposalView, MeshError> {
    let votes = |votes: &[mesh_governance::Vote]| {
        votes.iter().map(|vote| ProposalVote { key: vote.key.0.to_vec(), ledger_index: vote.index }).collect()
    };
    let approvals = read::approvals(&core.state, proposal).map_err(|e| core.state_error(&e))?;
    let status = proposal.status_at(now);
    let mut missing = Vec::new();
    if let Some(found) = approvals.filter(|_| status.as_str() == "open") {
        let mut lacking = |found: u32, needed: u32, who: &str| {
            if found < needed {
                missing.push(format!("{} of the {needed} signatures of {who}; {found} are there", needed - found));
            }
        };
        lacking(found.found, found.needed, "the council");
        if let Some((found, needed)) = found.new_council {
            lacking(found, needed, "the new council");
        }
        if missing.is_empty() && now < proposal.review_until_unix_ms {
            missing.push("the end of the review time, and one signature after it".to_owned());
        }
    }
    Ok(ProposalView {
        index: proposal.index,
        digest: proposal.digest.0.to_vec(),
        kind: proposal.kind.clone(),
        subject: proposal.subject.clone(),
        summary: proposal.summary.clone(),
        author: proposal.author.0.to_vec(),
        council_version: proposal.council_version,
        opened_unix_ms: proposal.opened_unix_ms,
        review_until_unix_ms: proposal.review_until_unix_ms,
        closes_unix_ms: proposal.closes_unix_ms,
        approvals: votes(&proposal.approvals),
        rejections: votes(&proposal.rejections),
        comments: proposal.comments,
        status: status.as_str().to_owned(),
        status_text: status.to_string(),
        missing,
    })
}

pub(super) fn standards(core: &Core, request: &ListStandardsRequest) -> Result<ListStandardsResponse, MeshError> {
    let fail = |e| core.state_error(&e);
    let id = match request.id.as_str() {
        "" => None,
        id => Some(Name::parse(id).map_err(|error| bad("id", error))?),
    };
    let mut standards = Vec::new();
    for enacted in read::standards(&core.state, id.as_ref()).map_err(fail)? {
        let in_force = enacted.status.as_str() == "in force";
        if !request.all && !in_force {
            continue;
        }
        let text = read::standard_text(&core.state, &enacted.id, enacted.version).map_err(fail)?;
        let text = text.ok_or_else(|| {
            MeshError::new(Code::Damaged, format!("the text of {}@{} is not there", enacted.id, enacted.version))
        })?;
        standards.push(StandardView {
            standard: mesh_event::encode_standard(&text),
            digest: enacted.digest.0.to_vec(),
            proposal_index: enacted.proposal,
            enacted_index: enacted.enacted_at,
            enacted_unix_ms: enacted.enacted_unix_ms,
            status: enacted.status.as_str().to_owned(),
        });
    }
    Ok(ListStandardsResponse { standards, freshness: Some(super::freshness(core)) })
}

pub(super) fn preview(core: &Core, request: &PreviewStandardRequest) -> Result<PreviewStandardResponse, MeshError> {
    let standard = mesh_event::decode_standard(&request.standard).map_err(|error| bad("standard", error))?;
    let found = compliance::preview(&core.state, &standard, now(core)).map_err(|e| core.state_error(&e))?;
    let preview = found.map_err(|flaws| MeshError {
        code: Code::BadArgument,
        message: format!("the standard has {} flaws", flaws.len()),
        fields: flaws.into_iter().map(|flaw| (String::new(), flaw)).collect(),
    })?;
    let view = |impact: Impact| ImpactView {
        product: impact.product.to_string(),
        owner: impact.owner,
        grace_until_unix_ms: impact.grace_until,
        findings: impact.findings.iter().map(finding).collect(),
    };
    Ok(PreviewStandardResponse {
        impact: preview.impact.into_values().flatten().map(view).collect(),
        products: preview.products as u64,
        freshness: Some(super::freshness(core)),
    })
}

pub(super) fn report(core: &Core, request: &GetComplianceRequest) -> Result<GetComplianceResponse, MeshError> {
    let fail = |e| core.state_error(&e);
    let domain = match request.domain.as_str() {
        "" => None,
        name => Some(DomainName::parse(name).map_err(|error| bad("domain", error))?),
    };
    if let Some(name) = &domain
        && read::domain(&core.state, name).map_err(fail)?.is_none()
    {
        return Err(MeshError::new(Code::UnknownDomain, format!("no domain is called {name}")));
    }
    let standards = read::standards_in_force(&core.state).map_err(fail)?.len();
    let rows = compliance::compliance(&core.state, &core.judge, domain.as_ref(), now(core)).map_err(fail)?;
    let wanted = |row: &Compliance| !request.open_only || row.state != ComplianceState::Compliant;
    Ok(GetComplianceResponse {
        rows: rows.into_iter().filter(wanted).map(row).collect(),
        standards: standards as u64,
        freshness: Some(super::freshness(core)),
    })
}

fn row(row: Compliance) -> ComplianceView {
    let state = row.state.as_str().to_owned();
    let (due, why) = match row.state {
        ComplianceState::Compliant | ComplianceState::Violating => (None, String::new()),
        ComplianceState::NotYet { from: due } | ComplianceState::InGrace { until: due } => (Some(due), String::new()),
        ComplianceState::Waived { until, why } => (Some(until), why),
    };
    ComplianceView {
        product: row.product.to_string(),
        owner: row.owner,
        standard: format!("{}@{}", row.standard, row.version),
        enforcement: match row.enforcement {
            Enforcement::Advise => "advise",
            Enforcement::Warn => "warn",
            Enforcement::Block => "block",
        }
        .to_owned(),
        state,
        due_unix_ms: due,
        why,
        findings: row.findings.iter().map(finding).collect(),
        since_unix_ms: row.since,
        waived_since_unix_ms: row.waived_since,
    }
}

fn finding(violation: &Violation) -> Finding {
    let severity = match violation.severity {
        mesh_model::RuleSeverity::Low => "low",
        mesh_model::RuleSeverity::Medium => "medium",
        mesh_model::RuleSeverity::High => "high",
        mesh_model::RuleSeverity::Critical => "critical",
    };
    Finding {
        rule: violation.rule.to_string(),
        severity: severity.to_owned(),
        path: violation.path.clone(),
        found: violation.found.clone(),
        message: violation.message.clone(),
        remediation: violation.remediation.clone(),
    }
}

pub(super) fn terms(core: &Core, request: &ListTermsRequest) -> Result<ListTermsResponse, MeshError> {
    let mut terms = semantics::terms(&core.state, &*core.judge).map_err(|e| core.state_error(&e))?;
    if !request.id.is_empty() {
        let found = terms.remove(&request.id);
        let found = found.ok_or_else(|| {
            MeshError::new(Code::NotFound, format!("no standard defines {}, and no field carries it", request.id))
        })?;
        terms = std::collections::BTreeMap::from([(request.id.clone(), found)]);
    }
    let field = |field: semantics::TermField| TermField {
        product: field.product.to_string(),
        dataset: field.dataset,
        field: field.field,
        r#type: field.data_type,
        owner: field.owner,
    };
    let view = |(id, term): (String, semantics::Term)| TermView {
        id,
        standard: term.standard.as_ref().map_or_else(Vec::new, mesh_event::encode_standard),
        fields: term.fields.into_iter().map(field).collect(),
    };
    Ok(ListTermsResponse { terms: terms.into_iter().map(view).collect(), freshness: Some(super::freshness(core)) })
}

pub(super) fn waivers(core: &Core, all: bool) -> Result<ListWaiversResponse, MeshError> {
    let now = now(core);
    let found = read::waivers(&core.state).map_err(|e| core.state_error(&e))?;
    let view = |waiver: GrantedWaiver| WaiverView {
        index: waiver.index,
        standard: waiver.standard.to_string(),
        scope: waiver.scope.to_string(),
        reason: waiver.reason,
        granted_unix_ms: waiver.granted_unix_ms,
        expires_unix_ms: waiver.expires_unix_ms,
        revoked_index: waiver.revoked_at,
    };
    let waivers = found.into_iter().filter(|waiver| all || waiver.holds_at(now)).map(view).collect();
    Ok(ListWaiversResponse { waivers, freshness: Some(super::freshness(core)) })
}
