//! Commands that a node signs with its own key: what it knows of feeds belongs into the ledger, and nobody has to ask it to.

use std::time::Duration;

use mesh_client::CommandBuilder;
use mesh_event::Body;
use mesh_event::federation::FEDERATION_PROTOCOL;
use mesh_event::ledger::EntryBody;
use mesh_governance::read;
use mesh_model::{Code, LedgerIndex};
use mesh_proto::status::MeshError;

use crate::core::Core;

/// How long such a command lives: whoever sends it makes a new one when it was not ordered.
const LIFE: Duration = Duration::from_mins(10);
/// How long one attempt waits for the ledger.
const PROPOSAL: Duration = Duration::from_secs(10);

/// Whether the mesh has these commands by now: they came with protocol 2.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn are_known(core: &Core) -> Result<bool, MeshError> {
    let mesh = read::mesh(&core.state).map_err(|e| core.state_error(&e))?;
    Ok(mesh.is_some_and(|mesh| mesh.protocol_version >= FEDERATION_PROTOCOL))
}

/// Signs a command in this node's name, has it ordered and applied here.
///
/// # Errors
/// The ledger's code for what it refused, [`Code::ReadOnly`] for a node that only reads, or what kept it from being ordered: then it may
/// still be, and the ledger's state says so.
pub(crate) async fn submit(core: &Core, body: Body) -> Result<LedgerIndex, MeshError> {
    core.check_no_fork(&body)?;
    if let Some(why) = core.store.lost_authority().map_err(|e| crate::core::storage_error(&e))? {
        return Err(MeshError::new(Code::ReadOnly, format!("this node only reads: {why}")));
    }
    let envelope = CommandBuilder::new(core.mesh_id).life(LIFE).sign(body, &[&*core.keypair])?;
    let proposed = core.raft.proposer().propose(EntryBody::Envelope(envelope.into_bytes()), PROPOSAL).await;
    let leaves = proposed.map_err(|error| MeshError::new(error.code(), error.to_string()))?;
    let leaf = leaves.into_iter().next();
    let leaf = leaf.ok_or_else(|| MeshError::new(Code::OutcomeUnknown, "the ledger named no leaf"))?;
    core.wait_applied(leaf.index, PROPOSAL).await;
    if leaf.code() == Code::Accepted {
        return Ok(leaf.index);
    }
    Err(MeshError::new(leaf.code(), format!("{} (ledger index {})", leaf.detail, leaf.index)))
}
