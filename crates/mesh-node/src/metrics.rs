//! Figures for Prometheus: what is counted as it happens, and what is read from the node when somebody asks.

use std::sync::atomic::AtomicU64;

use mesh_proto::v1::StatusResponse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::clock::now_unix_ms;
use crate::gossip::GossipFigures;

type Level = Gauge<u64, AtomicU64>;

/// How a publish ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Ended {
    /// `sealed`, `local` or the slug of the code that it ended with.
    pub outcome: String,
}

/// One node's figures.
pub struct Metrics {
    registry: Registry,
    publishes: Family<Ended, Counter>,
    publish_seconds: Histogram,
    ledger_size: Level,
    ledger_indexed: Level,
    raft_term: Level,
    raft_is_leader: Level,
    raft_apply_lag: Level,
    feeds_held: Level,
    feeds_behind: Level,
    outbox_waiting: Level,
    outbox_oldest_ms: Level,
    disk_bytes: Level,
    syncs: Level,
    sync_p99_us: Level,
    products: Level,
    alarms: Level,
    checkpoint_size: Level,
    checkpoint_age_ms: Level,
    /// Gossip's own.
    pub gossip: GossipFigures,
    disk_free_bytes: Level,
    clock_ahead_ms: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("datamesh"),
            publishes: Family::default(),
            // 0.5 ms to 16 s.
            publish_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
            ledger_size: Level::default(),
            ledger_indexed: Level::default(),
            raft_term: Level::default(),
            raft_is_leader: Level::default(),
            raft_apply_lag: Level::default(),
            feeds_held: Level::default(),
            feeds_behind: Level::default(),
            outbox_waiting: Level::default(),
            outbox_oldest_ms: Level::default(),
            disk_bytes: Level::default(),
            syncs: Level::default(),
            sync_p99_us: Level::default(),
            products: Level::default(),
            alarms: Level::default(),
            checkpoint_size: Level::default(),
            checkpoint_age_ms: Level::default(),
            gossip: GossipFigures::default(),
            disk_free_bytes: Level::default(),
            clock_ahead_ms: Gauge::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let r = &mut self.registry;
        r.register("publishes", "Publishes by how they ended", self.publishes.clone());
        r.register_with_unit("publish", "From receipt to answer", Unit::Seconds, self.publish_seconds.clone());
        let levels = [
            ("ledger_leaves", "Leaves that are applied", &self.ledger_size),
            ("ledger_indexed_leaves", "Leaves that are searchable", &self.ledger_indexed),
            ("raft_term", "Raft's term", &self.raft_term),
            ("raft_leader", "1 on the leader", &self.raft_is_leader),
            ("raft_apply_lag_entries", "Entries in Raft's log that are not applied", &self.raft_apply_lag),
            ("feeds_held", "Feeds written here or copied", &self.feeds_held),
            ("feeds_behind", "Copies of which another node holds more", &self.feeds_behind),
            ("outbox_commands", "Commands that wait for the ledger", &self.outbox_waiting),
            ("outbox_oldest_milliseconds", "Age of the oldest waiting command", &self.outbox_oldest_ms),
            ("disk_bytes", "Bytes in the data folder", &self.disk_bytes),
            ("syncs", "Syncs of the store since start", &self.syncs),
            ("sync_p99_microseconds", "99th percentile of a sync", &self.sync_p99_us),
            ("products", "Products in the search index", &self.products),
            ("alarms", "What keeps the node from writing", &self.alarms),
            ("checkpoint_leaves", "Leaves that the newest checkpoint covers", &self.checkpoint_size),
            ("checkpoint_age_milliseconds", "Since a majority of voters last cosigned", &self.checkpoint_age_ms),
            ("disk_free_bytes", "Bytes that are free for the data folder", &self.disk_free_bytes),
        ];
        let ahead = "By how much this clock is ahead of the median of the other voters'; 0 when unknown";
        r.register("clock_ahead_milliseconds", ahead, self.clock_ahead_ms.clone());
        for (name, help, level) in levels {
            r.register(name, help, level.clone());
        }
        self.gossip.register(r);
        self
    }

    /// Counts a publish.
    pub fn published(&self, outcome: &str, seconds: f64) {
        self.publishes.get_or_create(&Ended { outcome: outcome.to_owned() }).inc();
        self.publish_seconds.observe(seconds);
    }

    /// The figures as OpenMetrics text, with the levels as the status has them.
    pub fn render(&self, status: &StatusResponse) -> String {
        let raft = status.raft.clone().unwrap_or_default();
        let ledger = status.ledger.clone().unwrap_or_default();
        let storage = status.storage.unwrap_or_default();
        self.ledger_size.set(ledger.size);
        self.ledger_indexed.set(ledger.indexed_size);
        self.raft_term.set(raft.term);
        self.raft_is_leader.set(u64::from(raft.leader_id == status.node_id));
        self.raft_apply_lag.set(raft.last_log_index.saturating_sub(raft.applied_index));
        let behind = status.held_feeds.iter().filter(|feed| feed.size < feed.known_size).count();
        self.feeds_held.set(status.held_feeds.len() as u64);
        self.feeds_behind.set(behind as u64);
        self.outbox_waiting.set(status.feeds.iter().map(|feed| feed.outbox_waiting).sum());
        self.outbox_oldest_ms.set(status.feeds.iter().filter_map(|feed| feed.oldest_waiting_ms).max().unwrap_or(0));
        self.disk_bytes.set(storage.bytes_on_disk);
        self.syncs.set(storage.syncs);
        self.sync_p99_us.set(storage.sync_p99_us);
        self.products.set(status.products);
        self.alarms.set(status.alarms.len() as u64);
        let freshness = status.freshness.unwrap_or_default();
        self.checkpoint_size.set(freshness.checkpoint_size);
        // An alert should not rest while the node has only its clock to go by.
        let by_clock = || freshness.cosigned_unix_s.map(|at| now_unix_ms().saturating_sub(at.saturating_mul(1000)));
        self.checkpoint_age_ms.set(freshness.age_ms.or_else(by_clock).unwrap_or(0));
        let upkeep = status.upkeep.clone().unwrap_or_default();
        self.disk_free_bytes.set(upkeep.disk_free_bytes.unwrap_or(0));
        self.clock_ahead_ms.set(upkeep.clock_ahead_ms.unwrap_or(0));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
