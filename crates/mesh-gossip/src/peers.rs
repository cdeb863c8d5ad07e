//! All other admitted nodes, as this one sees them.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use foca::{Member, State};
use mesh_model::NodeId;

use crate::identity::{Claim, Identity};
use crate::output::Event;

/// How a node is, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerState {
    /// Admitted, and not heard of since this node started.
    Unheard,
    /// It answers.
    Up,
    /// Somebody could not reach it; it may defend itself.
    Suspect,
    /// It did not. It is greeted again and again.
    Down,
}

/// How often a suspect is asked directly before it is judged.
pub(crate) const TRIALS: u8 = 3;

/// What there is to do about a suspect whose time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// It was heard lately.
    Heard,
    /// It is asked once more.
    Ask,
    /// It was asked often enough, or is no suspect.
    Over,
}

/// One other node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its number.
    pub node: NodeId,
    /// How it is.
    pub state: PeerState,
    /// Since when, on the machine's clock.
    pub since: Duration,
    /// Its newest life; `None` while it was not heard of.
    pub identity: Option<Identity>,
    /// When the last signed packet of it came.
    pub(crate) heard: Option<Duration>,
    /// How often it was asked since it was heard.
    trials: u8,
    /// What it last said of itself.
    claim: Option<Claim>,
    /// Where the ledger says that it listens.
    hint: Option<SocketAddr>,
    /// Where it said so itself, in an earlier run of this node.
    kept: Option<SocketAddr>,
    /// Which of the addresses is tried next.
    turn: usize,
}

impl Peer {
    /// Where it is, as far as is known: what it said itself goes before hints.
    pub fn address(&self) -> Option<SocketAddr> {
        self.identity.map(|identity| identity.address).or(self.kept).or(self.hint)
    }
}

/// The other nodes. As many as the ledger has.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_node: BTreeMap<NodeId, Peer>,
}

impl Peers {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.by_node.values()
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Peer> {
        self.by_node.get(&node)
    }

    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.by_node.contains_key(&node)
    }

    fn entry(&mut self, node: NodeId, now: Duration) -> &mut Peer {
        let unheard = Peer {
            node,
            state: PeerState::Unheard,
            since: now,
            identity: None,
            heard: None,
            trials: 0,
            claim: None,
            hint: None,
            kept: None,
            turn: 0,
        };
        self.by_node.entry(node).or_insert(unheard)
    }

    /// Admitted, or an address of it is known.
    pub(crate) fn admit(&mut self, node: NodeId, now: Duration) {
        self.entry(node, now);
    }

    pub(crate) fn hint(&mut self, node: NodeId, address: SocketAddr, now: Duration) {
        self.entry(node, now).hint = Some(address);
    }

    pub(crate) fn remember(&mut self, node: NodeId, address: SocketAddr, now: Duration) {
        self.entry(node, now).kept = Some(address);
    }

    /// Takes what a node said of itself; gives it back if it is news.
    pub(crate) fn claimed(&mut self, identity: &Identity, now: Duration) -> Option<Claim> {
        let claim = Some(identity.claim());
        let known = &mut self.entry(identity.node_id, now).claim;
        if *known == claim {
            return None;
        }
        *known = claim;
        claim
    }

    pub(crate) fn heard(&mut self, node: NodeId, now: Duration) {
        let peer = self.entry(node, now);
        (peer.heard, peer.trials) = (Some(now), 0);
    }

    /// What there is to do about a suspect whose time is up, when it has to have been heard within so long.
    pub(crate) fn try_suspect(&mut self, suspect: &Identity, now: Duration, within: Duration) -> Trial {
        let Some(peer) = self.by_node.get_mut(&suspect.node_id) else { return Trial::Over };
        if peer.identity.as_ref() != Some(suspect) || peer.state == PeerState::Down {
            return Trial::Over;
        }
        if peer.heard.is_some_and(|heard| now.saturating_sub(heard) < within) {
            return Trial::Heard;
        }
        if peer.trials >= TRIALS {
            return Trial::Over;
        }
        peer.trials += 1;
        Trial::Ask
    }

    /// Takes out those that are no part of the mesh any more; returns their lives.
    pub(crate) fn retain(&mut self, keep: impl Fn(NodeId) -> bool) -> Vec<Identity> {
        let mut gone = Vec::new();
        self.by_node.retain(|node, peer| {
            let stays = keep(*node);
            gone.extend(peer.identity.filter(|_| !stays));
            stays
        });
        gone
    }

    /// Nodes that can be talked to.
    pub(crate) fn up(&self) -> Vec<Identity> {
        let up = self.iter().filter(|peer| matches!(peer.state, PeerState::Up | PeerState::Suspect));
        up.filter_map(|peer| peer.identity).collect()
    }

    /// Whom to greet to reach a node: in turns at the address that it has, as far as is known, and where the ledger and earlier runs say
    /// that it is.
    pub(crate) fn next_greeting(&mut self, node: NodeId) -> Option<Identity> {
        let peer = self.by_node.get_mut(&node)?;
        let own = peer.identity.map(|identity| identity.address);
        let mut places: Vec<SocketAddr> = Vec::with_capacity(3);
        for place in [own, peer.kept, peer.hint].into_iter().flatten() {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let address = *places.get(peer.turn % places.len().max(1))?;
        peer.turn = peer.turn.wrapping_add(1);
        Some(peer.identity.map_or(Identity::unheard(node, address), |identity| Identity { address, ..identity }))
    }

    fn change(&mut self, identity: &Identity, state: PeerState, now: Duration, events: &mut Vec<Event>) {
        let peer = self.entry(identity.node_id, now);
        let node = peer.node;
        let before = peer.identity.replace(*identity);
        let was = core::mem::replace(&mut peer.state, state);
        if let Some(before) = before.filter(|before| before.address != identity.address) {
            debug_assert_eq!(before.node_id, node);
            events.push(Event::AddressChanged { node, address: identity.address });
        }
        let start = |identity: &Identity| (identity.generation, identity.instance);
        let is_restarted = before.is_some_and(|before| start(&before) != start(identity));
        if was == state && !is_restarted {
            return;
        }
        peer.since = now;
        let generation = identity.generation;
        match (was, state) {
            (PeerState::Suspect, PeerState::Up) if !is_restarted => events.push(Event::Cleared { node }),
            (_, PeerState::Up) => events.push(Event::Up { node, generation, address: identity.address }),
            (_, PeerState::Suspect) => events.push(Event::Suspect { node }),
            // One that was never up here went down before this node heard of it: nothing happened.
            (PeerState::Up | PeerState::Suspect, PeerState::Down) => events.push(Event::Down { node, generation }),
            (_, PeerState::Down | PeerState::Unheard) => {}
        }
    }

    /// Compares with what failure detection knows now, and tells what is different.
    pub(crate) fn compare<'a>(
        &mut self,
        members: impl Iterator<Item = &'a Member<Identity>>,
        own: NodeId,
        now: Duration,
        events: &mut Vec<Event>,
    ) {
        for member in members.filter(|member| member.id().node_id != own) {
            let state = match member.state() {
                State::Alive => PeerState::Up,
                State::Suspect => PeerState::Suspect,
                State::Down => PeerState::Down,
            };
            let known = self.get(member.id().node_id);
            if known.is_some_and(|known| known.state != state || known.identity.as_ref() != Some(member.id())) {
                self.change(member.id(), state, now, events);
            }
        }
    }

    /// Failure detection says so just now.
    pub(crate) fn set(&mut self, identity: &Identity, state: PeerState, now: Duration, events: &mut Vec<Event>) {
        if self.contains(identity.node_id) {
            self.change(identity, state, now, events);
        }
    }
}
