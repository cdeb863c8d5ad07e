//! RevokeWaiver: a waiver ends before its time.

use mesh_event::proposal::RevokeWaiver;
use mesh_model::{Code, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{GrantedWaiver, Record as _};
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &RevokeWaiver,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let index = body.waiver;
    let Some(waiver) = read::waiver(draft, index)? else {
        return reject(Code::UnknownWaiver, format!("there is no waiver {index}"));
    };
    if let Some(revoked) = waiver.revoked_at {
        return reject(Code::AlreadySo, format!("waiver {index} was revoked at index {revoked}"));
    }
    if !waiver.holds_at(at.stamp) {
        let expired = waiver.expires_unix_ms;
        return reject(Code::UnknownWaiver, format!("waiver {index} expired at {expired} (Unix milliseconds)"));
    }
    draft.remove(keys::domain_waiver(waiver.scope.domain(), index));
    draft.put(keys::waiver(index), GrantedWaiver { revoked_at: Some(at.index), ..waiver }.encode());
    Ok(vec![Effect::WaiverRevoked { waiver: index }])
}
