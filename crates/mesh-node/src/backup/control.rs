//! The socket in the data folder by which whoever owns the folder speaks with the running node.
//!
//! Who may connect is decided by the file's mode: the node's own user, and root. Nothing of it is reachable over a network, so no key or
//! token is needed, and none can be stolen. One line of JSON asks, one answers.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mesh_model::Code;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::manifest::Manifest;
use super::take::{Source, take};
use crate::clock::now_unix_ms;
use crate::core::Core;

/// The socket's name in the data folder.
const SOCKET: &str = "control.sock";
/// Longest request, in bytes.
const REQUEST_BYTES: u64 = 16 << 10;
/// Longest answer, in bytes: a manifest names every attachment.
const ANSWER_BYTES: u64 = 256 << 20;
/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a backup may take.
const LONGEST: Duration = Duration::from_hours(6);

/// What the operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A backup.
    Backup {
        /// The folder to write; absolute, absent or empty.
        to: PathBuf,
        /// Whether the node's private keys go into it.
        with_keys: bool,
    },
}

/// What the node answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The backup is written and verified.
    Done(Box<Manifest>),
    /// Nothing was written.
    Refused {
        /// The stable code's number.
        code: u32,
        /// Why.
        message: String,
    },
}

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No node runs on the folder.
    #[error("no node runs on {}", .0.display())]
    NotRunning(PathBuf),
    /// The socket failed.
    #[error("the node on {}: {source}", .folder.display())]
    Io {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The answer can't be read.
    #[error("the node's answer: {0}")]
    Answer(String),
}

fn refused(code: Code, message: impl Into<String>) -> Answer {
    Answer::Refused { code: code.number(), message: message.into() }
}

/// Serves the socket until the node stops. The data folder is this process's: its lock is held.
pub async fn serve(core: Arc<Core>) {
    let path = core.config.node.data_dir.join(SOCKET);
    // Of a run before.
    drop(std::fs::remove_file(&path));
    let bound = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            warn!(path = %path.display(), %error, "backups can be taken of the stopped node only");
            return;
        }
    };
    let one = Arc::new(Mutex::new(()));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = core.stopping.cancelled() => break,
        };
        match stream {
            Ok((stream, _)) => {
                core.tasks.spawn(answer(Arc::clone(&core), Arc::clone(&one), stream));
            }
            Err(error) => {
                warn!(%error, "the control socket");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    drop(std::fs::remove_file(&path));
}

async fn answer(core: Arc<Core>, one: Arc<Mutex<()>>, stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(REQUEST_BYTES));
    let answer = match tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await {
        Ok(Ok(_)) => match serde_json::from_str::<Request>(&line) {
            Ok(request) => perform(core, one, request).await,
            Err(error) => refused(Code::Malformed, error.to_string()),
        },
        Ok(Err(error)) => refused(Code::Malformed, error.to_string()),
        Err(_) => return,
    };
    let mut text = serde_json::to_string(&answer).unwrap_or_default();
    text.push('\n');
    // Whoever asked may be gone; the backup is there all the same.
    drop(write.write_all(text.as_bytes()).await);
}

async fn perform(core: Arc<Core>, one: Arc<Mutex<()>>, request: Request) -> Answer {
    let Request::Backup { to, with_keys } = request;
    if !to.is_absolute() {
        return refused(Code::BadArgument, format!("expected an absolute path, found {}", to.display()));
    }
    let Ok(_turn) = one.try_lock() else {
        return refused(Code::Unavailable, "another backup is being written; nothing happened");
    };
    let done = tokio::task::spawn_blocking(move || {
        let source = Source { config: &core.config, genesis: &core.genesis, record: &core.record, store: &core.store };
        take(&source, &to, with_keys, now_unix_ms()).map(|manifest| (to, manifest))
    });
    match done.await {
        Ok(Ok((to, manifest))) => {
            info!(folder = %to.display(), leaves = manifest.ledger.size, "a backup was written and verified");
            Answer::Done(Box::new(manifest))
        }
        Ok(Err(error)) => {
            warn!(%error, "no backup was written");
            refused(error.code(), error.to_string())
        }
        Err(error) => refused(Code::Internal, error.to_string()),
    }
}

/// Asks the node that runs on a data folder.
///
/// # Errors
/// [`ControlError`].
pub async fn ask(data_dir: &Path, request: &Request) -> Result<Answer, ControlError> {
    let failed = |source| ControlError::Io { folder: data_dir.into(), source };
    let stream = match UnixStream::connect(data_dir.join(SOCKET)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => {
            return Err(ControlError::NotRunning(data_dir.into()));
        }
        Err(error) => return Err(failed(error)),
    };
    let (read, mut write) = stream.into_split();
    let mut text = serde_json::to_string(request).map_err(|error| ControlError::Answer(error.to_string()))?;
    text.push('\n');
    write.write_all(text.as_bytes()).await.map_err(failed)?;
    let mut line = String::new();
    let mut read = BufReader::new(read.take(ANSWER_BYTES));
    let come = tokio::time::timeout(LONGEST, read.read_line(&mut line)).await;
    come.map_err(|_| ControlError::Answer("it did not come in time".to_owned()))?.map_err(failed)?;
    serde_json::from_str(&line).map_err(|error| ControlError::Answer(error.to_string()))
}
