//! Schedules of faults on nodes in a laboratory, one after the other, until one fails.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | which faults, to whom, when: a function of the seed |
//! | [`inflict`] | does them, undoes them, and looks whether they took effect |
//! | [`operator`] | what people do meanwhile, with the `mesh` command |
//! | [`moves`] | a domain gets another home |
//! | [`recovery`] | a node lost its disk and comes back as a new one |
//! | [`freshness`] | whether nodes lie about their age meanwhile |
//! | [`tally`] | counts over all schedules, as a table and as JSON |

mod freshness;
pub(crate) mod inflict;
mod moves;
mod operator;
mod plan;
mod recovery;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::lab::{Lab, Lost};
use chaos_process::testbed::{Settings, Testbed, find_program};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::freshness::Watch;
use self::inflict::Inflictor;
use self::plan::{Fault, Plan, Told};
use self::tally::Tally;
use crate::check::excuses::Excuses;
use crate::check::{Findings, catalog, commands, converge, copies, feeds, ledger, members};
use crate::load::Publisher;
use crate::options::LabOptions;
use crate::oracle::Oracle;

/// Most nodes of any schedule or scenario: the network is built once.
pub(crate) const MOST_NODES: u64 = 8;
/// Longest the last calls of the clients may take.
const DRAIN: Duration = Duration::from_secs(20);
/// Longest a node may take to stop in order.
const STOP: Duration = Duration::from_secs(20);
/// Longest the load goes on after the last fault until there were enough operations.
const MORE_LOAD: Duration = Duration::from_secs(30);
/// Quick elections and frequent snapshots, as on loopback; a reserve that fits the small disks.
pub(crate) const SECTIONS: &str = "[raft]\nheartbeat_ms = 100\nelection_min_ms = 500\nelection_max_ms = 1000\n\
                                   snapshot_every = 300\n[storage]\ncache_mib = 32\nreserve_mib = 12\n[search]\n\
                                   commit_ms = 100\n[trace]\nfilter = \"info\"\n";

/// How one schedule ended.
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) findings: Findings,
    pub(crate) operations: usize,
    pub(crate) sealed: usize,
    pub(crate) done: std::collections::BTreeMap<&'static str, usize>,
    pub(crate) lost: Lost,
    pub(crate) nodes: (u64, u64),
    pub(crate) orphans: u64,
    pub(crate) took: Duration,
    /// Where everything is kept, if it is.
    pub(crate) kept: Option<PathBuf>,
}

/// Runs all schedules; whether all held.
///
/// # Errors
/// When programs or the laboratory are missing: nothing was tried then.
pub(crate) async fn run(options: &LabOptions) -> Result<bool> {
    let meshd = find_program("meshd", options.common.meshd.clone())?;
    let mesh = find_program("mesh", options.mesh.clone())?;
    let tools = tempfile::tempdir().context("cannot make a temporary folder")?;
    let lab = Arc::new(Lab::build(MOST_NODES, tools.path())?);
    let began = Instant::now();
    let mut tally = Tally::default();
    for seed in options.seed..options.seed + options.schedules {
        if options.for_at_most.is_some_and(|most| began.elapsed() >= most) {
            println!("the time is up after {} of {} schedules", tally.schedules(), options.schedules);
            break;
        }
        let outcome = schedule(options, &meshd, &mesh, &lab, seed).await?;
        let whole = outcome.findings.violations().is_empty();
        tally.add(&outcome);
        println!("{}", tally.line(&outcome));
        if !whole {
            Tally::show_failure(&outcome, &repro(options, seed));
            break;
        }
    }
    println!("{}", tally.table());
    if let Some(path) = &options.json {
        std::fs::write(path, tally.json()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(tally.is_whole())
}

/// The command that does this schedule again.
fn repro(options: &LabOptions, seed: u64) -> String {
    let mut told = String::new();
    for (name, value) in [("voters", options.voters), ("observers", options.observers)] {
        told.extend(value.map(|value| format!(" --{name} {value}")));
    }
    told.extend(options.steps.map(|steps| format!(" --steps {steps}")));
    told.extend(options.only.iter().map(|word| format!(" --only {word}")));
    let lying = if options.lying_disks { " --lying-disks" } else { "" };
    format!(
        "cargo run --release -p chaos-process -- lab --seed {seed} --operations {} --faults {} --clients {}{told}{lying}",
        options.operations, options.faults, options.clients
    )
}

/// One schedule on a mesh of its own.
async fn schedule(options: &LabOptions, meshd: &Path, mesh: &Path, lab: &Arc<Lab>, seed: u64) -> Result<Outcome> {
    let started = Instant::now();
    let deadline = started + options.time_limit;
    let told =
        Told { voters: options.voters, observers: options.observers, steps: options.steps, only: options.only.clone() };
    let plan = Plan::new(seed, &told);
    anyhow::ensure!(plan.voters + plan.observers <= MOST_NODES, "expected at most {MOST_NODES} nodes");
    let mut settings = Settings::new(meshd.to_path_buf());
    settings.folder.clone_from(&options.common.folder);
    (settings.voters, settings.observers) = (plan.voters, plan.observers);
    settings.lab = Some(Arc::clone(lab));
    settings.patience = Duration::from_mins(1);
    SECTIONS.clone_into(&mut settings.sections);
    let mut testbed = Testbed::found(&settings).await.context("the mesh was not founded")?;
    for node in testbed.nodes() {
        testbed.machine(node).lie(options.lying_disks)?;
        testbed.machine(node).slow_syncs(plan.sync_micros)?;
    }
    let oracle = Arc::new(Oracle::default());
    let mut inflictor = Inflictor {
        lab: Arc::clone(lab),
        seed,
        oracle: Arc::clone(&oracle),
        mesh: mesh.to_path_buf(),
        done: std::collections::BTreeMap::new(),
        lost: Lost::default(),
        orphans: 0,
        deaths_seen: 0,
    };
    let mut findings = Findings::default();
    let raged = rage(options, seed, &plan, &mut testbed, &oracle, &mut inflictor, &mut findings);
    match tokio::time::timeout_at(deadline, raged).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => findings.violation(format!("during the faults: {error:#}")),
        Err(_) => findings.violation("the faults did not end within the time limit".to_owned()),
    }
    if findings.violations().is_empty() {
        match tokio::time::timeout_at(deadline, check(&mut testbed, &oracle, deadline, &mut findings)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => findings.violation(format!("the checks did not come to their end: {error:#}")),
            Err(_) => findings.violation("the checks did not end within the time limit".to_owned()),
        }
    }
    lab.network().clear()?;
    findings.checked("deaths, as shown by each of the others", inflictor.deaths_seen);
    let took_effect: usize = plan.kinds().filter_map(|kind| inflictor.done.get(kind)).sum();
    findings.expect(took_effect >= options.faults, || {
        format!("{took_effect} faults took effect; expected at least {}", options.faults)
    });
    findings.expect(oracle.calls() >= options.operations, || {
        format!("clients made {} calls; expected at least {}", oracle.calls(), options.operations)
    });
    let keep = options.common.keep || !findings.violations().is_empty();
    let kept = keep.then(|| testbed.keep_folder().to_path_buf());
    if let Some(folder) = &kept {
        std::fs::write(folder.join("plan"), format!("{plan:#?}\n")).context("cannot write the plan")?;
    }
    Ok(Outcome {
        seed,
        findings,
        operations: oracle.calls(),
        sealed: oracle.sealed(),
        done: inflictor.done,
        lost: inflictor.lost,
        nodes: (plan.voters, plan.observers),
        orphans: inflictor.orphans,
        took: started.elapsed(),
        kept,
    })
}

/// Load and faults. All nodes run afterwards, unless it fails.
async fn rage(
    options: &LabOptions,
    seed: u64,
    plan: &Plan,
    testbed: &mut Testbed,
    oracle: &Arc<Oracle>,
    inflictor: &mut Inflictor,
    findings: &mut Findings,
) -> Result<()> {
    let stop = CancellationToken::new();
    let watch = Watch::begin(testbed, oracle, &stop)?;
    let mut publishers = JoinSet::new();
    for number in 0..options.clients {
        let publisher = Publisher::new(testbed, oracle, seed, number)?;
        publishers.spawn(publisher.run(stop.clone()));
    }
    for step in &plan.steps {
        tokio::time::sleep(step.calm).await;
        let mut under = Vec::new();
        for fault in &step.faults {
            let what = || format!("{}, {fault:?}", fault.kind());
            under.push((fault, inflictor.begin(testbed, fault).await.with_context(what)?));
        }
        if !step.faults.contains(&Fault::RollingRestart) {
            tokio::time::sleep(step.length).await;
        }
        // The last first: where a node failed in a broken network, it runs again before the network is asked what it did.
        for (fault, under) in under.into_iter().rev() {
            let what = || format!("{}, {fault:?}", fault.kind());
            inflictor.end(testbed, fault, under).await.with_context(what)?;
        }
    }
    let more = Instant::now() + MORE_LOAD;
    while oracle.calls() < options.operations && Instant::now() < more {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    let drained = async {
        while let Some(ended) = publishers.join_next().await {
            ended.context("a client panicked")??;
        }
        Ok::<(), anyhow::Error>(())
    };
    tokio::time::timeout(DRAIN, drained).await.context("the clients did not end in time")??;
    let heard = watch.end().await;
    findings.checked("answers that said how old they are", heard.answers);
    heard.lies.into_iter().for_each(|lie| findings.violation(lie));
    Ok(())
}

/// Everything that was promised, on every node.
pub(crate) async fn check(
    testbed: &mut Testbed,
    oracle: &Oracle,
    deadline: Instant,
    findings: &mut Findings,
) -> Result<()> {
    converge::converge(testbed, deadline).await?;
    copies::in_force(testbed, findings).await?;
    members::all_up(testbed, findings).await?;
    let ledger = ledger::check(testbed, findings).await?;
    copies::ended(testbed, &ledger, findings).await?;
    let excuses = Excuses::ask(testbed, &ledger).await?;
    commands::check(&oracle.records(), &ledger, &excuses, findings);
    oracle.wrong_reads().into_iter().for_each(|what| findings.violation(what));
    findings.checked("acknowledged writes read back", oracle.reads());
    catalog::check(testbed, &ledger, findings).await?;
    for error in testbed.terminate(STOP).await {
        findings.violation(format!("{error:#}"));
    }
    tokio::task::block_in_place(|| feeds::check(testbed, &ledger, &excuses, findings))
}
