//! `mesh man`: manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::app::App;
use crate::cli::Cli;
use crate::failure::Failure;

/// Writes the manual pages, one per command, into a folder.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder; made when it is missing. `man -l DIR/mesh.1` shows a page.
    dir: PathBuf,
}

pub(crate) async fn run(args: ManArgs, app: &App) -> Result<(), Failure> {
    let io = |error: std::io::Error| Failure::io("write", &args.dir, &error);
    std::fs::create_dir_all(&args.dir).map_err(io)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(io)?;
    app.note(format!("wrote the manual pages to {}", args.dir.display()));
    Ok(())
}
