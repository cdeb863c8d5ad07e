//! Many seeds, each in a process of its own: nothing of one run is left for the next.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chaos_sim::fault::KINDS;
use serde::{Deserialize, Serialize};

/// Real time that a seed may take; most take a few seconds.
const LONGEST: Duration = Duration::from_mins(5);

/// What is read of a run's report.
#[derive(Debug, Clone, Default, Deserialize)]
struct One {
    seed: u64,
    violation: Option<String>,
    virtual_ms: u64,
    faults: BTreeMap<String, u32>,
    calls: u64,
    outcomes: BTreeMap<String, u64>,
    leaves: u64,
    trace: String,
}

/// What all came to.
#[derive(Debug, Default, Serialize)]
struct Total {
    seeds: u64,
    failed: Vec<u64>,
    virtual_s: u64,
    real_s: u64,
    calls: u64,
    leaves: u64,
    faults: BTreeMap<String, u64>,
    outcomes: BTreeMap<String, u64>,
}

/// What is run.
pub(crate) struct Campaign {
    pub(crate) seeds: Range<u64>,
    pub(crate) jobs: usize,
    pub(crate) twice: bool,
    pub(crate) until_one_fails: bool,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) json: bool,
}

/// `A..B`.
pub(crate) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("expected A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("'{text}': {error}"));
    let seeds = number(from)?..number(to)?;
    if seeds.is_empty() { Err("there is no seed in it".to_owned()) } else { Ok(seeds) }
}

/// Whole seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.trim_end_matches('s').parse().map(Duration::from_secs).map_err(|error| format!("{error}; expected seconds"))
}

/// Runs all seeds, prints what failed when it fails, and the counts at the end.
pub(crate) fn run(campaign: &Campaign) -> Result<ExitCode> {
    let Campaign { seeds, jobs, twice, until_one_fails, time_limit, json } = campaign;
    let (next, stop, began) = (AtomicU64::new(seeds.start), AtomicBool::new(false), Instant::now());
    let total = Mutex::new(Total::default());
    let worker = || -> Result<()> {
        loop {
            let over = time_limit.is_some_and(|limit| began.elapsed() >= limit) || stop.load(Ordering::Relaxed);
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if over || seed >= seeds.end {
                return Ok(());
            }
            let mut one = child(seed).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            if *twice && one.violation.is_none() {
                let again = child(seed)?;
                if again.trace != one.trace {
                    one.violation = Some("a second run had another trace".to_owned());
                }
            }
            let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            total.take(&one);
            if let Some(violation) = &one.violation {
                eprintln!("seed {seed}: {violation}");
                stop.fetch_or(*until_one_fails, Ordering::Relaxed);
            }
            if total.seeds % 100 == 0 {
                eprintln!("{} seeds, {} failed, {} s", total.seeds, total.failed.len(), began.elapsed().as_secs());
            }
        }
    };
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..(*jobs).max(1)).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
        }
        Ok(())
    })?;
    let mut total = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    total.real_s = began.elapsed().as_secs();
    total.failed.sort_unstable();
    if *json {
        println!("{}", serde_json::to_string(&total)?);
    } else {
        total.print();
    }
    Ok(ExitCode::from(u8::from(!total.failed.is_empty())))
}

/// One seed in a process of its own. One that takes too long hangs: virtual time stands still while somebody goes round in a circle.
fn child(seed: u64) -> Result<One> {
    let program = std::env::current_exe().context("this program")?;
    let mut child = Command::new(program)
        .args(["--json", "--seed", &seed.to_string()])
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("the seed's process")?;
    let mut output = child.stdout.take().context("the seed's output")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > LONGEST {
            child.kill()?;
            child.wait()?;
            let violation =
                Some(format!("it was not over after {} s: something goes round in a circle", LONGEST.as_secs()));
            return Ok(One { seed, violation, ..One::default() });
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    let Some(line) = text.lines().find(|line| line.starts_with('{')) else {
        let violation = Some(format!("it ended with {status} and no report"));
        return Ok(One { seed, violation, ..One::default() });
    };
    serde_json::from_str(line).with_context(|| format!("the report of seed {seed}"))
}

impl Total {
    fn take(&mut self, one: &One) {
        self.seeds += 1;
        self.failed.extend(one.violation.is_some().then_some(one.seed));
        self.virtual_s += one.virtual_ms / 1_000;
        self.calls += one.calls;
        self.leaves += one.leaves;
        for (kind, count) in &one.faults {
            *self.faults.entry(kind.clone()).or_default() += u64::from(*count);
        }
        for (kind, count) in &one.outcomes {
            *self.outcomes.entry(kind.clone()).or_default() += count;
        }
    }

    fn print(&self) {
        let held = self.seeds - self.failed.len() as u64;
        println!("{} seeds, {held} held; {} s of virtual time in {} s", self.seeds, self.virtual_s, self.real_s);
        println!("{} calls, {} leaves; commands: {:?}", self.calls, self.leaves, self.outcomes);
        println!("faults that took effect:");
        for kind in KINDS {
            println!("  {kind:<12} {}", self.faults.get(kind).copied().unwrap_or(0));
        }
        for seed in self.failed.iter().take(20) {
            println!("again: chaos-sim --seed {seed} --trace");
        }
    }
}
