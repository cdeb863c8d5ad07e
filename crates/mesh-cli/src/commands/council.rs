//! `mesh council`: who decides for the whole mesh.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Args, Subcommand};
use mesh_client::CouncilView;
use mesh_event::Seat;
use mesh_event::proposal::{AmendCouncil, ProposalBody};
use mesh_model::{Code, Digest, DomainName};
use serde::Serialize;

use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::key_argument::{KeyArgument, Signers};
use crate::output::printable;
use crate::proposing::{ProposingArgs, propose};
use crate::replaced::council_digest;

/// The council: the members whose signatures decide what is global.
#[derive(Debug, Args)]
pub(crate) struct CouncilArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows seats, threshold and version
    Show,
    /// Proposes another council: the old and the new one have to agree, and who joins signs
    Amend(Box<AmendArgs>),
}

#[derive(Debug, Args)]
struct AmendArgs {
    /// A member who joins, NAME=KEY or NAME=KEY:DOMAIN; KEY is a public key, or a private key file, which then signs. Repeatable
    #[arg(long = "add", value_name = "NAME=KEY")]
    add: Vec<String>,
    /// A member who leaves, by name or key. Repeatable
    #[arg(long = "remove", value_name = "NAME")]
    remove: Vec<String>,
    /// How many seats decide from then on
    #[arg(long, value_name = "N")]
    threshold: Option<u32>,
    /// How long every proposal is open before it can take effect, in hours; as it is when absent
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(0..=720))]
    min_review_hours: Option<u64>,
    /// A key that helps a council which can no longer decide, public or a private key file, which then signs; the whole list, as it
    /// is when absent. Repeatable
    #[arg(long = "recovery-key", value_name = "KEY")]
    recovery_keys: Vec<String>,
    /// There are no recovery keys from then on
    #[arg(long, conflicts_with = "recovery_keys")]
    no_recovery_keys: bool,
    #[command(flatten)]
    proposing: ProposingArgs,
}

pub(crate) async fn run(args: CouncilArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Show => show(app).await,
        Action::Amend(args) => amend(app, *args).await,
    }
}

async fn amend(app: &App, args: AmendArgs) -> Result<(), Failure> {
    let client = app.client()?;
    let view = client.council().await?;
    let mut council = view.council;
    for leaver in &args.remove {
        let before = council.seats.len();
        council.seats.retain(|seat| seat.name != *leaver && seat.key.to_string() != *leaver);
        if council.seats.len() == before {
            return Err(Failure::new(Code::NotFound, format!("no seat is called {leaver}")).hint("`mesh council show`"));
        }
    }
    let mut signers = Signers::default();
    for joiner in &args.add {
        let (name, rest) = joiner
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--add {joiner}: expected NAME=KEY or NAME=KEY:DOMAIN")))?;
        // A public key has a colon of its own: ed25519:...
        let (key, domain) = match rest.rsplit_once(':') {
            Some((key, domain)) if key != "ed25519" => (key, Some(domain)),
            _ => (rest, None),
        };
        let domain = domain.map(DomainName::parse).transpose();
        let domain = domain.map_err(|error| Failure::usage(format!("--add {joiner}: {error}")))?;
        let key = KeyArgument::parse(key, Path::new(""))?;
        council.seats.push(Seat { name: name.to_owned(), key: key.public(), domain });
        if let Some(keypair) = key.private() {
            signers.add(keypair);
        }
    }
    if let Some(threshold) = args.threshold {
        council.threshold = threshold;
    }
    let keep = args.recovery_keys.is_empty() && !args.no_recovery_keys;
    let mut recovery_keys = if keep { view.recovery_keys } else { Vec::new() };
    for key in &args.recovery_keys {
        let key = KeyArgument::parse(key, Path::new(""))?;
        recovery_keys.push(key.public());
        if let Some(keypair) = key.private() {
            signers.add(keypair);
        }
    }
    let min_review_ms = args.min_review_hours.map_or(view.min_review_ms, |hours| hours * 60 * 60 * 1_000);
    let body = ProposalBody::AmendCouncil(AmendCouncil { council, min_review_ms, recovery_keys });
    // The seats in force sign first: the first signer is the author.
    let mut all = Signers::default();
    all.add_files(&args.proposing.signing.council_keys)?;
    all.append(signers);
    propose(app, &client, body, all, &args.proposing).await
}

/// The council in force, and what names its terms where files are compared with it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    view: CouncilView,
    digest: Digest,
}

async fn show(app: &App) -> Result<(), Failure> {
    let view = app.client()?.council().await?;
    let digest = council_digest(&view.council, view.min_review_ms, &view.recovery_keys);
    let shown = Shown { view, digest };
    app.output().one(&shown, &shown.view.version.to_string(), |style| {
        let view = &shown.view;
        let council = &view.council;
        let title = style.bold(&format!("{} of {} seats decide", council.threshold, council.seats.len()));
        let mut text = format!("{title}, council version {}\n", view.version);
        for seat in &council.seats {
            let domain = seat.domain.as_ref().map_or_else(String::new, |domain| format!(" of the domain {domain}"));
            writeln!(text, "{:<16}{}{domain}", printable(&seat.name), named(&seat.key)).expect("writing to a string");
        }
        for entry in &view.mesh_roles {
            let until = entry.revoked_index.map_or_else(String::new, |index| format!(", revoked at {index}"));
            writeln!(text, "{:<16}{}{until}", entry.role, named(&entry.key)).expect("writing to a string");
        }
        writeln!(text, "{:<16}{digest}", "digest").expect("writing to a string");
        text
    })
}
