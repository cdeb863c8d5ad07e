//! A member of Raft that was away while the others were replaced.
//!
//! Nobody who votes by its ledger does so now, so it hears no leader, and whoever leads is no member of Raft to it. It asks
//! the addresses that the operator named (`join.peers`), for nobody whom its ledger knows may be left, and the nodes that its ledger knows:
//!
//! ```text
//! newest checkpoint, changes of voters --> by the voters known here these lead to others, step by step: whose Raft entries are heard now
//! that ledger, into a folder aside     --> decided again, and the own ledger is its beginning: who its nodes are, whose keys may connect
//! Raft                                 --> brings everything, as ever: nothing of the folder is applied, and it is deleted
//! ```
//!
//! So neither an address nor whoever answers there is believed anything: what a majority of the voters known here vouched for is. A
//! node outside Raft needs less: it tails whoever is at those addresses ([`crate::tail::follow`]).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mesh_governance::read;
use mesh_model::{Code, NodeId, PublicKey};
use mesh_proto::status::MeshError;
use mesh_proto::v1::TailRequest;
use mesh_raft::{LedgerTail, RaftRole, StateError, StoreState, Target, offload};
use mesh_store::{Store, StoreOptions};
use tracing::{debug, info, warn};

use crate::checkpoints::Keeper;
use crate::checkpoints::peers::Callee;
use crate::core::{Core, storage_error};
use crate::data_folder::MIB;
use crate::tail::{self, TailSession};

/// The folder aside, in the data folder.
const ASIDE: &str = "later-ledger";
const CACHE_BYTES: u64 = 32 * MIB;
/// How often the node looks whether it hears a leader.
const LOOK: Duration = Duration::from_millis(500);
/// Nodes of the own ledger that are asked at a time, those that vote by it first.
const ASKED: usize = 16;
/// A leader is missed after so many of the longest times until an election.
const SILENCE: u32 = 5;
/// Pause after all addresses were asked for nothing, doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// How long a peer may say nothing while its ledger is read.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs until the node stops.
pub(crate) async fn run(core: Arc<Core>) {
    let searching = async {
        let (mut pause, mut told) = (PAUSE_MIN, String::new());
        loop {
            tokio::time::sleep(LOOK).await;
            if !misses_a_leader(&core) {
                (pause, told) = (PAUSE_MIN, String::new());
                continue;
            }
            let found = ask_around(&core).await;
            if let Err(why) = found
                && why != told
            {
                warn!("no leader is heard; {why}");
                told = why;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    };
    core.stopping.run_until_cancelled(searching).await;
}

fn misses_a_leader(core: &Core) -> bool {
    let silence = Duration::from_millis(core.config.raft.election_max_ms) * SILENCE;
    let status = core.raft.status();
    let is_member = matches!(status.role, RaftRole::Follower | RaftRole::Candidate | RaftRole::Learner);
    is_member
        && status.ledger_size > 0
        && core.started.elapsed() > silence
        && status.quorum_contact.is_none_or(|ago| ago > silence)
}

/// Asks one after the other, until one shows a later ledger that counts: whoever is at the addresses that the operator named, then nodes
/// of the own ledger, for the votes may have moved to some of them.
async fn ask_around(core: &Arc<Core>) -> Result<(), String> {
    let known = known_nodes(&core.state).map_err(|error| error.to_string())?;
    let voters = read::mesh(&core.state).map_err(|error| error.to_string())?.map_or_else(Vec::new, |mesh| mesh.voters);
    let mut others: Vec<NodeId> = known.into_iter().map(|(id, _)| id).filter(|id| *id != core.node_id()).collect();
    others.sort_by_key(|id| (!voters.contains(id), *id));
    others.truncate(ASKED);
    let addresses = core.config.join.peers.iter().cloned().map(Callee::Whoever);
    let mut refused = Vec::new();
    for callee in addresses.chain(others.into_iter().map(Callee::Node)) {
        match learn(core, &callee).await {
            Ok(()) => return Ok(()),
            Err(error) => refused.push(format!("{callee}: {}", error.message)),
        }
    }
    if core.config.join.peers.is_empty() {
        refused.push("if all other nodes were replaced, name the address of one that is up in join.peers".to_owned());
    }
    Err(refused.join("; "))
}

/// Learns from a node, or from whoever is at an address, who votes now.
async fn learn(core: &Arc<Core>, callee: &Callee) -> Result<(), MeshError> {
    let (note, handovers) = core.asking(callee).checkpoint(callee).await?;
    if note.is_empty() {
        return Err(MeshError::new(Code::NotCaughtUp, "it has no checkpoint"));
    }
    // The council may have gone on without this node.
    core.hear_handovers(handovers.clone()).await?;
    if core.raft.reads_only().is_some() {
        return Ok(());
    }
    let (target, voters) = core.checkpoints.follow_ahead(&note, &handovers)?;
    let own = core.ledger_size();
    if target.size <= own {
        let text = format!("its ledger of {} leaves is no larger than this node's of {own}", target.size);
        return Err(MeshError::new(Code::NotCaughtUp, text));
    }
    info!(%callee, size = target.size, ?voters, "a later ledger counts; the nodes that vote by it, or did since, are heard");
    core.raft.hear_also(voters.clone());
    let known = known_nodes(&core.state).map_err(|error| core.state_error(&error))?;
    let known: BTreeSet<NodeId> = known.into_iter().map(|(id, _)| id).collect();
    if voters.is_subset(&known) {
        return Ok(());
    }
    for (id, key) in read_aside(core, callee, target).await? {
        // Voters first; the rest is known once Raft has brought the ledger.
        if !known.contains(&id) && voters.contains(&id) {
            core.admitted.pin(key, id);
        }
    }
    Ok(())
}

/// The nodes that a ledger admitted and did not revoke.
fn known_nodes(state: &StoreState) -> Result<Vec<(NodeId, PublicKey)>, StateError> {
    let mut known = Vec::new();
    for node in read::nodes(state)? {
        if read::node_revocation(state, node.record.node_id)?.is_none() {
            known.push((node.record.node_id, node.record.key));
        }
    }
    Ok(known)
}

/// The nodes of a peer's ledger, which is read into a folder aside, up to `target` at least, and has to begin with the own one.
async fn read_aside(core: &Arc<Core>, peer: &Callee, target: Target) -> Result<Vec<(NodeId, PublicKey)>, MeshError> {
    core.check_writable()?;
    let folder = core.config.node.data_dir.join(ASIDE);
    let options = StoreOptions { cache_bytes: CACHE_BYTES, ..StoreOptions::default() };
    let store = Store::open(&folder, options).map_err(|error| storage_error(&error))?;
    let store = Arc::new(store);
    let read = read_into(core, peer, target, &folder, &store).await;
    let closed = offload(move || store.close()).await;
    if let Ok(Err(error)) = closed {
        debug!(%error, "the folder of a later ledger did not close cleanly");
    }
    // What was read and checked is of use for the next attempt, unless it is another history.
    if read.as_ref().err().is_none_or(|error| error.code == Code::Forked) {
        remove(&folder);
    }
    read
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        warn!(folder = %folder.display(), %error, "the folder of a later ledger is not deleted; nothing needs it");
    }
}

async fn read_into(
    core: &Arc<Core>,
    peer: &Callee,
    target: Target,
    folder: &Path,
    store: &Arc<Store>,
) -> Result<Vec<(NodeId, PublicKey)>, MeshError> {
    let internal = |error: &dyn std::fmt::Display| MeshError::new(Code::Internal, error.to_string());
    let aside = LedgerTail::open(Arc::clone(store), core.verified.clone(), core.judge.clone());
    let aside = aside.map_err(|error| internal(&error))?;
    let keeper = Keeper::open(&core.genesis, Arc::clone(store), aside.state().clone(), folder.to_owned())?;
    let session = TailSession::new(core.mesh_id, aside.clone(), Arc::new(keeper));
    let request = TailRequest {
        mesh_id: core.mesh_id.0.to_vec(),
        from_node_id: core.node_id(),
        node_key: core.record.key.0.to_vec(),
        next_index: aside.next_index(),
    };
    info!(%peer, size = target.size, "its nodes are strangers to this node's ledger: reading that ledger aside");
    let items = core.asking(peer).tail(peer, request).await?;
    let reaches = |size: u64| Ok((size >= target.size).then_some(()));
    tail::until(items, session, &aside, PATIENCE, reaches).await.map_err(|error| internal(&error))?;
    let own = core.ledger_size();
    let root = |of: &mesh_store::MerkleLog, size| of.root_at(size).map_err(|error| storage_error(&error));
    let later = aside.state().ledger();
    if root(later, target.size)? != target.root || root(later, own)? != root(&core.store.ledger(), own)? {
        let text = format!("that ledger does not begin with the {own} leaves that are here: it is another history");
        return Err(MeshError::new(Code::Forked, text));
    }
    known_nodes(aside.state()).map_err(|error| internal(&error))
}
