//! What an operator watches of a node: disk, clock, the newest checkpoint.

use std::time::Instant;

use mesh_proto::status::MeshError;
use mesh_proto::v1::Upkeep;

use crate::core::{Core, storage_error};
use crate::data_folder::MIB;

/// As the node sees it now.
///
/// # Errors
/// When the store cannot be read.
pub fn of(core: &Core) -> Result<Upkeep, MeshError> {
    let last = core.checkpoints.last().map(|(_, counted)| counted);
    Ok(Upkeep {
        reads_only: core.store.lost_authority().map_err(|error| storage_error(&error))?.unwrap_or_default(),
        disk_free_bytes: core.free_mib().map(|mib| mib.saturating_mul(MIB)),
        disk_reserve_bytes: core.config.storage.reserve_mib.saturating_mul(MIB),
        clock_ahead_ms: core.clocks.own(core.node_id(), Instant::now()),
        voters: last.as_ref().map_or(0, |counted| u32::try_from(counted.voters).unwrap_or(u32::MAX)),
        cosigned_unix_s: last.as_ref().map(|counted| counted.time_unix_s),
        cosigned_by: last.map_or_else(Vec::new, |counted| counted.cosigned_by),
    })
}
