//! `mesh node backup|restore`: a node's data folder, copied while it runs and put back where nothing is.

use std::path::PathBuf;

use clap::Args;
use mesh_model::Code;
use mesh_node::backup::control::{self, Answer, ControlError, Request};
use mesh_node::backup::take::of_stopped;
use mesh_node::backup::{BackupError, Manifest, restore};
use mesh_node::{Config, StartError};
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::time;

/// Arguments of `mesh node backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The node's configuration, on its machine
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
    /// The folder to write: absent or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Put the node's private keys into it too. Whoever has them can speak for the node
    #[arg(long)]
    with_keys: bool,
}

/// Arguments of `mesh node restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup's folder
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The node's configuration; written from the backup when it is not there
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
    /// Compare the backup with its manifest, and restore nothing
    #[arg(long)]
    check: bool,
}

fn failure(error: &BackupError) -> Failure {
    Failure::new(error.code(), error.to_string())
}

fn start_failure(error: &StartError) -> Failure {
    Failure::new(error.code(), error.to_string())
}

fn shown(manifest: &Manifest, folder: &std::path::Path) -> serde_json::Value {
    json!({
        "folder": folder,
        "mesh_id": manifest.mesh_id,
        "node_id": manifest.node_id,
        "node_name": manifest.node_name,
        "taken_at": time::rfc3339(manifest.taken_unix_ms),
        "ledger_size": manifest.ledger.size,
        "ledger_root": manifest.ledger.root,
        "leaves_checked": manifest.leaves_checked,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
        "has_keys": manifest.has_keys,
    })
}

fn told(what: &str, manifest: &Manifest, folder: &std::path::Path) -> String {
    format!(
        "{what} {}: node {} ({}), {} leaves of the ledger as of {}\n{} files, {} KiB, {} leaves read and hashed{}\n",
        folder.display(),
        manifest.node_id,
        manifest.node_name,
        manifest.ledger.size,
        time::rfc3339(manifest.taken_unix_ms),
        manifest.files.len(),
        manifest.bytes() / 1024,
        manifest.leaves_checked,
        if manifest.has_keys { "; with its private keys" } else { "; without private keys" },
    )
}

/// Asks the running node; copies by itself where none runs.
///
/// # Errors
/// Exit 2 where the folder is taken; others with the reason. Nothing is left of a backup that did not verify.
pub(crate) async fn backup(args: &BackupArgs, app: &App) -> Result<(), Failure> {
    let config = Config::load(&args.config, std::env::vars()).map_err(|error| start_failure(&error.into()))?;
    let to = std::path::absolute(&args.out).map_err(|error| Failure::io("name", &args.out, &error))?;
    let request = Request::Backup { to: to.clone(), with_keys: args.with_keys };
    let progress = app.progress("copying and reading it again", None);
    let answer = control::ask(&config.node.data_dir, &request).await;
    let manifest = match answer {
        Ok(Answer::Done(manifest)) => *manifest,
        Ok(Answer::Refused { code, message }) => {
            let code = Code::from_number(code).unwrap_or(Code::Internal);
            return Err(Failure::new(code, message));
        }
        Err(ControlError::NotRunning(_)) => {
            let with_keys = args.with_keys;
            let to = to.clone();
            let copied = tokio::task::spawn_blocking(move || of_stopped(&config, &to, with_keys, time::now())).await;
            copied.map_err(|error| Failure::internal(error.to_string()))?.map_err(|error| failure(&error))?
        }
        Err(error) => return Err(Failure::internal(error.to_string())),
    };
    drop(progress);
    app.output().one(&shown(&manifest, &to), &to.display().to_string(), |_| told("wrote", &manifest, &to))?;
    app.note(
        "hint: it holds private attachments too: keep it as the node's disk is kept, and no longer than they may be",
    );
    Ok(())
}

/// Puts a backup in place, or only checks it.
///
/// # Errors
/// Exit 8 for a backup that is not what its manifest says; 2 where data is there already.
pub(crate) fn restore(args: &RestoreArgs, app: &App) -> Result<(), Failure> {
    if args.check {
        let manifest = restore::check(&args.from).map_err(|error| failure(&error))?;
        return app.output().one(&shown(&manifest, &args.from), &args.from.display().to_string(), |_| {
            told("every file is as the manifest says in", &manifest, &args.from)
        });
    }
    let done = restore::restore(&args.from, &args.config).map_err(|error| failure(&error))?;
    let folder = done.data_dir.display().to_string();
    app.output()
        .one(&shown(&done.manifest, &done.data_dir), &folder, |_| told("restored", &done.manifest, &done.data_dir))?;
    if done.wrote_config {
        app.note(format!("wrote {}: look at its paths and addresses", args.config.display()));
    }
    if !done.has_keys {
        app.note("hint: the node's keys are not there: put its node.pem back, or start with meshd --recover");
    }
    app.note("the node may only read under its old number: it does not know what it promised after the backup");
    app.note(format!("hint: meshd --config {} reads and serves", args.config.display()));
    app.note("hint: meshd --recover instead makes it a new node, which may vote and write again");
    Ok(())
}
