//! Comment: somebody who may answer a proposal says something about it.

use mesh_event::proposal::Comment;
use mesh_model::{Code, PublicKey, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::{self, bounded, no_seat};
use crate::records::{Mesh, Record as _, Remark};
use crate::state::StateRead;
use crate::tally::Tally;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    author: &PublicKey,
    body: &Comment,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let mut proposal = proposals::open_one(draft, body.proposal, at)?;
    if body.text.trim().is_empty() {
        return reject(Code::Malformed, "text is empty");
    }
    bounded::<S>("text", &body.text, limits::REASON_BYTES)?;
    let matter = read::proposal_body(draft, proposal.index)?;
    if !Tally::new(mesh, proposal.electorate, &matter).may_reject(author) {
        return no_seat(draft, mesh, author);
    }
    if proposal.comments >= limits::COMMENTS {
        let detail = format!("proposal {} has {} comments; no more are taken", proposal.index, proposal.comments);
        return reject(Code::TooLarge, detail);
    }
    proposal.comments += 1;
    proposals::update(draft, &proposal);
    let remark = Remark { key: *author, index: at.index, stamp_unix_ms: at.stamp, text: body.text.clone() };
    draft.put(keys::comment(proposal.index, at.index), remark.encode());
    Ok(vec![Effect::Commented { proposal: proposal.index, key: *author }])
}
