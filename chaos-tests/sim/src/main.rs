//! Runs seeds of the simulation.

mod campaign;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use campaign::Campaign;
use chaos_sim::run::{Report, run};
use chaos_sim::{seven_days, stale_peer};
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Many nodes in one thread, under virtual time and a seed.
///
/// Without --seeds it runs one seed and prints what happened. Exit code 0: everything held; 1: something did not, and the last line runs
/// it again.
#[derive(Parser)]
#[command(name = "chaos-sim")]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
struct Args {
    /// The seed.
    #[arg(long, default_value_t = 1, conflicts_with = "seeds")]
    seed: u64,

    /// Several seeds, from A up to and without B, each in a process of its own.
    #[arg(long, value_name = "A..B", value_parser = campaign::seeds)]
    seeds: Option<std::ops::Range<u64>>,

    /// Run each seed twice and compare.
    #[arg(long, requires = "seeds")]
    twice: bool,

    /// Begin no further seed after one that failed.
    #[arg(long, requires = "seeds")]
    until_one_fails: bool,

    /// Processes at a time.
    #[arg(long, default_value_t = 2, requires = "seeds")]
    jobs: usize,

    /// Begin no further seed after so long.
    #[arg(long, value_name = "SECONDS", value_parser = campaign::seconds, requires = "seeds")]
    time_limit: Option<Duration>,

    /// A domain is cut off for seven days instead.
    #[arg(long, conflicts_with = "seeds")]
    seven_days: bool,

    /// The peer whose ledger an observer tails is cut off from the voters instead.
    #[arg(long, conflicts_with_all = ["seeds", "seven_days"])]
    stale_peer: bool,

    /// Print every line of the trace.
    #[arg(long, conflicts_with = "seeds")]
    trace: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(seeds) = args.seeds {
        let Args { jobs, twice, until_one_fails, time_limit, json, .. } = args;
        return campaign::run(&Campaign { seeds, jobs, twice, until_one_fails, time_limit, json });
    }
    // RUST_LOG=mesh_node=debug shows what the nodes do.
    let traces = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr);
    traces.without_time().init();
    let folder = tempfile::tempdir()?;
    let (path, seed, trace) = (folder.path().to_owned(), args.seed, args.trace);
    let scenario = match (args.seven_days, args.stale_peer) {
        (true, _) => seven_days::run,
        (_, true) => stale_peer::run,
        _ => run,
    };
    // A thread of its own: what was drawn on this one before is not the seed's.
    let alone = std::thread::Builder::new().name("world".into()).stack_size(64 << 20);
    let report = alone.spawn(move || scenario(seed, &path, trace))?.join();
    let report = report.map_err(|_| anyhow::anyhow!("the simulation itself panicked"))??;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(ExitCode::from(u8::from(report.violation.is_some())))
}

fn print(report: &Report) {
    let Report { seed, nodes: (voters, observers), virtual_ms, calls, leaves, packets, trace, .. } = report;
    println!("seed {seed}: {voters} voters, {observers} observers, {} s of virtual time", virtual_ms / 1_000);
    println!("  {calls} calls, {leaves} leaves, {packets} packets; commands: {:?}", report.outcomes);
    println!("  faults: {:?}, and {} that met nothing", report.faults, report.idle_faults);
    println!("  trace {trace}");
    if let Some(violation) = &report.violation {
        println!("  DOES NOT HOLD: {violation}");
        println!("again: chaos-sim --seed {seed} --trace");
    }
}
