//! Files that tell a new node's operator which mesh it is, whom to ask, and a checkpoint that the ledger has to contain.
//!
//! The founding document is pinned by its digest, and the checkpoint counts by the voters that the document and the changes of voters lead
//! to: a forged file founds another mesh or does not verify. The addresses are hints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_client::{KnownNode, VerifiedCheckpoint};
use mesh_event::checkpoint::{LedgerCheckpoint, Trust};
use mesh_event::genesis::SealedGenesis;
use mesh_event::voters::VoterSet;
use mesh_event::{Councils, VoterChange};
use mesh_model::{Code, MeshId};
use serde::{Deserialize, Serialize};

use crate::ceremony::check_address;
use crate::failure::Failure;
use crate::text_bytes::TextBytes;

const FORMAT: &str = "datamesh-admission-v1";
/// Peers that a file names: any one that answers is enough.
const PEERS: usize = 16;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    mesh_id: String,
    mesh_name: String,
    /// Peer addresses of members, voters first.
    peers: Vec<String>,
    /// The founding envelope.
    genesis: TextBytes,
    /// All changes of voters up to the checkpoint: signed notes; behind the word `recovery`, in base64, what shows one.
    handovers: Vec<String>,
    /// A signed note.
    checkpoint: String,
}

/// What a file says, verified.
pub(crate) struct Admission {
    pub(crate) genesis: SealedGenesis,
    pub(crate) peers: Vec<String>,
    pub(crate) checkpoint: LedgerCheckpoint,
}

/// What a recovery of voters begins with; a note begins with the mesh's origin.
const RECOVERY: &str = "recovery ";

fn change_text(change: &VoterChange) -> String {
    match change {
        VoterChange::Handover(note) => String::from_utf8_lossy(&note.bytes()).into_owned(),
        VoterChange::Recovery(_) => format!("{RECOVERY}{}", STANDARD.encode(change.bytes())),
    }
}

/// The text of a file for this mesh.
///
/// # Errors
/// Where it can't be written as JSON.
pub(crate) fn to_text(
    genesis: &SealedGenesis,
    checkpoint: &VerifiedCheckpoint,
    nodes: Vec<KnownNode>,
) -> Result<String, Failure> {
    let note = |note: &LedgerCheckpoint| String::from_utf8_lossy(&note.bytes()).into_owned();
    let mut nodes: Vec<KnownNode> = nodes.into_iter().filter(|node| node.revoked_index.is_none()).collect();
    nodes.sort_by_key(|node| (checkpoint.voters.get(node.record.node_id).is_none(), node.record.node_id));
    let form = Form {
        format: FORMAT.to_owned(),
        mesh_id: genesis.mesh_id.to_string(),
        mesh_name: genesis.document.mesh_name.clone(),
        peers: nodes.into_iter().take(PEERS).map(|node| node.record.peer_address).collect(),
        genesis: TextBytes(genesis.envelope.bytes().to_vec()),
        handovers: checkpoint.changes.iter().map(change_text).collect(),
        checkpoint: note(&checkpoint.note),
    };
    let mut text = serde_json::to_string_pretty(&form).map_err(|error| Failure::internal(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Reads a file and verifies all of it.
///
/// # Errors
/// [`Code::InvalidFile`] for another form, [`Code::WrongMesh`] when it names another mesh than its document founds, [`Code::BadProof`] when
/// the checkpoint does not count.
pub(crate) fn parse(text: &str, councils: Option<&Councils>) -> Result<Admission, Failure> {
    let invalid = |why: String| {
        Failure::new(Code::InvalidFile, format!("not an admission: {why}"))
            .hint("`mesh node admission` writes one, with any node of the mesh")
    };
    let form: Form = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    if form.format != FORMAT {
        return Err(invalid(format!("its format is {:?}; expected {FORMAT:?}", form.format)));
    }
    let genesis = SealedGenesis::parse(form.genesis.0).map_err(|error| invalid(error.to_string()))?;
    if MeshId::parse(&form.mesh_id).ok() != Some(genesis.mesh_id) {
        let message = format!("it names mesh {} and founds mesh {}", form.mesh_id, genesis.mesh_id);
        return Err(Failure::new(Code::WrongMesh, message).hint("get the file again"));
    }
    for peer in &form.peers {
        check_address("a peer's address", peer).map_err(|error| invalid(error.to_string()))?;
    }
    if form.peers.is_empty() {
        return Err(invalid("it names no peer".to_owned()));
    }
    let bad = |why: String| {
        Failure::new(Code::BadProof, format!("the checkpoint of the admission: {why}"))
            .hint("get the file again, from another node")
    };
    let note =
        |text: &str| LedgerCheckpoint::parse(text.as_bytes(), &genesis.mesh_id).map_err(|error| bad(error.to_string()));
    let checkpoint = note(&form.checkpoint)?;
    let change = |text: &String| {
        let bytes = match text.strip_prefix(RECOVERY) {
            Some(coded) => STANDARD.decode(coded).map_err(|error| bad(error.to_string()))?,
            None => text.clone().into_bytes(),
        };
        VoterChange::parse(&bytes, &genesis.mesh_id).map_err(|error| bad(error.to_string()))
    };
    let changes = form.handovers.iter().map(change).collect::<Result<Vec<_>, _>>()?;
    let document = &genesis.document;
    let founding = Councils::new(genesis.mesh_id, document.council.clone());
    let first = VoterSet::of_genesis(document).map_err(|error| bad(error.to_string()))?;
    let trust = Trust::new(genesis.mesh_id, first).through_all(&changes, councils.unwrap_or(&founding));
    let trust = trust.map_err(|(_, error)| bad(error.to_string()))?;
    trust.judge(&checkpoint).map_err(|error| bad(error.to_string()))?;
    Ok(Admission { genesis, peers: form.peers, checkpoint })
}
