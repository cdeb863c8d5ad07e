//! `mesh sign`: adds a signature to a command file, off-line.

use std::path::PathBuf;

use clap::Args;
use mesh_event::Signer as _;
use mesh_model::Code;

use crate::app::App;
use crate::command_file::{CommandFile, CommandFileError};
use crate::failure::Failure;
use crate::files;
use crate::output::print_stderr;

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
    Ok(())
}
