//! Whether what nodes say about their age is true, asked all the time.
//!
//! A node of age *a* at time *t* says: what I show was the whole ledger at *t - a*. So every leaf that some client had been told
//! of before *t - a* must be there. Between a seal and a voter's knowing of it lies a little time, [`SLACK`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_client::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::oracle::Oracle;

const SLACK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(150);
const CALL: Duration = Duration::from_secs(2);
/// Over this no node may call itself current.
const CURRENT: Duration = Duration::from_mins(1);

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Answers that said how old they are.
    pub(crate) answers: usize,
    /// Lies.
    pub(crate) lies: Vec<String>,
}

/// Asks every node until told to stop.
pub(crate) struct Watch {
    heard: Arc<Mutex<Heard>>,
    tasks: JoinSet<()>,
}

impl Watch {
    /// Begins.
    ///
    /// # Errors
    /// When no client can be made.
    pub(crate) fn begin(testbed: &Testbed, oracle: &Arc<Oracle>, stop: &CancellationToken) -> anyhow::Result<Self> {
        let (heard, mut tasks) = (Arc::new(Mutex::new(Heard::default())), JoinSet::new());
        for node in testbed.nodes() {
            let client = testbed.client(&[node], CALL)?;
            let (oracle, heard, stop) = (Arc::clone(oracle), Arc::clone(&heard), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = ask(node, client, oracle, heard) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        Ok(Self { heard, tasks })
    }

    /// What was heard, after the stop.
    pub(crate) async fn end(mut self) -> Heard {
        while self.tasks.join_next().await.is_some() {}
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn ask(node: NodeNumber, client: Client, oracle: Arc<Oracle>, heard: Arc<Mutex<Heard>>) {
    loop {
        let asked = Instant::now();
        if let Ok(status) = client.status().await {
            let fresh = status.freshness;
            let age = fresh.age_ms.map(Duration::from_millis);
            let mut lie = None;
            if fresh.is_current && age.is_none_or(|age| age > CURRENT) {
                lie = Some(format!("node {node} calls itself current at an age of {age:?}"));
            }
            // Before `asked`, not before the answer came: it may have been under way for long.
            if let Some(then) = age.and_then(|age| asked.checked_sub(age + SLACK))
                && let Some(known) = oracle.known_at(then)
                && known >= fresh.ledger_size
            {
                lie = Some(format!(
                    "node {node} says that it is {age:?} old and shows {} leaves; leaf {known} had been acknowledged {SLACK:?} before that",
                    fresh.ledger_size
                ));
            }
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.answers += usize::from(age.is_some());
            heard.lies.extend(lie);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
