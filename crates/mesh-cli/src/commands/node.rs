//! `mesh node`: preparing a node, and the nodes that the ledger knows.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mesh_client::KnownNode;
use mesh_event::federation::{AdmitVouchedNode, RecoverVoters};
use mesh_event::{Body, LedgerCheckpoint};
use mesh_model::{Code, DomainName, NodeId};
use serde::Serialize;

use super::node_backup::{self, BackupArgs, RestoreArgs};
use super::node_init::{self, InitArgs};
use super::node_refound::{self, RefoundArgs};
use crate::app::App;
use crate::failure::Failure;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::Signers;
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
    /// Lets in a node for which a domain vouches, by the rule of admission in force; the domain's root decides
    Admit(AdmitArgs),
    /// Writes the council's word after a lost quorum: other voters, and the checkpoint from which the ledger goes on
    RecoverVoters(RecoverArgs),
    /// Prepares a stopped node that the council named in a recovery to vote again; on the node's machine
    Refound(RefoundArgs),
    /// Copies a node's data folder while it runs, and verifies the copy; on the node's machine
    Backup(BackupArgs),
    /// Puts a backup where no data is: the node then reads, and has no vote and writes no feed under its old number
    Restore(RestoreArgs),
    /// Lists the nodes that the ledger knows: voters, observers, and those that were taken out
    List,
}

#[derive(Debug, Args)]
struct AdmitArgs {
    /// The node's signed record: `mesh node record` writes it on the node's machine
    #[arg(value_name = "FILE")]
    record: PathBuf,
    /// The domain that vouches for it
    #[arg(long, value_name = "DOMAIN", add = crate::completer::domains())]
    domain: DomainName,
    /// A private root key of the domain. Repeatable
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Args)]
struct RecoverArgs {
    /// The voters from then on: 1, 3, 5 or 7 numbers of `mesh node list`
    #[arg(required = true, value_name = "NODE")]
    voters: Vec<NodeId>,
    /// One more voter, whom the ledger does not know yet: its signed record
    #[arg(long, value_name = "FILE")]
    new: Option<PathBuf>,
    /// The largest checkpoint that counts, as a node serves it: `mesh ledger checkpoint`
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Why; it stays in the ledger
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    signing: SigningArgs,
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
        Action::Admit(args) => admit(args, app).await,
        Action::RecoverVoters(args) => recover_voters(args, app).await,
        Action::Refound(args) => node_refound::refound(&args, app),
        Action::Backup(args) => node_backup::backup(&args, app).await,
        Action::Restore(args) => node_backup::restore(&args, app),
        Action::List => {
            let listing = app.client()?.known_nodes().await?;
            let rows: Vec<NodeRow> = listing.items.into_iter().map(NodeRow).collect();
            app.output().list("nodes", &rows, serde_json::json!({ "freshness": listing.freshness }))
        }
    }
}

async fn admit(args: AdmitArgs, app: &App) -> Result<(), Failure> {
    let node =
        node_file::parse(&files::read_text(&args.record)?).map_err(|failure| failure.within(args.record.display()))?;
    let client = app.client()?;
    let domain = client.domain(&args.domain, None).await?;
    let mut signers = Signers::default();
    signers.add_files(&args.root_keys)?;
    let told = format!("node {} is admitted by {}", printable(&node.name), args.domain);
    let body = Body::AdmitVouchedNode(AdmitVouchedNode { domain: args.domain, node });
    let deciders = Deciders::root_of(&domain);
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(app, &told, acknowledgement.as_ref());
    Ok(())
}

/// Always a file: no quorum is there to take it. The node on which the ledger is refounded does.
async fn recover_voters(args: RecoverArgs, app: &App) -> Result<(), Failure> {
    if args.signing.out.is_none() {
        return Err(Failure::usage("there is no quorum to submit to; expected --out FILE")
            .hint("the ledger is refounded with the signed file on a node that has the checkpoint"));
    }
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let note = std::fs::read(&args.checkpoint).map_err(|error| Failure::io("read", &args.checkpoint, &error))?;
    let base = LedgerCheckpoint::parse(&note, &mesh.id)
        .map_err(|error| Failure::new(Code::BadProof, error.to_string()).within(args.checkpoint.display()))?;
    let known = client.node_records().await?.items;
    let mut voters = Vec::new();
    for id in &args.voters {
        let record = known.iter().find(|record| record.node_id == *id);
        let unknown = || Failure::new(Code::UnknownNode, format!("there is no node {id} to vote"));
        voters.push(record.cloned().ok_or_else(unknown)?);
    }
    voters.sort_by_key(|record| record.node_id);
    if let Some(path) = &args.new {
        voters.push(node_file::parse(&files::read_text(path)?).map_err(|failure| failure.within(path.display()))?);
    }
    let body = RecoverVoters { voters, size: base.size(), root: base.root(), reason: args.reason };
    mesh_event::recovery::recovered_voters(&body).map_err(|error| Failure::new(Code::BadVoters, error.to_string()))?;
    let deciders = Deciders::Council(client.council().await?.council);
    governance::decide(app, &client, Body::RecoverVoters(body), &deciders, Signers::default(), &args.signing).await?;
    Ok(())
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
