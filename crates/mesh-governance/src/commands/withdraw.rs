//! Withdraw: an author takes a proposal back.

use mesh_event::proposal::Withdraw;
use mesh_model::{Code, PublicKey, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::{self, bounded};
use crate::records::ProposalStatus;
use crate::state::StateRead;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    author: &PublicKey,
    body: &Withdraw,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let proposal = proposals::open_one(draft, body.proposal, at)?;
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    if proposal.author != *author {
        let (index, opener) = (proposal.index, proposal.author.fingerprint());
        return reject(Code::WrongRole, format!("proposal {index} is withdrawn by its author, key {opener}"));
    }
    let mut effects = Vec::new();
    proposals::close(draft, proposal, ProposalStatus::Withdrawn { index: at.index }, &mut effects);
    Ok(effects)
}
