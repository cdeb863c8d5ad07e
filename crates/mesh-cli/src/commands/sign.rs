//! `mesh sign`: adds a signature to a command file, off-line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mesh_event::{Body, Signer as _};
use mesh_model::{Code, PublicKey};

use crate::app::App;
use crate::command_file::{CommandFile, CommandFileError, added_keys};
use crate::failure::Failure;
use crate::files;
use crate::output::print_stderr;

/// How long a node may take to say who sits in the council; signing needs none.
const ASK: Duration = Duration::from_secs(2);

/// Shows everything that a .meshcmd file says, asks, and adds a signature to it. No node is needed.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The file; changed in place.
    file: PathBuf,
}

pub(crate) async fn run(args: SignArgs, app: &App) -> Result<(), Failure> {
    let file = CommandFile::parse(&files::read_text(&args.file)?)
        .map_err(|error| Failure::from(error).within(args.file.display()))?;
    // Shown even with -q: nobody signs unread.
    print_stderr(&file.describe());
    if let Some(pinned) = app.context()?.mesh_id.filter(|pinned| *pinned != file.mesh_id()) {
        let message =
            format!("the command is for mesh {}; your context pins {}", file.mesh_id().short(), pinned.short());
        return Err(Failure::new(Code::WrongMesh, message).hint("sign with the context of that mesh: --mesh-id"));
    }
    let key = app.signer()?;
    let fingerprint = key.public_key().fingerprint();
    if file.signers().any(|signer| signer == key.public_key()) {
        return Err(CommandFileError::SignedAlready(fingerprint).into());
    }
    app.confirm(&format!("sign this command with {fingerprint}?")).await?;
    let signed = file.with_signature(&key)?;
    files::replace(&args.file, signed.to_text().as_bytes())?;
    app.note(format!("{} has {} signatures now", args.file.display(), signed.signers().count()));
    if decided_by_council(&file.command().body) && !added_keys(&file.command().body).contains(&key.public_key()) {
        tell_seat(app, &key.public_key()).await;
    }
    Ok(())
}

/// Whether seats decide the command, and nobody else.
fn decided_by_council(body: &Body) -> bool {
    matches!(
        body,
        Body::Propose(_) | Body::Approve(_) | Body::Reject(_) | Body::AdmitDomains(_) | Body::RecoverVoters(_)
    )
}

/// A signature that counts for nothing looks like any other: whoever has a node at hand is told.
async fn tell_seat(app: &App, key: &PublicKey) {
    let council = match app.client_within(ASK) {
        Ok(client) => client.council().await.ok(),
        Err(_) => None,
    };
    match council {
        Some(view) if view.council.seats.iter().any(|seat| seat.key == *key) => {}
        Some(_) => app.warn(format!(
            "{} holds no seat of the council in force: this signature may count for nothing",
            key.fingerprint()
        )),
        None => app.note(format!("no node was asked whether {} holds a seat of the council", key.fingerprint())),
    }
}
