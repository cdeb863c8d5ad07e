//! `mesh node refound`: a stopped node prepares to vote again after a lost quorum.

use std::path::PathBuf;

use clap::Args;
use mesh_node::Config;
use mesh_node::refound;
use serde_json::json;

use crate::app::App;
use crate::command_file::CommandFile;
use crate::failure::Failure;
use crate::files;

/// Arguments of `mesh node refound`.
#[derive(Debug, Args)]
pub(crate) struct RefoundArgs {
    /// The council's signed word: `mesh node recover-voters --out FILE`, signed with `mesh sign`
    #[arg(value_name = "FILE")]
    recovery: PathBuf,
    /// The checkpoint that it names
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Prepares the node of a configuration; it has to be stopped.
///
/// # Errors
/// The reason and its code; nothing was changed then.
pub(crate) fn refound(args: &RefoundArgs, app: &App) -> Result<(), Failure> {
    let config = Config::load(&args.config, std::env::vars())
        .map_err(|error| Failure::new(mesh_model::Code::Config, error.to_string()))?;
    let file = CommandFile::parse(&files::read_text(&args.recovery)?)
        .map_err(|error| Failure::from(error).within(args.recovery.display()))?;
    let note = std::fs::read(&args.checkpoint).map_err(|error| Failure::io("read", &args.checkpoint, &error))?;
    let done = refound::refound(&config, file.signed(), &note)?;
    let voters = done.voters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let document = json!({ "node_id": done.node_id, "size": done.size, "voters": done.voters });
    app.output().one(&document, &done.node_id.to_string(), |_| {
        format!(
            "node {} votes again from {} leaves on, with those of {voters} that are refounded\n",
            done.node_id, done.size
        )
    })?;
    app.note(format!("hint: meshd --config {}", args.config.display()));
    Ok(())
}
