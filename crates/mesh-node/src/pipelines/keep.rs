//! For how long, and how much of it.

use std::sync::Arc;
use std::time::Duration;

use mesh_lineage::openlineage::{Origin, PortAt, Seen};
use mesh_model::{Digest, UnixMs};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, KeyRange, Page};
use tracing::warn;

use super::{EVENTS, Kept, PAGE, RUNS, SUPPLIES};
use crate::clock::{DAY_MS, now_unix_ms};
use crate::core::{Core, storage_error};
use crate::data_folder::MIB;

/// Between two looks at what is too old.
const EVERY: Duration = Duration::from_hours(1);
/// Entries that one batch may drop.
const DROPPED: usize = 10_000;

pub(super) fn supply_key(from: &Origin, to: &PortAt) -> Vec<u8> {
    Digest::of(&Seen::key(from, to)).0.to_vec()
}

/// Once an hour, until the node stops: what is older than `pipelines.keep_days` goes.
pub async fn run(core: Arc<Core>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = core.stopping.cancelled() => return,
        }
        let keeping = Arc::clone(&core);
        let before = now_unix_ms().saturating_sub(core.config.pipelines.keep_days.saturating_mul(DAY_MS));
        if let Err(error) = core.offload(move || forget(&keeping, before)).await {
            warn!(%error, "what pipelines told long ago is kept on");
        }
    }
}

/// Forgets what pipelines told before a time, and did not tell again.
///
/// # Errors
/// When it cannot be read or written.
pub fn forget(core: &Core, before: UnixMs) -> Result<(), MeshError> {
    loop {
        let mut kept = core.pipelines.open(core)?;
        let mut batch = Batch::new();
        let events = KeyRange::new([], before.to_be_bytes());
        if drop_events(core, &events, &mut kept, &mut batch, u64::MAX)? == 0 {
            drop_oldest(core, &mut kept, &mut batch)?;
        }
        drop_runs(core, &mut kept, &mut batch, |last, _| last < before);
        if batch.is_empty() {
            break;
        }
        core.store.committer().apply_relaxed_readable(batch).map_err(|e| storage_error(&e))?;
    }
    let mut kept = core.pipelines.open(core)?;
    let mut batch = Batch::new();
    for (from, to) in kept.observed.forget_before(before) {
        core.store.index(SUPPLIES).delete(&mut batch, &supply_key(&from, &to));
    }
    core.store.committer().apply_relaxed_readable(batch).map_err(|e| storage_error(&e))
}

/// Drops the oldest events while there are more bytes than `pipelines.keep_mib`, and the oldest runs likewise.
pub(super) fn drop_oldest(core: &Core, kept: &mut Kept, batch: &mut Batch) -> Result<(), MeshError> {
    let most = core.config.pipelines.keep_mib.saturating_mul(MIB);
    drop_runs(core, kept, batch, |_, bytes| bytes > most);
    let over = kept.bytes.saturating_sub(most);
    if over > 0 {
        drop_events(core, &KeyRange::all(), kept, batch, over)?;
    }
    Ok(())
}

/// Drops the run that was not told of for the longest, for as long as its time or the bytes of all call for it.
fn drop_runs(core: &Core, kept: &mut Kept, batch: &mut Batch, goes: impl Fn(UnixMs, u64) -> bool) {
    let mut dropped = 0;
    while let Some((last, key)) = kept.runs.oldest()
        && goes(last, kept.runs.bytes)
        && dropped < DROPPED
    {
        core.store.index(RUNS).delete(batch, &key);
        kept.runs.remove(&key);
        dropped += 1;
    }
}

/// Drops the oldest events of a range, as many as have so many bytes, but no more than a batch should have; returns how many.
fn drop_events(
    core: &Core,
    range: &KeyRange,
    kept: &mut Kept,
    batch: &mut Batch,
    bytes: u64,
) -> Result<usize, MeshError> {
    let events = core.store.index(EVENTS);
    let (mut range, mut dropped, mut count) = (range.clone(), 0, 0);
    while dropped < bytes && count < DROPPED {
        let page = events.range(&range, Page::first(PAGE)).map_err(|e| storage_error(&e))?;
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        for (key, value) in page {
            if dropped >= bytes {
                break;
            }
            events.delete(batch, &key);
            dropped += value.len() as u64;
            count += 1;
        }
    }
    kept.bytes = kept.bytes.saturating_sub(dropped);
    kept.events = kept.events.saturating_sub(count as u64);
    Ok(count)
}
