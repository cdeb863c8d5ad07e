//! Whether the contracts of a version's ports break what those of the version before promised.
//!
//! Contracts are attachments, which the ledger does not see: so the home, which has both, refuses a step that is too small for them. The
//! author's own tool names the same breaks in the command, by which the ledger then asks for a major.

use mesh_event::command::PublishVersion;
use mesh_formats::changed_contracts;
use mesh_governance::read;
use mesh_model::change::step;
use mesh_model::{Bump, Code, Digest, VersionId};
use mesh_proto::status::MeshError;
use tracing::debug;

use crate::attachments;
use crate::core::Core;

/// Refuses a version whose step is smaller than what its contracts break.
///
/// # Errors
/// [`Code::BreakingChange`] with every break; [`Code::InvalidFile`] for a contract that can't be read.
pub(crate) async fn check(core: &Core, body: &PublishVersion) -> Result<(), MeshError> {
    let after = &body.descriptor;
    let id = after.version_id();
    let fail = |error| core.state_error(&error);
    let Some(previous) = read::version_below(&core.state, &id).map_err(fail)? else { return Ok(()) };
    let previous = VersionId { product: id.product.clone(), version: previous.version };
    let Some(before) = read::descriptor_of(&core.state, &previous).map_err(fail)? else { return Ok(()) };
    if step(before.version, after.version) == Bump::Major {
        return Ok(());
    }
    let mut breaks = Vec::new();
    for changed in changed_contracts(&before, after) {
        // What was erased, or lies on a home that is gone, can't be compared any more.
        let Some(old) = text(core, changed.before).await else { continue };
        let new = match changed.after {
            None => None,
            Some(digest) => match text(core, digest).await {
                None => continue,
                text => text,
            },
        };
        let changes = changed.changes(&old, new.as_deref()).map_err(|problems| {
            MeshError::new(Code::InvalidFile, format!("the contract of port {}: {problems}", changed.port))
        })?;
        breaks.extend(changes.into_iter().filter_map(|change| Some((change.path, change.breaks?))));
    }
    if breaks.is_empty() {
        return Ok(());
    }
    let (from, to) = (before.version, after.version);
    let list: Vec<String> = breaks.iter().map(|(path, why)| format!("{path}: {why}")).collect();
    let mut refused = MeshError::new(Code::BreakingChange, format!("from {from} to {to}: {}", list.join("; ")));
    refused.fields = breaks;
    Err(refused)
}

async fn text(core: &Core, digest: Digest) -> Option<String> {
    match attachments::public(core, digest).await {
        Ok(body) => String::from_utf8(body).ok(),
        Err(error) => {
            debug!(%error, "a contract was not compared");
            None
        }
    }
}
