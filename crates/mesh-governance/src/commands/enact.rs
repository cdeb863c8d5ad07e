//! What a proposal does once enough have signed it: one file per matter.

use std::collections::BTreeSet;

use mesh_event::ProposalBody;
use mesh_model::{LedgerIndex, PublicKey};

use super::{
    admit_domains, admit_node, amend_council, domain_standing, enact_standard, grant_role, replace_domain_root,
    resolve_fork, retire_standard, revoke_node, revoke_waiver, set_admission_rule, set_protocol, set_voters, waive,
};
use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::Decision;
use crate::judge::Bench;
use crate::overlay::Overlay;
use crate::proposals;
use crate::records::{Mesh, Proposal, ProposalStatus};
use crate::state::StateRead;

/// What the matters share.
pub(crate) struct Matter<'a> {
    /// The leaf that opened the proposal.
    pub(crate) proposal: LedgerIndex,
    /// The mesh as it is.
    pub(crate) mesh: &'a Mesh,
    /// Who signed the proposal: keys that it adds have to be among them.
    pub(crate) witnesses: &'a BTreeSet<PublicKey>,
    /// Who judges standards.
    pub(crate) bench: &'a Bench<'a>,
}

/// Closes the proposal as enacted and carries it out. That enough signed it and its review is over is for the caller to have
/// checked.
pub(super) fn enact<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    proposal: Proposal,
    body: &ProposalBody,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let mut effects = Vec::new();
    let witnesses: BTreeSet<PublicKey> = proposal.witnesses.iter().copied().collect();
    let index = proposal.index;
    let status = ProposalStatus::Enacted { index: at.index, stamp_unix_ms: at.stamp };
    // Closed first: a new council lapses those that are still open.
    proposals::close(draft, proposal, status, &mut effects);
    let matter = Matter { proposal: index, mesh, witnesses: &witnesses, bench };
    effects.extend(carry_out(draft, &matter, body, at)?);
    Ok(effects)
}

/// Carries out what was decided, or says why it can't be.
pub(super) fn carry_out<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    matter: &Matter<'_>,
    body: &ProposalBody,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    match body {
        ProposalBody::EnactStandard(body) => enact_standard::apply(draft, matter, body, at),
        ProposalBody::RetireStandard(body) => retire_standard::apply(draft, body, at),
        ProposalBody::AdmitDomains(domains) => admit_domains::admit_all(draft, matter.witnesses, domains, at),
        ProposalBody::SuspendDomain(body) => domain_standing::suspend(draft, body, at),
        ProposalBody::ResumeDomain(body) => domain_standing::resume(draft, body, at),
        ProposalBody::RemoveDomain(body) => domain_standing::remove(draft, body, at),
        ProposalBody::AmendCouncil(body) => amend_council::apply(draft, matter, body, at),
        ProposalBody::Waive(body) => waive::apply(draft, matter, body, at),
        ProposalBody::RevokeWaiver(body) => revoke_waiver::apply(draft, body, at),
        ProposalBody::ReplaceDomainRoot(body) => replace_domain_root::apply(draft, matter, body, at),
        ProposalBody::SetVoters(body) => set_voters::apply(draft, matter.mesh, body, at),
        ProposalBody::AdmitNode(record) => admit_node::apply(draft, record, at),
        ProposalBody::RevokeNode(body) => revoke_node::apply(draft, body, at),
        ProposalBody::SetProtocol(body) => set_protocol::apply(draft, matter.mesh, *body),
        ProposalBody::ResolveFork(body) => resolve_fork::apply(draft, body, at),
        ProposalBody::SetAdmissionRule(rule) => set_admission_rule::apply(draft, *rule),
        ProposalBody::GrantRole(grant) => grant_role::mesh_wide(draft, matter.mesh, grant, matter.witnesses, at),
    }
}
