//! `mesh proposal open`: matters of the mesh itself, which have no noun of their own: who orders, which nodes there are, and by which
//! rules.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use mesh_client::{Client, KnownNode};
use mesh_event::federation::AdmissionRule;
use mesh_event::proposal::{ProposalBody, RevokeNode, SetProtocol, SetVoters};
use mesh_model::{Code, NodeId};

use crate::app::App;
use crate::failure::Failure;
use crate::key_argument::Signers;
use crate::output::printable;
use crate::proposing::{ProposingArgs, propose};
use crate::{files, node_file};

/// How long a node may take to say what its program knows.
const ANSWER: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    #[command(subcommand)]
    matter: Matter,
}

#[derive(Debug, Subcommand)]
enum Matter {
    /// Proposes who orders the ledger from then on: 1, 3, 5 or 7 nodes
    Voters {
        /// Their numbers, all of them: `mesh node list`
        #[arg(required = true, value_name = "NODE")]
        voters: Vec<NodeId>,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Proposes to let a node in, as an observer; the ledger gives it its number
    AdmitNode {
        /// The node's signed record: `mesh node record` writes it on the node's machine
        #[arg(value_name = "FILE")]
        record: PathBuf,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Proposes to take a node out for ever; its number and keys are never used again
    RevokeNode {
        /// Its number
        #[arg(value_name = "NODE")]
        node_id: NodeId,
        /// Why; it stays in the ledger
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Proposes who may let nodes in beside the council: each domain's root up to a number of nodes, or nobody
    AdmissionRule {
        /// How many nodes each domain may vouch for; 0 for none
        #[arg(value_name = "NODES")]
        nodes_per_domain: u32,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Proposes that the rules of the next protocol version apply; there is no way back
    Protocol {
        /// The version in force + 1
        #[arg(value_name = "VERSION")]
        protocol_version: u32,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
}

pub(super) async fn run(args: OpenArgs, app: &App, client: &Client) -> Result<(), Failure> {
    match args.matter {
        Matter::Voters { voters: nodes, proposing } => voters(app, client, nodes, proposing).await,
        Matter::AdmitNode { record, mut proposing } => {
            let record =
                node_file::parse(&files::read_text(&record)?).map_err(|failure| failure.within(record.display()))?;
            summarise(&mut proposing, || "an observer until it is made a voter; the ledger gives it its number".into());
            propose(app, client, ProposalBody::AdmitNode(record), Signers::default(), &proposing).await
        }
        Matter::AdmissionRule { nodes_per_domain, proposing } => {
            let rule = match nodes_per_domain {
                0 => AdmissionRule::Off,
                nodes_per_domain => AdmissionRule::DomainRoot { nodes_per_domain },
            };
            propose(app, client, ProposalBody::SetAdmissionRule(rule), Signers::default(), &proposing).await
        }
        Matter::RevokeNode { node_id, reason, proposing } => revoke(app, client, node_id, reason, proposing).await,
        Matter::Protocol { protocol_version: version, mut proposing } => {
            let present = client.mesh().await?.protocol_version;
            let silent = knowing(client, version).await?;
            let mut impact = format!(
                "version {present} is in force; a node whose program does not know version {version} stops at that leaf"
            );
            if !silent.is_empty() {
                impact = format!("{impact}; not asked whether they know it: {}", silent.join(", "));
            }
            summarise(&mut proposing, || impact.clone());
            app.confirm(&format!("propose protocol version {version}, from which there is no way back? {impact}."))
                .await?;
            let body = ProposalBody::SetProtocol(SetProtocol { protocol_version: version });
            propose(app, client, body, Signers::default(), &proposing).await
        }
    }
}

/// What those who are to sign are told when the author says nothing.
fn summarise(proposing: &mut ProposingArgs, impact: impl FnOnce() -> String) {
    if proposing.summary.is_empty() {
        proposing.summary = impact();
    }
}

/// Asks the context's nodes whether their programs know a protocol version; returns the addresses of those that don't answer.
///
/// # Errors
/// [`Code::Usage`] when one does not know it: it would stop.
async fn knowing(client: &Client, version: u32) -> Result<Vec<String>, Failure> {
    let client = client.within(ANSWER)?;
    let (mut silent, mut older) = (Vec::new(), Vec::new());
    for url in client.nodes() {
        let status = match client.of_node(url) {
            Ok(node) => node.status().await,
            Err(error) => Err(error),
        };
        match status {
            Ok(status) if status.protocol_known < version => {
                older.push(format!("node {} at {url} knows versions up to {}", status.node_id, status.protocol_known));
            }
            Ok(_) => {}
            Err(_) => silent.push(url.to_owned()),
        }
    }
    if older.is_empty() {
        return Ok(silent);
    }
    let message = format!("{} nodes would stop at protocol version {version}; nothing was proposed", older.len());
    Err(Failure::usage(message).problems(older).hint("update the programs of all nodes first"))
}

async fn voters(
    app: &App,
    client: &Client,
    mut nodes: Vec<NodeId>,
    mut proposing: ProposingArgs,
) -> Result<(), Failure> {
    nodes.sort_unstable();
    if let Some([id, _]) = nodes.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::usage(format!("node {id} stands there twice")));
    }
    let known = client.known_nodes().await?.items;
    let replaces: Vec<NodeId> =
        known.iter().filter(|node| node.standing == "voter").map(|node| node.record.node_id).collect();
    summarise(&mut proposing, || {
        let list = |ids: &[NodeId]| {
            let named = |id: &NodeId| match known.iter().find(|node| node.record.node_id == *id) {
                Some(node) => format!("{id} {}", printable(&node.record.name)),
                None => id.to_string(),
            };
            ids.iter().map(named).collect::<Vec<_>>().join(", ")
        };
        let quorum = nodes.len() / 2 + 1;
        format!(
            "{} instead of {}; {quorum} of them must be up for anything to be decided",
            list(&nodes),
            list(&replaces)
        )
    });
    let body = ProposalBody::SetVoters(SetVoters { voters: nodes, replaces });
    propose(app, client, body, Signers::default(), &proposing).await
}

async fn revoke(
    app: &App,
    client: &Client,
    node_id: NodeId,
    reason: String,
    mut proposing: ProposingArgs,
) -> Result<(), Failure> {
    let known = client.known_nodes().await?.items;
    let KnownNode { record, .. } = known
        .into_iter()
        .find(|node| node.record.node_id == node_id)
        .ok_or_else(|| Failure::new(Code::UnknownNode, format!("there is no node {node_id}")))?;
    let domains = client.domains().await?.items;
    let homes: Vec<String> =
        domains.iter().filter(|d| d.home_node_id == Some(node_id)).map(|d| d.name.to_string()).collect();
    let impact = match homes.as_slice() {
        [] => "it writes no domain's feed".to_owned(),
        homes => format!("it writes the feeds of {}, which wait for another delegation from then on", homes.join(", ")),
    };
    summarise(&mut proposing, || impact.clone());
    let name = printable(&record.name);
    app.confirm(&format!("propose to take out node {node_id} {name} for ever? {impact}.")).await?;
    let body = ProposalBody::RevokeNode(RevokeNode { node_id, reason });
    propose(app, client, body, Signers::default(), &proposing).await
}
