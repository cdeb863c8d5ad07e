//! Up to where the state is applied, in the state's own batch.

use mesh_event::codec::{self, CodecError};
use openraft::AsyncRuntime;
use serde::{Deserialize, Serialize};

use crate::type_config::{LogId, SnapshotMeta, StoredMembership};

const FORMAT: u8 = 1;

/// The last applied log id and the last applied membership.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct AppliedRecord<R: AsyncRuntime> {
    pub(crate) last_applied: Option<LogId<R>>,
    pub(crate) membership: StoredMembership<R>,
}

impl<R: AsyncRuntime> Default for AppliedRecord<R> {
    fn default() -> Self {
        Self { last_applied: None, membership: StoredMembership::<R>::default() }
    }
}

impl<R: AsyncRuntime> AppliedRecord<R> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        codec::encode(FORMAT, self)
    }

    /// What is stored; nothing stored is nothing applied.
    pub(crate) fn decode(stored: Option<&[u8]>) -> Result<Self, CodecError> {
        stored.map_or_else(|| Ok(Self::default()), |bytes| codec::decode(FORMAT, bytes))
    }

    pub(crate) fn meta(&self) -> SnapshotMeta<R> {
        SnapshotMeta::<R> { last_log_id: self.last_applied, last_membership: self.membership.clone() }
    }

    pub(crate) fn of(meta: &SnapshotMeta<R>) -> Self {
        Self { last_applied: meta.last_log_id, membership: meta.last_membership.clone() }
    }
}
