//! `mesh completion`: what a shell needs to complete commands, ids and domains.

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::env::Shells;

use crate::app::App;
use crate::cli::Cli;
use crate::failure::Failure;

/// Prints the completion script of a shell, such as: source <(mesh completion bash)
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// Which shell.
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

/// The variable that makes `mesh` complete instead of run.
pub(crate) const VARIABLE: &str = "COMPLETE";

pub(crate) async fn run(args: CompletionArgs, app: &App) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let name = args.shell.name();
    let shell = shells.completer(name).ok_or_else(|| Failure::internal(format!("no completion for {name}")))?;
    // The script calls this very binary back: another `mesh` on the path may have other commands.
    let program = std::env::current_exe().map_or_else(|_| "mesh".into(), |path| path.display().to_string());
    let command = Cli::command();
    let bin = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, &bin, &bin, &program, &mut script)
        .map_err(|error| Failure::internal(format!("cannot write the script: {error}")))?;
    app.output().text(&String::from_utf8_lossy(&script))
}
