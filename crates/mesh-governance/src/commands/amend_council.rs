//! AmendCouncil: other seats, another threshold, other terms. That both councils agreed is for the tally to have counted.

use std::collections::BTreeSet;

use mesh_event::proposal::AmendCouncil;
use mesh_event::{Seat, signing};
use mesh_model::{Code, PublicKey, limits};

use super::enact::Matter;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::join;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{DomainStatus, KeyPurpose, Mesh, Record as _, Terms};
use crate::state::StateRead;
use crate::{keys, proposals, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    matter: &Matter<'_>,
    body: &AmendCouncil,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let mesh = matter.mesh;
    let before = read::terms(draft)?;
    can_decide::<S>(body)?;
    let same = (&body.council, &body.recovery_keys, body.min_review_ms)
        == (&mesh.council, &mesh.recovery_keys, before.min_review_ms);
    if same {
        let version = mesh.council_version;
        return reject(Code::AlreadySo, format!("version {version} of the council is like this"));
    }
    let kept: BTreeSet<PublicKey> = mesh.council.seats.iter().map(|seat| seat.key).collect();
    for seat in &body.council.seats {
        fits(draft, seat)?;
        if !kept.contains(&seat.key) {
            join(draft, &seat.key, &KeyPurpose::Council, matter.witnesses)?;
        }
    }
    for key in &body.recovery_keys {
        if !mesh.recovery_keys.contains(key) {
            join(draft, key, &KeyPurpose::Recovery, matter.witnesses)?;
        }
    }
    let council_version = mesh.council_version + 1;
    let next = Mesh {
        council: body.council.clone(),
        council_version,
        recovery_keys: body.recovery_keys.clone(),
        ..mesh.clone()
    };
    draft.put(keys::mesh(), next.encode());
    let terms = Terms { min_review_ms: body.min_review_ms, amended_at: at.index, amended_unix_ms: at.stamp };
    draft.put(keys::terms(), terms.encode());
    let mut effects = vec![Effect::CouncilAmended { version: council_version }];
    proposals::lapse_all(draft, at, &mut effects)?;
    Ok(effects)
}

/// Whether this council could decide anything.
fn can_decide<S: StateRead>(body: &AmendCouncil) -> Decision<(), S> {
    let (seats, threshold) = (body.council.seats.len(), body.council.threshold);
    let locked_out = |detail: String| reject(Code::CouncilLockedOut, detail);
    if threshold == 0 || threshold as usize > seats {
        return locked_out(format!("the threshold is {threshold} of {seats} seats"));
    }
    for (what, found, limit) in
        [("seats", seats, limits::COUNCIL_SEATS), ("recovery keys", body.recovery_keys.len(), limits::RECOVERY_KEYS)]
    {
        if found > limit {
            return reject(Code::TooLarge, format!("the council has {found} {what}; at most {limit} are taken"));
        }
    }
    let mut keys = BTreeSet::new();
    for key in body.council.seats.iter().map(|seat| &seat.key).chain(&body.recovery_keys) {
        if !signing::is_sound(key) {
            return reject(Code::WeakKey, format!("key {} is weak or no point of the curve", key.fingerprint()));
        }
        if !keys.insert(key) {
            return locked_out(format!("key {} stands there twice", key.fingerprint()));
        }
    }
    if body.min_review_ms > limits::REVIEW_MS {
        let (found, limit) = (body.min_review_ms, limits::REVIEW_MS);
        return locked_out(format!("the review time is {found} milliseconds; at most {limit} are taken"));
    }
    Ok(())
}

fn fits<S: StateRead>(state: &S, seat: &Seat) -> Decision<(), S> {
    let name = seat.name.trim();
    if name.is_empty() || seat.name.len() > limits::NAME_BYTES {
        let detail = format!("a seat's name has {} bytes; expected 1 to {}", seat.name.len(), limits::NAME_BYTES);
        return reject(Code::Malformed, detail);
    }
    let Some(domain) = &seat.domain else { return Ok(()) };
    match read::domain(state, domain)? {
        None => reject(Code::UnknownDomain, format!("there is no domain {domain} to fill the seat {name}")),
        Some(known) if known.status == DomainStatus::Removed => {
            reject(Code::DomainRemoved, format!("domain {domain} was removed and cannot fill the seat {name}"))
        }
        Some(_) => Ok(()),
    }
}
