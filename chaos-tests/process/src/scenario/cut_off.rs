//! A domain whose node is cut off goes on publishing; after healing everything is sealed once, in order, on all nodes, soon.

use std::time::Duration;

use anyhow::{Context as _, Result};
use mesh_client::WaitLevel;
use mesh_event::Command;
use tokio::time::Instant;

use super::{Stage, product, record};
use crate::campaign;
use crate::check::Findings;
use crate::options::CutOffOptions;
use crate::oracle::{Oracle, Said};

const CALL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// Longest the checks may take.
const CHECKS: Duration = Duration::from_mins(2);
const VOTERS: u64 = 3;

/// Whether it holds.
///
/// # Errors
/// When the mesh cannot be founded, or what is measured cannot be measured.
pub(crate) async fn run(options: &CutOffOptions) -> Result<bool> {
    let mut stage = Stage::set(&options.common, VOTERS, 0).await?;
    let (domain, home) = stage.testbed.domains()[0].clone();
    let oracle = Oracle::default();
    let (client, signer) = (stage.testbed.client(&[home], CALL)?, stage.testbed.signer());
    let rules = stage.alone(home);
    stage.lab.network().apply(&rules)?;
    let cut = Instant::now();
    let pause = options.length / u32::try_from(options.versions.max(1)).unwrap_or(u32::MAX);
    let mut findings = Findings::default();
    for number in 0..options.versions {
        let descriptor = product(&domain, &format!("alone_{number}"))?;
        let outgoing = signer.publish(descriptor.clone(), None)?;
        let id = Command::decode(outgoing.envelope.payload()).context("a command that was just signed")?.id;
        oracle.sends(id, record(&descriptor, &outgoing));
        let said = Said::of(&client.publish_within(&outgoing, WaitLevel::Local, CALL).await);
        findings
            .expect(matches!(said, Said::Local { .. }), || format!("version {number}, cut off, was answered {said:?}"));
        oracle.heard(&id, said);
        tokio::time::sleep_until(cut + pause * u32::try_from(number + 1).unwrap_or(u32::MAX)).await;
    }
    tokio::time::sleep_until(cut + options.length).await;
    let alone = client.status().await.context("the node that was cut off does not answer")?;
    let waiting: u64 = alone.feeds.iter().map(|feed| feed.outbox_waiting).sum();
    findings.expect(waiting == options.versions as u64, || {
        format!("{waiting} of {} versions wait in the outbox", options.versions)
    });
    let hits: u64 = stage.lab.network().hits(&rules)?.iter().sum();
    findings.expect(hits > 0, || "no packet was dropped: the cut did not take effect".to_owned());
    let age = alone.freshness.age_ms;
    stage.lab.network().clear()?;
    let healed = Instant::now();
    let sealed = all_sealed(&stage, options, healed).await?;
    match sealed {
        Some(took) => println!(
            "{} versions published in {:.1} s cut off (age shown at the end: {age:?} ms) were sealed on all nodes {:.2} s after healing; at most {:.0} s is asked",
            options.versions,
            cut.elapsed().saturating_sub(took).as_secs_f64(),
            took.as_secs_f64(),
            options.within.as_secs_f64()
        ),
        None => findings
            .violation(format!("not all versions were sealed on all nodes within {:?} of healing", options.within)),
    }
    campaign::check(&mut stage.testbed, &oracle, Instant::now() + CHECKS, &mut findings).await?;
    for what in findings.violations() {
        println!("violation: {what}");
    }
    let whole = findings.violations().is_empty();
    if options.common.keep || !whole {
        println!("kept: {}", stage.testbed.keep_folder().display());
    }
    Ok(whole)
}

/// How long until nothing waits at home and every node has the same ledger; `None` when it takes too long.
async fn all_sealed(stage: &Stage, options: &CutOffOptions, healed: Instant) -> Result<Option<Duration>> {
    let nodes = stage.testbed.nodes();
    let clients =
        nodes.iter().map(|node| stage.testbed.client(&[*node], Duration::from_secs(2))).collect::<Result<Vec<_>>>()?;
    while healed.elapsed() <= options.within {
        let statuses = futures::future::join_all(clients.iter().map(mesh_client::Client::status)).await;
        let statuses: Vec<_> = statuses.into_iter().flatten().collect();
        let size = statuses.iter().map(|status| status.ledger.size).max();
        let all = statuses.len() == nodes.len()
            && statuses.iter().all(|status| {
                Some(status.ledger.size) == size && status.feeds.iter().all(|feed| feed.outbox_waiting == 0)
            });
        if all && size.is_some_and(|size| size >= options.versions as u64) {
            return Ok(Some(healed.elapsed()));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(None)
}
