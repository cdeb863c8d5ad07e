//! How soon what is published on one node is found by searching on every other.

use std::time::Duration;

use anyhow::{Context as _, Result};
use mesh_client::{Client, SearchQuery, WaitLevel};
use tokio::time::Instant;

use super::{Spread, Stage, product};
use crate::options::EverywhereOptions;

const CALL: Duration = Duration::from_secs(10);
/// Pause after a search that did not wait long enough.
const POLL: Duration = Duration::from_millis(20);
/// How many of the slowest are named.
const SLOWEST: usize = 3;
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
    let voters = usize::try_from(options.voters).context("so many voters")?;
    let (mut took, mut among_voters) = (Vec::new(), Vec::new());
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
        let sealed = at.publish_within(&outgoing, WaitLevel::Sealed, CALL).await.context("a publish failed")?;
        let index = sealed.ledger_index.context("a publish was not sealed")?;
        let found = clients.iter().map(|client| found(client, &word, &id, index, began));
        let found = futures::future::try_join_all(found).await?;
        among_voters.extend(found.iter().take(voters).max().copied());
        let (place, last) = found.iter().enumerate().max_by_key(|(_, took)| **took).context("there are no nodes")?;
        took.push((*last, id, nodes[place]));
    }
    took.sort_unstable();
    for (took, id, node) in took.iter().rev().take(SLOWEST) {
        println!("among the slowest: {id}, found last on node {node}, after {:.0} ms", took.as_secs_f64() * 1e3);
    }
    let took = Spread::of(took.into_iter().map(|(took, ..)| took));
    println!("found on all {voters} voters after {}", Spread::of(among_voters));
    println!(
        "{} products: found on all {} nodes after {took}; at most {:.0} ms (p99) is asked",
        options.products,
        nodes.len(),
        options.within.as_secs_f64() * 1e3
    );
    let p99 = took.at(99);
    if options.common.keep {
        println!("kept: {}", stage.testbed.keep_folder().display());
    }
    Ok(p99 <= options.within)
}

/// Until the product itself is among the hits of a search that waits for its leaf: asking again and again would be work for the nodes.
async fn found(client: &Client, word: &str, id: &str, index: u64, began: Instant) -> Result<Duration> {
    loop {
        let query = SearchQuery { query: word.to_owned(), at_least_index: Some(index), ..SearchQuery::default() };
        let page = client.search(&query).await;
        let is_it = |hit: &mesh_client::SearchHit| hit.product.id == id && !hit.product.pending;
        if page.as_ref().is_ok_and(|page| page.hits.iter().any(is_it)) {
            return Ok(began.elapsed());
        }
        anyhow::ensure!(began.elapsed() < LOST, "{id} is not found by {word} within {LOST:?}: {page:?}");
        tokio::time::sleep(POLL).await;
    }
}
