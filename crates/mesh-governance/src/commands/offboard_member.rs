//! OffboardMember: takes a person's key out of a domain, or out of everything.

use std::collections::BTreeSet;

use mesh_event::command::OffboardMember;
use mesh_model::{Code, DomainName, PublicKey, Role, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{council, root, version};
use crate::decision::{Decision, broken, reject};
use crate::overlay::Overlay;
use crate::proposals::{self, bounded};
use crate::records::{Domain, DomainStatus, KeyPurpose, Mesh, Record as _};
use crate::state::{Damage, StateRead};
use crate::{keys, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &OffboardMember,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let who = body.key.fingerprint();
    let mut effects = Vec::new();
    if let Some(name) = &body.domain {
        let domain = roots::active(draft, name, at)?;
        version::<S>(&format!("the roster of domain {name}"), body.version, domain.roster_version)?;
        root::<S>(&domain, signers)?;
        if !out_of_domain(draft, &body.key, domain, at, &mut effects)? {
            return reject(Code::UnknownKey, format!("key {who} holds no role in domain {name}"));
        }
    } else {
        version::<S>("the council", body.version, mesh.council_version)?;
        // The council that is left decides, so that this is no way around the thresholds of an amendment.
        let others: BTreeSet<PublicKey> = signers.iter().filter(|key| **key != body.key).copied().collect();
        council::<S>(mesh, &others)?;
        out_of_everything(draft, mesh, &body.key, at, &mut effects)?;
        if effects.is_empty() {
            return reject(Code::UnknownKey, format!("key {who} holds neither a role nor a seat"));
        }
    }
    effects.push(Effect::MemberOffboarded { key: body.key, domain: body.domain.clone() });
    Ok(effects)
}

/// Ends the key's roles in a domain; says `false` when it held none.
fn out_of_domain<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    key: &PublicKey,
    domain: Domain,
    at: Moment,
    effects: &mut Vec<Effect>,
) -> Decision<bool, S> {
    let name = domain.name.clone();
    let ended = end_grants(draft, key, Some(&name), at)?;
    if ended.is_empty() {
        return Ok(false);
    }
    if ended.contains(&Role::DataProductOwner) && domain.status != DomainStatus::Removed && !has_owner(draft, &name)? {
        let detail = format!("domain {name} would have no {} left", Role::DataProductOwner);
        return reject(Code::LastRoot, detail);
    }
    let roster_version = domain.roster_version + 1;
    draft.put(keys::domain(&name), Domain { roster_version, ..domain }.encode());
    effects.push(Effect::KeyRevoked { domain: Some(name), key: *key });
    Ok(true)
}

fn out_of_everything<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    key: &PublicKey,
    at: Moment,
    effects: &mut Vec<Effect>,
) -> Decision<(), S> {
    let who = key.fingerprint();
    match read::key_purpose(draft, key)? {
        None => return Ok(()),
        Some(KeyPurpose::RoleHolder | KeyPurpose::Council) => {}
        Some(purpose) => {
            let detail = format!("key {who} is {purpose}; that is changed where it was set, not by offboarding");
            return reject(Code::KeyInUse, detail);
        }
    }
    let before = mesh;
    let mut mesh = before.clone();
    for entry in read::grants_of(draft, key)? {
        let Some(name) = entry.domain else {
            if !end_grants(draft, key, None, at)?.is_empty() {
                mesh.roster_version += 1;
                effects.push(Effect::KeyRevoked { domain: None, key: *key });
            }
            continue;
        };
        let domain = read::domain(draft, &name)?
            .ok_or_else(|| broken(Damage::new(format!("domain {name}"), "has grants and is missing")))?;
        out_of_domain(draft, key, domain, at, effects)?;
    }
    if let Some(seat) = mesh.council.seats.iter().position(|seat| seat.key == *key) {
        mesh.council.seats.remove(seat);
        let (left, threshold) = (mesh.council.seats.len(), mesh.council.threshold);
        if left < threshold as usize {
            let detail =
                format!("{left} seats would be left for a threshold of {threshold}; amend the council instead");
            return reject(Code::CouncilLockedOut, detail);
        }
        mesh.council_version += 1;
        effects.push(Effect::CouncilAmended { version: mesh.council_version });
        let terms = read::terms(draft)?;
        let terms = crate::records::Terms { amended_at: at.index, amended_unix_ms: at.stamp, ..terms };
        draft.put(keys::terms(), terms.encode());
        proposals::lapse_all(draft, at, effects)?;
    }
    if mesh != *before {
        draft.put(keys::mesh(), mesh.encode());
    }
    Ok(())
}

/// Ends what the key holds in one place; the roles that ended.
fn end_grants<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    key: &PublicKey,
    domain: Option<&DomainName>,
    at: Moment,
) -> Result<Vec<Role>, S::Error> {
    let mut grants = read::grants_in(draft, key, domain)?;
    let mut ended = Vec::new();
    for grant in grants.0.iter_mut().filter(|grant| grant.is_held()) {
        grant.revoked_at = Some(at.index);
        ended.push(grant.role);
    }
    if !ended.is_empty() {
        draft.put(keys::grants_in(key, domain), grants.encode());
    }
    Ok(ended)
}

fn has_owner<S: StateRead>(state: &S, domain: &DomainName) -> Result<bool, S::Error> {
    let roster = read::roster(state, Some(domain))?;
    let holds = |grant: &crate::Grant| grant.is_held() && grant.role == Role::DataProductOwner;
    Ok(roster.iter().any(|entry| entry.grants.iter().any(holds)))
}
