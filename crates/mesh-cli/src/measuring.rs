//! Starts `mesh-quality`, the program that reads data, and hears what it says.
//!
//! It gets the task on its stdin and an environment without keys: what it runs is other people's SQL over other people's files.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mesh_event::fact::{CheckKind, QualityCheck};
use mesh_measure::worker::{PortOutcome, Said, Task};
use mesh_model::{Code, Name, Severity};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::app::App;
use crate::failure::Failure;
use crate::output::printable;
use crate::time;

const PROGRAM: &str = "mesh-quality";
/// Variables that it gets: where its temporary files go, and how it finds the machine's certificates; what opens an S3-style store only if it is to
/// read one.
const KEPT: [&str; 3] = ["TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"];
const STORE: &str = "AWS_";
/// Longest line that it may say, in bytes.
const LINE_BYTES: u64 = 16 << 20;
/// Most ports that it may answer for.
const MOST_PORTS: usize = 10_000;
/// How much of what it writes on stderr is shown when it ends without an answer.
const LAST_WORDS: usize = 4_096;
/// Longest name of a check in a fact, in bytes.
const NAME_BYTES: usize = 256;
/// What it may take beside the time of its ports.
const SLACK: Duration = Duration::from_mins(1);

/// Has the ports of a task measured, with a display of how far it is.
///
/// # Errors
/// [`Code::NoMeasurer`] when the program is not there or is another version; [`Code::Internal`] when it refuses, ends without an answer, or answers
/// something else than it was asked.
pub(crate) async fn measure(app: &App, task: &Task) -> Result<Vec<PortOutcome>, Failure> {
    let program = program();
    let mut child = start(&program, task)?;
    let told = serde_json::to_vec(task).map_err(|error| Failure::internal(error.to_string()))?;
    let mut stdin = child.stdin.take().ok_or_else(|| Failure::internal("mesh-quality has no stdin"))?;
    // All ways at once: a program that refuses may not read all of it, and one that complains must not have to wait.
    let telling = tokio::spawn(async move { stdin.write_all(&told).await });
    let complaints = child.stderr.take().map(|stderr| tokio::spawn(last_words(stderr)));
    let ports = u32::try_from(task.ports.len()).unwrap_or(u32::MAX);
    let longest = Duration::from_millis(task.limit_ms).saturating_mul(ports).saturating_add(SLACK);
    let heard = tokio::time::timeout(longest, hear(app, &mut child)).await;
    telling.abort();
    // It said all that it has to say, or too much.
    drop(child.kill().await);
    let heard = heard.map_err(|_| Failure::internal(format!("{} did not end in its time", program.display())))?;
    if let Some(outcomes) = heard? {
        return checked(task, outcomes);
    }
    let last = match complaints {
        Some(complaints) => complaints.await.unwrap_or_default(),
        None => String::new(),
    };
    let text = format!("{} ended without an answer: {}", program.display(), last.trim());
    Err(Failure::internal(text.trim_end_matches([' ', ':'])))
}

/// What it answers is signed by whoever asked: it may speak of what it was asked and of nothing else.
fn checked(task: &Task, outcomes: Vec<PortOutcome>) -> Result<Vec<PortOutcome>, Failure> {
    let odd = |what: String| Failure::internal(format!("mesh-quality answers what nobody asked: {what}"));
    let rules = task.descriptor.quality_rules.iter().map(|rule| (rule.name.clone(), CheckKind::Rule, rule.severity));
    let metrics = task.descriptor.quality.iter();
    let metrics = metrics.map(|metric| (metric.check_name(), CheckKind::Metric, Severity::Error));
    let known: Vec<(String, CheckKind, Severity)> = rules.chain(metrics).collect();
    let is_asked = |check: &QualityCheck| match check.kind {
        CheckKind::Conformance => check.name.len() <= NAME_BYTES && check.name.contains(".conforms"),
        kind => known.iter().any(|(name, of, severity)| {
            // A second one of the same name has a number.
            let rest = check.name.strip_prefix(name.as_str());
            let is_name = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
            let is_cut = name.len() > NAME_BYTES && name.starts_with(&check.name);
            (is_name || is_cut) && *of == kind && *severity == check.severity
        }),
    };
    let wanted: Vec<&Name> = task.ports.iter().map(|port| &port.port).collect();
    let answered: Vec<&Name> = outcomes.iter().map(|outcome| &outcome.port).collect();
    if wanted != answered {
        return Err(odd("other ports".to_owned()));
    }
    let now = time::now();
    for outcome in &outcomes {
        if outcome.began_unix_ms < task.now_unix_ms || outcome.ended_unix_ms > now {
            return Err(odd("another time than now".to_owned()));
        }
        if let Some(check) = outcome.checks.iter().find(|outcome| !is_asked(&outcome.check)) {
            return Err(odd(format!("a check {}", printable(&check.check.name))));
        }
    }
    Ok(outcomes)
}

/// The end of what it writes on stderr, however much that is.
async fn last_words(mut stderr: impl AsyncRead + Unpin) -> String {
    let (mut last, mut chunk) = (Vec::new(), vec![0; LAST_WORDS]);
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        last.extend_from_slice(&chunk[..read]);
        let over = last.len().saturating_sub(LAST_WORDS);
        last.drain(..over);
    }
    String::from_utf8_lossy(&last).into_owned()
}

/// Beside this program, or else wherever the shell finds it.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(PROGRAM)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PROGRAM.into())
}

fn start(program: &PathBuf, task: &Task) -> Result<Child, Failure> {
    let reads_store = task.ports.iter().any(|port| port.location.contains("://"));
    let mut command = Command::new(program);
    command.arg("measure").env_clear();
    let kept = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        KEPT.contains(&&*name) || (reads_store && name.starts_with(STORE))
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
    let mut stdout = BufReader::new(stdout);
    let mut display = app.progress("rows", None);
    let mut outcomes = Vec::new();
    let mut is_done = false;
    loop {
        let mut line = Vec::new();
        let read = (&mut stdout).take(LINE_BYTES).read_until(b'\n', &mut line).await;
        if read.map_err(|error| Failure::internal(error.to_string()))? == 0 {
            break;
        }
        if line.len() as u64 == LINE_BYTES || outcomes.len() > MOST_PORTS {
            return Err(Failure::internal("mesh-quality says too much"));
        }
        let said = serde_json::from_slice(&line).map_err(|error| {
            let text = format!("mesh-quality says what this version does not understand: {error}");
            Failure::new(Code::NoMeasurer, text)
        })?;
        match said {
            Said::Progress { rows, .. } => display.set(rows),
            Said::Port(outcome) => outcomes.push(outcome),
            Said::Refused(why) => {
                display.finish();
                return Err(Failure::internal(format!("mesh-quality refuses: {}", printable(&why))));
            }
            Said::Done => {
                is_done = true;
                break;
            }
        }
    }
    display.finish();
    Ok(is_done.then_some(outcomes))
}
