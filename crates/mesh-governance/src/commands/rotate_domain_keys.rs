//! RotateDomainKeys: a domain's root puts other keys in its place, with the threshold of the old and of the new ones.

use std::collections::BTreeSet;

use mesh_event::command::RotateDomainKeys;
use mesh_model::{Code, PublicKey};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{join, root, version};
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{Domain, KeyPurpose, Record as _};
use crate::state::StateRead;
use crate::{keys, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    signers: &BTreeSet<PublicKey>,
    body: &RotateDomainKeys,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let name = &body.domain;
    let before = roots::active(draft, name, at)?;
    version::<S>(&format!("the roster of domain {name}"), body.roster_version, before.roster_version)?;
    root::<S>(&before, signers)?;
    roots::can_speak::<S>(name, &body.root_keys, body.root_threshold)?;
    let after = Domain {
        root_keys: body.root_keys.clone(),
        root_threshold: body.root_threshold,
        roster_version: before.roster_version + 1,
        ..before.clone()
    };
    if (&after.root_keys, after.root_threshold) == (&before.root_keys, before.root_threshold) {
        return reject(Code::AlreadySo, format!("these are the root keys of domain {name}"));
    }
    for key in &body.root_keys {
        if !before.root_keys.contains(key) {
            join(draft, key, &KeyPurpose::Root(name.clone()), signers)?;
        }
    }
    root::<S>(&after, signers)?;
    draft.put(keys::domain(name), after.encode());
    Ok(vec![Effect::DomainKeysRotated { domain: name.clone() }])
}
