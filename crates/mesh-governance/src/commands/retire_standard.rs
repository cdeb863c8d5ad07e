//! RetireStandard: a standard ends. It stays in history.

use mesh_event::proposal::RetireStandard;
use mesh_model::{Code, limits};

use super::enact_standard::in_force;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{EnactedStandard, Record as _, StandardStatus};
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &RetireStandard,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let (id, version) = (&body.id, body.version);
    let unknown = || format!("there is no standard {id} in force");
    if read::version_in_force(draft, id)?.is_none() {
        return reject(Code::UnknownStandard, unknown());
    }
    let Some(present) = in_force(draft, id, Some(version))? else {
        return reject(Code::UnknownStandard, unknown());
    };
    let status = StandardStatus::Retired { index: at.index, reason: body.reason.clone() };
    draft.put(keys::standard(id, version), EnactedStandard { status, ..present }.encode());
    draft.remove(keys::in_force(id));
    Ok(vec![Effect::StandardRetired { id: id.clone(), version }])
}
