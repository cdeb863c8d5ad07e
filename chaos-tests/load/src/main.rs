//! `mesh-load`: what a mesh does per second on this machine, beside etcd in the same run.
//!
//! Figures move with the machine and with what else runs on it; only ratios taken in one run count. Everything is signed
//! before the clock starts, except for the preload. Nothing is measured while something else of this program runs, except
//! for the searches, which run beside publishes on purpose.
//!
//! | module | holds |
//! |---|---|
//! | [`options`] | what is measured |
//! | [`versions`] | descriptors of about 1 KiB, signed |
//! | [`measure`] | the closed loop and its figures |
//! | [`mesh`] | the measurements of a mesh |
//! | [`preload`] | filling a mesh and restarting it |
//! | [`etcd`] | the measurements of etcd |
//! | [`report`] | table, JSON, ratios |

mod etcd;
mod measure;
mod mesh;
mod options;
mod preload;
mod report;
mod versions;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{NODES, Settings, Testbed, find_program};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::measure::Bounds;
use crate::mesh::Bench;
use crate::options::Options;
use crate::report::Report;

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // Whoever wins, the run is dropped here, and with it every process that it started; so it is when it panics.
        tokio::select! {
            result = run(&options) => result,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("interrupted"),
        }
    })
}

async fn run(options: &Options) -> Result<()> {
    let mut settings = Settings::new(find_program("meshd", options.meshd.clone())?);
    settings.folder.clone_from(&options.folder);
    "[trace]\nfilter = \"warn\"\n".clone_into(&mut settings.sections);
    let bounds = Bounds { operations: options.operations.max(1), within: Duration::from_secs(options.seconds) };
    let mut report = Report { preloaded: options.preload, ..Report::default() };
    // One system at a time: etcd's members end before the mesh begins.
    if options.etcd {
        report.figures.extend(etcd::all(options.folder.as_deref(), bounds).await?);
    }
    measure_empty(&settings, bounds, &mut report).await?;
    if options.preload > 0 {
        measure_preloaded(&settings, bounds, options.preload, &mut report).await?;
    }
    println!("{}", report.table());
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report.json()).context("figures are JSON")?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

async fn measure_empty(settings: &Settings, bounds: Bounds, report: &mut Report) -> Result<()> {
    let testbed = Testbed::found(settings).await?;
    report.figures.extend(Bench::new(&testbed, "mesh", bounds).all().await?);
    report.resident.push(("the empty mesh", resident(&testbed)?));
    Ok(())
}

async fn measure_preloaded(settings: &Settings, bounds: Bounds, count: usize, report: &mut Report) -> Result<()> {
    let mut testbed = Testbed::found(settings).await?;
    report.figures.push(preload::fill(&testbed, count).await?);
    report.indexing = Some(preload::wait_indexed(&testbed).await?);
    report.restarted = preload::restart(&mut testbed).await?;
    report.figures.extend(Bench::new(&testbed, "preloaded", bounds).all().await?);
    report.resident.push(("the preloaded mesh", resident(&testbed)?));
    Ok(())
}

fn resident(testbed: &Testbed) -> Result<Vec<u64>> {
    NODES.iter().map(|node| testbed.node(*node).resident_bytes()).collect()
}
