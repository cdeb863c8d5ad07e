//! Starts `mesh-quality`, the program that reads data, and hears what it says.
//!
//! It gets the task on its stdin and an environment without keys: what it runs is other people's SQL over other people's files.

use std::path::PathBuf;
use std::process::Stdio;

use mesh_measure::worker::{PortOutcome, Said, Task};
use mesh_model::Code;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::app::App;
use crate::failure::Failure;

const PROGRAM: &str = "mesh-quality";
/// Variables that it gets: where its temporary files go, how it finds the machine's certificates, and what opens an S3-style store.
const KEPT: [&str; 5] = ["HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_BACKTRACE"];
const STORE: &str = "AWS_";
/// Longest line that it may say, in bytes.
const LINE_BYTES: usize = 16 << 20;
/// How much of what it writes on stderr is shown when it ends without an answer.
const LAST_WORDS: u64 = 4_096;

/// Has the ports of a task measured, with a display of how far it is.
///
/// # Errors
/// [`Code::NoMeasurer`] when the program is not there or is another version; whatever it refuses; [`Code::Internal`] when it ends without an
/// answer.
pub(crate) async fn measure(app: &App, task: &Task) -> Result<Vec<PortOutcome>, Failure> {
    let program = program();
    let mut child = start(&program)?;
    let task = serde_json::to_vec(task).map_err(|error| Failure::internal(error.to_string()))?;
    let mut stdin = child.stdin.take().ok_or_else(|| Failure::internal("mesh-quality has no stdin"))?;
    // Both ways at once: a program that refuses may not read all of it.
    let telling = tokio::spawn(async move { stdin.write_all(&task).await });
    let heard = hear(app, &mut child).await;
    drop(telling.await);
    let status = child.wait().await.map_err(|error| Failure::io("wait for", &program, &error))?;
    match heard? {
        Some(outcomes) if status.success() => Ok(outcomes),
        _ => {
            let mut last = String::new();
            if let Some(stderr) = child.stderr.take() {
                drop(stderr.take(LAST_WORDS).read_to_string(&mut last).await);
            }
            let text = format!("{} ended without an answer ({status}): {}", program.display(), last.trim());
            Err(Failure::internal(text.trim_end_matches([' ', ':']).to_owned()))
        }
    }
}

/// Beside this program, or else wherever the shell finds it.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(PROGRAM)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PROGRAM.into())
}

fn start(program: &PathBuf) -> Result<Child, Failure> {
    let mut command = Command::new(program);
    command.arg("measure").env_clear();
    let kept = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        KEPT.contains(&&*name) || name.starts_with(STORE)
    });
    command.envs(kept).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        let text = format!("cannot start {}: {error}", program.display());
        Failure::new(Code::NoMeasurer, text)
    })
}

/// Reads its lines to the end; `None` when it did not say all.
async fn hear(app: &App, child: &mut Child) -> Result<Option<Vec<PortOutcome>>, Failure> {
    let stdout = child.stdout.take().ok_or_else(|| Failure::internal("mesh-quality has no stdout"))?;
    let mut lines = BufReader::new(stdout).lines();
    let mut display = app.progress("rows", None);
    let mut outcomes = Vec::new();
    let mut is_done = false;
    while let Some(line) = lines.next_line().await.map_err(|error| Failure::internal(error.to_string()))? {
        if line.len() > LINE_BYTES {
            return Err(Failure::internal("mesh-quality says too much at once"));
        }
        let said = serde_json::from_str(&line).map_err(|error| {
            let text = format!("mesh-quality says what this version does not understand: {error}");
            Failure::new(Code::NoMeasurer, text)
        })?;
        match said {
            Said::Progress { rows, .. } => display.set(rows),
            Said::Port(outcome) => outcomes.push(outcome),
            Said::Refused(why) => {
                display.finish();
                return Err(Failure::new(Code::NoMeasurer, why));
            }
            Said::Done => is_done = true,
        }
    }
    display.finish();
    Ok(is_done.then_some(outcomes))
}
