//! How soon what is published on one node is found by searching on every other.

use std::time::Duration;

use anyhow::{Context as _, Result};
use mesh_client::{Client, SearchQuery, WaitLevel};
use tokio::time::Instant;

use super::{Stage, product};
use crate::options::EverywhereOptions;

const CALL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
/// Longest that is waited for one.
const LOST: Duration = Duration::from_secs(20);

/// Whether it holds.
///
/// # Errors
/// When the mesh cannot be founded, a publish fails, or a product is not found at all.
pub(crate) async fn run(options: &EverywhereOptions) -> Result<bool> {
    let mut stage = Stage::set(&options.common, options.voters, options.observers).await?;
    let nodes = stage.testbed.nodes();
    let clients = nodes.iter().map(|node| stage.testbed.client(&[*node], CALL)).collect::<Result<Vec<_>>>()?;
    let signer = stage.testbed.signer();
    let domains = stage.testbed.domains().to_vec();
    let mut took = Vec::new();
    for number in 0..options.products {
        let (domain, _) = &domains[number % domains.len()];
        // A word that no other product has.
        let word = format!("everywhere{number}x");
        let mut descriptor = product(domain, &format!("seen_{number}"))?;
        let id = descriptor.id().to_string();
        descriptor.description = format!("{word} and nothing else");
        let outgoing = signer.publish(descriptor, None)?;
        // Any node takes it; each in its turn.
        let at = &clients[(number / domains.len()) % clients.len()];
        let began = Instant::now();
        at.publish_within(&outgoing, WaitLevel::Local, CALL).await.context("a publish failed")?;
        let found =
            futures::future::try_join_all(clients.iter().map(|client| found(client, &word, &id, began))).await?;
        took.extend(found.into_iter().max());
    }
    took.sort_unstable();
    let at = |percent: usize| {
        took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let (p50, p99) = (at(50), at(99));
    println!(
        "{} products, {} nodes: found everywhere after {:.0} ms (p50), {:.0} ms (p99), {:.0} ms (most); at most {:.0} ms (p99) is asked",
        took.len(),
        nodes.len(),
        p50.as_secs_f64() * 1e3,
        p99.as_secs_f64() * 1e3,
        at(100).as_secs_f64() * 1e3,
        options.within.as_secs_f64() * 1e3
    );
    if options.common.keep {
        println!("kept: {}", stage.testbed.keep_folder().display());
    }
    Ok(p99 <= options.within)
}

/// Until the product itself is among the hits: a search may also show what is only similar.
async fn found(client: &Client, word: &str, id: &str, began: Instant) -> Result<Duration> {
    loop {
        let query = SearchQuery { query: word.to_owned(), ..SearchQuery::default() };
        let page = client.search(&query).await;
        if page.as_ref().is_ok_and(|page| page.hits.iter().any(|hit| hit.product.id == id)) {
            return Ok(began.elapsed());
        }
        anyhow::ensure!(began.elapsed() < LOST, "{id} is not found by {word} within {LOST:?}: {page:?}");
        tokio::time::sleep(POLL).await;
    }
}
