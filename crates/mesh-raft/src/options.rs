//! How a voter runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_event::genesis::SealedGenesis;
use mesh_model::{NodeId, UnixMs};

use crate::dial::{Dial, PlainDial};

/// The node's clock: milliseconds since 1970. Handed in, so that tests and simulations have their own.
pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// How a voter runs. Times relate: `heartbeat` < `election_min` < `election_max`, with room for some lost heartbeats.
#[derive(Clone)]
pub struct RaftOptions {
    /// Which node this is.
    pub node_id: NodeId,
    /// The founding document: mesh id, first voters and their addresses.
    pub genesis: SealedGenesis,
    /// Peer addresses that win over those of the founding document and the membership: addresses are hints.
    pub addresses: BTreeMap<NodeId, String>,
    /// Makes the connections to the others.
    pub dial: Arc<dyn Dial>,
    /// The clock that stamps entries and judges others' stamps.
    pub clock: Clock,
    /// Name and version of the program, for greetings.
    pub build: String,
    /// How often a leader says that it lives.
    pub heartbeat: Duration,
    /// The shortest silence after which a follower stands for election. Too low: elections under load.
    pub election_min: Duration,
    /// The longest. Also how long a leader may take reads and writes for granted. Too high: long pauses after a crash.
    pub election_max: Duration,
    /// After how many entries the raft log may be shortened.
    pub snapshot_every: u64,
    /// Entries that are kept all the same, so that a short absence needs no snapshot.
    pub keep_entries: u64,
    /// Proposals that may wait or be unanswered at this node.
    pub queue: usize,
}

impl RaftOptions {
    /// The usual settings, over plain TCP.
    pub fn new(node_id: NodeId, genesis: SealedGenesis, clock: Clock) -> Self {
        Self {
            node_id,
            genesis,
            addresses: BTreeMap::new(),
            dial: Arc::new(PlainDial),
            clock,
            build: concat!("datamesh/", env!("CARGO_PKG_VERSION")).to_owned(),
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(600),
            election_max: Duration::from_millis(1200),
            snapshot_every: 20_000,
            keep_entries: 5_000,
            queue: 4096,
        }
    }

    /// openraft's form of it.
    pub(crate) fn config(&self) -> openraft::Config {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        openraft::Config {
            cluster_name: self.genesis.mesh_id.to_string(),
            heartbeat_interval: ms(self.heartbeat),
            election_timeout_min: ms(self.election_min),
            election_timeout_max: ms(self.election_max),
            enable_pre_vote: Some(true),
            // A restarted leader is elected anew, with all that is committed.
            enable_leader_restore: Some(false),
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            // A follower that lags less is served from the log.
            replication_lag_threshold: self.snapshot_every.saturating_add(self.keep_entries),
            max_in_snapshot_log_to_keep: self.keep_entries,
            purge_batch_size: 256,
            install_snapshot_timeout: 30_000,
            max_payload_entries: 512,
            ..openraft::Config::default()
        }
    }
}
