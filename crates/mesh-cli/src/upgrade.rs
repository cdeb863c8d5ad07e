//! The next protocol version, and who holds it back: the leader refuses it while a voter does not know it.

use std::fmt;

use mesh_client::NodeStatus;
use mesh_model::NodeId;
use serde::Serialize;

/// A protocol version that a program here knows and the council has not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Upgrade {
    /// The rules in force.
    pub(crate) in_force: u32,
    /// The version after them.
    pub(crate) next: u32,
    /// The voters that do not know it, or are not heard; the council may set it when there are none.
    pub(crate) waits_for: Vec<Waiting>,
}

/// A voter that the next version waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Waiting {
    /// Its number.
    pub(crate) node_id: NodeId,
    /// The newest version that it applies; `None`: no node that answered hears it.
    pub(crate) knows: Option<u32>,
    /// Its program knows the next version, and its operator holds it back.
    pub(crate) held_back: bool,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.node_id;
        match (self.knows, self.held_back) {
            (None, _) => write!(f, "voter {id}, which is not heard"),
            (Some(known), false) => write!(f, "voter {id}, which knows 1 to {known}"),
            (Some(known), true) => write!(f, "voter {id}, held back at {known} by its operator"),
        }
    }
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_force, next, waits_for } = self;
        if waits_for.is_empty() {
            return write!(f, "protocol {in_force} is in force and all voters know {next}: the council may set it");
        }
        let who = waits_for.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        write!(f, "protocol {next} waits for {who}")
    }
}

impl Upgrade {
    /// What the nodes that answered say of it; `None` where no program knows a newer version than the one in force.
    pub(crate) fn of(answered: &[&NodeStatus]) -> Option<Self> {
        let in_force = answered.iter().map(|status| status.protocol_version).max()?;
        let own = answered.iter().map(|status| status.protocol_built);
        let heard = answered.iter().flat_map(|status| &status.voters_heard).filter_map(|voter| voter.protocol_max);
        let next = in_force + 1;
        if own.chain(heard).max()? < next {
            return None;
        }
        let furthest = answered.iter().max_by_key(|status| status.ledger.size)?;
        let waits_for = furthest.raft.ledger_voters.iter().filter_map(|id| waiting(*id, next, answered));
        Some(Self { in_force, next, waits_for: waits_for.collect() })
    }

    /// Whether this node is among those that it waits for.
    pub(crate) fn waits_for(&self, id: NodeId) -> Option<&Waiting> {
        self.waits_for.iter().find(|waiting| waiting.node_id == id)
    }
}

/// A voter's own word counts most, then what the leader heard, then anybody.
fn waiting(node_id: NodeId, next: u32, answered: &[&NodeStatus]) -> Option<Waiting> {
    if let Some(own) = answered.iter().find(|status| status.node_id == node_id) {
        let held_back = own.protocol_built >= next;
        let (known, waits) = (own.protocol_known, own.protocol_known < next);
        return waits.then_some(Waiting { node_id, knows: Some(known), held_back });
    }
    let heard_by = |status: &&&NodeStatus| {
        status.voters_heard.iter().find(|voter| voter.node_id == node_id).and_then(|voter| voter.protocol_max)
    };
    let (leaders, others): (Vec<&&NodeStatus>, Vec<&&NodeStatus>) =
        answered.iter().partition(|status| status.raft.role == "leader");
    let knows = leaders.iter().find_map(heard_by).or_else(|| others.iter().find_map(heard_by));
    let waits = knows.is_none_or(|known| known < next);
    waits.then_some(Waiting { node_id, knows, held_back: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_who_is_waited_for_and_why() {
        let waiting = |node_id, knows, held_back| Waiting { node_id, knows, held_back };
        let waits_for = vec![waiting(1, None, false), waiting(2, Some(1), false), waiting(3, Some(1), true)];
        let upgrade = Upgrade { in_force: 1, next: 2, waits_for };
        assert_eq!(
            upgrade.to_string(),
            "protocol 2 waits for voter 1, which is not heard; voter 2, which knows 1 to 1; voter 3, held back at 1 by its operator"
        );
        let ready = Upgrade { waits_for: Vec::new(), ..upgrade };
        assert_eq!(ready.to_string(), "protocol 1 is in force and all voters know 2: the council may set it");
    }
}
