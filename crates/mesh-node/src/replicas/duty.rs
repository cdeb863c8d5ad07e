//! What this node does for which domains: writes their feeds, or keeps copies of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use mesh_event::FeedId;
use mesh_governance::read;
use mesh_model::{DomainName, NodeId};
use mesh_proto::status::MeshError;

use super::assignment::keepers;
use super::writers;
use crate::core::Core;

const PAGE: usize = 500;

/// A domain whose feed this node has to do with, and who else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Whose feed.
    pub domain: DomainName,
    /// The node that writes it.
    pub home: Option<NodeId>,
    /// The node that wrote the epoch before: it may have what the home needs.
    pub former: Option<NodeId>,
    /// The epoch in force; 0 for none.
    pub epoch: u64,
    /// The nodes that keep copies.
    pub keepers: Vec<NodeId>,
    /// The nodes that kept copies for the former home, while this node waits for what it is to go on with: what counts may lie with one
    /// of them alone, and with nobody who keeps copies now.
    pub former_keepers: Vec<NodeId>,
}

impl Duty {
    /// The other nodes to compare with, the home first.
    pub fn others(&self, me: NodeId) -> BTreeSet<NodeId> {
        let all = self.home.iter().chain(&self.former).chain(&self.keepers).chain(&self.former_keepers);
        all.copied().filter(|node| *node != me).collect()
    }
}

/// The keepers of each domain, as of the nodes that there were: hashing is done again only where something changed.
#[derive(Default)]
pub struct Duties {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    nodes: BTreeSet<NodeId>,
    keepers: BTreeMap<DomainName, (Option<NodeId>, Vec<NodeId>)>,
}

impl Duties {
    /// The keepers of one domain by the applied ledger.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn keepers_of(&self, core: &Core, domain: &DomainName) -> Result<Vec<NodeId>, MeshError> {
        let record = read::domain(&core.state, domain).map_err(|e| core.state_error(&e))?;
        let home = record.and_then(|record| record.delegation).map(|delegation| delegation.node_id);
        let nodes = nodes(core)?;
        Ok(keepers(&core.mesh_id, domain, home, nodes, core.config.feeds.copies))
    }

    /// Every domain whose feed this node writes, was assigned, or subscribed to.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn all(&self, core: &Core) -> Result<Vec<Duty>, MeshError> {
        let nodes = nodes(core)?;
        let (me, copies) = (core.node_id(), core.config.feeds.copies);
        let subscribed: BTreeSet<&str> = core.config.feeds.subscribe.iter().map(String::as_str).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.nodes != nodes {
            known.keepers.clear();
            known.nodes = nodes;
        }
        let Known { nodes, keepers: cached } = &mut *known;
        let (mut duties, mut after) = (Vec::new(), None);
        loop {
            let page = read::domains(&core.state, after.as_ref(), PAGE).map_err(|e| core.state_error(&e))?;
            let is_last = page.len() < PAGE;
            for record in page {
                let home = record.delegation.map(|delegation| delegation.node_id);
                let found = match cached.get(&record.name) {
                    Some((of, found)) if *of == home => found.clone(),
                    _ => {
                        let found = keepers(&core.mesh_id, &record.name, home, nodes.iter().copied(), copies);
                        cached.insert(record.name.clone(), (home, found.clone()));
                        found
                    }
                };
                let is_mine = home == Some(me) || found.contains(&me) || subscribed.contains(record.name.as_str());
                if is_mine {
                    let epoch = record.delegation.map_or(0, |delegation| delegation.epoch);
                    let writer = match epoch.checked_sub(1) {
                        Some(before @ 1..) => {
                            writers::of(core, &FeedId { domain: record.name.clone(), epoch: before })?
                        }
                        _ => None,
                    };
                    let former_keepers = match writer {
                        Some(writer) if home == Some(me) && !core.feeds.is_open(&record.name) => {
                            let of = Some(writer.node);
                            keepers(&core.mesh_id, &record.name, of, nodes.iter().copied(), copies)
                        }
                        _ => Vec::new(),
                    };
                    let former = writer.filter(|writer| !writer.is_revoked).map(|writer| writer.node);
                    let domain = record.name.clone();
                    duties.push(Duty { domain, home, former, epoch, keepers: found, former_keepers });
                }
                after = Some(record.name);
            }
            if is_last {
                return Ok(duties);
            }
        }
    }
}

/// The nodes that are admitted and not revoked.
fn nodes(core: &Core) -> Result<BTreeSet<NodeId>, MeshError> {
    let fail = |e| core.state_error(&e);
    let mut nodes = BTreeSet::new();
    for node in read::nodes(&core.state).map_err(fail)? {
        let id = node.record.node_id;
        if read::node_revocation(&core.state, id).map_err(fail)?.is_none() {
            nodes.insert(id);
        }
    }
    Ok(nodes)
}
