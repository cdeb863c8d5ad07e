//! ResolveFork: after two contradicting checkpoints with a majority, the council says which history is the mesh's.
//!
//! Nodes that hold the proof accept nothing until this leaf but what takes the keys that signed twice out of force. Whatever else was
//! signed of the other history, up to the size that is named, is refused with it.
//!
//! The leaf lies in one of the two histories, and only nodes with that one apply it: whether it is theirs is for each of them to see,
//! by the root of its own tree at the size that is named.

use mesh_event::proposal::ResolveFork;
use mesh_model::{Code, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{Record as _, ResolvedFork};
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &ResolveFork,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    if body.size == 0 || body.size > at.index {
        let detail = format!("it keeps the history of {} leaves; expected 1 to {}", body.size, at.index);
        return reject(Code::BadResolution, detail);
    }
    let (refused_size, refused_root) = (body.refused_size, body.refused_root);
    if let Some(resolved) = read::resolved_fork(draft)?
        && body.size <= resolved.size
    {
        let detail = format!(
            "it keeps the history of {} leaves; index {} settled it for {} already",
            body.size, resolved.index, resolved.size
        );
        return reject(Code::BadResolution, detail);
    }
    if refused_size == 0 || refused_size > body.size || (refused_size, refused_root) == (body.size, body.root) {
        let detail =
            format!("it refuses a checkpoint of {refused_size} leaves; expected another one of 1 to {}", body.size);
        return reject(Code::BadResolution, detail);
    }
    let ResolveFork { proof, size, root, reason, .. } = body.clone();
    let resolved = ResolvedFork { size, root, proof, index: at.index, reason };
    draft.put(keys::resolved_fork(), resolved.encode());
    Ok(vec![Effect::ForkResolved { size, root, refused_size, refused_root }])
}
