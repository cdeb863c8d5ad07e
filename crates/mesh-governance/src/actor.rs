//! Whether an author's roles allow a domain command.

use mesh_model::{Action, Code, DomainName, PublicKey};

use crate::decision::{Decision, reject};
use crate::read;
use crate::records::Grant;
use crate::state::StateRead;

/// Judges a key by the roles that its home node saw when it had applied `ledger_size` leaves, and says which of the many
/// ways of not being allowed it is.
pub(crate) fn check<S: StateRead>(
    state: &S,
    key: &PublicKey,
    action: Action,
    domain: &DomainName,
    ledger_size: u64,
) -> Decision<(), S> {
    let here = read::grants_in(state, key, Some(domain))?;
    let everywhere = read::grants_in(state, key, None)?;
    if here.allow(action, ledger_size) || everywhere.allow(action, ledger_size) {
        return Ok(());
    }
    let who = key.fingerprint();
    let grants = || here.0.iter().chain(&everywhere.0);
    let held: Vec<&str> = grants().filter(|g| g.is_held_at(ledger_size)).map(|g| g.role.as_str()).collect();
    if !held.is_empty() {
        let detail = format!("key {who} is {} in domain {domain}, which does not allow {action}", held.join(", "));
        return reject(Code::WrongRole, detail);
    }
    let revoked = |grant: &Grant| grant.revoked_at.filter(|at| *at < ledger_size);
    if let Some(at) = grants().filter_map(revoked).max() {
        return reject(Code::RevokedKey, format!("key {who} was revoked in domain {domain} at index {at}"));
    }
    if let Some(at) = grants().map(|grant| grant.granted_at).min() {
        let detail = format!(
            "key {who} got its role in domain {domain} at index {at}; the command was accepted at ledger size {ledger_size}"
        );
        return reject(Code::UnknownKey, detail);
    }
    match read::grants_of(state, key)?.into_iter().find_map(|entry| entry.domain) {
        Some(other) => reject(Code::WrongDomain, format!("key {who} has its role in domain {other}, not in {domain}")),
        None => reject(Code::UnknownKey, format!("key {who} has no role in domain {domain}")),
    }
}
