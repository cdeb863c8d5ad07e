//! Programs that do what needs them: `ip`, `nft`, `mount`, `gcc`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// When it cannot be started or fails: its own words.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    feed(program, arguments, "")
}

/// The same, with a text that it reads.
///
/// # Errors
/// As [`run`].
pub(super) fn feed(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    // Texts are far below a pipe's capacity, so this cannot wait for a reader that waits itself.
    child
        .stdin
        .take()
        .context("no way in")?
        .write_all(input.as_bytes())
        .with_context(|| format!("{program} reads nothing"))?;
    let output = child.wait_with_output().with_context(|| format!("cannot wait for {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {} failed ({}): {}", arguments.join(" "), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
