//! Waive: a product or a domain is let off a standard until some time.

use mesh_event::proposal::Waive;
use mesh_model::{Code, limits};

use super::enact::Matter;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{GrantedWaiver, Record as _};
use crate::state::{Damage, StateRead};
use crate::{keys, read, roots};

/// Most expired waivers that one leaf takes out of a domain's list, so that its work is bounded.
const CLEARED_AT_ONCE: usize = 64;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    matter: &Matter<'_>,
    body: &Waive,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    if body.reason.trim().is_empty() {
        return reject(Code::Malformed, "reason is empty; a waiver says why");
    }
    let (standard, domain) = (&body.standard, body.scope.domain());
    if read::version_in_force(draft, standard)?.is_none() {
        return reject(Code::UnknownStandard, format!("there is no standard {standard} in force"));
    }
    roots::settled(draft, domain, at)?;
    let (expires, latest) = (body.expires_unix_ms, at.stamp.saturating_add(limits::WAIVER_LIFE_MS));
    if expires <= at.stamp || expires > latest {
        let detail = format!(
            "it expires at {expires}; expected later than {} and not later than {latest} (Unix milliseconds)",
            at.stamp
        );
        return reject(Code::BadClosingDate, detail);
    }
    clear(draft, body, at)?;
    let waiver = GrantedWaiver {
        index: at.index,
        granted_unix_ms: at.stamp,
        proposal: matter.proposal,
        standard: standard.clone(),
        scope: body.scope.clone(),
        reason: body.reason.clone(),
        expires_unix_ms: expires,
        revoked_at: None,
    };
    draft.put(keys::waiver(at.index), waiver.encode());
    draft.put(keys::domain_waiver(domain, at.index), expires.encode());
    Ok(vec![Effect::WaiverGranted { waiver: at.index, standard: standard.clone(), scope: body.scope.clone() }])
}

/// Takes expired waivers out of the domain's list: each publish reads it.
fn clear<S: StateRead>(draft: &mut Overlay<'_, S>, body: &Waive, at: Moment) -> Result<(), S::Error> {
    for (key, expires) in draft.scan(&keys::domain_waivers(body.scope.domain()), None, CLEARED_AT_ONCE)? {
        let expires = u64::decode(&expires).map_err(|_| Damage::new("a domain's waiver", "has no expiry"))?;
        if expires < at.stamp {
            draft.remove(key);
        }
    }
    Ok(())
}
