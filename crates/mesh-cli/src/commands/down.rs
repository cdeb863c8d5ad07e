//! `mesh down`: stops what `mesh up` started in a folder.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mesh_model::Code;
use rustix::process::{Pid, Signal, kill_process};

use crate::app::App;
use crate::failure::Failure;
use crate::local_mesh::layout::Layout;
use crate::local_mesh::running::{Run, running};

/// How long the nodes may take to drain.
const STOP: Duration = Duration::from_secs(30);

/// Stops the mesh that `mesh up` runs; everything is kept.
#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// The folder of the mesh.
    #[arg(long, value_name = "DIR", default_value = ".mesh")]
    dir: PathBuf,
}

pub(crate) async fn run(args: DownArgs, app: &App) -> Result<(), Failure> {
    if !args.dir.is_dir() {
        let message = format!("there is no folder {}; `mesh up` makes it", args.dir.display());
        return Err(Failure::new(Code::NotFound, message).hint("name the folder of the mesh: --dir DIR"));
    }
    let lock = Layout::new(&args.dir).lock();
    let state = || running(&lock).map_err(|error| Failure::io("read", &lock, &error));
    // The lock is held by whoever wrote the process id, so it is no stranger's.
    let found = match state()? {
        Run::Stopped => {
            app.note(format!("no mesh runs in {}", args.dir.display()));
            return Ok(());
        }
        Run::Starting => None,
        Run::Running(state) => Pid::from_raw(state.pid),
    };
    let pid = found.ok_or_else(|| {
        Failure::new(Code::Unavailable, format!("the mesh in {} is just starting", args.dir.display()))
            .hint("try again")
    })?;
    kill_process(pid, Signal::TERM)
        .map_err(|error| Failure::internal(format!("cannot stop process {pid:?}: {error}")))?;
    let stopped = async {
        while state()? != Run::Stopped {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<(), Failure>(())
    };
    let late = || Failure::new(Code::OutcomeUnknown, "the mesh was told to stop and has not yet");
    tokio::time::timeout(STOP, stopped).await.map_err(|_| late())??;
    app.note(format!("stopped the mesh in {}; `mesh up` goes on where it stopped", args.dir.display()));
    Ok(())
}
