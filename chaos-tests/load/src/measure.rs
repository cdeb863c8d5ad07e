//! A closed loop: so many clients, each with one operation under way at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Latencies from a microsecond to ten minutes, three digits.
const LONGEST_US: u64 = 600_000_000;
const DIGITS: u8 = 3;

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// What it is, such as `mesh publish`.
    pub(crate) name: String,
    /// Clients at once.
    pub(crate) clients: usize,
    /// Operations that succeeded.
    pub(crate) done: u64,
    /// Operations that failed; they count for nothing else.
    pub(crate) failed: u64,
    /// From the first operation's begin to the last one's end.
    pub(crate) took: Duration,
    /// Microseconds of those that succeeded; `None` where single operations are not timed.
    latencies: Option<Histogram<u64>>,
    /// Why the first failed.
    pub(crate) first_failure: Option<String>,
}

impl Figures {
    /// Figures of something that was timed as a whole.
    pub(crate) fn whole(name: &str, clients: usize, drained: Drained, took: Duration) -> Self {
        let Drained { done, failed, first_failure } = drained;
        Self { name: name.to_owned(), clients, done, failed, took, latencies: None, first_failure }
    }

    /// The same under another name.
    pub(crate) fn renamed(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    /// Operations per second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// Milliseconds below which this share of operations stayed.
    #[expect(clippy::cast_precision_loss, reason = "microseconds below 2^52")]
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let latencies = self.latencies.as_ref().filter(|latencies| !latencies.is_empty())?;
        Some(latencies.value_at_quantile(share) as f64 / 1_000.0)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "clients": self.clients,
            "done": self.done,
            "failed": self.failed,
            "first_failure": self.first_failure,
            "seconds": self.took.as_secs_f64(),
            "per_second": self.rate(),
            "p50_ms": self.quantile_ms(0.50),
            "p95_ms": self.quantile_ms(0.95),
            "p99_ms": self.quantile_ms(0.99),
        })
    }
}

/// What became of the commands of a stream.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    /// Sealed and accepted.
    pub(crate) done: u64,
    /// Anything else.
    pub(crate) failed: u64,
    /// Why the first failed.
    pub(crate) first_failure: Option<String>,
}

impl Drained {
    /// Of all streams together.
    pub(crate) fn sum(streams: Vec<Self>) -> Self {
        let mut sum = Self::default();
        for stream in streams {
            sum.done += stream.done;
            sum.failed += stream.failed;
            sum.first_failure = sum.first_failure.or(stream.first_failure);
        }
        sum
    }
}

/// Bounds of one measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Operations in all.
    pub(crate) operations: usize,
    /// Longest time; no operation begins later.
    pub(crate) within: Duration,
}

struct Tally {
    latencies: Histogram<u64>,
    failed: u64,
    first_failure: Option<String>,
}

fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_max(LONGEST_US, DIGITS).context("a histogram")
}

/// Runs `operation(client, number)` for every number below `bounds.operations`, each once, by as many tasks as there are
/// `clients`.
///
/// # Errors
/// When a task panics.
pub(crate) async fn closed_loop<C, F, Fut>(name: &str, clients: Vec<C>, bounds: Bounds, operation: F) -> Result<Figures>
where
    C: Send + 'static,
    F: Fn(C, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = (C, Result<()>)> + Send,
{
    let count = clients.len();
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let deadline = started + bounds.within;
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let (next, operation) = (Arc::clone(&next), operation.clone());
        tasks.spawn(async move {
            let mut tally = Tally { latencies: histogram()?, failed: 0, first_failure: None };
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let begun = Instant::now();
                if number >= bounds.operations || begun >= deadline {
                    return anyhow::Ok(tally);
                }
                let result;
                (client, result) = operation(client, number).await;
                match result {
                    Ok(()) => {
                        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(LONGEST_US);
                        tally.latencies.saturating_record(micros);
                    }
                    Err(error) => {
                        tally.failed += 1;
                        tally.first_failure.get_or_insert_with(|| format!("{error:#}"));
                    }
                }
            }
        });
    }
    let mut latencies = histogram()?;
    let (mut failed, mut first_failure) = (0, None);
    while let Some(tally) = tasks.join_next().await {
        let tally = tally.context("a client panicked")??;
        latencies.add(&tally.latencies).context("histograms of the same shape")?;
        failed += tally.failed;
        first_failure = first_failure.or(tally.first_failure);
    }
    let took = started.elapsed();
    let done = latencies.len();
    Ok(Figures { name: name.to_owned(), clients: count, done, failed, took, latencies: Some(latencies), first_failure })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn every_operation_is_done_once_and_failures_are_counted_apart() {
        let bounds = Bounds { operations: 100, within: Duration::from_mins(1) };
        let seen = Arc::new(AtomicUsize::new(0));
        let sum = Arc::clone(&seen);
        let figures = closed_loop("x", vec![(); 7], bounds, move |client, number| {
            let sum = Arc::clone(&sum);
            async move {
                sum.fetch_add(number, Ordering::Relaxed);
                let result = if number % 10 == 0 { Err(anyhow::anyhow!("odd")) } else { Ok(()) };
                (client, result)
            }
        });
        let figures = figures.await.unwrap();
        assert_eq!((figures.done, figures.failed, figures.clients), (90, 10, 7));
        assert_eq!(seen.load(Ordering::Relaxed), 99 * 100 / 2);
        assert_eq!(figures.first_failure.as_deref(), Some("odd"));
    }
}
