//! `mesh schema`: versions of a JSON or Avro schema. Needs no node.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mesh_formats::schema::{Mode, SchemaChange, SchemaError, compare_schemas};
use mesh_model::{Code, limits};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::output::Row;

/// Arguments of `mesh schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether programs go on reading when a schema changes; names every difference
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The new version, a JSON Schema or an Avro schema
    file: PathBuf,
    /// A version before it; repeat it, the oldest first
    #[arg(long, value_name = "FILE", required = true)]
    against: Vec<PathBuf>,
    /// Which differences are refused: none, backward, forward, full, or one of these with -transitive
    #[arg(long, default_value_t = Mode::Backward)]
    mode: Mode,
}

/// A difference, and from which version.
#[derive(Debug, Serialize)]
struct Difference {
    against: String,
    #[serde(flatten)]
    change: SchemaChange,
    refused: bool,
}

impl Row for Difference {
    fn columns(_: bool) -> Vec<&'static str> {
        vec!["against", "where", "what", "breaks", "refused"]
    }
    fn cells(&self, _: bool) -> Vec<String> {
        let breaks = match (self.change.breaks_backward, self.change.breaks_forward) {
            (true, true) => "both",
            (true, false) => "backward",
            (false, _) => "forward",
        };
        let refused = if self.refused { "yes" } else { "" };
        vec![
            self.against.clone(),
            self.change.path.clone(),
            self.change.what.clone(),
            breaks.to_owned(),
            refused.to_owned(),
        ]
    }
    fn name(&self) -> String {
        self.change.path.clone()
    }
}

pub(crate) async fn run(args: SchemaArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Check(args) => check(&args, app),
    }
}

/// Compares a schema with its versions before.
///
/// # Errors
/// Exit 3 when the mode refuses a difference, or a file is no schema.
fn check(args: &CheckArgs, app: &App) -> Result<(), Failure> {
    let read = |path: &Path| {
        let text = files::read_text(path)?;
        if text.len() > limits::ATTACHMENT_BYTES {
            let why = format!("expected a schema of at most {} bytes; found {}", limits::ATTACHMENT_BYTES, text.len());
            return Err(Failure::new(Code::InvalidFile, why).within(path.display()));
        }
        // Whoever is no schema is named, and not the other of the two.
        compare_schemas(&text, &text).map_err(|error| no_schema(path, &error))?;
        Ok(text)
    };
    let new = read(&args.file)?;
    let mut found = Vec::new();
    for path in args.mode.counting(&args.against) {
        let changes = compare_schemas(&read(path)?, &new).map_err(|error| no_schema(&args.file, &error))?;
        found.extend(changes.into_iter().map(|change| Difference {
            against: path.display().to_string(),
            refused: args.mode.rules_out(&change),
            change,
        }));
    }
    let refused = found.iter().filter(|one| one.refused).count();
    app.output().list("differences", &found, json!({ "mode": args.mode, "compatible": refused == 0 }))?;
    if refused == 0 {
        app.note(format!("compatible ({})", args.mode));
        return Ok(());
    }
    let them = if refused == 1 { "difference breaks" } else { "differences break" };
    let message = format!("{}: {refused} {them} programs in the mode {}", args.file.display(), args.mode);
    Err(Failure::new(Code::BreakingChange, message)
        .hint("keep what was promised, or publish it beside the old one as a new major"))
}

fn no_schema(path: &Path, error: &SchemaError) -> Failure {
    Failure::new(Code::InvalidFile, error.to_string()).within(path.display())
}
