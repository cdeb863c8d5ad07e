//! SuspendDomain, ResumeDomain, RemoveDomain: the council says whether a domain may act.

use mesh_event::proposal::DomainStanding;
use mesh_model::{Code, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{Domain, DomainStatus, Record as _};
use crate::roots;
use crate::state::StateRead;

pub(crate) fn suspend<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &DomainStanding,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    set(draft, body, DomainStatus::Suspended, at)
}

pub(crate) fn resume<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &DomainStanding,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    set(draft, body, DomainStatus::Active, at)
}

pub(crate) fn remove<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &DomainStanding,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    set(draft, body, DomainStatus::Removed, at)
}

fn set<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    body: &DomainStanding,
    status: DomainStatus,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let name = &body.domain;
    let domain = roots::settled(draft, name, at)?;
    if domain.status == status {
        return reject(Code::AlreadySo, format!("domain {name} is {}", status.as_str()));
    }
    draft.put(keys::domain(name), Domain { status, ..domain }.encode());
    Ok(vec![Effect::DomainStanding { domain: name.clone(), status }])
}
