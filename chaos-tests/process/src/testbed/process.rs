//! A child process that never outlives its owner.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

const POLL: Duration = Duration::from_millis(10);
/// How much of the trace is worth showing.
const LAST_WORDS: usize = 2_000;

/// A program that can be started, killed, stopped for a while and started again. Signals go to the process that this
/// value started, by its id; it is reaped here only, so the id cannot have become somebody else's. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    trace: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// A program, not started yet. What it prints is appended to the file `trace`.
    pub fn new(
        name: impl Into<String>,
        program: &Path,
        arguments: impl IntoIterator<Item = OsString>,
        trace: PathBuf,
    ) -> Self {
        let arguments = arguments.into_iter().collect();
        Self { name: name.into(), program: program.to_path_buf(), arguments, trace, child: None }
    }

    /// Starts it. Its group is its own, so that Ctrl-C reaches only the program that owns it.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&[])
    }

    /// The same, this once with more arguments.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(&mut self, more: &[&str]) -> Result<()> {
        if self.child.is_some() {
            bail!("{} was started already", self.name);
        }
        let trace = File::options().create(true).append(true).open(&self.trace);
        let trace = trace.with_context(|| format!("cannot write {}", self.trace.display()))?;
        let copy = trace.try_clone().context("cannot share the trace file")?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(more).stdin(Stdio::null()).stdout(copy).stderr(trace).process_group(0);
        // What is set for a developer's own node is not meant for these.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MESHD_")) {
            command.env_remove(name);
        }
        let child = command.env("NO_COLOR", "1").env("RUST_BACKTRACE", "1").spawn();
        self.child = Some(child.with_context(|| format!("cannot start {}", self.program.display()))?);
        Ok(())
    }

    /// Whether it was started and not ended from here.
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Its process id, while it was started and not ended from here.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it is stopped by a signal, as the system sees it.
    pub fn is_paused(&self) -> bool {
        let stat = self.id().and_then(|id| fs::read_to_string(format!("/proc/{id}/stat")).ok());
        // The state follows the name, which may hold anything but ends with the last parenthesis.
        stat.is_some_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    }

    /// Takes note of an end that was its own; afterwards it can be started again. `None` while it runs.
    pub fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.ended()?;
        self.child = None;
        Some(status)
    }

    /// How it ended, if it did so by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// SIGKILL, and the wait for its end.
    ///
    /// # Errors
    /// When it does not run: somebody else, or itself, ended it.
    pub fn kill(&mut self) -> Result<()> {
        self.expect_running()?;
        let mut child = self.child.take().context("it was not started")?;
        child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        child.wait().with_context(|| format!("cannot reap {}", self.name))?;
        Ok(())
    }

    /// SIGSTOP: it keeps its connections and says nothing.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM, and the wait for an end in order.
    ///
    /// # Errors
    /// When it does not run, does not end within the time (it is killed then), or ends with a failure.
    pub async fn terminate(&mut self, within: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.ended() {
                self.child = None;
                if status.success() {
                    return Ok(());
                }
                bail!("{} ended with a failure ({status}):\n{}", self.name, self.last_words());
            }
            if Instant::now() >= deadline {
                self.kill()?;
                bail!("{} did not end within {} s of SIGTERM:\n{}", self.name, within.as_secs(), self.last_words());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When it does not run, or `/proc` does not say.
    pub fn resident_bytes(&self) -> Result<u64> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        let path = format!("/proc/{}/status", child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        Ok(kib.with_context(|| format!("{path} has no VmRSS"))? * 1024)
    }

    /// The end of what it printed.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.trace).unwrap_or_default();
        let tail = &text[text.len().saturating_sub(LAST_WORDS)..];
        String::from_utf8_lossy(tail).into_owned()
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        self.expect_running()?;
        let child = self.child.as_ref().context("it was not started")?;
        kill_process(Pid::from_child(child), signal).with_context(|| format!("cannot signal {}", self.name))
    }

    fn expect_running(&mut self) -> Result<()> {
        if self.child.is_none() {
            bail!("{} does not run", self.name);
        }
        if let Some(status) = self.ended() {
            self.child = None;
            bail!("{} ended by itself ({status}):\n{}", self.name, self.last_words());
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
