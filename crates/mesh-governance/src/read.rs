//! What nodes and tools ask of a state.
//!
//! Every function fails only as the state's reads do, [`Damage`] included. Lists are ascending by key unless they say
//! otherwise; callers page with `after`, the last thing that they got.

use mesh_event::{Body, Command, Envelope, EventKind, FeedEvent, LeafEntry, LedgerLeaf, NodeRecord};
use mesh_model::role::Authority;
use mesh_model::{Action, CommandId, Descriptor, DomainName, LedgerIndex, NodeId, ProductId, PublicKey, VersionId};

mod council;
mod federation;
mod standards;

pub use council::{
    Approvals, CouncilInForce, approvals, comments, council, electorate_of, node_revocation, open_proposals, proposal,
    proposal_body, proposals, terms, waiting_for,
};
pub use federation::{
    admission_rule, containment, containments, ended_epoch, ended_epochs, erasure, erasures, is_erased, ledger_head,
    needs_protocol, recovery, vouched,
};
pub use standards::in_force;
pub use standards::{
    pending_root, root_in_force, standard, standard_text, standards, standards_in_force, standards_in_force_at,
    version_in_force, waiver, waivers, waivers_in, waivers_of,
};

use crate::keys;
use crate::records::{
    Domain, FeedCursor, Grants, Head, KeyPurpose, KnownNode, Major, Mesh, Product, Record, RememberedCommand,
    ResolvedFork, RosterEntry, SealedVersion, VotersInForce,
};
use crate::state::{Damage, Pair, StateRead};

/// How many keys are read at a time where everything is wanted.
const PAGE: usize = 256;

fn record<R: Record, S: StateRead>(state: &S, key: &[u8]) -> Result<Option<R>, S::Error> {
    match state.get(key)? {
        Some(bytes) => Ok(Some(R::decode(&bytes)?)),
        None => Ok(None),
    }
}

fn decoded<R: Record, E: From<Damage>>(pairs: Vec<Pair>) -> Result<Vec<R>, E> {
    pairs.into_iter().map(|(_, bytes)| R::decode(&bytes).map_err(E::from)).collect()
}

/// Everything under a prefix, a page at a time.
pub(crate) fn all<S: StateRead>(state: &S, prefix: &[u8]) -> Result<Vec<Pair>, S::Error> {
    let mut found: Vec<Pair> = Vec::new();
    loop {
        let page = state.scan(prefix, found.last().map(|(key, _)| key.as_slice()), PAGE)?;
        let more = page.len() == PAGE;
        found.extend(page);
        if !more {
            return Ok(found);
        }
    }
}

/// The mesh; `None` before Genesis.
///
/// # Errors
/// See the module.
pub fn mesh<S: StateRead>(state: &S) -> Result<Option<Mesh>, S::Error> {
    record(state, &keys::mesh())
}

/// Where the ledger ends; all zeros before Genesis.
///
/// # Errors
/// See the module.
pub fn head<S: StateRead>(state: &S) -> Result<Head, S::Error> {
    Ok(record(state, &keys::head())?.unwrap_or_default())
}

/// A domain.
///
/// # Errors
/// See the module.
pub fn domain<S: StateRead>(state: &S, name: &DomainName) -> Result<Option<Domain>, S::Error> {
    record(state, &keys::domain(name))
}

/// At most `limit` domains after `after`, by name.
///
/// # Errors
/// See the module.
pub fn domains<S: StateRead>(state: &S, after: Option<&DomainName>, limit: usize) -> Result<Vec<Domain>, S::Error> {
    let after = after.map(keys::domain);
    decoded(state.scan(&keys::domains(), after.as_deref(), limit)?)
}

/// A product.
///
/// # Errors
/// See the module.
pub fn product<S: StateRead>(state: &S, id: &ProductId) -> Result<Option<Product>, S::Error> {
    record(state, &keys::product(id))
}

/// At most `limit` products after `after`, of one domain or of all, by id.
///
/// # Errors
/// See the module.
pub fn products<S: StateRead>(
    state: &S,
    domain: Option<&DomainName>,
    after: Option<&ProductId>,
    limit: usize,
) -> Result<Vec<Product>, S::Error> {
    let after = after.map(keys::product);
    decoded(state.scan(&keys::products(domain), after.as_deref(), limit)?)
}

/// A sealed version.
///
/// # Errors
/// See the module.
pub fn version<S: StateRead>(state: &S, id: &VersionId) -> Result<Option<SealedVersion>, S::Error> {
    record(state, &keys::version(&id.product, id.version))
}

/// At most `limit` versions of a product, from the lowest or from the highest.
///
/// # Errors
/// See the module.
pub fn versions<S: StateRead>(
    state: &S,
    product: &ProductId,
    descending: bool,
    limit: usize,
) -> Result<Vec<SealedVersion>, S::Error> {
    let prefix = keys::versions(product);
    if !descending {
        return decoded(state.scan(&prefix, None, limit)?);
    }
    // Version keys are the prefix and twelve bytes; this lies behind every one of them.
    let mut below = [prefix.as_slice(), &[0xff; 13]].concat();
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((key, bytes)) = state.last_below(&prefix, &below)? else {
            break;
        };
        found.push(SealedVersion::decode(&bytes)?);
        below = key;
    }
    Ok(found)
}

/// The highest sealed version below this one: in its major where there is one, else below overall.
///
/// # Errors
/// See the module.
pub fn version_below<S: StateRead>(state: &S, id: &VersionId) -> Result<Option<SealedVersion>, S::Error> {
    // Versions sort by major first, so the next lower one is in the same major whenever any is.
    match state.last_below(&keys::versions(&id.product), &keys::version(&id.product, id.version))? {
        Some((_, bytes)) => Ok(Some(SealedVersion::decode(&bytes)?)),
        None => Ok(None),
    }
}

/// A node.
///
/// # Errors
/// See the module.
pub fn node<S: StateRead>(state: &S, id: NodeId) -> Result<Option<KnownNode>, S::Error> {
    record(state, &keys::node(id))
}

/// All nodes, by id.
///
/// # Errors
/// See the module.
pub fn nodes<S: StateRead>(state: &S) -> Result<Vec<KnownNode>, S::Error> {
    decoded(all(state, &keys::nodes())?)
}

/// How far the ledger has taken a domain's feed; `None` while no node was ever delegated.
///
/// # Errors
/// See the module.
pub fn feed_cursor<S: StateRead>(state: &S, domain: &DomainName) -> Result<Option<FeedCursor>, S::Error> {
    record(state, &keys::feed_cursor(domain))
}

/// The leaf that decided an outbox number; `None` while none did.
///
/// # Errors
/// See the module.
pub fn outbox_outcome<S: StateRead>(
    state: &S,
    domain: &DomainName,
    epoch: u64,
    n: u64,
) -> Result<Option<LedgerIndex>, S::Error> {
    record(state, &keys::outbox(domain, epoch, n))
}

/// What a key is for; `None` for a key that the ledger does not know.
///
/// # Errors
/// See the module.
pub fn key_purpose<S: StateRead>(state: &S, key: &PublicKey) -> Result<Option<KeyPurpose>, S::Error> {
    record(state, &keys::purpose(key))
}

/// A root or council command that took effect and has not expired.
///
/// # Errors
/// See the module.
pub fn command<S: StateRead>(state: &S, id: &CommandId) -> Result<Option<RememberedCommand>, S::Error> {
    record(state, &keys::command(id))
}

/// A key's grants in one domain, or mesh-wide.
///
/// # Errors
/// See the module.
pub fn grants_in<S: StateRead>(state: &S, key: &PublicKey, domain: Option<&DomainName>) -> Result<Grants, S::Error> {
    Ok(record(state, &keys::grants_in(key, domain))?.unwrap_or_default())
}

/// All grants of a key: mesh-wide first, then by domain.
///
/// # Errors
/// See the module.
pub fn grants_of<S: StateRead>(state: &S, key: &PublicKey) -> Result<Vec<RosterEntry>, S::Error> {
    let mut found = Vec::new();
    for (place, bytes) in all(state, &keys::grants(key))? {
        let damage = || Damage::new(Grants::KIND, "lie under a key that is none");
        let domain = match keys::place_of_grants(&place).ok_or_else(damage)? {
            "" => None,
            name => Some(DomainName::parse(name).map_err(|_| damage())?),
        };
        found.push(RosterEntry { domain, key: *key, grants: Grants::decode(&bytes)?.0 });
    }
    Ok(found)
}

/// All keys that have or had a role in a domain, or mesh-wide, by key.
///
/// # Errors
/// See the module.
pub fn roster<S: StateRead>(state: &S, domain: Option<&DomainName>) -> Result<Vec<RosterEntry>, S::Error> {
    let mut found = Vec::new();
    for (entry, _) in all(state, &keys::roster(domain))? {
        let key = keys::key_of_roster(&entry).ok_or_else(|| Damage::new("a roster", "has a key of another length"))?;
        found.push(RosterEntry { domain: domain.cloned(), key, grants: grants_in(state, &key, domain)?.0 });
    }
    Ok(found)
}

/// Whether a key may do this in a domain, as somebody who had applied `at_ledger_size` leaves saw it: by a role, or because
/// its signature counts towards the threshold of the root or council that decides.
///
/// # Errors
/// See the module.
pub fn may<S: StateRead>(
    state: &S,
    key: &PublicKey,
    action: Action,
    domain: &DomainName,
    at_ledger_size: u64,
) -> Result<bool, S::Error> {
    let by_role = grants_in(state, key, Some(domain))?.allow(action, at_ledger_size)
        || grants_in(state, key, None)?.allow(action, at_ledger_size);
    Ok(by_role
        || match action.authority() {
            Authority::Council => mesh(state)?.is_some_and(|mesh| mesh.council.seats.iter().any(|s| s.key == *key)),
            Authority::Root => {
                let now = head(state)?.last_stamp;
                root_in_force(state, domain, now)?.is_some_and(|(keys, _)| keys.contains(key))
            }
            Authority::Roles => false,
        })
}

/// A leaf, decoded; `None` when the ledger has no such leaf yet.
///
/// # Errors
/// See the module.
pub fn leaf<S: StateRead>(state: &S, index: LedgerIndex) -> Result<Option<LedgerLeaf>, S::Error> {
    let Some(bytes) = state.leaf(index)? else {
        return Ok(None);
    };
    let leaf = LedgerLeaf::decode(&bytes).map_err(|error| Damage::new(format!("leaf {index}"), error.to_string()))?;
    Ok(Some(leaf))
}

/// The exact envelope that a leaf decided on; `None` where its bytes are none.
pub fn envelope_of(leaf: &LedgerLeaf) -> Option<Envelope> {
    let bytes = match &leaf.entry {
        LeafEntry::Envelope(bytes) => bytes.clone(),
        LeafEntry::FeedEvent(bytes) => match FeedEvent::decode_proposed(bytes).ok()?.kind {
            EventKind::Command { envelope, .. } => envelope,
            EventKind::Verdict { .. } | EventKind::Rules { .. } | EventKind::Fact { .. } => return None,
        },
    };
    Envelope::parse(bytes).ok()
}

/// The last fork that the council resolved.
///
/// # Errors
/// See the module.
pub fn resolved_fork<S: StateRead>(state: &S) -> Result<Option<ResolvedFork>, S::Error> {
    record(state, &keys::resolved_fork())
}

/// The voters in force at a ledger size, with the size from which on; `None` for size 0.
///
/// # Errors
/// See the module.
pub fn voters_at<S: StateRead>(state: &S, size: u64) -> Result<Option<(u64, VotersInForce)>, S::Error> {
    let below = keys::voters_since(size.saturating_add(1));
    let Some((key, bytes)) = state.last_below(&keys::all_voters(), &below)? else {
        return if size == 0 { Ok(None) } else { unchanged_voters(state) };
    };
    let since = keys::size_of_voters(&key).ok_or_else(|| Damage::new("voters", "have another key"))?;
    Ok(Some((since, VotersInForce::decode(&bytes)?)))
}

/// The voters of Genesis, which stand in their nodes' records as long as nobody changed them.
fn unchanged_voters<S: StateRead>(state: &S) -> Result<Option<(u64, VotersInForce)>, S::Error> {
    let Some(mesh) = mesh(state)? else { return Ok(None) };
    let mut voters = Vec::new();
    for id in mesh.voters {
        if let Some(NodeRecord { log_key: Some(log), cosigner_key: Some(cosigner), .. }) =
            node(state, id)?.map(|n| n.record)
        {
            voters.push((id, log, cosigner));
        }
    }
    Ok(Some((1, VotersInForce { voters })))
}

/// Whether a node was a voter at any time, that of now included.
///
/// # Errors
/// See the module.
pub fn was_voter<S: StateRead>(state: &S, id: NodeId) -> Result<bool, S::Error> {
    let mut all: Vec<VotersInForce> = decoded(all(state, &keys::all_voters())?)?;
    if all.is_empty() {
        all.extend(unchanged_voters(state)?.map(|(_, voters)| voters));
    }
    Ok(all.iter().any(|voters| voters.voters.iter().any(|(voter, ..)| *voter == id)))
}

/// The descriptor of a sealed version, decoded from its leaf.
///
/// # Errors
/// See the module.
pub fn descriptor_of<S: StateRead>(state: &S, id: &VersionId) -> Result<Option<Descriptor>, S::Error> {
    match version(state, id)? {
        Some(version) => descriptor_in(state, version.ledger_index).map(Some),
        None => Ok(None),
    }
}

/// The descriptor that the leaf of a sealed version carries.
pub(crate) fn descriptor_in<S: StateRead>(state: &S, index: LedgerIndex) -> Result<Descriptor, S::Error> {
    let leaf = leaf(state, index)?;
    let command = leaf.as_ref().and_then(envelope_of).and_then(|envelope| Command::decode(envelope.payload()).ok());
    match command.map(|command| command.body) {
        Some(Body::PublishVersion(body)) => Ok(body.descriptor),
        _ => Err(Damage::new(format!("leaf {index}"), "does not hold the version that the state says").into()),
    }
}

/// Counts of one major of a product.
pub(crate) fn major<S: StateRead>(state: &S, id: &ProductId, major: u32) -> Result<Major, S::Error> {
    Ok(record(state, &keys::major(id, major))?.unwrap_or_default())
}
