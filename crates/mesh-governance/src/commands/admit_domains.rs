//! AdmitDomains: the council lets domains in, all of a list or none. Signed by its threshold at once here, without review: it takes
//! nothing from anybody. By proposal where seats sign one after the other.

use std::collections::BTreeSet;

use mesh_event::command::{AdmitDomains, DomainAdmission};
use mesh_model::{Code, PublicKey, limits};

use super::{grants, standing};
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{bind_key, council, version};
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{Delegation, Domain, DomainStatus, FeedCursor, KeyPurpose, Mesh, Record as _};
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &AdmitDomains,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    version::<S>("the council", body.council_version, mesh.council_version)?;
    council::<S>(mesh, signers)?;
    admit_all(draft, signers, &body.domains, at)
}

/// Admits all of a list or none. That the council decided so is for the caller to have checked; `signers` prove possession.
pub(super) fn admit_all<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    signers: &BTreeSet<PublicKey>,
    domains: &[DomainAdmission],
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    match domains.len() {
        0 => return reject(Code::Malformed, "the list has no domain"),
        found if found > limits::ADMIT_LIST => {
            let detail = format!("the list has {found} domains; at most {} are taken", limits::ADMIT_LIST);
            return reject(Code::TooLarge, detail);
        }
        _ => {}
    }
    let mut effects = Vec::new();
    for admission in domains {
        // Earlier domains of the list are in the draft: a parent may stand there, and a name or key only once.
        admit(draft, signers, admission, at, &mut effects)?;
    }
    Ok(effects)
}

fn admit<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    signers: &BTreeSet<PublicKey>,
    admission: &DomainAdmission,
    at: Moment,
    effects: &mut Vec<Effect>,
) -> Decision<(), S> {
    let name = &admission.name;
    if let Some(known) = read::domain(draft, name)? {
        return reject(Code::DomainExists, format!("domain {name} was admitted at index {}", known.admitted_at));
    }
    if let Some(parent) = &admission.parent
        && read::domain(draft, parent)?.is_none()
    {
        return reject(Code::UnknownDomain, format!("there is no domain {parent} to be the parent of {name}"));
    }
    let (keys, threshold) = (admission.root_keys.len(), admission.root_threshold);
    if threshold == 0 || threshold as usize > keys {
        let detail = format!("root_threshold of domain {name} is {threshold}; it has {keys} root keys");
        return reject(Code::Malformed, detail);
    }
    for key in &admission.root_keys {
        bind_key(draft, key, &KeyPurpose::Root(name.clone()), signers)?;
    }
    for grant in &admission.roles {
        bind_key(draft, &grant.key, &KeyPurpose::RoleHolder, signers)?;
    }
    if let Some(node) = admission.delegate {
        standing::node(draft, node, || format!("there is no node {node} to write the feed of {name}"))?;
    }

    effects.push(Effect::DomainAdmitted { domain: name.clone() });
    for grant in &admission.roles {
        if !grants::open(draft, Some(name), grant, at.index)? {
            let (key, role) = (grant.key.fingerprint(), grant.role);
            return reject(Code::Malformed, format!("roles of domain {name} list key {key} as {role} twice"));
        }
        effects.push(Effect::RoleGranted { domain: Some(name.clone()), key: grant.key, role: grant.role });
    }
    let delegation = admission.delegate.map(|node_id| {
        effects.push(Effect::NodeDelegated { domain: name.clone(), epoch: 1, node_id });
        Delegation { node_id, epoch: 1, since_index: at.index, base_size: 0, base_root: None }
    });
    if delegation.is_some() {
        draft.put(keys::feed_cursor(name), FeedCursor::open(1, 0).encode());
    }
    let domain = Domain {
        name: name.clone(),
        title: admission.title.clone(),
        description: admission.description.clone(),
        responsibilities: admission.responsibilities.clone(),
        parent: admission.parent.clone(),
        root_keys: admission.root_keys.clone(),
        root_threshold: threshold,
        roster_version: 1,
        status: DomainStatus::Active,
        delegation,
        admitted_at: at.index,
        admitted_unix_ms: at.stamp,
    };
    draft.put(keys::domain(name), domain.encode());
    Ok(())
}
