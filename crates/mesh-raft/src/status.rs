//! How a node is doing.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::ProtocolRange;
use mesh_model::{NodeId, UnixMs};

/// What a node does in Raft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaftRole {
    /// Orders.
    Leader,
    /// Follows a leader, or waits for one.
    Follower,
    /// Stands for election.
    Candidate,
    /// Receives entries and has no vote.
    Learner,
    /// Is no part of Raft: tails the committed ledger.
    Observer,
    /// Lost what it had promised: tails the committed ledger, and Raft does not hear it, member or not.
    Reader,
    /// Stopped, on purpose or by a failure.
    Stopped,
}

/// How a node is doing, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftStatus {
    /// Which node.
    pub node_id: NodeId,
    /// What it does.
    pub role: RaftRole,
    /// Raft's term.
    pub term: u64,
    /// The leader it knows of; an observer's guess is the voter that took its last entries.
    pub leader: Option<NodeId>,
    /// Index of its last raft entry.
    pub last_log_index: Option<u64>,
    /// Index of the last raft entry that it applied.
    pub applied_index: Option<u64>,
    /// Index of the last raft entry that it removed.
    pub purged_index: Option<u64>,
    /// Who votes; while that changes, those before and those after.
    pub voters: Vec<NodeId>,
    /// Who receives entries and has no vote, ascending.
    pub learners: Vec<NodeId>,
    /// Whether the votes are changing: a majority of the old and one of the new voters have to agree.
    pub joint: bool,
    /// How long ago a quorum answered (leader) or a leader or an up-to-date peer was heard (others); `None`: never.
    pub quorum_contact: Option<Duration>,
    /// Leaves in the ledger.
    pub ledger_size: u64,
    /// The last leaf's stamp.
    pub last_stamp: UnixMs,
    /// Why Raft stopped, if it did.
    pub failure: Option<String>,
}

/// What a voter says of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterHeard {
    /// Which.
    pub node_id: NodeId,
    /// The protocol versions that it knows; `None` while no connection to it stands.
    pub protocols: Option<ProtocolRange>,
    /// Name and version of the program: informative.
    pub build: Option<Arc<str>>,
}
