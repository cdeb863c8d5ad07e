//! `mesh-quality`: reads the data of ports and holds it against what a product promises.
//!
//! `mesh-quality measure` takes a task on stdin and answers in lines on stdout ([`mesh_measure::worker`]); that is how `mesh quality run` and `watch`
//! use it. Whoever types `mesh-quality run` means those, and gets them. It has no key and asks no node.

mod answer;
mod task;

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime};

use mesh_measure::worker::{PortOutcome, PortTask, Said, Task, WORKER_PROTOCOL};
use mesh_model::{Name, UnixMs};
use mesh_quality::{Limits, Progress, QualityError, run};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longest task, in bytes: a descriptor and some places.
const TASK_BYTES: u64 = 16 << 20;
/// Some rules never let go of their thread, though their time is over: there are others.
const THREADS: usize = 32;
/// Between two words about how far it is.
const PROGRESS: Duration = Duration::from_millis(250);

const HELP: &str = "\
Reads the data of a data product's ports and holds it against what the product promises.

Usage: mesh-quality measure   takes a task on stdin, as `mesh quality run` writes it
       mesh-quality run …     the same as `mesh quality run …`
       mesh-quality watch …   the same as `mesh quality watch …`
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match first.as_ref().and_then(|first| first.to_str()) {
        Some("measure") => measure(),
        Some("run" | "watch") => pass_on(),
        Some("--version" | "-V") => {
            println!("mesh-quality {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some("--help" | "-h") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

/// `mesh` beside this program, or wherever the shell finds it.
fn pass_on() -> ExitCode {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("mesh")));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| "mesh".into());
    let error = Command::new(&program).arg("quality").args(std::env::args_os().skip(1)).exec();
    eprintln!("error: cannot start {}: {error}", program.display());
    ExitCode::from(2)
}

fn measure() -> ! {
    let answered = read_task().and_then(|task| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(THREADS).enable_all().build();
        let runtime = runtime.map_err(|error| format!("the runtime cannot be started: {error}"))?;
        runtime.block_on(ports(&task))?;
        // Nobody waits for a rule that still hogs its thread.
        runtime.shutdown_background();
        Ok(())
    });
    match answered {
        Ok(()) => say(&Said::Done),
        Err(why) => say(&Said::Refused(why)),
    }
    std::process::exit(0)
}

/// The part of a task that every version has.
#[derive(serde::Deserialize)]
struct Spoken {
    protocol: u32,
}

fn read_task() -> Result<Task, String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(TASK_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("the task cannot be read: {error}"))?;
    if bytes.len() as u64 > TASK_BYTES {
        return Err(format!("the task has over {TASK_BYTES} bytes"));
    }
    let version = env!("CARGO_PKG_VERSION");
    let spoken: Spoken = serde_json::from_slice(&bytes).map_err(|error| format!("the task is none: {error}"))?;
    if spoken.protocol != WORKER_PROTOCOL {
        let found = spoken.protocol;
        return Err(format!(
            "mesh-quality {version} speaks version {WORKER_PROTOCOL} of its protocol, and whoever started it {found}: install both of one version"
        ));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("the task is none: {error}"))
}

async fn ports(task: &Task) -> Result<(), String> {
    for port in &task.ports {
        say(&Said::Port(one(task, port).await?));
    }
    Ok(())
}

/// One port, within its time.
async fn one(task: &Task, port: &PortTask) -> Result<PortOutcome, String> {
    let began = now();
    let input = match task::input(&task.descriptor, port) {
        Ok(input) => input,
        Err(why) => return Ok(answer::of_nothing(task, port, (began, now()), &why)),
    };
    let limit = Duration::from_millis(task.limit_ms);
    let limits = Limits {
        memory_bytes: usize::try_from(task.memory_bytes).unwrap_or(usize::MAX),
        // One slow rule leaves time for the others.
        query_time: limit / 4,
        ..Limits::default()
    };
    let (cancel, (progress, heard)) = (CancellationToken::new(), watch::channel(Progress::default()));
    let telling = tokio::spawn(tell(port.port.clone(), heard));
    let ran = tokio::time::timeout(limit, run(&input, &limits, task.now_unix_ms, &cancel, &progress)).await;
    drop(progress);
    drop(telling.await);
    let span = (began, now());
    match ran {
        Ok(Ok(outcome)) => Ok(answer::of(port, span, outcome)),
        Ok(Err(error @ QualityError::Engine(_))) => Err(error.to_string()),
        Ok(Err(error)) => Ok(answer::of_nothing(task, port, span, &error.to_string())),
        Err(_) => {
            let why = format!("it did not end within the {} s that were allowed", limit.as_secs());
            Ok(answer::of_nothing(task, port, span, &why))
        }
    }
}

/// Says how far it is, not too often.
async fn tell(port: Name, mut heard: watch::Receiver<Progress>) {
    while heard.changed().await.is_ok() {
        let rows = heard.borrow_and_update().rows;
        say(&Said::Progress { port: port.clone(), rows });
        tokio::time::sleep(PROGRESS).await;
    }
}

fn say(said: &Said) {
    let line = serde_json::to_string(said).expect("texts and numbers become JSON");
    // Whoever asked is gone: there is nobody left to tell.
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
