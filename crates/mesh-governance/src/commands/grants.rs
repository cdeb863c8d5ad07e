//! Writing grants: the key's list, and its place in the roster.

use mesh_event::command::RoleGrant;
use mesh_model::{DomainName, LedgerIndex};

use crate::keys;
use crate::overlay::Overlay;
use crate::read;
use crate::records::{Grant, Record as _};
use crate::state::StateRead;

/// Opens a new interval of a role; says `false` when the key holds it already.
pub(super) fn open<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    domain: Option<&DomainName>,
    grant: &RoleGrant,
    at: LedgerIndex,
) -> Result<bool, S::Error> {
    let mut grants = read::grants_in(draft, &grant.key, domain)?;
    if grants.0.iter().any(|held| held.is_held() && held.role == grant.role) {
        return Ok(false);
    }
    grants.0.push(Grant { role: grant.role, granted_at: at, revoked_at: None });
    draft.put(keys::grants_in(&grant.key, domain), grants.encode());
    draft.put(keys::roster_entry(domain, &grant.key), grants.0[0].granted_at.encode());
    Ok(true)
}
