//! One run: found, load and faults, calm, checks, report.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NODES, Settings, Testbed, find_program};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::check::excuses::Excuses;
use crate::check::{Findings, catalog, commands, converge, copies, feeds, ledger};
use crate::faults::Done;
use crate::load::Publisher;
use crate::options::Options;
use crate::oracle::Oracle;
use crate::report::Report;
use crate::schedule::Schedule;

const DOMAINS_PER_NODE: usize = 2;
/// Longest the last calls of the clients may take.
const DRAIN: Duration = Duration::from_secs(20);
/// Longest a node may take to stop in order.
const STOP: Duration = Duration::from_secs(15);
/// Most violations that are printed.
const LINES: usize = 25;
/// Quick elections, so that most of the time is spent working; frequent snapshots, so that nodes are killed while they make
/// one and come back through one; the seed changes nothing here.
const SECTIONS: &str = "[raft]\nheartbeat_ms = 60\nelection_min_ms = 300\nelection_max_ms = 600\nsnapshot_every = 300\n\
                        [storage]\ncache_mib = 32\n[search]\ncommit_ms = 100\n[trace]\nfilter = \"info\"\n";

/// Runs, prints the report, and says whether everything was as it should be.
///
/// # Errors
/// When the mesh cannot be founded: nothing was tried then.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let started = Instant::now();
    let mut settings = Settings::new(find_program("meshd", options.meshd.clone())?);
    settings.folder.clone_from(&options.folder);
    settings.domains_per_node = DOMAINS_PER_NODE;
    SECTIONS.clone_into(&mut settings.sections);
    let mut testbed = Testbed::found(&settings).await.context("the mesh was not founded")?;

    let oracle = Arc::new(Oracle::default());
    let (mut done, mut findings) = (Done::default(), Findings::default());
    let calm = started + options.rage();
    if let Err(error) = rage(options, &mut testbed, &oracle, &mut done, calm).await {
        findings.violation(format!("during the faults: {error:#}"));
    }
    goals(options, &oracle, &done, &mut findings);
    let deadline = started + options.time_limit;
    match tokio::time::timeout_at(deadline, check(&mut testbed, &oracle, deadline, &mut findings)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => findings.violation(format!("the checks did not come to their end: {error:#}")),
        Err(_) => findings.violation(format!("the checks did not end within {} s", options.time_limit.as_secs())),
    }
    let records = oracle.records();
    let report = Report { options, done: &done, findings: &findings, took: started.elapsed() };
    println!("{}", report.text(records.values(), LINES));
    let whole = findings.violations().is_empty();
    if options.keep || !whole {
        let folder = testbed.keep_folder();
        std::fs::write(folder.join("report"), report.text(records.values(), usize::MAX))
            .context("cannot write the report")?;
        println!("kept, with the whole report: {}", folder.display());
    }
    Ok(whole)
}

/// Load and faults, until there were enough of both or it is time to stop. All nodes run again afterwards.
async fn rage(
    options: &Options,
    testbed: &mut Testbed,
    oracle: &Arc<Oracle>,
    done: &mut Done,
    until: Instant,
) -> Result<()> {
    let stop = CancellationToken::new();
    // Dropped on every way out: clients end with this function.
    let mut publishers = JoinSet::new();
    for number in 0..options.clients {
        let publisher = Publisher::new(testbed, oracle, options.seed, number)?;
        publishers.spawn(publisher.run(stop.clone()));
    }
    for step in Schedule::new(options.seed, options.kills, options.rage()) {
        let enough = done.kills() >= options.kills && oracle.sealed() >= options.publishes;
        if enough || Instant::now() + step.calm >= until {
            break;
        }
        tokio::time::sleep(step.calm).await;
        done.inflict(testbed, step.fault).await?;
    }
    stop.cancel();
    let drained = async {
        while let Some(ended) = publishers.join_next().await {
            ended.context("a client panicked")??;
        }
        Ok(())
    };
    tokio::time::timeout(DRAIN, drained).await.context("the clients did not end in time")?
}

/// A run in which too little happened proves nothing.
fn goals(options: &Options, oracle: &Oracle, done: &Done, findings: &mut Findings) {
    let (kills, sealed) = (done.kills(), oracle.sealed());
    findings.expect(kills >= options.kills, || {
        format!("too few kills within the time: {kills}; expected at least {}", options.kills)
    });
    findings.expect(sealed >= options.publishes, || {
        format!("too few sealed publishes within the time: {sealed}; expected at least {}", options.publishes)
    });
    for node in NODES {
        let killed = done.kills.get(&node).copied().unwrap_or(0);
        let least = options.kills / (2 * NODES.len());
        findings.expect(killed >= least, || {
            format!("too few kills of node {node} within the time: {killed}; expected at least {least}")
        });
    }
}

async fn check(testbed: &mut Testbed, oracle: &Oracle, deadline: Instant, findings: &mut Findings) -> Result<()> {
    converge::converge(testbed, deadline).await?;
    copies::in_force(testbed, findings).await?;
    let ledger = ledger::check(testbed, findings).await?;
    let excuses = Excuses::default();
    commands::check(&oracle.records(), &ledger, &excuses, findings);
    oracle.wrong_reads().into_iter().for_each(|what| findings.violation(what));
    findings.checked("acknowledged writes read back", oracle.reads());
    catalog::check(testbed, &ledger, findings).await?;
    for error in testbed.terminate(STOP).await {
        findings.violation(format!("{error:#}"));
    }
    tokio::task::block_in_place(|| feeds::check(testbed, &ledger, &excuses, findings))
}
