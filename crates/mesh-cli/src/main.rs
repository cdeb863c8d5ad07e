//! The `mesh` command: for people and scripts.
//!
//! Row 6 of the workspace, on top of everything. It reads product files (`mesh-formats`), signs (`mesh-event`), talks to
//! nodes (`mesh-client`) and, for `mesh up`, runs some itself (`mesh-node`). It decides nothing: what is valid, who may
//! act and what breaks consumers is said below.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the tree of commands and global flags |
//! | [`app`] | what every command gets: context, client, signer, output |
//! | [`context`] | where node, mesh and key come from |
//! | [`failure`], [`fate`] | errors as people, scripts and exit codes see them |
//! | [`output`], [`progress`], [`confirm`] | data to stdout, everything else to stderr |
//! | [`keyfile`], [`sealed_key`], [`passphrase`] | private keys on disk, and what protects them |
//! | [`command_file`], [`replaced`] | `.meshcmd` files, and what a matter changes |
//! | [`commands`] | one file per command |
//!
//! # Invariants
//! - Data goes to stdout; messages, progress, questions and errors to stderr.
//! - A private key is read only from a file that nobody else can read, or from `MESH_KEY`; its passphrase from the
//!   terminal, without echo, or from `MESH_KEY_PASSPHRASE`.
//! - The exit code follows from the error's stable code and from nothing else.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::CompleteEnv;

use crate::app::App;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::print_stderr;
use crate::style::Style;

mod admission_file;
mod app;
mod ceremony;
mod cli;
mod command_file;
mod command_text;
mod commands;
mod completer;
mod confirm;
mod context;
mod contracts;
mod doctor;
mod domain_file;
mod failure;
mod fate;
mod field_reference;
mod files;
mod governance;
mod key_argument;
mod keyfile;
mod lines;
mod local_mesh;
mod measuring;
mod node_file;
mod node_keys;
mod output;
mod passphrase;
mod plan_file;
mod preparing;
mod product_files;
mod product_page;
mod progress;
mod proposing;
mod publishing;
mod reading;
mod registry_import;
mod remembered;
mod replaced;
mod scaffold;
mod sealed_key;
mod standard_files;
mod style;
mod text_bytes;
mod time;
mod upgrade;

/// Half of the standard allocator's time under load, and memory that goes back to the system after it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Ends here when a shell asks for completions.
    CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && asks_for_json() => {
            let failure = usage(&error.render().to_string());
            print_stderr(&failure.render(true, Style::new(false)));
            return ExitCode::from(failure.exit_code());
        }
        Err(error) => error.exit(),
    };
    start_trace();
    let app = App::new(cli.globals);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return app.fail(&Failure::internal(format!("no threads to run on: {error}"))),
    };
    let result = runtime.block_on(async {
        tokio::select! {
            result = commands::run(cli.command, &app) => result,
            () = app.interrupted() => Err(Failure::interrupted(&app.reached())),
        }
    });
    // Connections and blocking reads of a command that ended must not hold up the shell.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => app.fail(&failure),
    }
}

/// Whether a script reads the answer; asked of the words alone when the command line does not fit.
fn asks_for_json() -> bool {
    let words: Vec<String> = std::env::args().skip(1).take_while(|word| word != "--").collect();
    let json = |format: &str| matches!(format, "json" | "jsonl");
    words.windows(2).any(|pair| matches!(pair[0].as_str(), "-o" | "--output") && json(&pair[1]))
        || words.iter().any(|word| {
            let format = word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o"));
            format.is_some_and(|format| json(format.trim_start_matches('=')))
        })
}

/// The parser's text as a failure: its first line, then what else it says but for the usage.
fn usage(text: &str) -> Failure {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or_default();
    let rest = lines.filter(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    Failure::usage(message.strip_prefix("error: ").unwrap_or(message)).problems(rest.map(str::to_owned).collect())
}

/// Diagnostics on stderr, for those who ask: `MESH_TRACE=debug`.
fn start_trace() {
    let Ok(filter) = std::env::var("MESH_TRACE") else { return };
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).finish();
    // Set once, at the start: nothing was set before.
    drop(tracing::subscriber::set_global_default(subscriber));
}
