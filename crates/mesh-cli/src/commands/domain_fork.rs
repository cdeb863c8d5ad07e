//! `mesh domain report|resolve`: a feed of which its node signed two histories.

use std::path::PathBuf;

use clap::Args;
use mesh_event::Body;
use mesh_event::federation::{ReportEquivocation, ResolveEquivocation};
use mesh_model::{Code, Digest, DomainName, NodeId};
use mesh_verify::FeedForkFile;

use crate::app::App;
use crate::failure::Failure;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::Signers;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The proof: a node that found one keeps it in its data folder
    #[arg(value_name = "PROOF")]
    file: PathBuf,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    /// Which.
    #[arg(add = crate::completer::domains())]
    name: DomainName,
    /// The history that stands, by its head: how many events it has
    #[arg(long, value_name = "N")]
    events: u64,
    /// And its root: `mesh domain show` lists both heads
    #[arg(long, value_name = "DIGEST")]
    root: Digest,
    /// The node that goes on
    #[arg(long, value_name = "NODE_ID")]
    to: NodeId,
    /// Why; it stays in the ledger.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// A private root key of the domain. Repeatable.
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(super) async fn report(app: &App, args: ReportArgs) -> Result<(), Failure> {
    let bytes = std::fs::read(&args.file).map_err(|error| Failure::io("read", &args.file, &error))?;
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let holds = FeedForkFile::parse(&bytes).and_then(|file| file.verify(Some(&mesh.id)).map(|_| file));
    let FeedForkFile { proof, .. } =
        holds.map_err(|fault| Failure::new(Code::BadProof, format!("{}: {fault}", args.file.display())))?;
    let told = format!("the fork of the feed {}/{} is reported", proof.feed.domain, proof.feed.epoch);
    let body = Body::ReportEquivocation(ReportEquivocation { proof });
    let acknowledgement =
        governance::decide(app, &client, body, &Deciders::Author, Signers::default(), &args.signing).await?;
    governance::report(app, &told, acknowledgement.as_ref());
    Ok(())
}

pub(super) async fn resolve(app: &App, args: ResolveArgs) -> Result<(), Failure> {
    let client = app.client()?;
    let domain = client.domain(&args.name, None).await?;
    let Some(fork) = &domain.fork else {
        return Err(Failure::new(Code::UnknownReport, format!("no report of a forked feed waits for {}", args.name)));
    };
    let mut signers = Signers::default();
    signers.add_files(&args.root_keys)?;
    let epoch = domain.epoch + 1;
    let body = Body::ResolveEquivocation(ResolveEquivocation {
        domain: args.name.clone(),
        report: fork.ledger_index,
        head_size: args.events,
        head_root: args.root,
        node_id: args.to,
        epoch,
        reason: args.reason,
    });
    let deciders = Deciders::root_of(&domain);
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    let told = format!("node {} writes {} as epoch {epoch}", args.to, args.name);
    governance::report(app, &told, acknowledgement.as_ref());
    Ok(())
}
