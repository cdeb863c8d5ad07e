//! One file per command: its arguments, and `run`.

use crate::app::App;
use crate::cli::Command;
use crate::failure::Failure;

pub(crate) mod domain;
pub(crate) mod genesis;
pub(crate) mod sign;
pub(crate) mod submit;

/// Runs a command.
///
/// # Errors
/// Whatever ends it without success.
pub(crate) async fn run(command: Command, app: &App) -> Result<(), Failure> {
    match command {
        Command::Domain(args) => domain::run(args, app).await,
        Command::Genesis(args) => genesis::run(args, app).await,
        Command::Sign(args) => sign::run(args, app).await,
        Command::Submit(args) => submit::run(args, app).await,
    }
}
