//! Clients that go on publishing whatever happens to the nodes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesh_client::{Client, ClientOptions, CommandBuilder, Outgoing, WaitLevel};
use mesh_event::Body;
use mesh_event::command::PublishVersion;
use mesh_model::{Class, Code, Descriptor, VersionId};
use tokio::task::JoinSet;

use super::{Mesh, descriptor, keypair};

/// How long one publish may be tried before the mesh counts as down.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was acknowledged as sealed: a version, and its leaf.
pub(crate) type Sealed = (VersionId, u64);

/// Clients at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    sealed: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<Vec<Sealed>>>,
    clients: JoinSet<()>,
}

fn signed(builder: &CommandBuilder, descriptor: Descriptor) -> Outgoing {
    let body = PublishVersion { descriptor, planned_against: None, overflow_breaks: Vec::new() };
    Outgoing::new(builder.sign(Body::PublishVersion(body), &[&keypair("engineer")]).unwrap())
}

impl Load {
    /// One client for each voter's domain; each knows all of these nodes and publishes product after product.
    pub(crate) fn start(mesh: &Mesh, domains: u64) -> Self {
        let (stop, sealed, acknowledged) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<Mutex<Vec<_>>>)>::default();
        let mut clients = JoinSet::new();
        for domain in 1..=domains {
            let nodes: Vec<String> =
                mesh.records.iter().map(|record| format!("http://{}", record.api_address)).collect();
            let mut options = ClientOptions::new(nodes).pinned(mesh.genesis.mesh_id);
            options.timeout = Duration::from_secs(5);
            let client = Client::connect(options).unwrap();
            let (stop, sealed, acknowledged) = (Arc::clone(&stop), Arc::clone(&sealed), Arc::clone(&acknowledged));
            let builder = mesh.builder();
            clients.spawn(async move {
                for n in 0.. {
                    let descriptor = descriptor(domain, &format!("load_{n}"));
                    let version = descriptor.version_id();
                    let outgoing = signed(&builder, descriptor);
                    let begun = Instant::now();
                    loop {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        match client.publish(&outgoing, WaitLevel::Sealed).await {
                            Ok(done) if done.ledger_index.is_some() => {
                                acknowledged.lock().unwrap().push((version, done.ledger_index.unwrap()));
                                sealed.fetch_add(1, Ordering::SeqCst);
                                break;
                            }
                            // Kept by its home, and sealed later: the same command asks again.
                            Ok(_) => {}
                            Err(error) => {
                                let passing = matches!(error.code.class(), Class::Unavailable | Class::Pending)
                                    || error.code == Code::Sealing;
                                assert!(passing, "{version}: {error:?}");
                            }
                        }
                        assert!(begun.elapsed() < PATIENCE, "{version} is not sealed within {PATIENCE:?}");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            });
        }
        Self { stop, sealed, acknowledged, clients }
    }

    /// Waits until so many more publishes are acknowledged.
    pub(crate) async fn goes_on(&self, more: u64) {
        let goal = self.sealed.load(Ordering::SeqCst) + more;
        let reached = async {
            while self.sealed.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, reached).await;
        assert!(done.is_ok(), "{more} publishes are not acknowledged within {PATIENCE:?}");
    }

    /// Stops the clients; gives all that was acknowledged.
    pub(crate) async fn stop(mut self) -> Vec<Sealed> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}
