//! The task of an observer, and of a node that only reads: tails one peer after the other.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use mesh_governance::read;
use mesh_model::NodeId;
use mesh_proto::status::MeshError;
use mesh_proto::v1::TailRequest;
use mesh_raft::{LedgerTail, RaftRole, StateError, offload};
use tonic::Streaming;
use tracing::{debug, warn};

use super::session::{SessionError, Step, TailSession};
use super::upstream;
use crate::checkpoints::peers::Callee;
use crate::core::Core;

/// Pause after a stream that ended, doubled up to the longest while none brings anything.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often a node that may have become an observer looks.
const LOOK: Duration = Duration::from_millis(200);
/// How long others may know a checkpoint that counts before the peer announces one as large.
const BEHIND: Duration = Duration::from_secs(1);
/// What a peer may be late with the next sign that nothing changed.
const LATE: Duration = Duration::from_secs(2);

/// Why a stream is over.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Peer(#[from] MeshError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("nothing was heard for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("it does not announce the checkpoint of {0} leaves that others have")]
    Behind(u64),
    #[error("it ended")]
    Closed,
    #[error("the task that takes its items ended: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Runs until the node stops; rests while Raft has the say over its ledger.
pub async fn run(core: Arc<Core>) {
    let tail = core.raft.tail();
    let (mut turn, mut pause) = (0, PAUSE_MIN);
    loop {
        // Whoever votes may be ended, when the council goes on with others.
        let reads = matches!(core.raft.status().role, RaftRole::Observer | RaftRole::Reader);
        let wait = if reads && !tail.follows_raft() {
            match peers(&core) {
                Ok(peers) if !peers.is_empty() => {
                    let peer = &peers[turn % peers.len()];
                    let before = tail.next_index();
                    let ended = follow(&core, &tail, peer).await;
                    let brought = tail.next_index() > before;
                    report(peer, &ended);
                    // A peer that lags is not asked again at once, whatever it brought before.
                    let lags = matches!(ended, Ended::Behind(_) | Ended::Silent(_));
                    (turn, pause) = match (brought, lags) {
                        (true, false) => (0, PAUSE_MIN),
                        (true, true) => (turn + 1, PAUSE_MIN),
                        (false, _) => (turn + 1, (pause * 2).min(PAUSE_MAX)),
                    };
                    pause
                }
                Ok(_) => LOOK,
                Err(error) => {
                    warn!(%error, "the peers are not known");
                    PAUSE_MAX
                }
            }
        } else {
            LOOK
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = core.stopping.cancelled() => return,
        }
    }
}

fn report(peer: &Callee, ended: &Ended) {
    match ended {
        Ended::Session(SessionError::Leaves(mesh_raft::TailError::FollowsRaft | mesh_raft::TailError::Busy)) => {}
        Ended::Session(error) => warn!(%peer, %error, "a peer's ledger was not taken"),
        other => debug!(%peer, %other, "the stream of a peer's ledger is over"),
    }
}

/// Whom to tail, in order: nodes of the own ledger, then whoever is at the addresses that the operator named. Those are for a node that
/// was away while all that it knew were replaced; what they send proves itself.
fn peers(core: &Core) -> Result<Vec<Callee>, StateError> {
    let voters = read::mesh(&core.state)?.map_or_else(Vec::new, |mesh| mesh.voters);
    let mut known = Vec::new();
    for node in read::nodes(&core.state)? {
        let id = node.record.node_id;
        if read::node_revocation(&core.state, id)?.is_none() {
            known.push(id);
        }
    }
    let observers: Vec<NodeId> = known.iter().copied().filter(|id| !voters.contains(id)).collect();
    let order = upstream::order(core.node_id(), &voters, &observers);
    let nodes = order.into_iter().filter(|id| known.contains(id)).map(Callee::Node);
    Ok(nodes.chain(core.config.join.peers.iter().cloned().map(Callee::Whoever)).collect())
}

/// One stream, to its end. A peer whose checkpoints stop coming is left, however busy it is otherwise.
async fn follow(core: &Arc<Core>, tail: &LedgerTail, peer: &Callee) -> Ended {
    let request = TailRequest {
        mesh_id: core.mesh_id.0.to_vec(),
        from_node_id: core.node_id(),
        node_key: core.record.key.0.to_vec(),
        next_index: tail.next_index(),
    };
    let items = match core.asking(peer).tail(peer, request).await {
        Ok(items) => items,
        Err(error) => return error.into(),
    };
    let session = TailSession::new(core.mesh_id, tail.clone(), Arc::clone(&core.checkpoints));
    let tailed = |peer| *core.tailed.lock().unwrap_or_else(PoisonError::into_inner) = peer;
    tailed(Some(peer.clone()));
    let ended = take_all(core, tail, session, items).await;
    tailed(None);
    match ended {
        Ok(()) => Ended::Closed,
        Err(ended) => ended,
    }
}

async fn take_all(
    core: &Arc<Core>,
    tail: &LedgerTail,
    mut session: TailSession,
    mut items: Streaming<mesh_proto::v1::TailItem>,
) -> Result<(), Ended> {
    let patience = Duration::from_millis(2 * core.config.checkpoint.refresh_ms) + LATE;
    let mut brief = core.checkpoints.follow();
    // How many leaves the peer has announced; what is here of the ledger, and since when; since when others have more than the peer says.
    let (mut announced, mut here, mut since, mut lags) = (0, None, Instant::now(), None);
    loop {
        let seen = *brief.borrow_and_update();
        let now = Instant::now();
        // What only repeats itself is no news.
        let now_here = (tail.next_index(), announced, seen.time_unix_s);
        if here != Some(now_here) {
            (here, since) = (Some(now_here), now);
            tail.heard();
        }
        // While it sends what it announced, it can't announce more.
        let is_through = tail.next_index() >= announced;
        lags = if is_through && seen.ahead > tail.next_index() { lags.or(Some(now)) } else { None };
        let silent = since + patience;
        let until = lags.map_or(silent, |lags| silent.min(lags + BEHIND));
        if now >= until {
            return Err(if now >= silent { Ended::Silent(patience) } else { Ended::Behind(seen.ahead) });
        }
        let item = tokio::select! {
            item = items.message() => item.map_err(MeshError::from)?,
            changed = brief.changed() => if changed.is_ok() { continue } else { return Ok(()) },
            () = tokio::time::sleep_until(until.into()) => continue,
            () = core.stopping.cancelled() => return Ok(()),
        };
        let Some(item) = item else { return Ok(()) };
        let (back, step) = offload(move || {
            let step = session.take(item);
            (session, step)
        })
        .await?;
        session = back;
        match step? {
            Step::Fork(proof) if !proof.is_empty() => {
                if let Err(error) = core.hear_fork(proof).await {
                    warn!(%error, "a peer shows a fork that does not verify");
                }
            }
            Step::Announced(size) => announced = announced.max(size),
            Step::Grown(_) | Step::Even | Step::Fork(_) => {}
        }
    }
}
