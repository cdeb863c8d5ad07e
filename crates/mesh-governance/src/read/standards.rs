//! Standards, waivers, and root keys that take effect later.

use std::sync::Arc;

use mesh_event::decode_standard;
use mesh_model::{DomainName, LedgerIndex, Name, ProductId, PublicKey, Standard, UnixMs, Version};

use super::{all, decoded, record};
use crate::judge::{InForce, Judge};
use crate::keys;
use crate::records::{Domain, EnactedStandard, GrantedWaiver, PendingRoot, Record as _};
use crate::state::{Damage, StateRead};

/// A version of a standard, whatever became of it.
///
/// # Errors
/// See the module.
pub fn standard<S: StateRead>(state: &S, id: &Name, version: Version) -> Result<Option<EnactedStandard>, S::Error> {
    record(state, &keys::standard(id, version))
}

/// The text of a version of a standard: all that the council signed.
///
/// # Errors
/// See the module.
pub fn standard_text<S: StateRead>(state: &S, id: &Name, version: Version) -> Result<Option<Standard>, S::Error> {
    let Some(bytes) = record::<Vec<u8>, S>(state, &keys::standard_text(id, version))? else {
        return Ok(None);
    };
    let damage = |why: String| Damage::new(format!("the text of standard {id}@{version}"), why);
    Ok(Some(decode_standard(&bytes).map_err(|error| damage(error.to_string()))?))
}

/// All versions of all standards, or of one, by id and version.
///
/// # Errors
/// See the module.
pub fn standards<S: StateRead>(state: &S, id: Option<&Name>) -> Result<Vec<EnactedStandard>, S::Error> {
    decoded(all(state, &keys::standards(id))?)
}

/// The version in force of a standard.
///
/// # Errors
/// See the module.
pub fn version_in_force<S: StateRead>(state: &S, id: &Name) -> Result<Option<Version>, S::Error> {
    record(state, &keys::in_force(id))
}

/// The standards in force, by id.
///
/// # Errors
/// See the module.
pub fn standards_in_force<S: StateRead>(state: &S) -> Result<Vec<EnactedStandard>, S::Error> {
    let mut found = Vec::new();
    for (key, bytes) in all(state, &keys::all_in_force())? {
        let damage = || Damage::new("a standard in force", "is missing");
        let id = keys::standard_of_in_force(&key).ok_or_else(damage)?;
        found.push(standard(state, &id, Version::decode(&bytes)?)?.ok_or_else(damage)?);
    }
    Ok(found)
}

/// The standards that were in force once the ledger had the leaf of this index, by id.
///
/// # Errors
/// See the module.
pub fn standards_in_force_at<S: StateRead>(state: &S, index: LedgerIndex) -> Result<Vec<EnactedStandard>, S::Error> {
    let mut found = standards(state, None)?;
    found.retain(|standard| standard.is_in_force_at(index));
    Ok(found)
}

/// The standards in force with their texts, as an evaluator takes them.
///
/// # Errors
/// See the module.
pub fn in_force<S: StateRead>(state: &S, judge: &dyn Judge) -> Result<Vec<InForce>, S::Error> {
    let mut found = Vec::new();
    for enacted in standards_in_force(state)? {
        let EnactedStandard { id, version, digest, enacted_at, enacted_unix_ms, .. } = enacted;
        let standard = if let Some(kept) = judge.recall(&digest) {
            kept
        } else {
            let text = standard_text(state, &id, version)?
                .ok_or_else(|| Damage::new(format!("the text of standard {id}@{version}"), "is missing"))?;
            let text = Arc::new(text);
            judge.keep(&digest, &text);
            text
        };
        found.push(InForce { standard, digest, enacted_at, enacted_unix_ms });
    }
    Ok(found)
}

/// A waiver, by the leaf that granted it.
///
/// # Errors
/// See the module.
pub fn waiver<S: StateRead>(state: &S, index: LedgerIndex) -> Result<Option<GrantedWaiver>, S::Error> {
    record(state, &keys::waiver(index))
}

/// All waivers, whatever became of them, oldest first.
///
/// # Errors
/// See the module.
pub fn waivers<S: StateRead>(state: &S) -> Result<Vec<GrantedWaiver>, S::Error> {
    decoded(all(state, &keys::waivers())?)
}

/// The waivers that hold in a domain at this ledger time, oldest first.
///
/// # Errors
/// See the module.
pub fn waivers_in<S: StateRead>(state: &S, domain: &DomainName, now: UnixMs) -> Result<Vec<GrantedWaiver>, S::Error> {
    let mut found = Vec::new();
    for (key, _) in all(state, &keys::domain_waivers(domain))? {
        let damage = || Damage::new(format!("a waiver of domain {domain}"), "is missing");
        let waiver = waiver(state, keys::index_at_end(&key).ok_or_else(damage)?)?.ok_or_else(damage)?;
        if waiver.holds_at(now) {
            found.push(waiver);
        }
    }
    Ok(found)
}

/// The waivers that cover a product at this ledger time, oldest first.
///
/// # Errors
/// See the module.
pub fn waivers_of<S: StateRead>(state: &S, product: &ProductId, now: UnixMs) -> Result<Vec<GrantedWaiver>, S::Error> {
    let mut found = waivers_in(state, &product.domain, now)?;
    found.retain(|waiver| waiver.scope.covers(product));
    Ok(found)
}

/// Root keys that the council gave to a domain and that no command has met yet. They may be in force by now: see
/// [`root_in_force`].
///
/// # Errors
/// See the module.
pub fn pending_root<S: StateRead>(state: &S, domain: &DomainName) -> Result<Option<PendingRoot>, S::Error> {
    record(state, &keys::pending_root(domain))
}

/// Who speaks for a domain at this ledger time, and how many of them must sign. Before Genesis and for unknown domains, `None`.
///
/// # Errors
/// See the module.
pub fn root_in_force<S: StateRead>(
    state: &S,
    domain: &DomainName,
    now: UnixMs,
) -> Result<Option<(Vec<PublicKey>, u32)>, S::Error> {
    let Some(Domain { root_keys, root_threshold, .. }) = super::domain(state, domain)? else {
        return Ok(None);
    };
    Ok(Some(match pending_root(state, domain)? {
        Some(pending) if pending.effective_unix_ms <= now => (pending.root_keys, pending.root_threshold),
        _ => (root_keys, root_threshold),
    }))
}
