//! Gossip's figures for Prometheus.

use std::sync::atomic::AtomicU64;

use mesh_gossip::{GossipStats, PeerState};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::view::{GossipView, state_name};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: String,
}

/// What gossip counts.
#[derive(Default)]
pub struct GossipFigures {
    dropped: Family<Reason, Counter>,
    received: Counter,
    sent: Counter,
    sent_bytes: Counter,
    peers: Family<State, Gauge<u64, AtomicU64>>,
    slowness: Gauge<u64, AtomicU64>,
}

impl GossipFigures {
    /// Shows them in this registry.
    pub fn register(&self, r: &mut Registry) {
        r.register("gossip_dropped_packets", "Packets that were dropped, by reason", self.dropped.clone());
        r.register("gossip_received_packets", "Packets that were taken", self.received.clone());
        r.register("gossip_sent_packets", "Packets that were sent", self.sent.clone());
        r.register("gossip_sent_bytes", "Bytes of packets that were sent", self.sent_bytes.clone());
        r.register("gossip_peers", "Other admitted nodes, by how they are", self.peers.clone());
        r.register("gossip_slowness", "How slow this node takes itself for; 0 is healthy", self.slowness.clone());
    }

    /// Takes what was counted since the last time.
    pub(super) fn take(&self, before: &GossipStats, view: &GossipView) {
        let now = &view.stats;
        for ((reason, count), (_, earlier)) in now.dropped().zip(before.dropped()) {
            self.dropped.get_or_create(&Reason { reason: reason.to_string() }).inc_by(count - earlier);
        }
        self.received.inc_by(now.received - before.received);
        self.sent.inc_by(now.sent - before.sent);
        self.sent_bytes.inc_by(now.sent_bytes - before.sent_bytes);
        self.slowness.set(now.slowness.into());
        for state in [PeerState::Unheard, PeerState::Up, PeerState::Suspect, PeerState::Down] {
            let count = view.peers.iter().filter(|peer| peer.state == state).count();
            self.peers.get_or_create(&State { state: state_name(state).to_owned() }).set(count as u64);
        }
    }
}
