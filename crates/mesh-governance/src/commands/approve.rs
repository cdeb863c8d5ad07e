//! Approve: a seat is for a proposal; the approval that completes the threshold makes it take effect.

use mesh_event::SignedCommand;
use mesh_event::proposal::Approve;
use mesh_model::{Code, Digest, PublicKey};

use super::enact;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::version;
use crate::decision::{Decision, reject};
use crate::judge::Bench;
use crate::overlay::Overlay;
use crate::proposals::{self, no_seat};
use crate::read;
use crate::records::{Mesh, Proposal, Vote};
use crate::state::StateRead;
use crate::tally::Tally;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    command: &SignedCommand,
    body: &Approve,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let mut proposal = proposals::open_one(draft, body.proposal, at)?;
    version::<S>("the council", body.council_version, mesh.council_version)?;
    same_bytes::<S>(&proposal, &body.digest)?;
    let matter = read::proposal_body(draft, proposal.index)?;
    let tally = Tally::new(mesh, proposal.electorate, &matter);
    let author = command.command().author;
    if !tally.is_elector(&author) {
        return no_seat(draft, mesh, &author);
    }
    let new: Vec<PublicKey> = (command.signers().iter())
        .filter(|key| tally.is_elector(key) && !proposal.is_approved_by(key))
        .copied()
        .collect();
    proposal.rejections.retain(|vote| !new.contains(&vote.key));
    proposal.approvals.extend(new.iter().map(|key| Vote { key: *key, index: at.index }));
    let is_met = tally.is_met(&proposal);
    // Who is for it already may still complete it, once its review is over.
    if new.is_empty() && !is_met {
        let detail = format!("key {} approved proposal {} before", author.fingerprint(), proposal.index);
        return reject(Code::AlreadySo, detail);
    }
    let mut effects: Vec<Effect> =
        (new.iter()).map(|key| Effect::Voted { proposal: proposal.index, key: *key, approves: true }).collect();
    if !is_met {
        proposals::update(draft, &proposal);
        return Ok(effects);
    }
    let (until, now) = (proposal.review_until_unix_ms, at.stamp);
    if now < until {
        let detail = format!(
            "proposal {} is under review until {until}; ledger time is {now} (Unix milliseconds)",
            proposal.index
        );
        return reject(Code::UnderReview, detail);
    }
    effects.extend(enact::enact(draft, mesh, proposal, &matter, at, bench)?);
    Ok(effects)
}

/// Whether the answer is to the bytes that were proposed.
pub(super) fn same_bytes<S: StateRead>(proposal: &Proposal, digest: &Digest) -> Decision<(), S> {
    if proposal.digest == *digest {
        return Ok(());
    }
    let (index, found) = (proposal.index, &proposal.digest);
    reject(Code::WrongProposal, format!("it answers {digest}; proposal {index} is {found}"))
}
