//! RevokeKey: takes all roles that a key holds in a domain, or mesh-wide, from this leaf on.

use std::collections::BTreeSet;

use mesh_event::command::RevokeKey;
use mesh_model::{Code, PublicKey};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{council, root, version};
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{Mesh, Record as _};
use crate::state::StateRead;
use crate::{keys, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &RevokeKey,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    if let Some(name) = &body.domain {
        let mut domain = roots::active(draft, name, at)?;
        version::<S>(&format!("the roster of domain {name}"), body.roster_version, domain.roster_version)?;
        root::<S>(&domain, signers)?;
        domain.roster_version += 1;
        draft.put(keys::domain(name), domain.encode());
    } else {
        version::<S>("the mesh-wide roster", body.roster_version, mesh.roster_version)?;
        council::<S>(mesh, signers)?;
        let roster_version = mesh.roster_version + 1;
        draft.put(keys::mesh(), Mesh { roster_version, ..mesh.clone() }.encode());
    }
    let mut grants = read::grants_in(draft, &body.key, body.domain.as_ref())?;
    let mut held = 0;
    for grant in grants.0.iter_mut().filter(|grant| grant.is_held()) {
        grant.revoked_at = Some(at.index);
        held += 1;
    }
    if held == 0 {
        let place = body.domain.as_ref().map_or_else(|| "mesh-wide".to_owned(), |name| format!("in domain {name}"));
        return reject(Code::UnknownKey, format!("key {} holds no role {place}", body.key.fingerprint()));
    }
    draft.put(keys::grants_in(&body.key, body.domain.as_ref()), grants.encode());
    Ok(vec![Effect::KeyRevoked { domain: body.domain.clone(), key: body.key }])
}
