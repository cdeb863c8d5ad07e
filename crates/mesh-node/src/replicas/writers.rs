//! Who was delegated to write a feed, as the ledger says. The state has the epoch in force, and those that ended under protocol 2; for the
//! ones that ended before, there is an index that the projector fills.

use std::cmp::Ordering;

use mesh_event::{Body, FeedId};
use mesh_governance::{Delegation, read};
use mesh_model::{Code, Digest, DomainName, NodeId, PublicKey};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, IndexSpace};
use mesh_tlog::Hash;

use super::intake::Goal;
use crate::core::{Core, storage_error};

/// Where in the store's index space all delegations lie, for those that the state does not have: `domain \0 epoch` -> node id, base size, base root; numbers big-endian, the root
/// left out where there is none.
pub const DELEGATIONS: u8 = 5;

/// Who writes a feed, and how far it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegated {
    /// The node.
    pub node: NodeId,
    /// Signs the feed's heads.
    pub key: PublicKey,
    /// Whether the node was revoked: heads that it signs are not believed any more.
    pub is_revoked: bool,
    /// `None` while the epoch is in force; then how far the next epoch continues it, by the signature of the domain's root. Events beyond
    /// are orphans.
    pub ended_at: Option<Goal>,
}

fn key(domain: &DomainName, epoch: u64) -> Vec<u8> {
    [domain.as_str().as_bytes(), &[0], &epoch.to_be_bytes()].concat()
}

/// Notes the delegations of an accepted command, for the time when they are no longer in force.
pub(crate) fn note(index: &IndexSpace, batch: &mut Batch, body: &Body) {
    let mut put = |domain: &DomainName, epoch: u64, node: NodeId, base_size: u64, base_root: Option<Digest>| {
        let mut value = [node.to_be_bytes(), base_size.to_be_bytes()].concat();
        value.extend(base_root.iter().flat_map(|root| root.0));
        index.put(batch, &key(domain, epoch), &value);
    };
    match body {
        Body::AdmitDomains(body) => {
            for domain in &body.domains {
                if let Some(node) = domain.delegate {
                    put(&domain.name, 1, node, 0, None);
                }
            }
        }
        Body::DelegateNode(body) => put(&body.domain, body.epoch, body.node_id, body.base_size, body.base_root),
        _ => {}
    }
}

/// The delegation of an epoch that is over: the node, and the end of the epoch before.
fn noted(core: &Core, domain: &DomainName, epoch: u64) -> Result<Option<(NodeId, Goal)>, MeshError> {
    if let Some(ended) = read::ended_epoch(&core.state, domain, epoch).map_err(|e| core.state_error(&e))? {
        return Ok(Some((ended.delegation.node_id, base(&ended.delegation))));
    }
    let stored = core.store.index(DELEGATIONS).get(&key(domain, epoch)).map_err(|e| storage_error(&e))?;
    let Some(stored) = stored else { return Ok(None) };
    let damaged = || MeshError::new(Code::Damaged, "the index of delegations is damaged");
    let number = |at: usize| stored.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
    let (Some(node), Some(size)) = (number(0), number(8)) else { return Err(damaged()) };
    let root = match &stored[16..] {
        [] => mesh_tlog::empty_root(),
        bytes => Hash::new(bytes.try_into().map_err(|_| damaged())?),
    };
    Ok(Some((node, Goal { size, root })))
}

/// What an epoch continues of the one before.
pub(crate) fn base(delegation: &Delegation) -> Goal {
    let root = delegation.base_root.map_or_else(mesh_tlog::empty_root, |root| Hash::new(root.0));
    Goal { size: delegation.base_size, root }
}

/// Who writes, or wrote, the feed; `None` for an epoch that this node does not know (yet).
///
/// # Errors
/// When state or index cannot be read.
pub fn of(core: &Core, feed: &FeedId) -> Result<Option<Delegated>, MeshError> {
    let fail = |e| core.state_error(&e);
    let record = read::domain(&core.state, &feed.domain).map_err(fail)?;
    let Some(in_force) = record.and_then(|record| record.delegation) else { return Ok(None) };
    let (node, ended_at) = match feed.epoch.cmp(&in_force.epoch) {
        Ordering::Greater => return Ok(None),
        Ordering::Equal => (in_force.node_id, None),
        Ordering::Less => {
            let Some((node, _)) = noted(core, &feed.domain, feed.epoch)? else { return Ok(None) };
            let next = if feed.epoch + 1 == in_force.epoch {
                base(&in_force)
            } else {
                match noted(core, &feed.domain, feed.epoch + 1)? {
                    Some((_, base)) => base,
                    None => return Ok(None),
                }
            };
            (node, Some(next))
        }
    };
    let Some(known) = read::node(&core.state, node).map_err(fail)? else { return Ok(None) };
    let is_revoked = read::node_revocation(&core.state, node).map_err(fail)?.is_some();
    Ok(Some(Delegated { node, key: known.record.key, is_revoked, ended_at }))
}

/// What an epoch goes on with: the last earlier epoch with events that count, and how far. `None` where there is none.
///
/// # Errors
/// As [`of`]; [`Code::NotCaughtUp`] while the index of delegations lags in what ended under protocol 1.
pub fn continued(
    core: &Core,
    domain: &DomainName,
    delegation: &Delegation,
) -> Result<Option<(FeedId, Goal)>, MeshError> {
    let mut goal = base(delegation);
    let mut epoch = delegation.epoch;
    while epoch > 1 {
        if goal.size > 0 {
            return Ok(Some((FeedId { domain: domain.clone(), epoch: epoch - 1 }, goal)));
        }
        epoch -= 1;
        let Some((_, before)) = noted(core, domain, epoch)? else {
            let text = format!("this node has not read yet who wrote epoch {epoch} of {domain}; nothing happened");
            return Err(MeshError::new(Code::NotCaughtUp, text));
        };
        goal = before;
    }
    Ok(None)
}
