//! The ledger's place in the store.

use std::sync::Arc;

use crate::chunked::Chunked;
use crate::damage::DamageBoard;
use crate::keyspace::LEDGER;
use crate::log_name::LogName;
use crate::merkle_log::MerkleLog;

/// The ledger: a [`MerkleLog`] with the prefix `0x04`.
pub(crate) fn ledger(kv: Arc<Chunked>, damage: DamageBoard) -> MerkleLog {
    MerkleLog::new(kv, LogName::Ledger, vec![LEDGER], None, damage)
}
