//! The leader asks the voters for a checkpoint, and shows everybody what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mesh_event::checkpoint::ledger_checkpoint;
use mesh_event::voters::VoterSet;
use mesh_governance::read;
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_raft::RaftRole;
use mesh_tlog::{Note, NoteSignature};
use tracing::{debug, warn};

use super::answer::two_lines_of;
use super::keeper::Heard;
use super::peers::Offer;
use crate::core::{Core, storage_error};

/// How long the others are waited for once a majority has cosigned: a note with more lines survives more lost keys.
const REST: Duration = Duration::from_millis(50);
/// How often a node that does not lead, or failed, looks again.
const LOOK: Duration = Duration::from_millis(250);

/// Runs until the node stops.
pub async fn run(core: Arc<Core>) {
    let gap = Duration::from_millis(core.config.checkpoint.cosign_ms);
    let refresh = Duration::from_millis(core.config.checkpoint.refresh_ms);
    let mut end = core.follow();
    // When the last round began that brought a checkpoint, and when a fork was last told of.
    let (mut began, mut told): (Option<Instant>, Option<Instant>) = (None, None);
    // When those who voted before a recovery were told of it.
    let mut told_former: Option<Instant> = None;
    loop {
        let size = end.borrow_and_update().size;
        let looking = Arc::clone(&core);
        match core.offload(move || looking.checkpoints.look_again()).await {
            Ok(true) => told = None,
            Ok(false) => {}
            Err(error) => warn!(%error, "what is known of checkpoints was not looked at again"),
        }
        let mut pause = LOOK;
        if core.checkpoints.brief().is_forked {
            // Whoever was away when it was found hears of it all the same.
            if told.is_none_or(|told| told.elapsed() >= refresh.min(Duration::from_secs(1))) {
                told = Some(Instant::now());
                offer(&core);
            }
        } else if core.raft.leads() && size > 0 {
            // A majority would cosign a shorter ledger, too, and call it the newest.
            let due = if core.checkpoints.brief().size < size { gap } else { refresh };
            let waited = began.map_or(due, |began| began.elapsed());
            if waited >= due {
                let now = Instant::now();
                match round(&core).await {
                    Ok(()) => {
                        began = Some(now);
                        pause = if core.ledger_size() > size { gap } else { refresh };
                    }
                    Err(error) => debug!(%error, "no checkpoint came about"),
                }
            } else {
                pause = due.saturating_sub(waited);
            }
        } else if core.raft.status().role == RaftRole::Follower
            && told_former.is_none_or(|told| told.elapsed() >= refresh)
        {
            // The leader does with each checkpoint; but a new node's key is none that they know.
            told_former = Some(Instant::now());
            show(&core, &core.checkpoints.voters_before_recovery());
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
    core.checkpoints.follow_recovery()?;
    let asked = Instant::now();
    let size = core.ledger_size();
    let root = core.store.ledger().root_at(size).map_err(|error| storage_error(&error))?;
    let (since, voters) = core.checkpoints.voters_at(size)?;
    let before = core.checkpoints.followed_voters();
    let is_handover = before != voters;
    let checkpoint = ledger_checkpoint(&core.mesh_id, size, root, is_handover.then_some(&voters))
        .map_err(|error| MeshError::new(Code::Internal, error.to_string()))?;
    let mut sets = vec![&voters];
    sets.extend(is_handover.then_some(&before));
    let lines = collect(core, &checkpoint.to_string(), &sets, since).await?;
    let note = Note::new(checkpoint.to_string(), lines);
    let note = note.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?.to_string().into_bytes();
    match core.hear_checkpoint_at(note, Some(asked)).await? {
        Heard::Agrees { .. } => offer(core),
        other => return Err(MeshError::new(Code::Internal, format!("the own checkpoint was heard as {other:?}"))),
    }
    Ok(())
}

/// Lines of a majority of each of these sets of voters.
async fn collect(
    core: &Arc<Core>,
    text: &str,
    sets: &[&VoterSet],
    since: u64,
) -> Result<Vec<NoteSignature>, MeshError> {
    let ids: BTreeSet<NodeId> = sets.iter().flat_map(|set| set.iter().map(|voter| voter.id)).collect();
    let disqualified = core.checkpoints.disqualified(since);
    let mut answers: FuturesUnordered<_> = ids.into_iter().map(|id| ask(core, id, text, sets)).collect();
    let (mut lines, mut who) = (Vec::new(), BTreeSet::new());
    let enough = |who: &BTreeSet<NodeId>| {
        sets.iter().all(|set| set.iter().filter(|voter| who.contains(&voter.id)).count() >= set.majority())
    };
    while let Some((id, answer)) = answers.next().await {
        match answer {
            Ok(signed) => {
                lines.extend(signed);
                who.extend((!disqualified.contains(&id)).then_some(id));
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

async fn ask(
    core: &Arc<Core>,
    id: NodeId,
    text: &str,
    sets: &[&VoterSet],
) -> (NodeId, Result<Vec<NoteSignature>, MeshError>) {
    if id == core.node_id() {
        return (id, core.cosign(text).await.map(Vec::from));
    }
    let answer = core.federation.cosign(id, text.to_owned()).await;
    (id, answer.and_then(|lines| two_lines_of(&core.mesh_id, id, text, lines, sets)))
}

/// Shows the other voters, and whoever receives Raft's entries, the newest checkpoint, the changes of voters and a fork that stands; takes
/// a fork that stands there. Nobody waits for it. Observers hear of all this through the ledger's tail.
pub fn offer(core: &Arc<Core>) {
    let raft = core.raft.status();
    let mut members: BTreeSet<NodeId> = raft.voters.into_iter().chain(raft.learners).collect();
    if let Ok(Some(mesh)) = read::mesh(&core.state) {
        members.extend(mesh.voters);
    }
    // Those before a recovery may come back and know nothing of it.
    members.extend(core.checkpoints.voters_before_recovery());
    show(core, &members);
}

fn show(core: &Arc<Core>, members: &BTreeSet<NodeId>) {
    if members.is_empty() {
        return;
    }
    let nodes = match read::nodes(&core.state) {
        Ok(nodes) => nodes,
        Err(error) => return warn!(%error, "the nodes are not known"),
    };
    let is_shown = |id: &NodeId| *id != core.node_id() && members.contains(id);
    for node in nodes.into_iter().filter(|node| is_shown(&node.record.node_id)) {
        if !matches!(read::node_revocation(&core.state, node.record.node_id), Ok(None)) {
            continue;
        }
        let here = Arc::clone(core);
        core.tasks.spawn(async move {
            let id = node.record.node_id;
            match here.federation.offer(id, || newest(&here)).await {
                Ok(Some(theirs)) => {
                    if let Err(error) = here.hear_fork(theirs).await {
                        warn!(peer = id, %error, "a peer shows a fork that does not verify");
                    }
                }
                Ok(None) => {}
                Err(error) => debug!(peer = id, %error, "a checkpoint was not taken"),
            }
        });
    }
}

/// What there is to show now.
fn newest(core: &Core) -> Offer {
    Offer {
        note: core.checkpoints.last().map_or_else(Vec::new, |(last, _)| last.bytes()),
        handovers: core.checkpoints.handovers(),
        fork_proof: core.checkpoints.fork().map_or_else(Vec::new, |fork| fork.proof.into_bytes()),
    }
}
