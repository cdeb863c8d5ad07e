//! The checks of a start: the store against its HEAD file.

use std::sync::Arc;

use crate::StoreError;
use crate::batch::Batch;
use crate::chunked::Chunked;
use crate::claims::Claims;
use crate::damage::{Damage, DamageBoard};
use crate::feed::{self, Feed};
use crate::format::FORMAT_VERSION;
use crate::guarded::Guarded;
use crate::head_file::HeadPlace;
use crate::heads::Heads;
use crate::ledger::ledger;
use crate::log_name::LogName;
use crate::merkle_log::MerkleLog;
use crate::meta::Meta;
use crate::raft_log::RaftLog;

/// The HEAD file; one that is gone or unreadable is damage, and nothing is known to be acknowledged.
pub(crate) fn read_heads(place: &HeadPlace, damage: &mut Vec<Damage>) -> Result<Heads, StoreError> {
    let reason = match place.read() {
        Ok(Some(heads)) => return Ok(heads),
        Ok(None) => "expected a HEAD file, found none".into(),
        Err(error @ StoreError::Corrupt { .. }) => error.to_string(),
        Err(error) => return Err(error),
    };
    damage.push(Damage::Head { reason });
    Ok(Heads::default())
}

/// Compares everything with what was acknowledged, and every log's tail with its hashes.
pub(crate) fn check_everything(
    kv: &Arc<Chunked>,
    heads: &Heads,
    guarded: &Guarded,
    raft_log: &RaftLog,
    board: &DamageBoard,
    damage: &mut Vec<Damage>,
) -> Result<(), StoreError> {
    damage.extend(check_records(guarded, heads)?);
    let raft = heads.raft.map(|tail| raft_log.check(tail)).transpose()?;
    if let Some(reason) = raft.flatten() {
        damage.push(Damage::RaftLog { reason });
    }
    let mut logs: Vec<LogName> = feed::list(kv)?.into_iter().map(LogName::Feed).collect();
    logs.push(LogName::Ledger);
    logs.extend(heads.logs.keys().cloned());
    logs.sort();
    logs.dedup();
    for name in &logs {
        damage.extend(log_named(kv, name, board).check(heads.log(name))?);
    }
    Ok(())
}

pub(crate) fn log_named(kv: &Arc<Chunked>, name: &LogName, damage: &DamageBoard) -> MerkleLog {
    match name {
        LogName::Ledger => ledger(Arc::clone(kv), damage.clone()),
        LogName::Feed(id) => Feed::new(Arc::clone(kv), id.clone(), damage.clone(), Claims::default()).log().clone(),
    }
}

fn check_records(guarded: &Guarded, heads: &Heads) -> Result<Vec<Damage>, StoreError> {
    let mut damage = Vec::new();
    for (name, acknowledged) in &heads.records {
        let reason = match guarded.mark(name) {
            Ok(Some(found)) if found.sequence > acknowledged.sequence => continue,
            Ok(Some(found)) if found == *acknowledged => continue,
            Ok(Some(_)) => "found an older or other one than acknowledged".to_owned(),
            Ok(None) => "expected the acknowledged one, found none".to_owned(),
            Err(error @ StoreError::Corrupt { .. }) => error.to_string(),
            Err(error) => return Err(error),
        };
        let name = name.clone();
        damage.push(Damage::Record { name, reason });
    }
    Ok(damage)
}

/// Writes down, before anybody can act on the store, what this start found: the next start can't find it again.
pub(crate) fn remember(
    kv: &Chunked,
    meta: &Meta,
    raft_log: &RaftLog,
    known: Option<u64>,
    damage: &[Damage],
) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    if known.is_none() {
        Meta::put_format(&mut batch, FORMAT_VERSION);
    }
    for found in damage {
        tracing::error!(damage = %found, "acknowledged data was lost or damaged");
    }
    if damage.iter().any(|damage| matches!(damage, Damage::RaftLog { .. })) {
        raft_log.keep_truncations(&mut batch);
    }
    if let Some(first) = damage.iter().find(|damage| damage.costs_authority())
        && meta.lost_authority()?.is_none()
    {
        Meta::put_lost_authority(&mut batch, &first.to_string());
    }
    if batch.is_empty() {
        return Ok(());
    }
    kv.apply(batch)?;
    kv.sync()
}
