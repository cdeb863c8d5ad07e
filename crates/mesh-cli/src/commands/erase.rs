//! `mesh erase`: deletes the body of an attachment on every node.

use std::path::PathBuf;

use clap::Args;
use mesh_event::Body;
use mesh_event::federation::Erase;
use mesh_model::{Digest, DomainName};

use crate::app::App;
use crate::failure::Failure;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::Signers;

/// Erases an attachment for ever, on every node; its digest stays where it was signed, so proofs stay valid. The domain's root decides,
/// the council, or a role holder who may: `mesh can erase DOMAIN`.
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The attachment's digest: `mesh show ID -o json` lists them
    digest: Digest,
    /// The domain whose attachment it is
    #[arg(long, value_name = "DOMAIN", add = crate::completer::domains())]
    domain: DomainName,
    /// Why; it stays in the ledger: never a person's name
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// A private root key of the domain; your own key signs when none is named. Repeatable
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(crate) async fn run(args: EraseArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let (domain, digest) = (args.domain, args.digest);
    let deciders = if !args.root_keys.is_empty() {
        Deciders::root_of(&client.domain(&domain, None).await?)
    } else if !args.signing.council_keys.is_empty() {
        Deciders::Council(client.council().await?.council)
    } else {
        Deciders::Author
    };
    let mut signers = Signers::default();
    signers.add_files(&args.root_keys)?;
    app.confirm(&format!("erase the attachment {} of {domain} on every node, for ever?", digest.short())).await?;
    let told = format!("the attachment {} of {domain} is erased", digest.short());
    let body = Body::Erase(Erase { domain, digest, reason: args.reason });
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(app, &told, acknowledgement.as_ref());
    Ok(())
}
