//! GrantRole: a domain's root gives a key a role in the domain; the council, for the whole mesh.

use std::collections::BTreeSet;

use mesh_event::command::{GrantRole, RoleGrant};
use mesh_model::{Code, DomainName, PublicKey};

use super::grants;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{bind_key, council, root, version};
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{KeyPurpose, Mesh, Record as _};
use crate::state::StateRead;
use crate::{keys, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &GrantRole,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let Some(name) = &body.domain else {
        version::<S>("the mesh-wide roster", body.roster_version, mesh.roster_version)?;
        council::<S>(mesh, signers)?;
        return mesh_wide(draft, mesh, &body.grant, signers, at);
    };
    let mut domain = roots::active(draft, name, at)?;
    version::<S>(&format!("the roster of domain {name}"), body.roster_version, domain.roster_version)?;
    root::<S>(&domain, signers)?;
    domain.roster_version += 1;
    draft.put(keys::domain(name), domain.encode());
    open(draft, Some(name), &body.grant, signers, at)
}

/// Grants a role for the whole mesh. That the council decided so is for the caller to have checked.
pub(super) fn mesh_wide<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    grant: &RoleGrant,
    signers: &BTreeSet<PublicKey>,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let role = grant.role;
    if !role.may_be_mesh_wide() {
        return reject(Code::WrongRole, format!("{role} is granted in a domain, by its root; never mesh-wide"));
    }
    let roster_version = mesh.roster_version + 1;
    draft.put(keys::mesh(), Mesh { roster_version, ..mesh.clone() }.encode());
    open(draft, None, grant, signers, at)
}

fn open<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    domain: Option<&DomainName>,
    grant: &RoleGrant,
    signers: &BTreeSet<PublicKey>,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let (key, role) = (&grant.key, grant.role);
    bind_key(draft, key, &KeyPurpose::RoleHolder, signers)?;
    if !grants::open(draft, domain, grant, at.index)? {
        let place = domain.map_or_else(|| "mesh-wide".to_owned(), |name| format!("in domain {name}"));
        return reject(Code::AlreadySo, format!("key {} is {role} {place}", key.fingerprint()));
    }
    Ok(vec![Effect::RoleGranted { domain: domain.cloned(), key: *key, role }])
}
