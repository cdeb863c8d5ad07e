//! `NodeService`.

use std::sync::Arc;
use std::time::Instant;

use mesh_event::{FeedId, ProtocolRange};
use mesh_governance::read;
use mesh_model::DomainName;
use mesh_proto::status::MeshError;
use mesh_proto::v1::node_service_server::NodeService;
use mesh_proto::v1::{
    FeedHolder, FeedStatus, HeldFeed, LedgerStatus, PeerStatus, RaftStatus, StatusRequest, StatusResponse,
    StorageStatus, VoterHeard,
};
use mesh_raft::RaftRole;
use tonic::{Request, Response, Status};

use crate::core::{Core, storage_error};
use crate::gossip::view::state_name;
use crate::replicas::heads;

/// Feeds that a status lists.
const LISTED: usize = 1_000;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

fn role(role: RaftRole) -> &'static str {
    match role {
        RaftRole::Leader => "leader",
        RaftRole::Follower => "follower",
        RaftRole::Candidate => "candidate",
        RaftRole::Learner => "learner",
        RaftRole::Observer => "observer",
        RaftRole::Reader => "reader",
        RaftRole::Stopped => "stopped",
    }
}

/// The feeds that are here, and who else holds them.
fn held_feeds(core: &Core) -> Result<Vec<HeldFeed>, MeshError> {
    let mut held = Vec::new();
    for feed in core.store.feeds().map_err(|e| storage_error(&e))? {
        let Ok(domain) = DomainName::parse(feed.domain()) else { continue };
        let id = FeedId { domain, epoch: feed.epoch() };
        let (goal, written_here) = heads::brief(core, &id)?;
        let now = Instant::now();
        let holders = core.replicas.copies().of(&id, now);
        let known_size = holders.iter().map(|holder| holder.size).max().unwrap_or(0).max(goal.size);
        let ago = |heard: Instant| u64::try_from(now.saturating_duration_since(heard).as_millis()).unwrap_or(u64::MAX);
        held.push(HeldFeed {
            domain: id.domain.to_string(),
            epoch: id.epoch,
            size: goal.size,
            root: goal.root.as_bytes().to_vec(),
            written_here,
            known_size,
            holders: (holders.iter())
                .map(|one| FeedHolder { node_id: one.node, size: one.size, heard_ms_ago: ago(one.heard) })
                .collect(),
        });
        if held.len() == LISTED {
            break;
        }
    }
    Ok(held)
}

/// What the voters' programs know, as far as this node hears them.
fn voters_heard(core: &Core) -> Result<Vec<VoterHeard>, MeshError> {
    let heard = core.raft.voters_heard().map_err(|e| core.state_error(&e))?;
    let heard = heard.into_iter().map(|voter| VoterHeard {
        node_id: voter.node_id,
        protocol_min: voter.protocols.map(|range| range.min),
        protocol_max: voter.protocols.map(|range| range.max),
        build: voter.build.map_or_else(String::new, |build| build.to_string()),
    });
    Ok(heard.collect())
}

/// What the node says about itself.
///
/// # Errors
/// When the store cannot be read.
pub fn status(core: &Core) -> Result<StatusResponse, MeshError> {
    let raft = core.raft.status();
    let end = core.ledger_end();
    let head = read::head(&core.state).map_err(|e| core.state_error(&e))?;
    let mesh = read::mesh(&core.state).map_err(|e| core.state_error(&e))?;
    let (protocol_version, ledger_voters) = match mesh {
        Some(mesh) => (mesh.protocol_version, mesh.voters),
        None => (core.genesis.document.protocol_version, Vec::new()),
    };
    let mut feeds: Vec<FeedStatus> = (core.feeds.all().iter())
        .chain(&core.feeds.unsettled())
        .map(|writer| {
            let (waiting, oldest) = writer.backlog();
            FeedStatus {
                domain: writer.id().domain.to_string(),
                epoch: writer.id().epoch,
                size: writer.size(),
                outbox_waiting: waiting as u64,
                oldest_waiting_ms: oldest.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            }
        })
        .collect();
    feeds.sort_by(|a, b| (&a.domain, b.epoch).cmp(&(&b.domain, a.epoch)));
    let commits = core.store.committer().stats();
    let gossip = core.gossip.view();
    let peers = gossip.peers.iter().map(|peer| PeerStatus {
        node_id: peer.node,
        state: state_name(peer.state).to_owned(),
        generation: peer.generation.unwrap_or(0),
        for_ms: u64::try_from(peer.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        address: peer.address.map_or_else(String::new, |address| address.to_string()),
    });
    Ok(StatusResponse {
        node_id: core.node_id(),
        name: core.record.name.clone(),
        mesh_id: core.mesh_id.0.to_vec(),
        mesh_name: core.genesis.document.mesh_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_version,
        protocol_known: core.config.node.protocols().max,
        protocol_built: ProtocolRange::BUILD.max,
        voters_heard: voters_heard(core)?,
        raft: Some(RaftStatus {
            role: role(raft.role).to_owned(),
            term: raft.term,
            leader_id: raft.leader.unwrap_or(0),
            last_log_index: raft.last_log_index.unwrap_or(0),
            applied_index: raft.applied_index.unwrap_or(0),
            voters: raft.voters,
            learners: raft.learners,
            joint: raft.joint,
            ledger_voters,
        }),
        ledger: Some(LedgerStatus {
            size: head.size,
            root: core.store.ledger().root_at(head.size).map_err(|e| storage_error(&e))?.as_bytes().to_vec(),
            state_digest: head.state_digest.0.to_vec(),
            last_stamp_unix_ms: end.last_stamp,
            indexed_size: core.indexed_size(),
        }),
        feeds,
        held_feeds: held_feeds(core)?,
        upkeep: Some(crate::upkeep::of(core)?),
        storage: Some(StorageStatus {
            bytes_on_disk: core.store.disk_usage().map_err(|e| storage_error(&e))?.total,
            commits: commits.commits,
            syncs: commits.syncs,
            sync_p99_us: commits.sync_p99_micros,
        }),
        uptime_ms: u64::try_from(core.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        alarms: core.alarms(),
        freshness: Some(super::freshness(core)),
        products: core.search.len() as u64,
        peers: peers.collect(),
        generation: gossip.generation,
    })
}

#[tonic::async_trait]
impl NodeService for Service {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        super::check_token(&self.core, &request)?;
        Ok(Response::new(status(&self.core)?))
    }
}
