//! Reject: a seat is against a proposal. So many that the threshold is out of reach close it.

use mesh_event::SignedCommand;
use mesh_event::proposal::Reject;
use mesh_model::{Code, PublicKey, limits};

use super::approve::same_bytes;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::version;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::{self, bounded, no_seat};
use crate::read;
use crate::records::{Mesh, ProposalStatus, Vote};
use crate::state::StateRead;
use crate::tally::Tally;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    command: &SignedCommand,
    body: &Reject,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let mut proposal = proposals::open_one(draft, body.proposal, at)?;
    version::<S>("the council", body.council_version, mesh.council_version)?;
    same_bytes::<S>(&proposal, &body.digest)?;
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let matter = read::proposal_body(draft, proposal.index)?;
    let tally = Tally::new(mesh, proposal.electorate, &matter);
    let author = command.command().author;
    if !tally.may_reject(&author) {
        return no_seat(draft, mesh, &author);
    }
    let new: Vec<PublicKey> = (command.signers().iter())
        .filter(|key| tally.may_reject(key) && !proposal.is_rejected_by(key))
        .copied()
        .collect();
    if new.is_empty() {
        let detail = format!("key {} rejected proposal {} before", author.fingerprint(), proposal.index);
        return reject(Code::AlreadySo, detail);
    }
    proposal.approvals.retain(|vote| !new.contains(&vote.key));
    proposal.rejections.extend(new.iter().map(|key| Vote { key: *key, index: at.index }));
    let mut effects: Vec<Effect> =
        (new.iter()).map(|key| Effect::Voted { proposal: proposal.index, key: *key, approves: false }).collect();
    if tally.is_out_of_reach(&proposal) {
        proposals::close(draft, proposal, ProposalStatus::Rejected { index: at.index }, &mut effects);
    } else {
        proposals::update(draft, &proposal);
    }
    Ok(effects)
}
