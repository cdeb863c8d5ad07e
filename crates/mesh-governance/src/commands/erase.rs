//! Erase: every node deletes the body of an attachment. The digest stays where it was signed, so proofs stay valid.
//!
//! The state does not know whose an attachment is: it is kept by domain and digest, and a node deletes what that domain's versions
//! name. So nobody erases for another domain.

use mesh_event::SignedCommand;
use mesh_event::federation::Erase;
use mesh_model::{Action, Code, limits};

use crate::actor;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::root;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{Erasure, Mesh, Record as _};
use crate::state::StateRead;
use crate::{keys, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    command: &SignedCommand,
    body: &Erase,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let (name, signers, author) = (&body.domain, command.signers(), command.command().author);
    // Also of a suspended domain: what people ask to be forgotten does not wait for the council.
    let domain = roots::settled(draft, name, at)?;
    if root::<S>(&domain, signers).is_err() && !mesh.council.is_met(signers) {
        actor::check(draft, &author, Action::Erase, name, at.index)?;
    }
    if let Some(known) = read::erasure(draft, name, &body.digest)? {
        let detail = format!("attachment {} of domain {name} was erased at index {}", body.digest.short(), known.index);
        return reject(Code::AlreadySo, detail);
    }
    let erasure = Erasure {
        domain: name.clone(),
        digest: body.digest,
        author,
        index: at.index,
        stamp_unix_ms: at.stamp,
        reason: body.reason.clone(),
    };
    draft.put(keys::erasure(name, &body.digest), erasure.encode());
    Ok(vec![Effect::Erased { domain: name.clone(), digest: body.digest }])
}
