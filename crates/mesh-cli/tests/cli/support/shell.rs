//! Commands as a person types them: through `sh`, with a home of one's own and nothing else of this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder with the built programs.
pub(crate) fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_mesh")).parent().unwrap().to_owned()
}

/// `PATH` with these folders first.
pub(crate) fn path_with(folders: &[&Path]) -> OsString {
    let usual = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::join_paths(folders.iter().map(|folder| (*folder).to_owned()).chain(usual)).unwrap()
}

/// Runs a script that stops at its first failure, in a folder that is also its home.
pub(crate) fn run(home: &Path, path: &OsString, environment: &[(&str, &str)], script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-eu", "-c", script]).current_dir(home).stdin(Stdio::null()).env_clear();
    command.env("HOME", home).env("PATH", path).envs(environment.iter().copied());
    command.output().unwrap()
}

/// Runs what has to succeed; returns stdout.
pub(crate) fn ok(home: &Path, path: &OsString, environment: &[(&str, &str)], script: &str) -> String {
    let output = run(home, path, environment, script);
    assert!(output.status.success(), "{script}\n{}", describe(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code, stdout and stderr, for messages.
pub(crate) fn describe(output: &Output) -> String {
    let text = String::from_utf8_lossy;
    format!("{}\nstdout: {}\nstderr: {}", output.status, text(&output.stdout), text(&output.stderr))
}
