//! RevokeNode: the council takes a node out. The feeds that it wrote wait for another delegation.

use mesh_event::proposal::RevokeNode;
use mesh_model::{Code, limits};

use super::standing;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{NodeRevocation, Record as _};
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &RevokeNode,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let node_id = body.node_id;
    if let Some(revoked) = read::node_revocation(draft, node_id)? {
        return reject(Code::AlreadySo, format!("node {node_id} was revoked at index {}", revoked.index));
    }
    if standing::node(draft, node_id, || format!("there is no node {node_id}"))?.voter {
        return reject(Code::NodeVotes, format!("node {node_id} is a voter; set other voters first"));
    }
    let reason = body.reason.clone();
    let revocation = NodeRevocation { node_id, index: at.index, stamp_unix_ms: at.stamp, reason };
    draft.put(keys::node_revocation(node_id), revocation.encode());
    Ok(vec![Effect::NodeRevoked { node_id }])
}
