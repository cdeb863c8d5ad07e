//! `mesh domain rotate-root|replace-root|veto-root`: who speaks for a domain, over time.

use std::path::{Path, PathBuf};

use clap::Args;
use mesh_client::Client;
use mesh_event::Body;
use mesh_event::command::{RotateDomainKeys, VetoRootReplacement};
use mesh_event::proposal::{ProposalBody, ReplaceDomainRoot};
use mesh_model::{Code, DomainName, LedgerIndex, PublicKey};

use crate::app::App;
use crate::failure::Failure;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::{KeyArgument, Signers};
use crate::proposing::{ProposingArgs, propose};

#[derive(Debug, Args)]
pub(super) struct RotateRootArgs {
    /// Which.
    #[arg(add = crate::completer::domains())]
    name: DomainName,
    /// A private root key of the domain in force. Repeatable.
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    /// A root key from then on: a public key, or a private key file, which then signs. The whole new list: name again what
    /// stays. Repeatable.
    #[arg(long = "new-key", value_name = "KEY", required = true)]
    new_keys: Vec<String>,
    /// How many of the new keys have to sign what the root decides; as many as before when it is absent.
    #[arg(long, value_name = "N")]
    root_threshold: Option<u32>,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReplaceRootArgs {
    /// Which.
    #[arg(add = crate::completer::domains())]
    name: DomainName,
    /// A new root key: a public key, or a private key file, which then signs. Repeatable.
    #[arg(long = "new-key", value_name = "KEY", required = true)]
    new_keys: Vec<String>,
    /// How many of them have to sign what the root decides.
    #[arg(long, default_value_t = 1)]
    root_threshold: u32,
    /// Why; it stays in the ledger.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    proposing: ProposingArgs,
}

#[derive(Debug, Args)]
pub(super) struct VetoRootArgs {
    /// Which.
    #[arg(add = crate::completer::domains())]
    name: DomainName,
    /// A private root key of the domain in force. Repeatable.
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    /// The proposal that decided the replacement; the last one that was enacted for the domain when it is absent.
    #[arg(long, value_name = "INDEX")]
    proposal: Option<LedgerIndex>,
    /// Why; it stays in the ledger.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    signing: SigningArgs,
}

/// The keys that are named; the private ones among them sign.
fn new_root(named: &[String], signers: &mut Signers) -> Result<Vec<PublicKey>, Failure> {
    let mut keys = Vec::new();
    for key in named {
        let key = KeyArgument::parse(key, Path::new(""))?;
        keys.push(key.public());
        if let Some(keypair) = key.private() {
            signers.add(keypair);
        }
    }
    Ok(keys)
}

pub(super) async fn rotate(app: &App, args: RotateRootArgs) -> Result<(), Failure> {
    let client = app.client()?;
    let domain = client.domain(&args.name, None).await?;
    let mut signers = Signers::default();
    // The root in force signs first: one of its keys is the author.
    signers.add_files(&args.root_keys)?;
    let root_keys = new_root(&args.new_keys, &mut signers)?;
    let root_threshold = args.root_threshold.unwrap_or(domain.root_threshold);
    if root_threshold == 0 || root_threshold as usize > root_keys.len() {
        let message = format!("{root_threshold} of {} new root keys cannot decide", root_keys.len());
        return Err(Failure::usage(message).hint("--new-key names the whole new list, --root-threshold how many sign"));
    }
    let deciders = Deciders::Rotation {
        domain: args.name.clone(),
        old: (domain.root_keys.clone(), domain.root_threshold),
        new: (root_keys.clone(), root_threshold),
    };
    let told = format!("{root_threshold} of {} root keys speak for {} now", root_keys.len(), args.name);
    let roster_version = domain.roster_version;
    let body =
        Body::RotateDomainKeys(RotateDomainKeys { domain: args.name, root_keys, root_threshold, roster_version });
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(app, &told, acknowledgement.as_ref());
    Ok(())
}

pub(super) async fn replace(app: &App, args: ReplaceRootArgs) -> Result<(), Failure> {
    let client = app.client()?;
    let mut signers = Signers::default();
    signers.add_files(&args.proposing.signing.council_keys)?;
    let root_keys = new_root(&args.new_keys, &mut signers)?;
    let body = ProposalBody::ReplaceDomainRoot(ReplaceDomainRoot {
        domain: args.name,
        root_keys,
        root_threshold: args.root_threshold,
        reason: args.reason,
    });
    propose(app, &client, body, signers, &args.proposing).await
}

pub(super) async fn veto(app: &App, args: VetoRootArgs) -> Result<(), Failure> {
    let client = app.client()?;
    let domain = client.domain(&args.name, None).await?;
    let proposal = match args.proposal {
        Some(proposal) => proposal,
        None => last_replacement(&client, &args.name).await?,
    };
    let mut signers = Signers::default();
    signers.add_files(&args.root_keys)?;
    let told = format!("the replacement of the root of {} by proposal {proposal} is stopped", args.name);
    let body = Body::VetoRootReplacement(VetoRootReplacement { domain: args.name, proposal, reason: args.reason });
    let deciders = Deciders::root_of(&domain);
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(app, &told, acknowledgement.as_ref());
    Ok(())
}

/// The proposal whose replacement may still wait: a later decision takes the place of an earlier one. Whether its time is
/// over is for the ledger to say.
async fn last_replacement(client: &Client, domain: &DomainName) -> Result<LedgerIndex, Failure> {
    let proposals = client.proposals(true, None).await?.items;
    let enacted = proposals.into_iter().filter(|proposal| {
        (proposal.kind.as_str(), proposal.subject.as_str(), proposal.status.as_str())
            == ("ReplaceDomainRoot", domain.as_str(), "enacted")
    });
    // The last approval enacted it.
    let last = enacted.max_by_key(|proposal| proposal.approvals.iter().map(|vote| vote.ledger_index).max());
    last.map(|proposal| proposal.index).ok_or_else(|| {
        Failure::new(Code::NoReplacement, format!("no replacement of the root of {domain} was ever decided"))
            .hint("`mesh proposal list --open` shows what may still be decided")
    })
}
