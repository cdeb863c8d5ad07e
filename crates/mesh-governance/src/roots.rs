//! Who speaks for a domain now. A replacement of root keys that the council decided takes effect by ledger time, with the
//! first command that touches the domain's root at or after it.

use std::collections::BTreeSet;

use mesh_event::signing;
use mesh_model::{Code, DomainName, PublicKey, limits};

use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::read;
use crate::records::{Domain, DomainStatus, Record as _};
use crate::state::StateRead;

/// The domain with the root that is in force now, if it is known and was not removed.
pub(crate) fn settled<S: StateRead>(draft: &mut Overlay<'_, S>, name: &DomainName, at: Moment) -> Decision<Domain, S> {
    let Some(mut domain) = read::domain(draft, name)? else {
        return reject(Code::UnknownDomain, format!("there is no domain {name}"));
    };
    if domain.status == DomainStatus::Removed {
        return reject(Code::DomainRemoved, format!("domain {name} was removed"));
    }
    if let Some(pending) = read::pending_root(draft, name)?
        && pending.effective_unix_ms <= at.stamp
    {
        domain.root_keys = pending.root_keys;
        domain.root_threshold = pending.root_threshold;
        draft.put(keys::domain(name), domain.encode());
        draft.remove(keys::pending_root(name));
    }
    Ok(domain)
}

/// The same, if the domain may act.
pub(crate) fn active<S: StateRead>(draft: &mut Overlay<'_, S>, name: &DomainName, at: Moment) -> Decision<Domain, S> {
    let domain = settled(draft, name, at)?;
    if domain.status == DomainStatus::Active {
        return Ok(domain);
    }
    reject(Code::DomainSuspended, format!("domain {name} is suspended"))
}

/// Whether these keys could be the root of a domain.
pub(crate) fn can_speak<S: StateRead>(name: &DomainName, keys: &[PublicKey], threshold: u32) -> Decision<(), S> {
    let found = keys.len();
    if found > limits::ROOT_KEYS {
        let detail = format!("domain {name} would have {found} root keys; at most {} are taken", limits::ROOT_KEYS);
        return reject(Code::TooLarge, detail);
    }
    if threshold == 0 || threshold as usize > found {
        let detail = format!("root_threshold of domain {name} is {threshold}; it would have {found} root keys");
        return reject(Code::Malformed, detail);
    }
    let mut distinct = BTreeSet::new();
    for key in keys {
        if !signing::is_sound(key) {
            return reject(Code::WeakKey, format!("key {} is weak or no point of the curve", key.fingerprint()));
        }
        if !distinct.insert(key) {
            let detail = format!("root_keys of domain {name} list key {} twice", key.fingerprint());
            return reject(Code::Malformed, detail);
        }
    }
    Ok(())
}
