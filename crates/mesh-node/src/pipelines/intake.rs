//! Events come in.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mesh_lineage::openlineage::{DatasetUse, Event, EventError, Kind, PortAt, Run};
use mesh_model::{Code, Digest, UnixMs};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, StoreError};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::warn;

use super::{EVENTS, Kept, RUNS, SUPPLIES, keep};
use crate::clock::now_unix_ms;
use crate::core::{Core, storage_error};

/// Which ports a dataset of an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// As the event names it.
    pub dataset: String,
    /// None: it is no port's of this mesh.
    pub ports: BTreeSet<PortAt>,
}

/// An event that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// What was read.
    pub inputs: Vec<Matched>,
    /// What was written.
    pub outputs: Vec<Matched>,
    /// Supplies that its run comes to, as far as it told by the end of the batch.
    pub supplies: usize,
    /// Whether there was more than is taken.
    pub cut: bool,
}

/// What became of each event of a batch, in its order.
pub type Results = Vec<Result<Taken, MeshError>>;

type Durable = oneshot::Receiver<Result<(), StoreError>>;

fn refused(error: &EventError) -> MeshError {
    let code = match error {
        EventError::Malformed { .. } => Code::Malformed,
        EventError::TooMuch { .. } => Code::TooLarge,
    };
    MeshError::new(code, error.to_string())
}

/// What adds up: a run, or a job as it is meant to be. A dataset alone does not.
fn run_key(event: &Event) -> Option<Vec<u8>> {
    let name = match (&event.kind, &event.job) {
        (Kind::Run { id, .. }, _) => format!("run\0{id}"),
        (Kind::Job, Some(job)) => format!("job\0{}\0{}", job.namespace, job.name),
        (Kind::Job, None) | (Kind::Dataset, _) => return None,
    };
    Some(Digest::of(name.as_bytes()).0.to_vec())
}

/// Takes events, each as its own JSON. Those that are taken are durable when this returns; the others change nothing.
///
/// # Errors
/// [`Code::ReadOnly`] and the like when nothing can be written, [`Code::StorageFailed`]: send all of them again.
pub async fn take(core: &Arc<Core>, events: Vec<Box<RawValue>>) -> Result<Results, MeshError> {
    core.check_writable()?;
    let taking = Arc::clone(core);
    let (results, durable) = core.offload(move || write(&taking, &events)).await?;
    durable.await.unwrap_or(Err(StoreError::Closed)).map_err(|e| storage_error(&e))?;
    Ok(results)
}

fn write(core: &Core, events: &[Box<RawValue>]) -> Result<(Results, Durable), MeshError> {
    let parse = |raw: &RawValue| Event::parse(raw.get().as_bytes()).map_err(|error| refused(&error));
    let parsed: Vec<_> = events.iter().map(|raw| (parse(raw), raw.get().as_bytes())).collect();
    let mut open = core.pipelines.open(core)?;
    let written = Intake::new(core, &mut open).write(parsed);
    if written.is_err() {
        // What is in memory is ahead of the disk now.
        open.forget();
    }
    let (results, batch) = written?;
    let (tell, durable) = oneshot::channel();
    let is_ahead = Arc::clone(&core.pipelines.is_ahead);
    let tell = Box::new(move |result: Result<(), StoreError>| {
        is_ahead.fetch_or(result.is_err(), Ordering::AcqRel);
        // Nobody may wait any more.
        drop(tell.send(result));
    });
    core.store.committer().commit_readable(batch, tell);
    Ok((results, durable))
}

/// One batch on its way in.
struct Intake<'a> {
    core: &'a Core,
    kept: &'a mut Kept,
    now: UnixMs,
    batch: Batch,
    runs: BTreeMap<Vec<u8>, Run>,
}

impl<'a> Intake<'a> {
    fn new(core: &'a Core, kept: &'a mut Kept) -> Self {
        Self { core, kept, now: now_unix_ms(), batch: Batch::new(), runs: BTreeMap::new() }
    }

    fn write(mut self, events: Vec<(Result<Event, MeshError>, &[u8])>) -> Result<(Results, Batch), MeshError> {
        let mut results = Vec::new();
        for (event, bytes) in events {
            let run = event.as_ref().ok().and_then(run_key);
            let taken = match event {
                Ok(event) => Ok(self.take(&event, run.as_deref(), bytes)?),
                Err(error) => Err(error),
            };
            results.push((taken, run));
        }
        let told = self.add()?;
        keep::drop_oldest(self.core, self.kept, &mut self.batch)?;
        let of_run = |(taken, run): (Result<Taken, MeshError>, Option<Vec<u8>>)| {
            let (supplies, cut) = run.and_then(|run| told.get(&run).copied()).unwrap_or_default();
            taken.map(|taken| Taken { supplies, cut, ..taken })
        };
        Ok((results.into_iter().map(of_run).collect(), self.batch))
    }

    fn take(&mut self, event: &Event, run: Option<&[u8]>, bytes: &[u8]) -> Result<Taken, MeshError> {
        let key = self.kept.next_key(self.now);
        self.core.store.index(EVENTS).put(&mut self.batch, &key, bytes);
        self.kept.bytes += bytes.len() as u64;
        self.kept.events += 1;
        if let Some(key) = run {
            let now = self.now;
            self.run(key)?.take(event, now);
        }
        self.core.lineage.ask(self.core, |known| {
            let matched = |dataset: &DatasetUse| {
                let ports = known.names.find_by_any(&dataset.id, &dataset.also);
                Matched { dataset: dataset.id.to_string(), ports }
            };
            let (inputs, outputs) = (&event.inputs, &event.outputs);
            let (inputs, outputs) = (inputs.iter().map(matched).collect(), outputs.iter().map(matched).collect());
            Taken { inputs, outputs, ..Taken::default() }
        })
    }

    /// What the run told before; read once in a batch.
    fn run(&mut self, key: &[u8]) -> Result<&mut Run, MeshError> {
        match self.runs.entry(key.to_vec()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let stored = self.core.store.index(RUNS).get(key).map_err(|e| storage_error(&e))?;
                let run = stored.map_or_else(Run::default, |stored| {
                    Run::decode(stored.get(8..).unwrap_or_default()).unwrap_or_else(|error| {
                        warn!(%error, "what a run told before cannot be read; it begins anew");
                        Run::default()
                    })
                });
                Ok(unknown.insert(run))
            }
        }
    }

    /// Adds what the runs of the batch come to now to what was observed; returns how much that is for each.
    fn add(&mut self) -> Result<BTreeMap<Vec<u8>, (usize, bool)>, MeshError> {
        let core = self.core;
        let (mut told, mut changed) = (BTreeMap::new(), BTreeSet::new());
        for (key, mut run) in std::mem::take(&mut self.runs) {
            let (supplies, mut cut) = core.lineage.ask(core, |known| run.supplies(&known.names))?;
            let count = supplies.len();
            for supply in supplies {
                let is_new = run.count(&supply);
                if self.kept.observed.add(&supply, self.now, is_new) {
                    changed.insert((supply.from, supply.to));
                } else {
                    cut = true;
                }
            }
            let value = [&run.last.to_be_bytes()[..], &run.encode()].concat();
            self.kept.runs.put(&key, run.last, value.len());
            core.store.index(RUNS).put(&mut self.batch, &key, &value);
            told.insert(key, (count, cut));
        }
        for (from, to) in changed {
            if let Some(seen) = self.kept.observed.seen(&from, &to) {
                let key = keep::supply_key(&from, &to);
                core.store.index(SUPPLIES).put(&mut self.batch, &key, &seen.encode(&from, &to));
            }
        }
        Ok(told)
    }
}
