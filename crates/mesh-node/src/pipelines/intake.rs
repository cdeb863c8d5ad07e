//! Events come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_lineage::openlineage::{DatasetUse, Event, EventError, Kind, Origin, PortAt, Run};
use mesh_model::{Code, Digest, UnixMs};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, StoreError};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::warn;

use super::{EVENTS, Kept, RUNS, SUPPLIES, keep};
use crate::clock::now_unix_ms;
use crate::core::{Core, storage_error};
use crate::data_folder::MIB;

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
    if let Err(error) = durable.await.unwrap_or(Err(StoreError::Closed)) {
        core.pipelines.forget();
        return Err(storage_error(&error));
    }
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
    // Nobody may wait any more.
    let tell = Box::new(move |result| drop(tell.send(result)));
    core.store.committer().commit_readable(batch, tell);
    Ok((results, durable))
}

/// A run of this batch.
struct Running {
    run: Run,
    /// What it came to before.
    before: BTreeSet<(Origin, PortAt)>,
    /// Bytes of its entry before.
    bytes: u64,
}

/// One batch on its way in.
struct Intake<'a> {
    core: &'a Core,
    kept: &'a mut Kept,
    now: UnixMs,
    batch: Batch,
    runs: BTreeMap<Vec<u8>, Running>,
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
                Ok(event) => self.take(&event, run.as_deref(), bytes)?,
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

    fn take(&mut self, event: &Event, run: Option<&[u8]>, bytes: &[u8]) -> Result<Result<Taken, MeshError>, MeshError> {
        if let Some(key) = run
            && let Err(full) = self.run(key)?
        {
            return Ok(Err(full));
        }
        let key = self.kept.next_key(self.now);
        self.core.store.index(EVENTS).put(&mut self.batch, &key, bytes);
        self.kept.bytes += bytes.len() as u64;
        self.kept.events += 1;
        if let Some(running) = run.and_then(|key| self.runs.get_mut(key)) {
            running.run.take(event, self.now);
        }
        self.core.lineage.ask(self.core, |known| {
            let matched = |dataset: &DatasetUse| {
                let mut names = std::iter::once(&dataset.id).chain(&dataset.also);
                let ports = names.find_map(|id| Some(known.names.find(id)).filter(|ports| !ports.is_empty()));
                Matched { dataset: dataset.id.to_string(), ports: ports.unwrap_or_default() }
            };
            let (inputs, outputs) = (&event.inputs, &event.outputs);
            let (inputs, outputs) = (inputs.iter().map(matched).collect(), outputs.iter().map(matched).collect());
            Ok(Taken { inputs, outputs, ..Taken::default() })
        })
    }

    /// Reads what the run told before, once in a batch.
    fn run(&mut self, key: &[u8]) -> Result<Result<(), MeshError>, MeshError> {
        if self.runs.contains_key(key) {
            return Ok(Ok(()));
        }
        let core = self.core;
        let stored = core.store.index(RUNS).get(key).map_err(|e| storage_error(&e))?;
        let most = core.config.pipelines.keep_mib.saturating_mul(MIB);
        if stored.is_none() && self.kept.run_bytes >= most {
            let text = "the runs of the last days are as many as pipelines.keep_mib has room for; nothing happened";
            return Ok(Err(MeshError::new(Code::QuotaUsedUp, text)));
        }
        let bytes = stored.as_ref().map_or(0, Vec::len) as u64;
        let run = stored.map_or_else(Run::default, |stored| {
            Run::decode(&stored).unwrap_or_else(|error| {
                warn!(%error, "what a run told before cannot be read; it begins anew");
                Run::default()
            })
        });
        let (before, _) = core.lineage.ask(core, |known| run.supplies(&known.names))?;
        let before = before.into_iter().map(|supply| (supply.from, supply.to)).collect();
        self.runs.insert(key.to_vec(), Running { run, before, bytes });
        Ok(Ok(()))
    }

    /// Adds what the runs of the batch come to now to what was observed; returns how much that is for each.
    fn add(&mut self) -> Result<BTreeMap<Vec<u8>, (usize, bool)>, MeshError> {
        let core = self.core;
        let mut told = BTreeMap::new();
        for (key, Running { run, before, bytes }) in std::mem::take(&mut self.runs) {
            let (supplies, mut cut) = core.lineage.ask(core, |known| run.supplies(&known.names))?;
            let count = supplies.len();
            for supply in supplies {
                let ends = (supply.from.clone(), supply.to.clone());
                let Some(seen) = self.kept.observed.add(&supply, self.now, !before.contains(&ends)) else {
                    cut = true;
                    continue;
                };
                let key = keep::supply_key(&supply.from, &supply.to);
                core.store.index(SUPPLIES).put(&mut self.batch, &key, &seen.encode(&supply.from, &supply.to));
            }
            let encoded = run.encode();
            self.kept.run_bytes = self.kept.run_bytes.saturating_sub(bytes) + encoded.len() as u64;
            core.store.index(RUNS).put(&mut self.batch, &key, &encoded);
            told.insert(key, (count, cut));
        }
        Ok(told)
    }
}
