//! Reads of feeds' heads and epochs, forked feeds, erasures, the rule of admission.

use mesh_event::federation::AdmissionRule;
use mesh_model::{Digest, DomainName, NodeId};

use super::{all, decoded, record};
use crate::keys;
use crate::records::{Containment, EndedEpoch, Erasure, LedgerHead, Recovery, Vouched};
use crate::state::StateRead;

/// The protocol version in force, where it is newer than the newest that is known here: nothing more may be decided until the build is
/// updated, or not held back any more.
///
/// # Errors
/// See the module above.
pub fn needs_protocol<S: StateRead>(state: &S, newest: u32) -> Result<Option<u32>, S::Error> {
    let version = super::mesh(state)?.map(|mesh| mesh.protocol_version);
    Ok(version.filter(|version| *version > newest))
}

/// The newest head of a feed that is in the ledger: its events up to there are anchored. `None` while there is none; heads are kept
/// from protocol 2 on.
///
/// # Errors
/// See the module above.
pub fn ledger_head<S: StateRead>(state: &S, domain: &DomainName, epoch: u64) -> Result<Option<LedgerHead>, S::Error> {
    record(state, &keys::ledger_head(domain, epoch))
}

/// The report of a domain's forked feed, if it waits for the domain's root.
///
/// # Errors
/// See the module above.
pub fn containment<S: StateRead>(state: &S, domain: &DomainName) -> Result<Option<Containment>, S::Error> {
    record(state, &keys::containment(domain))
}

/// All of them, by domain.
///
/// # Errors
/// See the module above.
pub fn containments<S: StateRead>(state: &S) -> Result<Vec<Containment>, S::Error> {
    decoded(all(state, &keys::containments())?)
}

/// An epoch of a domain's feed that is over. With `outbox_outcome` it tells which commands of that epoch were decided: up to
/// `cursor.last_outbox`, and no later one ever will be.
///
/// # Errors
/// See the module above.
pub fn ended_epoch<S: StateRead>(state: &S, domain: &DomainName, epoch: u64) -> Result<Option<EndedEpoch>, S::Error> {
    record(state, &keys::ended_epoch(domain, epoch))
}

/// All epochs of a domain's feed that ended under protocol 2 or later, in their order.
///
/// # Errors
/// See the module above.
pub fn ended_epochs<S: StateRead>(state: &S, domain: &DomainName) -> Result<Vec<EndedEpoch>, S::Error> {
    decoded(all(state, &keys::ended_epochs(domain))?)
}

/// Whether a domain's attachment was erased, and why.
///
/// # Errors
/// See the module above.
pub fn erasure<S: StateRead>(state: &S, domain: &DomainName, digest: &Digest) -> Result<Option<Erasure>, S::Error> {
    record(state, &keys::erasure(domain, digest))
}

/// Whether a domain's attachment was erased.
///
/// # Errors
/// See the module above.
pub fn is_erased<S: StateRead>(state: &S, domain: &DomainName, digest: &Digest) -> Result<bool, S::Error> {
    Ok(state.get(&keys::erasure(domain, digest))?.is_some())
}

/// At most `limit` erasures after `after`, of one domain or of all, by domain and digest.
///
/// # Errors
/// See the module above.
pub fn erasures<S: StateRead>(
    state: &S,
    domain: Option<&DomainName>,
    after: Option<(&DomainName, &Digest)>,
    limit: usize,
) -> Result<Vec<Erasure>, S::Error> {
    let after = after.map(|(domain, digest)| keys::erasure(domain, digest));
    decoded(state.scan(&keys::erasures(domain), after.as_deref(), limit)?)
}

/// Who may let nodes in beside the council.
///
/// # Errors
/// See the module above.
pub fn admission_rule<S: StateRead>(state: &S) -> Result<AdmissionRule, S::Error> {
    Ok(record(state, &keys::admission_rule())?.unwrap_or_default())
}

/// The nodes for which a domain vouched and that were not revoked.
///
/// # Errors
/// See the module above.
pub fn vouched<S: StateRead>(state: &S, domain: &DomainName) -> Result<Vec<NodeId>, S::Error> {
    let Vouched(all) = record(state, &keys::vouched(domain))?.unwrap_or_default();
    let mut standing = Vec::new();
    for id in all {
        if super::node_revocation(state, id)?.is_none() {
            standing.push(id);
        }
    }
    Ok(standing)
}

/// The last recovery of the voters.
///
/// # Errors
/// See the module above.
pub fn recovery<S: StateRead>(state: &S) -> Result<Option<Recovery>, S::Error> {
    record(state, &keys::recovery())
}
