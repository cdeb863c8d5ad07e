//! A node whose clock is an hour slow is cut off: it must not call itself current for that hour.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use super::Stage;
use crate::options::Common;

const CALL: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(500);
/// Over a minute: from then on no node that hears nothing may call itself current.
const ALONE: Duration = Duration::from_secs(70);
const SLOW_SECONDS: i64 = -3_600;

/// Whether it holds.
///
/// # Errors
/// When the mesh cannot be founded, or a fault does not take effect.
pub(crate) async fn run(options: &Common) -> Result<bool> {
    let mut stage = Stage::set(options, 3, 0).await?;
    let node = 3;
    let client = stage.testbed.client(&[node], CALL)?;
    let deadline = Instant::now() + ALONE;
    while !client.status().await.is_ok_and(|status| status.freshness.is_current) {
        ensure!(Instant::now() < deadline, "node {node} never became current");
        tokio::time::sleep(POLL).await;
    }
    let before = stage.testbed.machine(node).counts()?.skewed_reads;
    stage.testbed.machine(node).skew_seconds(SLOW_SECONDS)?;
    let rules = stage.alone(node);
    stage.lab.network().apply(&rules)?;
    tokio::time::sleep(ALONE).await;
    let fresh = client.status().await.context("the node that was cut off does not answer")?.freshness;
    ensure!(stage.lab.network().hits(&rules)?.iter().sum::<u64>() > 0, "no packet was dropped");
    ensure!(stage.testbed.machine(node).counts()?.skewed_reads > before, "node {node} never read its wrong clock");
    println!(
        "cut off for {} s with a clock an hour slow, node {node} says: age {:?} ms, current: {}",
        ALONE.as_secs(),
        fresh.age_ms,
        fresh.is_current
    );
    let whole = !fresh.is_current && fresh.age_ms.is_none_or(|age| u128::from(age) + 15_000 >= ALONE.as_millis());
    if options.keep || !whole {
        println!("kept: {}", stage.testbed.keep_folder().display());
    }
    Ok(whole)
}
