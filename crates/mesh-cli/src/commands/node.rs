//! `mesh node`: preparing a node, and the nodes that the ledger knows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mesh_client::KnownNode;
use mesh_event::Signer as _;
use mesh_event::genesis::SealedGenesis;
use mesh_model::{Code, Name};
use mesh_node::Config;
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::node_keys::NewNode;
use crate::output::{Row, printable};
use crate::{files, node_file, node_keys};

/// Nodes: the daemons that keep the mesh.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Writes node.toml for a node of this machine: meshd --config node.toml
    Init(InitArgs),
    /// Writes the signed record of a node that is to be admitted, on its machine: mesh proposal open admit-node FILE
    Record(RecordArgs),
    /// Lists the nodes that the ledger knows: voters, observers, and those that were taken out
    List,
}

#[derive(Debug, Args)]
struct RecordArgs {
    #[command(flatten)]
    node: NewNode,
    /// The record to write; never overwritten
    #[arg(long, value_name = "FILE", default_value = "node.json")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct InitArgs {
    /// What the founding document calls the node
    #[arg(long)]
    name: Name,
    /// Where clients come in; the address of the founding document when absent
    #[arg(long, value_name = "IP:PORT")]
    api: Option<SocketAddr>,
    /// Where other nodes come in; the address of the founding document when absent
    #[arg(long, value_name = "IP:PORT")]
    peer: Option<SocketAddr>,
    /// Accept a peer address beyond loopback, although peers don't prove who they are: on a network of your own only
    #[arg(long)]
    insecure_peers: bool,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The founding document
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The folder of node.pem, log.pem and cosigner.pem
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// The configuration to write; never overwritten
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct NodeRow(KnownNode);

impl Row for NodeRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["id", "name", "standing", "api", "peers", "fingerprint"];
        if wide {
            columns.extend(["key", "admitted", "taken out", "why"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let node = &self.0.record;
        let mut cells = vec![
            node.node_id.to_string(),
            printable(&node.name),
            printable(&self.0.standing),
            printable(&node.api_address),
            printable(&node.peer_address),
            node.key.fingerprint(),
        ];
        if wide {
            let revoked = self.0.revoked_index.map_or_else(String::new, |index| index.to_string());
            cells.extend([
                node.key.to_string(),
                self.0.admitted_index.to_string(),
                revoked,
                printable(&self.0.revoked_reason),
            ]);
        }
        cells
    }
    fn name(&self) -> String {
        self.0.record.node_id.to_string()
    }
}

pub(crate) async fn run(args: NodeArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Init(args) => init(&args, app),
        Action::Record(args) => record(&args, app),
        Action::List => {
            let listing = app.client()?.known_nodes().await?;
            let rows: Vec<NodeRow> = listing.items.into_iter().map(NodeRow).collect();
            app.output().list("nodes", &rows, serde_json::json!({ "freshness": listing.freshness }))
        }
    }
}

fn record(args: &RecordArgs, app: &App) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(Failure::usage(format!("{} is there already and is not overwritten", args.out.display())));
    }
    let NewNode { name, api, peer, keys } = &args.node;
    let record = node_file::record(name, api, peer, &node_keys::of_node(keys)?)?;
    files::create(&args.out, node_file::to_text(&record)?.as_bytes())?;
    app.note(format!("wrote {} for node {name}, key {}", args.out.display(), record.key.fingerprint()));
    app.note(format!("hint: a council member runs `mesh proposal open admit-node {}`", args.out.display()));
    Ok(())
}

fn init(args: &InitArgs, app: &App) -> Result<(), Failure> {
    let bytes = std::fs::read(&args.genesis).map_err(|error| Failure::io("read", &args.genesis, &error))?;
    let genesis = SealedGenesis::parse(bytes)
        .map_err(|error| Failure::new(Code::InvalidFile, error.to_string()).within(args.genesis.display()))?;
    let voters = &genesis.document.voters;
    let record = voters.iter().find(|voter| voter.name == args.name.as_str()).ok_or_else(|| {
        let names = voters.iter().map(|voter| voter.name.as_str()).collect::<Vec<_>>().join(", ");
        Failure::new(
            Code::UnknownNode,
            format!("the founding document has no node {}; its nodes are {names}", args.name),
        )
    })?;
    let keys = node_keys::of_node(&args.keys)?;
    if keys.node.public_key() != record.key {
        let (found, expected) = (keys.node.public_key().fingerprint(), record.key.fingerprint());
        let message =
            format!("{} holds the node key {found}; the founding document has {expected}", args.keys.display());
        return Err(Failure::new(Code::KeyFile, message)
            .hint("use the folder that `mesh genesis join voter` made on this machine"));
    }
    let mut config = Config::new(absolute(&args.data)?, absolute(&args.keys)?, absolute(&args.genesis)?);
    config.api.listen = listen(args.api, &record.api_address, "--api")?;
    config.peer.listen = listen(args.peer, &record.peer_address, "--peer")?;
    config.peer.insecure_peers = args.insecure_peers;
    config.check().map_err(|error| Failure::new(Code::Config, error.to_string()))?;
    let text = toml::to_string(&config).map_err(|error| Failure::internal(error.to_string()))?;
    files::create(&args.out, text.as_bytes())?;
    let id = record.node_id;
    app.note(format!("wrote {} for node {id}; start it: meshd --config {}", args.out.display(), args.out.display()));
    Ok(())
}

/// Where to listen: as told, or at the address that the others know, when that is one of an interface.
fn listen(told: Option<SocketAddr>, known: &str, flag: &str) -> Result<SocketAddr, Failure> {
    if let Some(told) = told {
        return Ok(told);
    }
    known.parse().map_err(|_| {
        Failure::usage(format!("the founding document has {known}, which names no interface; expected {flag} IP:PORT"))
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::io("find", path, &error))
}
