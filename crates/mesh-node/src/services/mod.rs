//! gRPC: one file per service. Wire in, domain types within, wire out; nothing is decided here.

pub(crate) mod access;
mod catalog;
mod federation;
mod feed;
mod governance;
mod home;
mod insights;
mod ledger;
mod lineage;
mod node;
mod observed;
mod publish;
pub(crate) mod quality;
mod standards;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_governance::read;
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::Freshness;
use mesh_proto::v1::access_service_server::AccessServiceServer;
use mesh_proto::v1::catalog_service_server::CatalogServiceServer;
use mesh_proto::v1::governance_service_server::GovernanceServiceServer;
use mesh_proto::v1::insight_service_server::InsightServiceServer;
use mesh_proto::v1::ledger_service_server::LedgerServiceServer;
use mesh_proto::v1::lineage_service_server::LineageServiceServer;
use mesh_proto::v1::node_service_server::NodeServiceServer;
use mesh_proto::v1::publish_service_server::PublishServiceServer;
use mesh_proto::v1::quality_service_server::QualityServiceServer;
use mesh_raft::{PeerIdentity, RaftRole};
use tonic::service::Routes;
use tonic::{Request, Status};
use tracing::warn;

pub use node::status;

use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::network::Listener;
use crate::publish::Publisher;
use crate::tail;
use crate::transport;

/// Largest message from a client, in bytes: a publish with its attachments.
const MESSAGE_BYTES: usize = 64 << 20;
/// Longest wait that a deadline may ask for.
const LONGEST: Duration = Duration::from_mins(5);

/// All client services, health and reflection.
pub fn routes(core: &Arc<Core>) -> Routes {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(mesh_proto::FILE_DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the descriptors were made with the services");
    let watched = Arc::clone(core);
    core.tasks.spawn(async move { services_health(watched, health).await });
    let publish = PublishServiceServer::new(publish::Service::new(Arc::clone(core)));
    let catalog = CatalogServiceServer::new(catalog::Service::new(Arc::clone(core)));
    let access = AccessServiceServer::new(access::Service::new(Arc::clone(core)));
    let governance = GovernanceServiceServer::new(governance::Service::new(Arc::clone(core)));
    let ledger = LedgerServiceServer::new(ledger::Service::new(Arc::clone(core)));
    let lineage = LineageServiceServer::new(lineage::Service::new(Arc::clone(core)));
    let insights = InsightServiceServer::new(insights::Service::new(Arc::clone(core)));
    let quality = QualityServiceServer::new(quality::Service::new(Arc::clone(core)));
    let node = NodeServiceServer::new(node::Service::new(Arc::clone(core)));
    Routes::new(publish.max_decoding_message_size(MESSAGE_BYTES))
        .add_service(catalog.max_encoding_message_size(MESSAGE_BYTES))
        .add_service(access)
        .add_service(governance)
        .add_service(ledger.max_encoding_message_size(MESSAGE_BYTES))
        .add_service(lineage)
        .add_service(quality)
        .add_service(insights)
        .add_service(node)
        .add_service(health_service)
        .add_service(reflection)
}

/// Serving while the node can take commands and knows a leader; re-read every second.
async fn services_health(core: Arc<Core>, health: tonic_health::server::HealthReporter) {
    loop {
        let status = match is_ready(&core) {
            Ok(()) => tonic_health::ServingStatus::Serving,
            Err(_) => tonic_health::ServingStatus::NotServing,
        };
        health.set_service_status("", status).await;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = core.stopping.cancelled() => break,
        }
    }
    health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
}

/// Whether the node answers truthfully and takes commands: founded, in touch with a leader, writable.
///
/// # Errors
/// Why not.
pub fn is_ready(core: &Core) -> Result<(), String> {
    if core.ledger_size() == 0 {
        return Err("the ledger has no genesis yet".to_owned());
    }
    let raft = core.raft.status();
    if raft.leader.is_none() && raft.role != RaftRole::Observer {
        return Err("no leader is known".to_owned());
    }
    // Raft's own word for the leader may be old: what counts is that one was heard of, with a quorum behind it. An observer hears of
    // the quorum by its checkpoints.
    let patience = if raft.role == RaftRole::Observer {
        CURRENT
    } else {
        Duration::from_millis(3 * core.config.raft.election_max_ms)
    };
    if raft.quorum_contact.is_none_or(|ago| ago > patience) {
        return Err("no leader with a quorum was heard of lately".to_owned());
    }
    core.checkpoints.check_no_fork().map_err(|error| error.message)?;
    core.check_writable().map_err(|error| error.message)
}

/// The peer port: Raft, what nodes show each other, and what a home does for other nodes' clients. All of it over connections that
/// proved which node they are of.
pub async fn serve_peers(core: Arc<Core>, listener: Box<dyn Listener>) {
    let (peer, stopping) = (&core.config.peer, core.stopping.clone());
    let incoming = transport::receive(Arc::clone(&core.transport), listener, peer.door_limits(), stopping.clone());
    let served = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .max_concurrent_streams(peer.streams)
        .add_service(core.raft.server())
        .add_service(federation::Service::server(Arc::clone(&core)))
        .add_service(tail::server::Service::server(Arc::clone(&core)))
        .add_service(feed::Service::server(Arc::clone(&core)))
        .add_service(home::Service::server(&core))
        .serve_with_incoming_shutdown(incoming, async move { stopping.cancelled().await })
        .await;
    if let Err(error) = served {
        warn!(%error, "the peer port closed");
    }
}

/// Whether a peer's request names this mesh and comes from the node that it names, which the ledger knows and has not revoked.
///
/// # Errors
/// [`Code::WrongMesh`], [`Code::UnknownNode`], and what [`PeerIdentity::check_sender`] says: nothing happened.
fn check_member<T>(core: &Core, request: &Request<T>, mesh_id: &[u8], from: NodeId) -> Result<(), MeshError> {
    PeerIdentity::check_sender(request.extensions(), from)?;
    if mesh_id != core.mesh_id.0 {
        return Err(MeshError::new(Code::WrongMesh, "the request names another mesh"));
    }
    let fail = |error| core.state_error(&error);
    let known = read::node(&core.state, from).map_err(fail)?.is_some();
    let revoked = read::node_revocation(&core.state, from).map_err(fail)?.is_some();
    if !known || revoked {
        return Err(MeshError::new(Code::UnknownNode, format!("node {from} is none of this mesh")));
    }
    Ok(())
}

/// How long the client waits: its deadline (`grpc-timeout`), or the node's own.
fn deadline<T>(core: &Core, request: &Request<T>) -> Duration {
    let own = Duration::from_millis(core.config.limits.publish_wait_ms);
    let Some(text) = request.metadata().get("grpc-timeout").and_then(|value| value.to_str().ok()) else { return own };
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let Ok(number) = number.parse::<u64>() else { return own };
    let asked = match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return own,
    };
    // The answer needs time to travel: a publish that ends at its deadline would only be heard as "outcome unknown".
    asked.min(LONGEST).mul_f32(0.9)
}

/// Whether reads are open to this request.
fn check_token<T>(core: &Core, request: &Request<T>) -> Result<(), Status> {
    let shown = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
    token_allows(core, shown).map_err(Status::from)
}

/// Whether a bearer token opens reads.
///
/// # Errors
/// [`Code::ReadDenied`].
pub fn token_allows(core: &Core, authorization: Option<&str>) -> Result<(), MeshError> {
    let tokens = &core.config.api.read_tokens;
    if tokens.is_empty() || shows_one_of(tokens, authorization) {
        return Ok(());
    }
    Err(MeshError::new(Code::ReadDenied, "reads of this node need a bearer token"))
}

/// Whether a bearer token lets pipelines tell this node what they did.
///
/// # Errors
/// [`Code::EventsDenied`].
pub fn takes_events(core: &Core, authorization: Option<&str>) -> Result<(), MeshError> {
    let tokens = &core.config.pipelines.tokens;
    if shows_one_of(tokens, authorization) {
        return Ok(());
    }
    let text = if tokens.is_empty() {
        "this node takes no events of pipelines: its configuration has no pipelines.tokens"
    } else {
        "events of pipelines need one of this node's pipelines.tokens: Authorization: Bearer TOKEN"
    };
    Err(MeshError::new(Code::EventsDenied, text))
}

fn shows_one_of(tokens: &[String], authorization: Option<&str>) -> bool {
    let shown = authorization.and_then(|value| value.strip_prefix("Bearer "));
    shown.is_some_and(|shown| tokens.iter().any(|token| same(token, shown)))
}

/// Compares in a time that depends on the lengths alone.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Waits for `at_least_index`.
async fn at_least(core: &Core, index: Option<u64>, within: Duration) -> Result<(), MeshError> {
    let Some(index) = index else { return Ok(()) };
    if core.wait_applied(index, within).await {
        return Ok(());
    }
    let size = core.ledger_size();
    Err(MeshError::new(Code::NotCaughtUp, format!("this node has applied {size} leaves; expected leaf {index}")))
}

/// Over this age no node calls itself current.
const CURRENT: Duration = Duration::from_mins(1);

/// How old a read may be.
pub fn freshness(core: &Core) -> Freshness {
    let end = core.ledger_end();
    let brief = core.checkpoints.brief();
    let age = brief.age(now_unix_ms(), Instant::now());
    Freshness {
        checkpoint_size: brief.size,
        is_current: age.is_some_and(|age| age <= CURRENT) && !brief.is_contradicted,
        ledger_size: end.size,
        last_stamp_unix_ms: end.last_stamp,
        indexed_size: core.indexed_size(),
        age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        cosigned_unix_s: brief.time_unix_s,
        node_id: core.node_id(),
    }
}

/// A publisher over the same parts.
fn publisher(core: &Arc<Core>) -> Publisher {
    Publisher::new(Arc::clone(core))
}
