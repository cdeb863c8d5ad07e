//! The leader asks the voters for a checkpoint, and shows everybody what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mesh_event::checkpoint::{LedgerCheckpoint, ledger_checkpoint};
use mesh_event::voters::VoterSet;
use mesh_governance::read;
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_raft::RaftRole;
use mesh_tlog::{Note, NoteSignature};
use tracing::{debug, warn};

use super::keeper::{Heard, voters_in_force};
use crate::node::{Core, storage_error};

/// How long the others are waited for once a majority has cosigned: a note with more lines survives more lost keys.
const REST: Duration = Duration::from_millis(50);
/// How often a node that does not lead, or failed, looks again.
const LOOK: Duration = Duration::from_millis(250);

/// Runs until the node stops.
pub async fn run(core: Arc<Core>) {
    let gap = Duration::from_millis(core.config.checkpoint.cosign_ms);
    let refresh = Duration::from_millis(core.config.checkpoint.refresh_ms);
    let mut end = core.follow();
    let mut began: Option<Instant> = None;
    loop {
        let size = end.borrow_and_update().size;
        if let Err(error) = core.checkpoints.look_again() {
            warn!(%error, "what is known of checkpoints was not looked at again");
        }
        let leads = core.raft.status().role == RaftRole::Leader && core.checkpoints.fork().is_none();
        let mut pause = LOOK;
        if leads && size > 0 {
            let covered = core.checkpoints.last().map_or(0, |(last, _)| last.size());
            let due = if covered < size { gap } else { refresh };
            let waited = began.map_or(due, |began| began.elapsed());
            if waited >= due {
                began = Some(Instant::now());
                match round(&core).await {
                    Ok(()) => pause = if core.ledger_size() > size { gap } else { refresh },
                    Err(error) => debug!(%error, "no checkpoint came about"),
                }
            } else {
                pause = due.saturating_sub(waited);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // Growth makes the wait shorter, never shorter than the gap: that is looked at above.
            changed = end.changed() => if changed.is_err() { return },
            () = core.stopping.cancelled() => return,
        }
    }
}

/// One checkpoint of what is applied now.
async fn round(core: &Arc<Core>) -> Result<(), MeshError> {
    let size = core.ledger_size();
    let root = core.store.ledger().root_at(size).map_err(|error| storage_error(&error))?;
    let trust = core.checkpoints.trust();
    let voters = voters_in_force(&core.state).map_err(|error| core.state_error(&error))?;
    let voters = voters.ok_or_else(|| MeshError::new(Code::GenesisFirst, "no voters are in force"))?;
    let handover = (voters != *trust.voters()).then_some(voters);
    let checkpoint = ledger_checkpoint(&core.mesh_id, size, root, handover.as_ref())
        .map_err(|error| MeshError::new(Code::Internal, error.to_string()))?;
    let lines = collect(core, &checkpoint.to_string(), trust.voters(), handover.as_ref()).await?;
    let note = Note::new(checkpoint.to_string(), lines);
    let note = note.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?.to_string().into_bytes();
    match core.checkpoints.hear(&note)? {
        Heard::Agrees { .. } => {}
        other => return Err(MeshError::new(Code::Internal, format!("the own checkpoint was heard as {other:?}"))),
    }
    offer(core, &note, &[]);
    Ok(())
}

/// Lines of a majority of the voters, and of those after them.
async fn collect(
    core: &Arc<Core>,
    text: &str,
    before: &VoterSet,
    after: Option<&VoterSet>,
) -> Result<Vec<NoteSignature>, MeshError> {
    let sets: Vec<&VoterSet> = [Some(before), after].into_iter().flatten().collect();
    let mut ids: Vec<NodeId> = sets.iter().flat_map(|set| set.iter().map(|voter| voter.id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut answers: FuturesUnordered<_> = ids.into_iter().map(|id| ask(core, id, text)).collect();
    let (mut lines, mut who) = (Vec::new(), Vec::new());
    let enough = |who: &[NodeId]| {
        sets.iter().all(|set| set.iter().filter(|voter| who.contains(&voter.id)).count() >= set.majority())
    };
    while let Some((id, answer)) = answers.next().await {
        match answer {
            Ok(signed) => {
                lines.extend(signed);
                who.push(id);
            }
            Err(error) => debug!(voter = id, %error, "a voter did not cosign"),
        }
        if enough(&who) {
            break;
        }
    }
    if !enough(&who) {
        let text = format!("{} voters cosigned the checkpoint, which are no majority", who.len());
        return Err(MeshError::new(Code::Unavailable, text));
    }
    let rest = async {
        while let Some((_, answer)) = answers.next().await {
            lines.extend(answer.into_iter().flatten());
        }
    };
    // Whoever is slow signs the next one.
    drop(tokio::time::timeout(REST, rest).await);
    Ok(lines)
}

async fn ask(core: &Arc<Core>, id: NodeId, text: &str) -> (NodeId, Result<Vec<NoteSignature>, MeshError>) {
    if id == core.node_id() {
        return (id, core.cosign(text).await.map(Vec::from));
    }
    let answer = match address(core, id) {
        Ok(address) => core.federation.cosign(id, &address, text.to_owned()).await,
        Err(error) => Err(error),
    };
    // A line that names another voter, or is altered, would spoil the whole note: it is looked at before it goes in.
    (id, answer.and_then(|lines| check(core, text, lines)))
}

/// Passes on lines that verify under this text.
fn check(core: &Core, text: &str, lines: Vec<NoteSignature>) -> Result<Vec<NoteSignature>, MeshError> {
    let bad = |text: String| MeshError::new(Code::BadSignature, text);
    let note = Note::new(text, lines.clone()).map_err(|error| bad(error.to_string()))?;
    let parsed = LedgerCheckpoint::parse(note.to_string().as_bytes(), &core.mesh_id);
    let parsed = parsed.map_err(|error| bad(error.to_string()))?;
    let trust = core.checkpoints.trust();
    for voters in [Some(trust.voters()), parsed.handover()].into_iter().flatten() {
        parsed.vouchers(&core.mesh_id, voters).map_err(|error| bad(error.to_string()))?;
    }
    Ok(lines)
}

fn address(core: &Core, id: NodeId) -> Result<String, MeshError> {
    let node = read::node(&core.state, id).map_err(|error| core.state_error(&error))?;
    let node = node.ok_or_else(|| MeshError::new(Code::UnknownNode, format!("no node {id} is known")))?;
    Ok(node.record.peer_address)
}

/// Shows all other nodes a checkpoint or the proof of a fork; takes proofs that they have. Nobody waits for it.
pub fn offer(core: &Arc<Core>, note: &[u8], fork_proof: &[u8]) {
    let nodes = match read::nodes(&core.state) {
        Ok(nodes) => nodes,
        Err(error) => return warn!(%error, "the nodes are not known"),
    };
    for node in nodes.into_iter().filter(|node| node.record.node_id != core.node_id()) {
        let (core_, note, fork_proof) = (Arc::clone(core), note.to_vec(), fork_proof.to_vec());
        core.tasks.spawn(async move {
            let (id, address) = (node.record.node_id, node.record.peer_address);
            match core_.federation.offer(id, &address, note, fork_proof).await {
                Ok(theirs) if !theirs.is_empty() => {
                    if let Err(error) = core_.checkpoints.hear_fork(&theirs) {
                        warn!(peer = id, %error, "a peer shows a fork that does not verify");
                    }
                }
                Ok(_) => {}
                Err(error) => debug!(peer = id, %error, "a checkpoint was not taken"),
            }
        });
    }
}
