//! Opening and answering council matters: signed with the seats' keys at hand and submitted, or put into a `.meshcmd` file.

use std::time::Duration;

use clap::Args;
use mesh_client::{Acknowledgement, Client, CommandBuilder};
use mesh_event::proposal::{ProposalBody, Propose};
use mesh_event::{Body, Council, Signer as _};
use mesh_model::{Code, LedgerIndex, UnixMs, limits};

use crate::app::App;
use crate::command_file::{Beside, CommandFile, added_keys, named};
use crate::failure::Failure;
use crate::files;
use crate::governance::SigningArgs;
use crate::key_argument::Signers;
use crate::output::printable;
use crate::replaced::Replaced;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Options of every command that opens a council matter.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProposingArgs {
    /// How long it can be approved, in days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=90))]
    pub(crate) closes_days: u64,
    /// What it means for people and products, for those who are to sign
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) summary: String,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}

/// Opens a council matter. With as many seats' keys as the threshold it takes effect at once.
///
/// # Errors
/// No seat's key at hand; what the mesh refuses.
pub(crate) async fn propose(
    app: &App,
    client: &Client,
    body: ProposalBody,
    signers: Signers,
    args: &ProposingArgs,
) -> Result<(), Failure> {
    let council = client.council().await?;
    // Only a file needs it: what is submitted is judged by what is in force then.
    let replaces = match &args.signing.out {
        Some(_) => Replaced::in_force(client, &body, council.version).await?,
        None => None,
    };
    let beside = Beside { proposal: None, replaces };
    let closes_unix_ms = crate::time::now().saturating_add(args.closes_days * DAY_MS);
    let body = Body::Propose(Propose {
        body,
        closes_unix_ms,
        summary: args.summary.clone(),
        council_version: council.version,
    });
    let acknowledgement = speak(app, client, body, &council.council, signers, &args.signing, beside).await?;
    if let Some(index) = acknowledgement.and_then(|acknowledgement| acknowledgement.ledger_index) {
        tell_standing(app, client, index, None).await?;
    }
    Ok(())
}

/// Says where a proposal stands after it was opened. `signatures`: of the seats on the envelope that was sent, where that is known.
///
/// # Errors
/// The transport's.
pub(crate) async fn tell_standing(
    app: &App,
    client: &Client,
    index: LedgerIndex,
    signatures: Option<usize>,
) -> Result<(), Failure> {
    let proposal = client.proposal(index).await?.proposal;
    app.note(format!(
        "proposal {index}, {} of {}, {}",
        proposal.kind,
        printable(&proposal.subject),
        proposal.status_text
    ));
    for what in &proposal.missing {
        app.note(format!("missing: {what}"));
    }
    if proposal.status == "open" {
        // The ledger takes a command once, as it was submitted first.
        if signatures.is_some_and(|signatures| signatures > proposal.approvals.len()) {
            app.warn("the same command was submitted before with fewer signatures; those that came later do not count");
        }
        app.note(format!("hint: each member runs `mesh proposal approve {index}`"));
    }
    Ok(())
}

/// Signs what seats say with their keys at hand and submits it, or writes the file that `--out` names, with what travels beside it.
///
/// # Errors
/// A key that is no seat's and that the command does not add; no key at hand; what the mesh refuses.
pub(crate) async fn speak(
    app: &App,
    client: &Client,
    body: Body,
    council: &Council,
    mut signers: Signers,
    options: &SigningArgs,
    beside: Beside,
) -> Result<Option<Acknowledgement>, Failure> {
    signers.add_files(&options.council_keys)?;
    if let Some(own) = app.signer_if_any()? {
        let seated = council.seats.iter().any(|seat| seat.key == own.public_key());
        if seated || signers.is_empty() {
            signers.add(own);
        }
    }
    let author = signers.author().ok_or_else(|| {
        Failure::new(Code::NoContext, "no private key to sign with")
            .hint("name a council member's key with --council-key or --key")
    })?;
    let added = added_keys(&body);
    for key in signers.public() {
        if !council.seats.iter().any(|seat| seat.key == key) && !added.contains(&key) {
            // Recovery keys and root keys have a say in some matters: the ledger knows in which.
            app.note(format!("{} holds no seat of the council in force", named(&key)));
        }
    }
    let mesh = client.mesh().await?;
    let life = Duration::from_millis(limits::COMMAND_LIFE_MS).min(Duration::from_secs(options.expires_days * 86_400));
    let command = CommandBuilder::new(mesh.id).life(life).build(author, body);
    let file = CommandFile::create(&mesh.name, &command, &signers.as_dyn())?.beside(beside)?;
    let Some(path) = &options.out else {
        app.reach_sending();
        return match client.submit(file.envelope()).await.and_then(Acknowledgement::accepted) {
            Ok(acknowledgement) => Ok(Some(acknowledgement)),
            Err(error) if error.code == Code::AlreadySo => {
                app.note(format!("it is so already: {}", error.message));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        };
    };
    files::create(path, file.to_text().as_bytes())?;
    app.note(format!("wrote {}; nothing was submitted", path.display()));
    app.note(format!("hint: `mesh sign {0}` adds signatures, `mesh submit {0}` sends it", path.display()));
    Ok(None)
}

/// Days from now, as ledger time will be about then.
pub(crate) fn in_days(days: u64) -> UnixMs {
    crate::time::now().saturating_add(days * DAY_MS)
}
