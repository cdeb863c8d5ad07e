//! What pipelines tell this node, as OpenLineage events: kept as they came for a while, and added up to what went from which port into which.
//!
//! ```text
//!   POST /api/v1/lineage ──> intake ──┬──> events      as they came
//!                                     ├──> runs        what the events of one run said so far
//!                                     └──> supplies    from where into which port, by which columns ──> Observed (in memory)
//! ```
//!
//! Which dataset is which port is said by the descriptors ([`crate::lineage`]), when the event comes. An event is durable when it is answered. It is
//! this node's knowledge, not signed and not replicated; the events say more than others may know, so they do not leave it.

pub(crate) mod http;
mod intake;
mod keep;

pub use intake::{Matched, Results, Taken, take};
pub use keep::{forget, run};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh_lineage::openlineage::{Observed, Seen};
use mesh_model::UnixMs;
use mesh_proto::status::MeshError;
use mesh_store::{KeyRange, Page};
use tokio::sync::Semaphore;

use crate::core::{Core, storage_error};

/// Events: when this node took it, in ms, and a number, both big-endian -> the event's bytes.
pub const EVENTS: u8 = 8;
/// Runs and jobs: SHA-256 of what they are called -> when they were last told of, in ms, and [`mesh_lineage::openlineage::Run`].
pub const RUNS: u8 = 9;
/// Supplies: SHA-256 of both ends -> both, and [`Seen`].
pub const SUPPLIES: u8 = 10;
/// Entries that are read at once: they may be large.
const PAGE: usize = 32;

/// Requests that are unpacked and taken at once; more wait. Each may be 16 MiB.
const AT_ONCE: usize = 8;

/// What pipelines told this node.
pub struct Pipelines {
    kept: Mutex<Option<Kept>>,
    /// Set when the disk has not got what is in memory.
    is_ahead: Arc<AtomicBool>,
    entering: Arc<Semaphore>,
}

impl Default for Pipelines {
    fn default() -> Self {
        Self { kept: Mutex::default(), is_ahead: Arc::default(), entering: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// What of it is in memory.
#[derive(Default)]
struct Kept {
    observed: Observed,
    /// Bytes of the events that are kept.
    bytes: u64,
    events: u64,
    /// When the last one was taken.
    last: UnixMs,
    /// Its number.
    number: u64,
    runs: Runs,
}

/// Which runs are kept, and since when nobody told of them.
#[derive(Default)]
struct Runs {
    of: BTreeMap<Vec<u8>, (UnixMs, u64)>,
    by_age: BTreeSet<(UnixMs, Vec<u8>)>,
    bytes: u64,
}

impl Runs {
    fn put(&mut self, key: &[u8], last: UnixMs, bytes: usize) {
        self.remove(key);
        let bytes = bytes as u64;
        self.of.insert(key.to_vec(), (last, bytes));
        self.by_age.insert((last, key.to_vec()));
        self.bytes += bytes;
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some((last, bytes)) = self.of.remove(key) {
            self.by_age.remove(&(last, key.to_vec()));
            self.bytes -= bytes;
        }
    }

    fn oldest(&self) -> Option<(UnixMs, Vec<u8>)> {
        self.by_age.first().cloned()
    }
}

impl Kept {
    /// The key of the next event; behind all others, whatever the clock says.
    fn next_key(&mut self, now: UnixMs) -> Vec<u8> {
        self.last = self.last.max(now);
        self.number += 1;
        [self.last.to_be_bytes(), self.number.to_be_bytes()].concat()
    }
}

/// The lock, with what was read from the disk behind it.
struct Open<'a>(MutexGuard<'a, Option<Kept>>);

impl Open<'_> {
    /// Whoever locks it next reads it again.
    fn forget(&mut self) {
        *self.0 = None;
    }
}

impl std::ops::Deref for Open<'_> {
    type Target = Kept;
    fn deref(&self) -> &Kept {
        self.0.as_ref().expect("read when it was locked")
    }
}

impl std::ops::DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Kept {
        self.0.as_mut().expect("read when it was locked")
    }
}

/// How much pipelines told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Events that are kept.
    pub events: u64,
    /// When the last one came, in ms; 0 when none did.
    pub last_unix_ms: u64,
}

impl Pipelines {
    /// Locks it; reads it first when nobody did since the start.
    fn open(&self, core: &Core) -> Result<Open<'_>, MeshError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ahead = self.is_ahead.swap(false, Ordering::AcqRel);
        if kept.is_none() || is_ahead {
            *kept = Some(read(core)?);
        }
        Ok(Open(kept))
    }

    /// Asks what was observed. For a thread that may block.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn ask<T>(&self, core: &Core, ask: impl FnOnce(&Observed, Told) -> T) -> Result<T, MeshError> {
        let kept = self.open(core)?;
        Ok(ask(&kept.observed, Told { events: kept.events, last_unix_ms: kept.last }))
    }
}

fn read(core: &Core) -> Result<Kept, MeshError> {
    let mut kept = Kept::default();
    each(core, EVENTS, |key, value| {
        kept.bytes += value.len() as u64;
        kept.events += 1;
        let part = |at: usize| key.get(at..at + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_be_bytes);
        (kept.last, kept.number) = (part(0), part(8));
        Ok(())
    })?;
    each(core, RUNS, |key, value| {
        let last = value.first_chunk().map_or(0, |last| u64::from_be_bytes(*last));
        kept.runs.put(&key, last, value.len());
        Ok(())
    })?;
    each(core, SUPPLIES, |_, value| {
        let (from, to, seen) = Seen::decode(&value).map_err(|error| damaged(&error))?;
        kept.observed.put(from, to, seen);
        Ok(())
    })?;
    Ok(kept)
}

fn damaged(error: &dyn std::fmt::Display) -> MeshError {
    MeshError::new(mesh_model::Code::Damaged, format!("what pipelines told cannot be read: {error}"))
}

/// Every entry of a space, in order.
fn each(
    core: &Core,
    space: u8,
    mut take: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), MeshError>,
) -> Result<(), MeshError> {
    let space = core.store.index(space);
    let mut range = KeyRange::all();
    loop {
        let page = space.range(&range, Page::first(PAGE)).map_err(|e| storage_error(&e))?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        range = range.after(last);
        for (key, value) in page {
            take(key, value)?;
        }
    }
}
