//! Writing proposals: open ones lie in an index by closing date, and have their body beside them; closed ones don't.

use mesh_event::ProposalBody;
use mesh_model::{Code, LedgerIndex, PublicKey, UnixMs, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, broken, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::read;
use crate::records::{KeyPurpose, Lapse, Mesh, Proposal, ProposalStatus, Record as _};
use crate::state::{Damage, StateRead};

/// Most proposals that one leaf finds past their closing date, so that its work is bounded.
const LAPSED_AT_ONCE: usize = 64;

/// Writes a new open proposal with its body.
pub(crate) fn open<S: StateRead>(draft: &mut Overlay<'_, S>, proposal: &Proposal, body: &ProposalBody) {
    assert_eq!(proposal.status, ProposalStatus::Open, "only an open proposal has its body in the state");
    draft.put(keys::proposal(proposal.index), proposal.encode());
    draft.put(keys::open_proposal(proposal.closes_unix_ms, proposal.index), proposal.author.encode());
    draft.put(keys::proposal_body(proposal.index), body.encode().encode());
}

/// Writes an open proposal whose votes or comments changed.
pub(crate) fn update<S: StateRead>(draft: &mut Overlay<'_, S>, proposal: &Proposal) {
    assert_eq!(proposal.status, ProposalStatus::Open, "what is closed stays as it is");
    draft.put(keys::proposal(proposal.index), proposal.encode());
}

/// Writes the end of an open proposal.
pub(crate) fn close<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mut proposal: Proposal,
    status: ProposalStatus,
    effects: &mut Vec<Effect>,
) {
    assert_ne!(status, ProposalStatus::Open, "a proposal is closed once");
    proposal.status = status;
    draft.remove(keys::open_proposal(proposal.closes_unix_ms, proposal.index));
    draft.remove(keys::proposal_body(proposal.index));
    draft.put(keys::proposal(proposal.index), proposal.encode());
    effects.push(Effect::ProposalClosed { proposal: proposal.index, status });
}

/// The proposal, if it may still be answered.
pub(crate) fn open_one<S: StateRead>(state: &S, index: LedgerIndex, at: Moment) -> Decision<Proposal, S> {
    let Some(proposal) = read::proposal(state, index)? else {
        return reject(Code::UnknownProposal, format!("there is no proposal {index}"));
    };
    match proposal.status_at(at.stamp) {
        ProposalStatus::Open => Ok(proposal),
        ProposalStatus::Lapsed { why: Lapse::Closed, .. } => {
            let (closed, now) = (proposal.closes_unix_ms, at.stamp);
            let detail = format!("proposal {index} closed at {closed}; ledger time is {now} (Unix milliseconds)");
            reject(Code::ProposalClosed, detail)
        }
        status => reject(Code::ProposalClosed, format!("proposal {index} {status}")),
    }
}

/// Lapses every open proposal: the council that was asked is no more.
pub(crate) fn lapse_all<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    at: Moment,
    effects: &mut Vec<Effect>,
) -> Result<(), S::Error> {
    let status = ProposalStatus::Lapsed { index: Some(at.index), why: Lapse::CouncilChanged };
    for (key, _) in read::all(draft, &keys::open_proposals())? {
        let (_, index) = parts(&key)?;
        lapse(draft, index, status, effects)?;
    }
    Ok(())
}

/// Lapses proposals whose closing date is past. They could not be answered before either; this makes room and tells
/// whoever watches.
pub(crate) fn lapse_due<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    at: Moment,
    effects: &mut Vec<Effect>,
) -> Result<(), S::Error> {
    let status = ProposalStatus::Lapsed { index: Some(at.index), why: Lapse::Closed };
    for (key, _) in draft.scan(&keys::open_proposals(), None, LAPSED_AT_ONCE)? {
        let (closes, index) = parts(&key)?;
        if closes >= at.stamp {
            break;
        }
        lapse(draft, index, status, effects)?;
    }
    Ok(())
}

fn parts(key: &[u8]) -> Result<(UnixMs, LedgerIndex), Damage> {
    keys::parts_of_open_proposal(key).ok_or_else(|| Damage::new("an open proposal", "has a key of another length"))
}

fn lapse<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    index: LedgerIndex,
    status: ProposalStatus,
    effects: &mut Vec<Effect>,
) -> Result<(), S::Error> {
    let proposal = read::proposal(draft, index)?
        .ok_or_else(|| Damage::new(format!("proposal {index}"), "is listed as open and missing"))?;
    close(draft, proposal, status, effects);
    Ok(())
}

/// Whether the author may open one more: with the number of seats this bounds how many are open.
pub(crate) fn room_for<S: StateRead>(state: &S, author: &PublicKey) -> Decision<(), S> {
    let mut own = 0;
    for (_, value) in read::all(state, &keys::open_proposals())? {
        own += usize::from(PublicKey::decode(&value).map_err(broken)? == *author);
    }
    if own < limits::OPEN_PROPOSALS {
        return Ok(());
    }
    let detail = format!("key {} has {own} open proposals; withdraw some first", author.fingerprint());
    reject(Code::TooLarge, detail)
}

/// A text of a council command, if it is short enough.
pub(crate) fn bounded<S: StateRead>(what: &str, text: &str, limit: usize) -> Decision<(), S> {
    if text.len() <= limit {
        return Ok(());
    }
    reject(Code::TooLarge, format!("{what} has {} bytes; at most {limit} are taken", text.len()))
}

/// Why a key may not answer or open a proposal.
pub(crate) fn no_seat<T, S: StateRead>(state: &S, mesh: &Mesh, key: &PublicKey) -> Decision<T, S> {
    let (who, version) = (key.fingerprint(), mesh.council_version);
    let acts = mesh.recovery_keys.contains(key) || mesh.council.seats.iter().any(|seat| seat.key == *key);
    match read::key_purpose(state, key)? {
        Some(KeyPurpose::Council | KeyPurpose::Recovery) if !acts => {
            reject(Code::RevokedKey, format!("key {who} has no seat in version {version} of the council any more"))
        }
        Some(purpose) => reject(Code::NoSeat, format!("key {who} is {purpose}, which has no say in this")),
        None => reject(Code::NoSeat, format!("key {who} has no seat in version {version} of the council")),
    }
}
