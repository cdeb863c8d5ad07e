//! One node about itself.

use mesh_model::{Digest, DomainName, MeshId, NodeId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::convert::{digest, missing, parse};
use crate::retry::{Failed, Repeat};

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Its number.
    pub node_id: NodeId,
    /// What people call it.
    pub name: String,
    /// Its mesh.
    pub mesh_id: MeshId,
    /// What people call the mesh.
    pub mesh_name: String,
    /// Of the program.
    pub version: String,
    /// The rules in force.
    pub protocol_version: u32,
    /// The newest rules that it applies.
    pub protocol_known: u32,
    /// The newest that its program knows: more where its operator holds it back.
    pub protocol_built: u32,
    /// The voters, and what their programs know as far as this node hears them.
    pub voters_heard: Vec<VoterHeard>,
    /// Its part in ordering the ledger.
    pub raft: RaftStatus,
    /// The ledger as it applied it.
    pub ledger: LedgerStatus,
    /// The feeds that it writes, and those of ended epochs of which it still offers commands to the domains' homes.
    pub feeds: Vec<FeedStatus>,
    /// The feeds that it holds, written there or copied; the first thousand.
    pub held_feeds: Vec<HeldFeed>,
    /// Its disk.
    pub storage: StorageStatus,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// What keeps it from writing; empty when nothing does.
    pub alarms: Vec<String>,
    /// How many products it shows.
    pub products: u64,
    /// How old that may be.
    pub freshness: Freshness,
    /// The other nodes, as it sees them.
    pub peers: Vec<PeerStatus>,
    /// Which start of it this is.
    pub generation: u64,
    /// What its operator watches.
    pub upkeep: Upkeep,
}

/// What a voter says of its program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoterHeard {
    /// Its number.
    pub node_id: NodeId,
    /// The oldest rules that it applies; `None` where no connection to it stands.
    pub protocol_min: Option<u32>,
    /// The newest.
    pub protocol_max: Option<u32>,
    /// Name and version of its program.
    pub build: String,
}

/// A node as another one sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerStatus {
    /// Its number.
    pub node_id: NodeId,
    /// `unheard` (not since the other one started), `alive`, `suspect` or `down`.
    pub state: String,
    /// Its start; `None` while it was not heard of.
    pub generation: Option<u64>,
    /// Milliseconds for which it is so.
    pub for_ms: u64,
    /// Where it says that its peer port is, or where it is looked for.
    pub address: Option<String>,
}

/// Disk, clock and the newest checkpoint, as a node sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Upkeep {
    /// Why it votes, vouches and writes feeds no more; `None` when it does.
    pub reads_only: Option<String>,
    /// What is free for its data.
    pub disk_free_bytes: Option<u64>,
    /// It refuses writes below this.
    pub disk_reserve_bytes: u64,
    /// By how much its clock is ahead of the median of the other voters'; negative when behind, `None` when it heard none lately. Whole
    /// seconds, about.
    pub clock_ahead_ms: Option<i64>,
    /// Who cosigned the newest checkpoint.
    pub cosigned_by: Vec<NodeId>,
    /// How many voters could have.
    pub voters: u32,
    /// When a majority had, in seconds since 1970.
    pub cosigned_unix_s: Option<u64>,
}

/// A node's part in ordering the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RaftStatus {
    /// `leader`, `follower`, `candidate`, `learner`, `observer`, `reader` or `stopped`.
    pub role: String,
    /// The Raft term.
    pub term: u64,
    /// The leader as this node sees it; `None` when it sees none.
    pub leader_id: Option<NodeId>,
    /// The last entry in its Raft log.
    pub last_log_index: u64,
    /// The last entry that it applied.
    pub applied_index: u64,
    /// Who votes; while that changes, those before and those after.
    pub voters: Vec<NodeId>,
    /// Who receives the order and has no vote.
    pub learners: Vec<NodeId>,
    /// Whether the votes are changing: both the old and the new voters have to agree.
    pub joint: bool,
    /// Who should vote, by the ledger.
    pub ledger_voters: Vec<NodeId>,
}

/// The ledger on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerStatus {
    /// How many leaves.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
    /// Digest of the state after them.
    pub state_digest: Digest,
    /// Ledger time of the last.
    pub last_stamp_unix_ms: UnixMs,
    /// How many the search index has taken in.
    pub indexed_size: u64,
}

/// A feed that the node writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedStatus {
    /// Whose.
    pub domain: DomainName,
    /// Which epoch.
    pub epoch: u64,
    /// How many events.
    pub size: u64,
    /// Commands that are durable here and not sealed yet.
    pub outbox_waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest_waiting_ms: Option<u64>,
}

/// A feed on one node, and who else holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldFeed {
    /// Whose.
    pub domain: DomainName,
    /// Which epoch.
    pub epoch: u64,
    /// How many events lie under a signed head there.
    pub size: u64,
    /// Written there, as opposed to copied.
    pub written_here: bool,
    /// The most events that any node said it holds.
    pub known_size: u64,
    /// The other nodes that hold some of it.
    pub holders: Vec<FeedHolder>,
}

/// What another node said of its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FeedHolder {
    /// Which node.
    pub node_id: NodeId,
    /// How many events it holds.
    pub size: u64,
    /// How long ago it said so.
    pub heard_ms_ago: u64,
}

/// A node's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct StorageStatus {
    /// What the store takes.
    pub bytes_on_disk: u64,
    /// Group commits since the start.
    pub commits: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// The 99th percentile of a sync, in microseconds.
    pub sync_p99_us: u64,
}

impl Client {
    /// What the node that answers says of itself. To ask a certain node, connect to that one only.
    ///
    /// # Errors
    /// The transport's.
    pub async fn status(&self) -> Result<NodeStatus, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.node().status(attempt.request(v1::StatusRequest {})).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        status_of(answer.into_inner())
    }
}

fn upkeep_of(m: v1::Upkeep) -> Upkeep {
    Upkeep {
        reads_only: Some(m.reads_only).filter(|why| !why.is_empty()),
        disk_free_bytes: m.disk_free_bytes,
        disk_reserve_bytes: m.disk_reserve_bytes,
        clock_ahead_ms: m.clock_ahead_ms,
        cosigned_by: m.cosigned_by,
        voters: m.voters,
        cosigned_unix_s: m.cosigned_unix_s,
    }
}

fn status_of(m: v1::StatusResponse) -> Result<NodeStatus, MeshError> {
    let raft = m.raft.unwrap_or_default();
    let ledger = m.ledger.ok_or_else(|| missing("ledger"))?;
    let storage = m.storage.unwrap_or_default();
    let feeds = m.feeds.into_iter().map(|feed| {
        Ok(FeedStatus {
            domain: parse("feeds.domain", &feed.domain)?,
            epoch: feed.epoch,
            size: feed.size,
            outbox_waiting: feed.outbox_waiting,
            oldest_waiting_ms: feed.oldest_waiting_ms,
        })
    });
    let held_feeds = m.held_feeds.into_iter().map(|feed| {
        let holder =
            |one: v1::FeedHolder| FeedHolder { node_id: one.node_id, size: one.size, heard_ms_ago: one.heard_ms_ago };
        Ok(HeldFeed {
            domain: parse("held_feeds.domain", &feed.domain)?,
            epoch: feed.epoch,
            size: feed.size,
            written_here: feed.written_here,
            known_size: feed.known_size,
            holders: feed.holders.into_iter().map(holder).collect(),
        })
    });
    let held_feeds = held_feeds.collect::<Result<_, MeshError>>()?;
    Ok(NodeStatus {
        upkeep: upkeep_of(m.upkeep.unwrap_or_default()),
        held_feeds,
        node_id: m.node_id,
        name: m.name,
        mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
        mesh_name: m.mesh_name,
        version: m.version,
        protocol_version: m.protocol_version,
        protocol_known: m.protocol_known,
        // A program from before says nothing of it: then nobody holds it back.
        protocol_built: m.protocol_built.max(m.protocol_known),
        voters_heard: (m.voters_heard.into_iter())
            .map(|voter| VoterHeard {
                node_id: voter.node_id,
                protocol_min: voter.protocol_min,
                protocol_max: voter.protocol_max,
                build: voter.build,
            })
            .collect(),
        raft: RaftStatus {
            role: raft.role,
            term: raft.term,
            leader_id: (raft.leader_id != 0).then_some(raft.leader_id),
            last_log_index: raft.last_log_index,
            applied_index: raft.applied_index,
            voters: raft.voters,
            learners: raft.learners,
            joint: raft.joint,
            ledger_voters: raft.ledger_voters,
        },
        ledger: LedgerStatus {
            size: ledger.size,
            root: digest("ledger.root", &ledger.root)?,
            state_digest: digest("ledger.state_digest", &ledger.state_digest)?,
            last_stamp_unix_ms: ledger.last_stamp_unix_ms,
            indexed_size: ledger.indexed_size,
        },
        feeds: feeds.collect::<Result<_, MeshError>>()?,
        storage: StorageStatus {
            bytes_on_disk: storage.bytes_on_disk,
            commits: storage.commits,
            syncs: storage.syncs,
            sync_p99_us: storage.sync_p99_us,
        },
        uptime_ms: m.uptime_ms,
        alarms: m.alarms,
        products: m.products,
        freshness: Freshness::of(m.freshness),
        peers: (m.peers.into_iter())
            .map(|peer| PeerStatus {
                node_id: peer.node_id,
                state: peer.state,
                generation: Some(peer.generation).filter(|generation| *generation > 0),
                for_ms: peer.for_ms,
                address: Some(peer.address).filter(|address| !address.is_empty()),
            })
            .collect(),
        generation: m.generation,
    })
}
