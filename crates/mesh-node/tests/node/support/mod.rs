//! A mesh of real nodes in this process: three voters on loopback, a council of three, one domain on each node.

pub(crate) mod audit;
pub(crate) mod load;
pub(crate) mod strangers;

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mesh_client::{Client, ClientOptions, CommandBuilder, MeshError, Outgoing, WaitLevel};
use mesh_event::command::{AdmitDomains, DomainAdmission, PublishVersion, RoleGrant};
use mesh_event::genesis::{PROTOCOL_VERSION, SealedGenesis};
use mesh_event::proposal::{ProposalBody, Propose};
use mesh_event::{Body, Council, Envelope, FeedId, GenesisDocument, Keypair, NodeRecord, Seat, Signer};
use mesh_model::{Code, Descriptor, Digest, DomainName, Name, OutputPort, PortKind, Role, Version};
use mesh_node::replicas::copy::KeptHead;
use mesh_node::replicas::heads;
use mesh_node::{Config, Node};
use tempfile::TempDir;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

pub(crate) const VOTERS: u64 = 3;

/// A key that the test names.
pub(crate) fn keypair(name: &str) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(name.as_bytes()).0))
}

pub(crate) fn domain_of(node: u64) -> DomainName {
    DomainName::parse(&format!("domain_{node}")).unwrap()
}

/// Nodes stand at places from 1 on: the voters of genesis at their numbers, then those that joined.
pub(crate) struct Mesh {
    pub(crate) folder: TempDir,
    pub(crate) genesis: SealedGenesis,
    pub(crate) nodes: Vec<Option<Node>>,
    /// What each node says of itself, by place.
    pub(crate) records: Vec<NodeRecord>,
}

/// A port that is free for TCP and UDP, below those that the system gives to outgoing connections; no two tests of this process get
/// the same one.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 61;
        let port = u16::try_from(10_000 + next % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An address on loopback with such a port.
pub(crate) fn free_address() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn write_key(path: &Path, key: &Keypair) {
    std::fs::write(path, key.to_pem().as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Mesh {
    /// Founds a mesh and starts its nodes.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(tune: impl Fn(&mut Config)) -> Self {
        Self::start_under(PROTOCOL_VERSION, tune).await
    }

    /// Founds a mesh under this protocol version.
    pub(crate) async fn start_under(protocol: u32, tune: impl Fn(&mut Config)) -> Self {
        // RUST_LOG=info shows what the nodes do; a second test of the process finds it set up already.
        drop(tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_test_writer().try_init());
        let folder = TempDir::new().unwrap();
        let genesis = found(folder.path(), protocol);
        let records = genesis.document.voters.clone();
        let mut mesh = Self { folder, genesis, nodes: Vec::new(), records };
        for node in 1..=VOTERS {
            mesh.write_config(node, &tune);
            mesh.nodes.push(None);
        }
        for node in 1..=VOTERS {
            mesh.start_node(node).await;
        }
        mesh.ready().await;
        mesh
    }

    fn node_folder(&self, node: u64) -> PathBuf {
        self.folder.path().join(format!("node-{node}"))
    }

    fn write_config(&self, node: u64, tune: &impl Fn(&mut Config)) {
        let folder = self.node_folder(node);
        let record = &self.records[usize::try_from(node).unwrap() - 1];
        let mut config = Config::new(folder.join("data"), folder.join("keys"), self.folder.path().join("genesis.bin"));
        config.api.listen = record.api_address.parse().unwrap();
        config.peer.listen = record.peer_address.parse().unwrap();
        config.raft.heartbeat_ms = 60;
        config.raft.election_min_ms = 300;
        config.raft.election_max_ms = 600;
        config.search.commit_ms = 20;
        tune(&mut config);
        std::fs::write(folder.join("node.toml"), toml::to_string(&config).unwrap()).unwrap();
    }

    pub(crate) async fn start_node(&mut self, node: u64) {
        // A request that was cut off when the node stopped may hold the store for a moment more.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let started = loop {
            match Node::start(self.config(node)).await {
                Err(error) if error.code() == Code::StoreInUse && tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                started => break started.unwrap(),
            }
        };
        self.nodes[usize::try_from(node).unwrap() - 1] = Some(started);
    }

    /// Makes the keys and the configuration of a node that genesis does not name; returns its place.
    pub(crate) fn prepare(&mut self, tune: impl Fn(&mut Config)) -> u64 {
        let place = self.nodes.len() as u64 + 1;
        self.records.push(make_node(self.folder.path(), place, 0));
        self.nodes.push(None);
        let peers: Vec<String> = self.genesis.document.voters.iter().map(|voter| voter.peer_address.clone()).collect();
        self.write_config(place, &|config: &mut Config| {
            config.join.peers.clone_from(&peers);
            tune(config);
        });
        place
    }

    /// Has the council admit a prepared node; returns its number.
    pub(crate) async fn admit(&self, place: u64) -> u64 {
        let record = self.records[usize::try_from(place).unwrap() - 1].clone();
        self.decide(1, ProposalBody::AdmitNode(record)).await.unwrap() + 1000
    }

    /// Prepares, admits and starts a node; returns its place and its number.
    pub(crate) async fn join(&mut self, tune: impl Fn(&mut Config)) -> (u64, u64) {
        let place = self.prepare(tune);
        let id = self.admit(place).await;
        self.start_node(place).await;
        (place, id)
    }

    /// Signs a council matter with two seats and submits it; gives the leaf that enacted it.
    pub(crate) async fn decide(&self, through: u64, body: ProposalBody) -> Result<u64, Code> {
        self.propose(through, body).await.map_err(|error| error.code)
    }

    /// The same, with what the node says where it refuses.
    pub(crate) async fn propose(&self, through: u64, body: ProposalBody) -> Result<u64, MeshError> {
        let closes_unix_ms = mesh_node::clock::now_unix_ms() + 60 * 60 * 1000;
        let body = Propose { body, closes_unix_ms, summary: String::new(), council_version: 1 };
        let keys = ["seat-1", "seat-2"].map(keypair);
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        let envelope = self.builder().sign(Body::Propose(body), &signers).unwrap();
        let submitted = self.client(through).submit(&envelope).await.and_then(mesh_client::Acknowledgement::accepted);
        submitted.map(|done| done.ledger_index.unwrap())
    }

    /// Changes the configuration that a node starts with next time.
    pub(crate) fn configure(&self, node: u64, change: impl FnOnce(&mut Config)) {
        let mut config = self.config(node);
        change(&mut config);
        std::fs::write(self.node_folder(node).join("node.toml"), toml::to_string(&config).unwrap()).unwrap();
    }

    /// The configuration of a node, as it starts.
    pub(crate) fn config(&self, node: u64) -> Config {
        Config::load(&self.node_folder(node).join("node.toml"), []).unwrap()
    }

    /// Changes the configuration of a node that is stopped.
    pub(crate) fn tune(&self, node: u64, tune: impl Fn(&mut Config)) {
        let mut config = self.config(node);
        tune(&mut config);
        std::fs::write(self.node_folder(node).join("node.toml"), toml::to_string(&config).unwrap()).unwrap();
    }

    pub(crate) async fn stop_node(&mut self, node: u64) {
        let stopped = self.nodes[usize::try_from(node).unwrap() - 1].take().unwrap();
        stopped.shutdown().await;
    }

    pub(crate) fn node(&self, node: u64) -> &Node {
        self.nodes[usize::try_from(node).unwrap() - 1].as_ref().unwrap()
    }

    pub(crate) fn client(&self, node: u64) -> Client {
        let address = &self.records[usize::try_from(node).unwrap() - 1].api_address;
        let mut options = ClientOptions::new([format!("http://{address}")]).pinned(self.genesis.mesh_id);
        options.timeout = Duration::from_secs(20);
        Client::connect(options).unwrap()
    }

    /// Waits until every running node has the genesis.
    pub(crate) async fn ready(&self) {
        for node in self.nodes.iter().flatten() {
            assert!(node.core().wait_applied(0, Duration::from_secs(20)).await, "no genesis within 20 s");
        }
    }

    pub(crate) fn builder(&self) -> CommandBuilder {
        CommandBuilder::new(self.genesis.mesh_id)
    }

    /// Admits one domain on each node, with the key `engineer` in all of them; returns the ledger index.
    pub(crate) async fn admit_domains(&self) -> u64 {
        let index = self.client(1).submit(&admission(self)).await.unwrap().ledger_index.unwrap();
        for node in self.nodes.iter().flatten() {
            assert!(node.core().wait_applied(index, Duration::from_secs(10)).await);
        }
        index
    }

    /// Admits a domain whose feed this node writes, with the key `engineer` in it.
    pub(crate) async fn admit_domain_at(&self, name: &str, node_id: u64) {
        let domain = DomainAdmission {
            name: DomainName::parse(name).unwrap(),
            title: "A late one".into(),
            description: String::new(),
            responsibilities: vec!["its own data".into()],
            parent: None,
            root_keys: vec![keypair("late-root").public_key()],
            root_threshold: 1,
            roles: vec![
                RoleGrant { key: keypair("engineer").public_key(), role: Role::DomainDataEngineer },
                RoleGrant { key: keypair("owner").public_key(), role: Role::DataProductOwner },
            ],
            delegate: Some(node_id),
        };
        let keys = ["seat-1", "seat-2", "late-root", "engineer", "owner"].map(keypair);
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        let body = Body::AdmitDomains(AdmitDomains { domains: vec![domain], council_version: 1 });
        let envelope = self.builder().sign(body, &signers).unwrap();
        let admitted = self.client(1).submit(&envelope).await.unwrap().accepted().unwrap();
        for node in self.nodes.iter().flatten() {
            assert!(node.core().wait_applied(admitted.ledger_index.unwrap(), Duration::from_secs(10)).await);
        }
    }

    /// A signed publish of a first version, or of one that was planned against another.
    pub(crate) fn publish_command(&self, descriptor: Descriptor, planned_against: Option<Digest>) -> Outgoing {
        let body = Body::PublishVersion(PublishVersion { descriptor, planned_against, overflow_breaks: Vec::new() });
        Outgoing::new(self.builder().sign(body, &[&keypair("engineer")]).unwrap())
    }

    pub(crate) async fn publish(&self, through: u64, descriptor: Descriptor) -> u64 {
        let outgoing = self.publish_command(descriptor, None);
        let acknowledgement = self.client(through).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
        acknowledgement.ledger_index.expect("sealed")
    }

    pub(crate) async fn stop(mut self) {
        for node in &mut self.nodes {
            if let Some(node) = node.take() {
                node.shutdown().await;
            }
        }
    }
}

/// Admits one domain on each node, with the key `engineer` in all of them.
pub(crate) fn admission(mesh: &Mesh) -> Envelope {
    let engineer = keypair("engineer").public_key();
    let owner = keypair("owner").public_key();
    let domains = (1..=VOTERS).map(|node| DomainAdmission {
        name: domain_of(node),
        title: format!("Domain {node}"),
        description: String::new(),
        responsibilities: vec!["its own data".into()],
        parent: None,
        root_keys: vec![keypair(&format!("root-{node}")).public_key()],
        root_threshold: 1,
        roles: vec![
            RoleGrant { key: engineer, role: Role::DomainDataEngineer },
            RoleGrant { key: owner, role: Role::DataProductOwner },
        ],
        delegate: Some(node),
    });
    let body = Body::AdmitDomains(AdmitDomains { domains: domains.collect(), council_version: 1 });
    let names = ["seat-1", "seat-2", "root-1", "root-2", "root-3", "engineer", "owner"];
    let keys: Vec<Keypair> = names.iter().map(|name| keypair(name)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    mesh.builder().sign(body, &signers).unwrap()
}

pub(crate) fn descriptor(node: u64, name: &str) -> Descriptor {
    let mut descriptor = Descriptor::new(domain_of(node), Name::parse(name).unwrap());
    descriptor.version = Version::new(1, 0, 0);
    descriptor.description = format!("what {name} is");
    descriptor.owner.team = "team".into();
    descriptor.outputs = vec![OutputPort::new(Name::parse("api").unwrap(), PortKind::Api)];
    descriptor
}

/// A node's keys in its folder, and its record.
fn make_node(folder: &Path, place: u64, node_id: u64) -> NodeRecord {
    let keys_dir = folder.join(format!("node-{place}/keys"));
    std::fs::create_dir_all(&keys_dir).unwrap();
    let keys = ["node", "log", "cosigner"].map(|kind| keypair(&format!("{kind}-{place}")));
    for (kind, key) in ["node", "log", "cosigner"].iter().zip(&keys) {
        write_key(&keys_dir.join(format!("{kind}.pem")), key);
    }
    let mut record = NodeRecord {
        node_id,
        name: format!("node-{place}"),
        key: keys[0].public_key(),
        log_key: Some(keys[1].public_key()),
        cosigner_key: Some(keys[2].public_key()),
        api_address: format!("127.0.0.1:{}", free_port()),
        peer_address: format!("127.0.0.1:{}", free_port()),
        possession: Vec::new(),
    };
    record.prove_possession(&[&keys[0], &keys[1], &keys[2]]);
    record
}

/// A mesh's genesis with keys, as the ceremony makes it.
fn found(folder: &Path, protocol_version: u32) -> SealedGenesis {
    let seat =
        |n: u32| Seat { name: format!("seat-{n}"), key: keypair(&format!("seat-{n}")).public_key(), domain: None };
    let voters = (1..=VOTERS).map(|node| make_node(folder, node, node));
    let document = GenesisDocument {
        mesh_name: "test".into(),
        council: Council { threshold: 2, seats: (1..=3).map(seat).collect() },
        voters: voters.collect(),
        protocol_version,
        created_unix_ms: 0,
        nonce: [7; 16],
        recovery_keys: Vec::new(),
        min_review_ms: 0,
    };
    let payload = document.encode();
    let signers = [keypair("seat-1"), keypair("seat-2")];
    let envelope = Envelope::sign(mesh_event::envelope::GENESIS, payload, &[&signers[0], &signers[1]]).unwrap();
    std::fs::write(folder.join("genesis.bin"), envelope.bytes()).unwrap();
    SealedGenesis::parse(envelope.into_bytes()).unwrap()
}

/// Long enough for a busy machine; nothing waits that long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a node has that many events of a feed.
pub(crate) async fn holds(mesh: &Mesh, node: u64, feed: &FeedId, size: u64) -> KeptHead {
    let core = Arc::clone(mesh.node(node).core());
    let head = || heads::of_feed(&core, feed).ok().flatten();
    until(&format!("node {node} holds {size} events"), async || head().is_some_and(|head| head.goal.size >= size))
        .await;
    head().unwrap()
}
