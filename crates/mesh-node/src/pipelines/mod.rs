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
pub use keep::run;

use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_lineage::openlineage::{Observed, Seen};
use mesh_model::UnixMs;
use mesh_proto::status::MeshError;
use mesh_store::{KeyRange, Page};
use tokio::sync::Semaphore;

use crate::core::{Core, storage_error};

/// Events: when this node took it, in ms, and a number, both big-endian -> the event's bytes.
pub const EVENTS: u8 = 8;
/// Runs and jobs: SHA-256 of what they are called -> [`mesh_lineage::openlineage::Run`].
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
    entering: Semaphore,
}

impl Default for Pipelines {
    fn default() -> Self {
        Self { kept: Mutex::default(), entering: Semaphore::new(AT_ONCE) }
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
    /// Bytes of what runs told.
    run_bytes: u64,
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
        if kept.is_none() {
            *kept = Some(read(core)?);
        }
        Ok(Open(kept))
    }

    /// What is in memory may not be on the disk: it is read again.
    fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
    each(core, RUNS, |_, value| {
        kept.run_bytes += value.len() as u64;
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
