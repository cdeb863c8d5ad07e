//! Voters that can be stopped and started again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mesh_event::command::AdmitDomains;
use mesh_event::genesis::SealedGenesis;
use mesh_event::ledger::EntryBody;
use mesh_event::proposal::{RevokeNode, SetVoters};
use mesh_event::{Body, Envelope, Keypair, ProposalBody, Propose, envelope};
use mesh_governance::testing::{TestMesh, keypair};
use mesh_governance::{NoPolicy, Strict, read};
use mesh_model::{Digest, NodeId};
use mesh_raft::{RaftNode, RaftOptions, RaftRole, RaftStatus};
use mesh_store::{MemDisk, MemoryLoop, Store, StoreError, StoreOptions};
use mesh_tlog::Hash;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;

/// Longest wait for anything that has to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Where a node's store is.
pub(crate) enum Disk {
    Memory(MemDisk),
    Folder(TempDir),
}

impl Disk {
    pub(crate) fn open(&self) -> Result<Store, StoreError> {
        match self {
            Self::Memory(disk) => Store::open_memory(disk, MemoryLoop::Thread, StoreOptions::default()),
            Self::Folder(folder) => Store::open(folder.path(), StoreOptions::default()),
        }
    }
}

pub(crate) struct Running {
    pub(crate) raft: RaftNode,
    pub(crate) store: Arc<Store>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// Voters 1 to n of one mesh. Ports are taken for the whole test: a stopped node's listener goes on listening for nobody.
pub(crate) struct Cluster {
    pub(crate) genesis: SealedGenesis,
    pub(crate) mesh: TestMesh,
    disks: BTreeMap<NodeId, Disk>,
    addresses: BTreeMap<NodeId, String>,
    pub(crate) running: BTreeMap<NodeId, Running>,
    tune: fn(&mut RaftOptions),
    /// What a node's clock shows more than the others', in milliseconds.
    pub(crate) skew: BTreeMap<NodeId, Arc<AtomicU64>>,
    begun: Instant,
}

/// The founding document of the fixture with this many voters.
fn genesis(voters: NodeId) -> SealedGenesis {
    let mut document = TestMesh::document();
    document.voters.truncate(usize::try_from(voters).unwrap());
    let council = [keypair("council-0"), keypair("council-1")];
    let sealed = Envelope::sign(envelope::GENESIS, document.encode(), &[&council[0], &council[1]]).unwrap();
    SealedGenesis::parse(sealed.into_bytes()).unwrap()
}

impl Cluster {
    pub(crate) async fn in_memory(voters: NodeId, tune: fn(&mut RaftOptions)) -> Self {
        Self::begin(voters, tune, |id| Disk::Memory(MemDisk::new(id))).await
    }

    pub(crate) async fn on_disk(voters: NodeId, tune: fn(&mut RaftOptions)) -> Self {
        Self::begin(voters, tune, |_| Disk::Folder(tempfile::tempdir().unwrap())).await
    }

    async fn begin(voters: NodeId, tune: fn(&mut RaftOptions), disk: impl Fn(NodeId) -> Disk) -> Self {
        let genesis = genesis(voters);
        let mut mesh = TestMesh::unfounded();
        mesh.mesh_id = genesis.mesh_id;
        let mut addresses = BTreeMap::new();
        let mut listeners = Vec::new();
        for id in 1..=voters {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.insert(id, listener.local_addr().unwrap().to_string());
            listeners.push(listener);
        }
        let mut cluster = Self {
            genesis,
            mesh,
            disks: (1..=voters).map(|id| (id, disk(id))).collect(),
            addresses,
            running: BTreeMap::new(),
            tune,
            skew: (1..=voters).map(|id| (id, Arc::default())).collect(),
            begun: Instant::now(),
        };
        for (id, listener) in (1..=voters).zip(listeners) {
            cluster.start_on(id, listener).await;
        }
        cluster
    }

    pub(crate) fn options(&self, id: NodeId) -> RaftOptions {
        let (begun, skew) = (self.begun, Arc::clone(&self.skew[&id]));
        let clock = move || {
            let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap();
            1_800_000_000_000 + elapsed + skew.load(Ordering::SeqCst)
        };
        let mut options = RaftOptions::new(id, self.genesis.clone(), Arc::new(clock));
        options.addresses = self.addresses.clone();
        (self.tune)(&mut options);
        options
    }

    pub(crate) fn disk(&self, id: NodeId) -> &Disk {
        &self.disks[&id]
    }

    /// Starts a stopped node on its disk.
    pub(crate) async fn start(&mut self, id: NodeId) {
        let listener = TcpListener::bind(&self.addresses[&id]).await.unwrap();
        self.start_on(id, listener).await;
    }

    async fn start_on(&mut self, id: NodeId, listener: TcpListener) {
        // The last handles of the run before go a moment after it.
        let store = eventually("the store is free", async || self.disks[&id].open().ok()).await;
        let store = Arc::new(store);
        let raft =
            RaftNode::start(self.options(id), Arc::clone(&store), Arc::new(Strict), Arc::new(NoPolicy)).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tonic::transport::Server::builder().add_service(raft.server()).serve_with_incoming_shutdown(
            TcpListenerStream::new(listener),
            async {
                drop(stopped.await);
            },
        );
        let server = tokio::spawn(async { serving.await.unwrap() });
        self.running.insert(id, Running { raft, store, stop, server });
    }

    /// Stops a node.
    pub(crate) async fn stop(&mut self, id: NodeId) {
        let Running { raft, store, stop, server } = self.running.remove(&id).unwrap();
        raft.shutdown().await;
        drop(raft);
        drop(stop);
        tokio::time::timeout(DEADLINE, server).await.expect("no call outlives its node").unwrap();
        store.close().unwrap();
    }

    pub(crate) fn node(&self, id: NodeId) -> &RaftNode {
        &self.running[&id].raft
    }

    pub(crate) fn status(&self) -> Vec<RaftStatus> {
        self.running.values().map(|node| node.raft.status()).collect()
    }

    /// Waits for a leader with a founded mesh, and returns it.
    pub(crate) async fn leader(&self) -> NodeId {
        eventually("a leader is ready", async || {
            let leads = |node: &&Running| node.raft.status().role == RaftRole::Leader && node.raft.is_ready();
            self.running.values().find(leads).map(|node| node.raft.status().node_id)
        })
        .await
    }

    /// A council command that lets a domain in: independent of all others.
    pub(crate) fn admission(&mut self, name: &str) -> EntryBody {
        let mut admission = TestMesh::admission(name);
        admission.roles.clear();
        admission.delegate = None;
        let signers: [Keypair; 3] = [keypair("council-0"), keypair("council-1"), keypair(&format!("{name}/root"))];
        let body = Body::AdmitDomains(AdmitDomains { domains: vec![admission], council_version: 1 });
        EntryBody::Envelope(self.mesh.command(body, &signers).into_bytes())
    }

    /// What two seats decide at once.
    fn decision(&mut self, body: ProposalBody) -> EntryBody {
        let closes_unix_ms = 1_800_000_000_000 + 30 * 24 * 60 * 60 * 1000;
        let propose = Propose { body, closes_unix_ms, summary: String::new(), council_version: 1 };
        let signers = [keypair("council-0"), keypair("council-1")];
        EntryBody::Envelope(self.mesh.command(Body::Propose(propose), &signers).into_bytes())
    }

    /// The council chooses who orders.
    pub(crate) fn set_voters(&mut self, voters: &[NodeId], replaces: &[NodeId]) -> EntryBody {
        self.decision(ProposalBody::SetVoters(SetVoters { voters: voters.to_vec(), replaces: replaces.to_vec() }))
    }

    /// The council takes a node out.
    pub(crate) fn revoke_node(&mut self, node_id: NodeId) -> EntryBody {
        self.decision(ProposalBody::RevokeNode(RevokeNode { node_id, reason: "sold".into() }))
    }

    /// Waits until all running nodes have the same ledger of this size, and returns its root and state digest.
    pub(crate) async fn agree_on(&self, size: u64) -> (Hash, Digest) {
        let heads = eventually("all ledgers have the size", async || {
            let heads: Vec<_> = self.running.values().map(|node| head(&node.raft)).collect();
            heads.iter().all(|head| head.0 == size).then_some(heads)
        })
        .await;
        assert!(heads.windows(2).all(|pair| pair[0] == pair[1]), "ledgers differ: {heads:?}");
        (heads[0].1, heads[0].2)
    }
}

/// Size, root and state digest of a node's ledger.
pub(crate) fn head(node: &RaftNode) -> (u64, Hash, Digest) {
    let state = node.state();
    // One record says how long the ledger is: its right edge moves a moment before the state when a snapshot comes in.
    let head = read::head(&state).unwrap();
    (head.size, state.ledger().root_at(head.size).unwrap(), head.state_digest)
}

/// Asks until there is an answer. What must happen, happens before the deadline.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "expected within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
