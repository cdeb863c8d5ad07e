//! All connections that live, by node key.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh_model::{NodeId, PublicKey};
use tokio_util::sync::CancellationToken;

/// How many connections may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// From one node. Too low: Raft, gossip and feeds have connections of their own, and old ones take a while to end.
    pub per_node: usize,
    /// From all nodes.
    pub in_all: usize,
}

struct Live {
    number: u64,
    node_id: NodeId,
    /// Where this node called; `None` where the other one did.
    place: Option<String>,
    end: CancellationToken,
}

/// All connections with other nodes that live.
pub struct Connections {
    limits: ConnectionLimits,
    live: Mutex<BTreeMap<PublicKey, Vec<Live>>>,
    next: AtomicU64,
}

/// The place of a connection; gone with it.
pub(crate) struct Seat {
    connections: Arc<Connections>,
    key: PublicKey,
    number: u64,
    end: CancellationToken,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("node {node_id} has {limit} connections already")]
    PerNode { node_id: NodeId, limit: usize },
    #[error("{limit} connections are open already")]
    InAll { limit: usize },
}

impl Connections {
    /// None yet.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, live: Mutex::default(), next: AtomicU64::new(0) }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<PublicKey, Vec<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a connection that was made here by calling `place`. These are not limited: a node opens one for each use.
    pub(crate) fn enter_at(self: &Arc<Self>, key: PublicKey, node_id: NodeId, place: &str) -> Seat {
        self.sit(&mut self.live(), key, node_id, Some(place.to_owned()))
    }

    /// Takes in a connection that another node made.
    pub(crate) fn enter(self: &Arc<Self>, key: PublicKey, node_id: NodeId) -> Result<Seat, Full> {
        let mut live = self.live();
        let inbound = |live: &Vec<Live>| live.iter().filter(|one| one.place.is_none()).count();
        if live.get(&key).map_or(0, inbound) >= self.limits.per_node {
            return Err(Full::PerNode { node_id, limit: self.limits.per_node });
        }
        if live.values().map(inbound).sum::<usize>() >= self.limits.in_all {
            return Err(Full::InAll { limit: self.limits.in_all });
        }
        Ok(self.sit(&mut live, key, node_id, None))
    }

    fn sit(
        self: &Arc<Self>,
        live: &mut BTreeMap<PublicKey, Vec<Live>>,
        key: PublicKey,
        node_id: NodeId,
        place: Option<String>,
    ) -> Seat {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let end = CancellationToken::new();
        live.entry(key).or_default().push(Live { number, node_id, place, end: end.clone() });
        Seat { connections: Arc::clone(self), key, number, end }
    }

    /// The keys that have connections.
    pub fn keys(&self) -> Vec<PublicKey> {
        self.live().keys().copied().collect()
    }

    /// How many connections there are with a node, both ways.
    pub fn with_node(&self, node_id: NodeId) -> usize {
        self.live().values().flatten().filter(|one| one.node_id == node_id).count()
    }

    /// Ends what was made here to a node at other places than this one, where it is now; returns how many that were.
    pub fn end_elsewhere(&self, node_id: NodeId, place: &str) -> usize {
        let live = self.live();
        let is_elsewhere =
            |one: &&Live| one.node_id == node_id && one.place.as_deref().is_some_and(|called| called != place);
        let elsewhere: Vec<&Live> = live.values().flatten().filter(is_elsewhere).collect();
        for one in &elsewhere {
            one.end.cancel();
        }
        elsewhere.len()
    }

    /// Ends all connections of a key; returns how many there were.
    pub fn end(&self, key: &PublicKey) -> usize {
        let live = self.live();
        let ended = live.get(key).map_or(&[][..], Vec::as_slice);
        for one in ended {
            one.end.cancel();
        }
        ended.len()
    }
}

impl Seat {
    /// Cancelled when the connection has to end.
    pub(crate) fn end(&self) -> CancellationToken {
        self.end.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut live = self.connections.live();
        if let Some(of_key) = live.get_mut(&self.key) {
            of_key.retain(|one| one.number != self.number);
            if of_key.is_empty() {
                live.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(n: u8) -> PublicKey {
        PublicKey([n; 32])
    }

    #[test]
    fn counts_what_comes_in_per_node_and_in_all_and_gives_places_back() {
        let all = Arc::new(Connections::new(ConnectionLimits { per_node: 2, in_all: 3 }));
        let enter = |n: u8| all.enter(key(n), n.into());
        let first = enter(1).unwrap();
        let _second = enter(1).unwrap();
        assert_eq!(enter(1).err(), Some(Full::PerNode { node_id: 1, limit: 2 }));
        let _out = all.enter_at(key(1), 1, "n1:1");
        let third = enter(2).unwrap();
        assert_eq!(enter(3).err(), Some(Full::InAll { limit: 3 }));
        assert_eq!((all.with_node(1), all.keys()), (3, vec![key(1), key(2)]));
        drop(first);
        let again = enter(1).unwrap();
        assert_eq!(all.end(&key(1)), 3);
        assert!(again.end().is_cancelled() && !third.end().is_cancelled());
    }

    #[test]
    fn of_a_node_that_moved_only_what_was_made_to_its_old_place_ends() {
        let all = Arc::new(Connections::new(ConnectionLimits { per_node: 2, in_all: 3 }));
        let (old, new) = (all.enter_at(key(1), 1, "n1:1"), all.enter_at(key(1), 1, "n1:2"));
        let (other, inbound) = (all.enter_at(key(2), 2, "n1:1"), all.enter(key(1), 1).unwrap());
        assert_eq!(all.end_elsewhere(1, "n1:2"), 1);
        assert!(old.end().is_cancelled());
        assert!([new, other, inbound].iter().all(|seat| !seat.end().is_cancelled()));
    }
}
