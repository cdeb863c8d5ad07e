//! The ledger's head, the mesh, and commands that are remembered.

use mesh_event::Council;
use mesh_model::{Digest, LedgerIndex, MeshId, NodeId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

/// Where the ledger ends. Not part of the hashed changes: it holds their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// How many leaves the ledger has; the next one's index.
    pub size: u64,
    /// The last leaf's stamp; 0 before the first.
    pub last_stamp: UnixMs,
    /// The last leaf's state digest; zeros before the first.
    pub state_digest: Digest,
}

/// The mesh: what Genesis said and what the council changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mesh {
    /// SHA-256 of the founding document.
    pub mesh_id: MeshId,
    /// What people call it.
    pub name: String,
    /// The rules in force.
    pub protocol_version: u32,
    /// Who decides.
    pub council: Council,
    /// The council's version, from 1.
    pub council_version: u64,
    /// The version of the roster of mesh-wide roles, from 1.
    pub roster_version: u64,
    /// Who orders, by node id.
    pub voters: Vec<NodeId>,
    /// Off-line keys that may restore the council.
    pub recovery_keys: Vec<PublicKey>,
    /// The stamp of Genesis.
    pub founded_unix_ms: UnixMs,
}

/// A root or council command that took effect and has not expired: a second one of its id is a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedCommand {
    /// Where it took effect.
    pub ledger_index: LedgerIndex,
    /// When it is forgotten: from then on it is refused as expired.
    pub expires_unix_ms: UnixMs,
}

/// A fork that the council resolved: at this size the history with this root stays, and whatever else was signed of it up to there
/// is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedFork {
    /// The size of a checkpoint of the history that stays.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// SHA-256 of the proof that both counted.
    pub proof: Digest,
    /// The leaf that decided it.
    pub index: LedgerIndex,
    /// Why.
    pub reason: String,
}
