//! The measurements of a mesh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{NODES, NodeNumber, Testbed};
use futures::StreamExt as _;
use mesh_client::{Client, Outgoing, Read, SearchQuery, StreamOptions, WaitLevel};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::measure::{Bounds, Drained, Figures, closed_loop};
use crate::versions::{Prepared, Versions, word};

const CALL: Duration = Duration::from_secs(30);
const MANY: usize = 64;
const SEARCHERS: usize = 4;
const BACKGROUND: usize = 8;
/// As many as a node lets one stream have under way.
const IN_FLIGHT: usize = 1_024;
/// Operations before the measured ones, so that connections are open and code is in memory.
const WARM_UP: usize = 300;

/// A mesh that is measured.
pub(crate) struct Bench<'a> {
    testbed: &'a Testbed,
    /// In front of every figure's name.
    label: &'static str,
    bounds: Bounds,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(testbed: &'a Testbed, label: &'static str, bounds: Bounds) -> Self {
        Self { testbed, label, bounds }
    }

    fn named(&self, what: &str) -> String {
        format!("{} {what}", self.label)
    }

    fn a_quarter(&self) -> Bounds {
        Bounds { operations: (self.bounds.operations / 4).max(1), ..self.bounds }
    }

    /// Clients with a connection each, spread over the nodes in turn.
    fn clients(&self, count: usize) -> Result<Vec<(NodeNumber, Client)>> {
        let nodes = NODES.into_iter().cycle().take(count);
        nodes.map(|node| Ok((node, self.testbed.client(&[node], CALL)?))).collect()
    }

    /// Everything, in an order in which nothing disturbs what follows.
    ///
    /// # Errors
    /// When a measurement cannot be made.
    pub(crate) async fn all(&self) -> Result<Vec<Figures>> {
        let mut figures = self.publish().await?;
        figures.push(self.stream().await?);
        figures.push(self.get().await?);
        figures.extend(self.search_while_publishing().await?);
        Ok(figures)
    }

    /// Sealed publishes, unary: one client at the leader, then 64 spread over the nodes, each at the home of what it
    /// publishes.
    ///
    /// # Errors
    /// When a measurement cannot be made.
    pub(crate) async fn publish(&self) -> Result<Vec<Figures>> {
        self.warm_up().await?;
        let leader = self.leader().await?;
        let client = self.testbed.client(&[leader], CALL)?;
        let bounds = self.a_quarter();
        let versions = Versions::new(self.testbed, "one").at_home_on(leader).take(bounds.operations)?;
        let one = self.unary("publish", vec![(leader, client)], versions, bounds).await?;
        let versions = Versions::new(self.testbed, "many").take(self.bounds.operations)?;
        let many = self.unary("publish", self.clients(MANY)?, versions, self.bounds).await?;
        Ok(vec![one, many])
    }

    async fn warm_up(&self) -> Result<()> {
        let versions = Versions::new(self.testbed, "warm").take(WARM_UP)?;
        let bounds = Bounds { operations: WARM_UP, ..self.bounds };
        let figures = self.unary("warm-up", self.clients(NODES.len())?, versions, bounds).await?;
        match figures.first_failure {
            Some(why) => bail!("a publish of the warm-up failed: {why}"),
            None => Ok(()),
        }
    }

    /// The node that leads, as node 1 sees it.
    async fn leader(&self) -> Result<NodeNumber> {
        let status = self.testbed.client(&[1], CALL)?.status().await?;
        status.raft.leader_id.context("node 1 knows no leader")
    }

    /// Unary publishes. Each client takes the next version that is at home where it is connected.
    async fn unary(
        &self,
        what: &str,
        clients: Vec<(NodeNumber, Client)>,
        versions: Vec<Prepared>,
        bounds: Bounds,
    ) -> Result<Figures> {
        let queue = Arc::new(Queue::new(versions));
        let bounds = Bounds { operations: bounds.operations.min(queue.len()), ..bounds };
        closed_loop(&self.named(what), clients, bounds, move |(node, client), _| {
            let queue = Arc::clone(&queue);
            async move {
                let result = match queue.next(node) {
                    Some(outgoing) => publish_sealed(&client, outgoing).await,
                    None => Err(anyhow::anyhow!("no version is left")),
                };
                ((node, client), result)
            }
        })
        .await
    }

    /// `PublishStream`: one stream at each node, with as much under way as the node lets it.
    async fn stream(&self) -> Result<Figures> {
        let per_node = self.bounds.operations / NODES.len();
        let mut streams = Vec::new();
        for node in NODES {
            let versions = Versions::new(self.testbed, "stream").at_home_on(node).take(per_node)?;
            let client = self.testbed.client(&[node], CALL)?;
            streams.push((client, versions));
        }
        let started = Instant::now();
        let running = streams.into_iter().map(|(client, versions)| async move {
            let source = futures::stream::iter(versions.into_iter().map(|prepared| prepared.outgoing));
            drain(&client, source).await
        });
        let drained = Drained::sum(futures::future::try_join_all(running).await?);
        Ok(Figures::whole(&self.named("publish stream"), NODES.len(), drained, started.elapsed()))
    }

    /// One product by id, of those that the 64 clients published.
    async fn get(&self) -> Result<Figures> {
        let ids: Vec<String> =
            Versions::new(self.testbed, "warm").take(WARM_UP)?.into_iter().map(|prepared| prepared.id).collect();
        let ids = Arc::new(ids);
        closed_loop(&self.named("get"), self.clients(MANY)?, self.bounds, move |(node, client), number| {
            let ids = Arc::clone(&ids);
            async move {
                // A step that shares no factor with the count, so that clients don't walk in line.
                let id = &ids[(number * 7_919) % ids.len()];
                let result = client.product(id, Read::default()).await.map(|_| ()).map_err(Into::into);
                ((node, client), result)
            }
        })
        .await
    }

    /// Searches for one or two words while other clients publish.
    async fn search_while_publishing(&self) -> Result<Vec<Figures>> {
        let mut rng = StdRng::seed_from_u64(1);
        let queries: Arc<Vec<String>> = Arc::new((0..1_000).map(|_| word(&mut rng)).collect());
        let name = self.named("search while publishing");
        let searches = closed_loop(&name, self.clients(SEARCHERS)?, self.a_quarter(), {
            move |(node, client), number| {
                let queries = Arc::clone(&queries);
                async move {
                    let query =
                        SearchQuery { query: queries[number % queries.len()].clone(), ..SearchQuery::default() };
                    let result = client.search(&query).await.map(|_| ()).map_err(Into::into);
                    ((node, client), result)
                }
            }
        });
        let versions = Versions::new(self.testbed, "meanwhile").take(self.bounds.operations)?;
        let publishes = self.unary("publish during search", self.clients(BACKGROUND)?, versions, self.bounds);
        let (mut searches, mut publishes) = (Box::pin(searches), Box::pin(publishes));
        // The publishes only have to last as long as the searches; when they don't, the figure says so.
        tokio::select! {
            searched = &mut searches => Ok(vec![searched?]),
            published = &mut publishes => Ok(vec![
                published?,
                searches.await?.renamed(self.named("search, at first while publishing")),
            ]),
        }
    }
}

async fn publish_sealed(client: &Client, outgoing: &Outgoing) -> Result<()> {
    let acknowledgement = client.publish(outgoing, WaitLevel::Sealed).await?.accepted()?;
    if acknowledgement.reached != WaitLevel::Sealed {
        bail!("it was not sealed in time");
    }
    Ok(())
}

/// Publishes everything that the source gives.
///
/// # Errors
/// When the stream cannot begin.
pub(crate) async fn drain<S>(client: &Client, source: S) -> Result<Drained>
where
    S: futures::Stream<Item = Outgoing> + Send + 'static,
{
    let options = StreamOptions { in_flight: IN_FLIGHT, ..StreamOptions::default() };
    let mut acknowledgements = client.publish_stream(source, options)?;
    let mut drained = Drained::default();
    while let Some(delivered) = acknowledgements.next().await {
        let why = match delivered.result.and_then(mesh_client::Acknowledgement::accepted) {
            Ok(acknowledgement) if acknowledgement.reached == WaitLevel::Sealed => {
                drained.done += 1;
                continue;
            }
            Ok(_) => "it was not sealed in time".to_owned(),
            Err(error) => error.to_string(),
        };
        drained.failed += 1;
        drained.first_failure.get_or_insert(why);
    }
    Ok(drained)
}

/// Versions by home; each is handed out once.
struct Queue {
    versions: Vec<Prepared>,
    by_home: [(Vec<usize>, AtomicUsize); 3],
}

impl Queue {
    fn new(versions: Vec<Prepared>) -> Self {
        let of = |node: NodeNumber| {
            let at = versions.iter().enumerate().filter(|(_, version)| version.home == node);
            (at.map(|(at, _)| at).collect::<Vec<_>>(), AtomicUsize::new(0))
        };
        let by_home = NODES.map(of);
        Self { versions, by_home }
    }

    fn len(&self) -> usize {
        self.versions.len()
    }

    /// The next one at home on the node; when there is none any more, of another: that is forwarded.
    fn next(&self, node: NodeNumber) -> Option<&Outgoing> {
        let first = usize::try_from(node - 1).ok()?;
        (0..self.by_home.len()).find_map(|step| {
            let (places, next) = &self.by_home[(first + step) % self.by_home.len()];
            let at = places.get(next.fetch_add(1, Ordering::Relaxed))?;
            Some(&self.versions[*at].outgoing)
        })
    }
}
