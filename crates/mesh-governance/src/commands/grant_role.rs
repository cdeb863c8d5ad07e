//! GrantRole: a domain's root gives a key a role in the domain; the council, for the whole mesh.

use std::collections::BTreeSet;

use mesh_event::command::GrantRole;
use mesh_model::{Code, PublicKey};

use super::grants;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{active_domain, bind_key, council, root, version};
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::records::{KeyPurpose, Mesh, Record as _};
use crate::state::StateRead;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &GrantRole,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let (key, role) = (&body.grant.key, body.grant.role);
    if let Some(name) = &body.domain {
        let mut domain = active_domain(draft, name)?;
        version::<S>(&format!("the roster of domain {name}"), body.roster_version, domain.roster_version)?;
        root::<S>(&domain, signers)?;
        domain.roster_version += 1;
        draft.put(keys::domain(name), domain.encode());
    } else {
        version::<S>("the mesh-wide roster", body.roster_version, mesh.roster_version)?;
        council::<S>(mesh, signers)?;
        if !role.may_be_mesh_wide() {
            return reject(Code::WrongRole, format!("{role} is granted in a domain, by its root; never mesh-wide"));
        }
        let roster_version = mesh.roster_version + 1;
        draft.put(keys::mesh(), Mesh { roster_version, ..mesh.clone() }.encode());
    }
    bind_key(draft, key, &KeyPurpose::RoleHolder, signers)?;
    if !grants::open(draft, body.domain.as_ref(), &body.grant, at.index)? {
        let place = body.domain.as_ref().map_or_else(|| "mesh-wide".to_owned(), |name| format!("in domain {name}"));
        return reject(Code::AlreadySo, format!("key {} is {role} {place}", key.fingerprint()));
    }
    Ok(vec![Effect::RoleGranted { domain: body.domain.clone(), key: *key, role }])
}
