//! ReplaceDomainRoot: the council gives a domain that lost its root keys others. The old root has 72 hours of ledger time to
//! veto.

use mesh_event::proposal::ReplaceDomainRoot;
use mesh_model::{Code, limits};

use super::enact::Matter;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::join;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{KeyPurpose, PendingRoot, Record as _};
use crate::roots;
use crate::state::StateRead;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    matter: &Matter<'_>,
    body: &ReplaceDomainRoot,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let name = &body.domain;
    let domain = roots::settled(draft, name, at)?;
    roots::can_speak::<S>(name, &body.root_keys, body.root_threshold)?;
    if (&body.root_keys, body.root_threshold) == (&domain.root_keys, domain.root_threshold) {
        return reject(Code::AlreadySo, format!("these are the root keys of domain {name}"));
    }
    for key in &body.root_keys {
        if !domain.root_keys.contains(key) {
            join(draft, key, &KeyPurpose::Root(name.clone()), matter.witnesses)?;
        }
    }
    // A later decision takes the place of one that waits, and its time starts anew.
    let effective_unix_ms = at.stamp.saturating_add(limits::ANSWER_MS);
    let pending = PendingRoot {
        domain: name.clone(),
        root_keys: body.root_keys.clone(),
        root_threshold: body.root_threshold,
        proposal: matter.proposal,
        decided_at: at.index,
        effective_unix_ms,
    };
    draft.put(keys::pending_root(name), pending.encode());
    Ok(vec![Effect::RootReplacementDecided { domain: name.clone(), effective_unix_ms }])
}
