//! Voters and observers, each a process with its own data folder, keys and configuration file: on loopback, or each on a machine of a
//! [`Lab`].

mod founding;
mod ports;
mod probe;
mod process;
mod program;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mesh_client::{Client, ClientOptions, CommandBuilder, Outgoing};
use mesh_event::command::{AdmitDomains, PublishVersion};
use mesh_event::genesis::SealedGenesis;
use mesh_event::{Body, Keypair, NodeRecord, ProposalBody, Propose, Signer};
use mesh_model::{Descriptor, Digest, DomainName, NodeId};
use tempfile::TempDir;
use tokio::time::Instant;

use founding::Place;
pub use ports::free_ports;
pub use process::Process;
pub use program::{beside_this_program, find_program};

use crate::lab::{Lab, Machine};

/// A node's number in the testbed, from 1, voters first. It stays when the node comes back under another number of the ledger.
pub type NodeNumber = u64;

/// How many voters a testbed has, unless it is told.
pub const VOTERS: NodeNumber = 3;
/// All of those.
pub const NODES: [NodeNumber; 3] = [1, 2, 3];

/// The data folder below a node's own.
const ON_LOOPBACK: &str = "data";
const ON_MACHINE: &str = "disk/data";
const POLL: Duration = Duration::from_millis(20);

/// What a testbed can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `meshd` to run.
    pub meshd: PathBuf,
    /// Where the temporary folder is made; the system's place for such when `None`. On a RAM disk a sync costs nothing.
    pub folder: Option<PathBuf>,
    /// Voters, numbered from 1: 1, 3, 5 or 7.
    pub voters: NodeNumber,
    /// Nodes outside Raft, numbered after the voters.
    pub observers: NodeNumber,
    /// Where each node gets a machine of its own; on loopback when `None`.
    pub lab: Option<Arc<Lab>>,
    /// Size of a machine's disk, in MiB.
    pub disk_mib: u64,
    /// Domains that are at home on each node.
    pub domains_per_node: usize,
    /// TOML after `[node]`, `[api]` and `[peer]`, for all nodes.
    pub sections: String,
    /// How long founding and every start may take.
    pub patience: Duration,
}

impl Settings {
    /// Three voters on loopback, one domain per node, the daemon's defaults, 30 seconds.
    pub fn new(meshd: PathBuf) -> Self {
        let patience = Duration::from_secs(30);
        Self {
            meshd,
            folder: None,
            voters: VOTERS,
            observers: 0,
            lab: None,
            disk_mib: 128,
            domains_per_node: 1,
            sections: String::new(),
            patience,
        }
    }
}

/// A running mesh. Dropped, its processes are killed and its folder is deleted.
pub struct Testbed {
    // Before the folder: what still runs must not write into what is being deleted.
    nodes: Vec<Process>,
    machines: Vec<Machine>,
    folder: TempDir,
    genesis: SealedGenesis,
    /// By number; an observer's node id is the ledger's.
    records: Vec<NodeRecord>,
    engineer: Keypair,
    domains: Vec<(DomainName, NodeNumber)>,
    voters: NodeNumber,
    /// Numbers of the ledger whose disks are gone, with the node that they were.
    lost: BTreeMap<NodeId, NodeNumber>,
    patience: Duration,
}

impl Testbed {
    /// Founds a mesh, starts its nodes, waits until all are ready and admits the domains.
    ///
    /// # Errors
    /// When a file cannot be written, a node does not start, or the mesh does not get ready in time.
    pub async fn found(settings: &Settings) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("mesh-testbed-");
        let folder = match &settings.folder {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        }
        .context("cannot make a temporary folder")?;
        let numbers: Vec<NodeNumber> = (1..=settings.voters + settings.observers).collect();
        let places = places(settings, &numbers)?;
        let voters = place(settings.voters) + 1;
        let (genesis, records) = founding::found(folder.path(), &places, voters, &settings.sections)?;
        let (mut nodes, mut machines) = (Vec::new(), Vec::new());
        for node in &numbers {
            let home = folder.path().join(format!("node-{node}"));
            let arguments: Vec<OsString> = vec!["--config".into(), home.join("node.toml").into_os_string()];
            let (program, arguments) = match &settings.lab {
                None => (settings.meshd.clone(), arguments),
                Some(lab) => {
                    let machine = Machine::new(*node, &home, settings.disk_mib)?;
                    let command = lab.command(&machine, &settings.meshd, &arguments);
                    machines.push(machine);
                    command
                }
            };
            nodes.push(Process::new(format!("node {node}"), &program, arguments, home.join("trace")));
        }
        let domains = founding::domains(&numbers, settings.domains_per_node);
        let engineer = founding::keypair("engineer");
        let patience = settings.patience;
        let (lost, founders) = (BTreeMap::new(), settings.voters);
        let mut testbed =
            Self { nodes, machines, folder, genesis, records, engineer, domains, voters: founders, lost, patience };
        // A node that nobody admitted yet waits until it is.
        for node in &numbers {
            testbed.node_mut(*node).start()?;
        }
        let (voters, observers) = numbers.split_at(voters);
        testbed.wait_ready(voters.iter().copied()).await?;
        for observer in observers {
            testbed.admit_node(*observer).await?;
        }
        testbed.wait_ready(observers.iter().copied()).await?;
        testbed.admit_domains().await?;
        Ok(testbed)
    }

    /// All nodes' numbers.
    pub fn nodes(&self) -> Vec<NodeNumber> {
        (1..).take(self.records.len()).collect()
    }

    /// Those that the founding document lets vote.
    pub fn voters(&self) -> Vec<NodeNumber> {
        (1..=self.voters).collect()
    }

    /// A node's number in the ledger, as it is now.
    ///
    /// # Panics
    /// For a number that no node has.
    pub fn node_id(&self, node: NodeNumber) -> NodeId {
        self.records[place(node)].node_id
    }

    /// Which node has, or had, a number of the ledger, and whether the disk that it had under it is gone.
    pub fn node_of(&self, id: NodeId) -> Option<(NodeNumber, bool)> {
        let now = self.nodes().into_iter().find(|node| self.node_id(*node) == id).map(|node| (node, false));
        now.or_else(|| self.lost.get(&id).map(|node| (*node, true)))
    }

    /// Takes note that a node lost its disk and has another number of the ledger from now on.
    ///
    /// # Panics
    /// For a number that no node has.
    pub fn replaced(&mut self, node: NodeNumber, id: NodeId) {
        let before = std::mem::replace(&mut self.records[place(node)].node_id, id);
        self.lost.insert(before, node);
    }

    /// Takes note of a domain's new home.
    ///
    /// # Panics
    /// For a domain that there is not.
    pub fn moved(&mut self, domain: usize, home: NodeNumber) {
        self.domains[domain].1 = home;
    }

    /// The file of the key that speaks for a domain, written when it is asked for first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn root_key(&self, domain: &DomainName) -> Result<PathBuf> {
        let path = self.folder().join(format!("root-{domain}.pem"));
        if !path.exists() {
            founding::write_key(&path, &founding::root(domain))?;
        }
        Ok(path)
    }

    /// The folder of a node's keys.
    pub fn keys_folder(&self, node: NodeNumber) -> PathBuf {
        self.folder().join(format!("node-{node}")).join("keys")
    }

    /// A node's machine.
    ///
    /// # Panics
    /// Outside of a laboratory, and for a number that no node has.
    pub fn machine(&self, node: NodeNumber) -> &Machine {
        &self.machines[place(node)]
    }

    /// The temporary folder: `node-N/data`, `node-N/keys`, `node-N/node.toml`, `node-N/trace`, `genesis.bin`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder, for somebody who wants to look at it; of machines' disks a copy, where that is possible.
    pub fn keep_folder(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        for machine in &self.machines {
            if let Err(error) = machine.keep() {
                eprintln!("warning: the disk of node {} is not kept: {error:#}", machine.node());
            }
        }
        self.folder.path()
    }

    /// A node's data folder.
    pub fn data_folder(&self, node: NodeNumber) -> PathBuf {
        let home = self.folder().join(format!("node-{node}"));
        home.join(if self.machines.is_empty() { ON_LOOPBACK } else { ON_MACHINE })
    }

    /// The founding document.
    pub fn genesis(&self) -> &SealedGenesis {
        &self.genesis
    }

    /// The domains, each with its home as it is now.
    pub fn domains(&self) -> &[(DomainName, NodeNumber)] {
        &self.domains
    }

    /// A node's process.
    ///
    /// # Panics
    /// For a number that no voter has.
    pub fn node(&self, node: NodeNumber) -> &Process {
        &self.nodes[place(node)]
    }

    /// A node's process.
    ///
    /// # Panics
    /// For a number that no voter has.
    pub fn node_mut(&mut self, node: NodeNumber) -> &mut Process {
        &mut self.nodes[place(node)]
    }

    /// Where a node's clients come in, `127.0.0.1:port`.
    ///
    /// # Panics
    /// For a number that no voter has.
    pub fn api_address(&self, node: NodeNumber) -> &str {
        &self.records[place(node)].api_address
    }

    /// A client with a connection of its own that knows these nodes, in this order. Needs a tokio runtime.
    ///
    /// # Errors
    /// When there is no node.
    pub fn client(&self, nodes: &[NodeNumber], timeout: Duration) -> Result<Client> {
        let addresses = nodes.iter().map(|node| format!("http://{}", self.api_address(*node)));
        let mut options = ClientOptions::new(addresses).pinned(self.genesis.mesh_id);
        options.timeout = timeout;
        Ok(Client::connect(options)?)
    }

    /// Signs the publishing of a version, as the engineer of all domains.
    ///
    /// # Errors
    /// When the descriptor is too large.
    pub fn publish_command(&self, descriptor: Descriptor, planned_against: Option<Digest>) -> Result<Outgoing> {
        sign_publish(&self.signer(), descriptor, planned_against)
    }

    /// What signs for the engineer; can be sent to another thread.
    pub fn signer(&self) -> Engineer {
        Engineer { builder: CommandBuilder::new(self.genesis.mesh_id), key: self.engineer.clone() }
    }

    /// Waits until all of these nodes answer `/readyz` with OK.
    ///
    /// # Errors
    /// When one ends by itself, or not all are ready in time.
    pub async fn wait_ready(&mut self, nodes: impl IntoIterator<Item = NodeNumber>) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        for node in nodes {
            self.wait_ready_until(node, deadline).await?;
        }
        Ok(())
    }

    /// Waits until a node answers `/readyz` with OK.
    ///
    /// # Errors
    /// When it ends by itself, or is not ready in time.
    pub async fn wait_ready_until(&mut self, node: NodeNumber, deadline: Instant) -> Result<()> {
        let address = self.api_address(node).to_owned();
        loop {
            let said = probe::readyz(&address).await;
            if let Some(status) = self.node_mut(node).ended() {
                bail!("node {node} ended by itself ({status}):\n{}", self.node(node).last_words());
            }
            match said {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => {
                    bail!("node {node} did not get ready in time: {error}\n{}", self.node(node).last_words())
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// SIGTERM to all nodes at once, and the wait for their ends; what went wrong with each.
    pub async fn terminate(&mut self, within: Duration) -> Vec<anyhow::Error> {
        let ended = futures::future::join_all(self.nodes.iter_mut().map(|node| node.terminate(within))).await;
        ended.into_iter().filter_map(Result::err).collect()
    }

    /// The council lets a node in; its id is the ledger's to give.
    async fn admit_node(&mut self, node: NodeNumber) -> Result<()> {
        let record = self.records[place(node)].clone();
        let body = Propose {
            body: ProposalBody::AdmitNode(record),
            closes_unix_ms: now_unix_ms()? + 60 * 60 * 1000,
            summary: String::new(),
            council_version: 1,
        };
        let keys = ["seat-1", "seat-2"].map(founding::keypair);
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        let envelope = CommandBuilder::new(self.genesis.mesh_id).sign(Body::Propose(body), &signers)?;
        let admitted = self.client(&[1], self.patience)?.submit(&envelope).await?.accepted()?;
        let index = admitted.ledger_index.context("the admission of a node was not sealed")?;
        self.records[place(node)].node_id = index + 1000;
        Ok(())
    }

    async fn admit_domains(&self) -> Result<()> {
        let (domains, keys) = founding::admissions(&self.domains, &self.records);
        let body = Body::AdmitDomains(AdmitDomains { domains, council_version: 1 });
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        let envelope = CommandBuilder::new(self.genesis.mesh_id).sign(body, &signers)?;
        let admitted = self.client(&self.nodes(), self.patience)?.submit(&envelope).await?.accepted()?;
        let index = admitted.ledger_index.context("the admission of domains was not sealed")?;
        for node in self.nodes() {
            let deadline = Instant::now() + self.patience;
            let client = self.client(&[node], self.patience)?;
            while client.ledger_head(Some(index + 1)).await.is_err() {
                if Instant::now() >= deadline {
                    bail!("node {node} did not apply the admission of domains in time");
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}

/// The domains' engineer: signs publishes.
#[derive(Clone)]
pub struct Engineer {
    builder: CommandBuilder,
    key: Keypair,
}

impl Engineer {
    /// Signs the publishing of a version.
    ///
    /// # Errors
    /// When the descriptor is too large.
    pub fn publish(&self, descriptor: Descriptor, planned_against: Option<Digest>) -> Result<Outgoing> {
        sign_publish(self, descriptor, planned_against)
    }
}

fn sign_publish(by: &Engineer, descriptor: Descriptor, planned_against: Option<Digest>) -> Result<Outgoing> {
    let body = Body::PublishVersion(PublishVersion { descriptor, planned_against, overflow_breaks: Vec::new() });
    Ok(Outgoing::new(by.builder.sign(body, &[&by.key])?))
}

/// Addresses and data folders.
fn places(settings: &Settings, nodes: &[NodeNumber]) -> Result<Vec<(NodeNumber, Place)>> {
    if let Some(lab) = &settings.lab {
        let place = |node| {
            let (api, peer) = lab.addresses(node);
            (node, Place { api, peer, data: ON_MACHINE })
        };
        return Ok(nodes.iter().copied().map(place).collect());
    }
    let ports = free_ports(2 * nodes.len())?;
    let place = |(node, ports): (&NodeNumber, &[u16])| {
        let at = |port: u16| format!("127.0.0.1:{port}");
        (*node, Place { api: at(ports[0]), peer: at(ports[1]), data: ON_LOOPBACK })
    };
    Ok(nodes.iter().zip(ports.chunks_exact(2)).map(place).collect())
}

fn now_unix_ms() -> Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(u64::try_from(now.context("this machine's clock is before 1970")?.as_millis())?)
}

fn place(node: NodeNumber) -> usize {
    usize::try_from(node - 1).expect("voters are few")
}
