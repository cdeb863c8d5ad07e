//! `mesh submit`: sends a signed command file to the ledger.

use std::path::PathBuf;

use clap::Args;
use mesh_event::Body;
use mesh_model::Code;

use crate::app::App;
use crate::command_file::CommandFile;
use crate::failure::Failure;
use crate::proposing::tell_standing;
use crate::{files, governance};

/// Submits a .meshcmd file that has its signatures, and waits until it is sealed.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The file.
    file: PathBuf,
}

pub(crate) async fn run(args: SubmitArgs, app: &App) -> Result<(), Failure> {
    let file = CommandFile::parse(&files::read_text(&args.file)?)
        .map_err(|error| Failure::from(error).within(args.file.display()))?;
    let client = app.client()?;
    let mesh = client.mesh().await?;
    if mesh.id != file.mesh_id() {
        let message =
            format!("the command is for mesh {}; the node belongs to {}", file.mesh_id().short(), mesh.id.short());
        return Err(
            Failure::new(Code::WrongMesh, message).hint("choose the other mesh: --context, --node or --mesh-id")
        );
    }
    app.reach_sending();
    let acknowledgement = client.submit(file.envelope()).await?.accepted()?;
    let body = &file.command().body;
    if let (Body::Propose(_), Some(index)) = (body, acknowledgement.ledger_index) {
        let council = client.council().await?.council;
        let seats = file.signers().filter(|key| council.seats.iter().any(|seat| seat.key == *key)).count();
        return tell_standing(app, &client, index, Some(seats)).await;
    }
    governance::report(app, &format!("{} took effect", body.kind()), Some(&acknowledgement));
    Ok(())
}
