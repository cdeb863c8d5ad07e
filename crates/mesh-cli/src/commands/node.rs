//! `mesh node`: preparing a node, and the nodes that the ledger knows.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mesh_client::KnownNode;
use mesh_model::Code;
use serde::Serialize;

use super::node_init::{self, InitArgs};
use crate::app::App;
use crate::failure::Failure;
use crate::node_keys::NewNode;
use crate::output::{Row, printable};
use crate::{admission_file, files, node_file, node_keys};

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
    /// Writes what the operator of a new node needs: the founding document, peers, and a checkpoint
    Admission(AdmissionArgs),
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
struct AdmissionArgs {
    /// The file to write; never overwritten
    #[arg(long, value_name = "FILE", default_value = "admission.json")]
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
        Action::Init(args) => node_init::run(&args, app),
        Action::Admission(args) => admission(&args, app).await,
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

/// For the operator of a node that is to join: which mesh, whom to ask, and how far its history was.
async fn admission(args: &AdmissionArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let checkpoint = client.checkpoint().await?.ok_or_else(|| {
        Failure::new(Code::NoReceipt, "the voters have not cosigned a checkpoint yet").hint("try again in a moment")
    })?;
    let nodes = client.known_nodes().await?.items;
    files::create(&args.out, admission_file::to_text(&mesh.genesis, &checkpoint, nodes)?.as_bytes())?;
    app.note(format!("wrote {} for mesh {} ({})", args.out.display(), mesh.name, mesh.id));
    app.note("hint: on the new node's machine: mesh node init --admission FILE");
    Ok(())
}
