//! The council, its proposals, and what waits for whom.

use mesh_event::{Body, Command, Council, ProposalBody};
use mesh_model::{LedgerIndex, NodeId, PublicKey, UnixMs};

use super::{all, decoded, envelope_of, leaf, mesh, record};
use crate::keys;
use crate::records::{Electorate, NodeRevocation, Proposal, ProposalStatus, Remark, Terms};
use crate::state::{Damage, StateRead};
use crate::tally::Tally;

/// Who decides, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouncilInForce {
    /// Its version, from 1.
    pub version: u64,
    /// Seats and threshold.
    pub council: Council,
    /// What it set for itself.
    pub terms: Terms,
    /// Off-line keys that may restore it.
    pub recovery_keys: Vec<PublicKey>,
}

/// What the council set for itself beside its seats; zeros until it is first amended.
///
/// # Errors
/// See the module.
pub fn terms<S: StateRead>(state: &S) -> Result<Terms, S::Error> {
    Ok(record(state, &keys::terms())?.unwrap_or_default())
}

/// The council in force; `None` before Genesis.
///
/// # Errors
/// See the module.
pub fn council<S: StateRead>(state: &S) -> Result<Option<CouncilInForce>, S::Error> {
    let Some(mesh) = mesh(state)? else { return Ok(None) };
    let terms = terms(state)?;
    let (version, council, recovery_keys) = (mesh.council_version, mesh.council, mesh.recovery_keys);
    Ok(Some(CouncilInForce { version, council, terms, recovery_keys }))
}

/// A proposal, by the leaf that opened it.
///
/// # Errors
/// See the module.
pub fn proposal<S: StateRead>(state: &S, index: LedgerIndex) -> Result<Option<Proposal>, S::Error> {
    record(state, &keys::proposal(index))
}

/// At most `limit` proposals after `after`, whatever became of them, oldest first.
///
/// # Errors
/// See the module.
pub fn proposals<S: StateRead>(state: &S, after: Option<LedgerIndex>, limit: usize) -> Result<Vec<Proposal>, S::Error> {
    let after = after.map(keys::proposal);
    decoded(state.scan(&keys::proposals(), after.as_deref(), limit)?)
}

/// All proposals that are open at this ledger time, those that close first first.
///
/// # Errors
/// See the module.
pub fn open_proposals<S: StateRead>(state: &S, now: UnixMs) -> Result<Vec<Proposal>, S::Error> {
    let mut found = Vec::new();
    for (key, _) in all(state, &keys::open_proposals())? {
        let (_, index) = keys::parts_of_open_proposal(&key)
            .ok_or_else(|| Damage::new("an open proposal", "has a key of another length"))?;
        let open = proposal(state, index)?
            .ok_or_else(|| Damage::new(format!("proposal {index}"), "is listed as open and missing"))?;
        if open.status_at(now) == ProposalStatus::Open {
            found.push(open);
        }
    }
    Ok(found)
}

/// The open proposals that a key may answer and has not, those that close first first. Also those that only wait for the end
/// of their review: any approval completes them then.
///
/// # Errors
/// See the module.
pub fn waiting_for<S: StateRead>(state: &S, key: &PublicKey, now: UnixMs) -> Result<Vec<Proposal>, S::Error> {
    let Some(mesh) = mesh(state)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for open in open_proposals(state, now)? {
        let body = proposal_body(state, open.index)?;
        let tally = Tally::new(&mesh, open.electorate, &body);
        let answered = open.is_approved_by(key) || open.is_rejected_by(key);
        let due = now >= open.review_until_unix_ms && tally.is_met(&open);
        if tally.is_elector(key) && (!answered || due) {
            found.push(open);
        }
    }
    Ok(found)
}

/// How many approvals a proposal has and needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approvals {
    /// How many keys that decide are for it.
    pub found: u32,
    /// How many have to be.
    pub needed: u32,
    /// The same among the seats of the new council, where a new one is proposed.
    pub new_council: Option<(u32, u32)>,
}

/// How many approvals an open proposal has and needs by the council in force.
///
/// # Errors
/// See the module.
pub fn approvals<S: StateRead>(state: &S, proposal: &Proposal) -> Result<Option<Approvals>, S::Error> {
    let Some(mesh) = mesh(state)? else { return Ok(None) };
    let body = proposal_body(state, proposal.index)?;
    Ok(Some(Tally::new(&mesh, proposal.electorate, &body).count(proposal)))
}

/// What a proposal says: from the state while it is open, from its leaf later.
///
/// # Errors
/// See the module; also when there is no such proposal.
pub fn proposal_body<S: StateRead>(state: &S, index: LedgerIndex) -> Result<ProposalBody, S::Error> {
    let damage = |why: &str| Damage::new(format!("the body of proposal {index}"), why);
    if let Some(bytes) = record::<Vec<u8>, S>(state, &keys::proposal_body(index))? {
        return Ok(ProposalBody::decode(&bytes).map_err(|error| damage(&error.to_string()))?);
    }
    let envelope = leaf(state, index)?.as_ref().and_then(envelope_of);
    let command = envelope.and_then(|envelope| Command::decode(envelope.payload()).ok());
    match command.map(|command| command.body) {
        Some(Body::Propose(said)) => Ok(said.body),
        _ => Err(damage("is not in its leaf").into()),
    }
}

/// All comments on a proposal, oldest first.
///
/// # Errors
/// See the module.
pub fn comments<S: StateRead>(state: &S, proposal: LedgerIndex) -> Result<Vec<Remark>, S::Error> {
    decoded(all(state, &keys::comments(proposal))?)
}

/// Why a node may no longer act; `None` for one that may, or that is not known.
///
/// # Errors
/// See the module.
pub fn node_revocation<S: StateRead>(state: &S, id: NodeId) -> Result<Option<NodeRevocation>, S::Error> {
    record(state, &keys::node_revocation(id))
}

/// Whether a key may open proposals: it holds a seat, or is a recovery key and proposes a new council.
///
/// # Errors
/// See the module.
pub fn electorate_of<S: StateRead>(state: &S, key: &PublicKey) -> Result<Option<Electorate>, S::Error> {
    let Some(mesh) = mesh(state)? else { return Ok(None) };
    if mesh.council.seats.iter().any(|seat| seat.key == *key) {
        return Ok(Some(Electorate::Council));
    }
    Ok(mesh.recovery_keys.contains(key).then_some(Electorate::Recovery))
}
