//! The council changes who votes, with the `mesh` command as people do it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{NodeNumber, Testbed};
use tokio::time::Instant;

/// How long the votes may take to move while clients publish and nodes come back.
const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(100);

/// Proposes these voters with two seats' signatures and waits until Raft has followed.
///
/// # Errors
/// What the command says at the last try, or what the nodes show when time is up.
pub(crate) async fn set(testbed: &Testbed, mesh: &Path, voters: &[NodeNumber]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    propose(testbed, mesh, voters, deadline).await?;
    let mut shown = String::new();
    while Instant::now() < deadline {
        for node in testbed.nodes() {
            let Ok(status) = testbed.client(&[node], Duration::from_secs(1))?.status().await else { continue };
            let raft = status.raft;
            if raft.role == "leader" && raft.voters == voters && !raft.joint {
                return Ok(());
            }
            shown = format!("node {node}: {raft:?}");
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the votes did not move to {voters:?} in time; {shown}")
}

async fn propose(testbed: &Testbed, mesh: &Path, voters: &[NodeNumber], deadline: Instant) -> Result<()> {
    loop {
        let mut command = tokio::process::Command::new(mesh);
        // Nothing of the developer's own contexts.
        command.env("HOME", testbed.folder()).env("XDG_CONFIG_HOME", testbed.folder()).env("NO_COLOR", "1");
        for node in testbed.nodes() {
            command.arg("--node").arg(format!("http://{}", testbed.api_address(node)));
        }
        command
            .arg("--mesh-id")
            .arg(testbed.genesis().mesh_id.to_string())
            .args(["--yes", "proposal", "open", "voters"]);
        command.args(voters.iter().map(ToString::to_string));
        for seat in ["seat-1", "seat-2"] {
            command.arg("--council-key").arg(testbed.folder().join(format!("{seat}.pem")));
        }
        let output = command.stdin(Stdio::null()).output().await.context("cannot run mesh")?;
        if output.status.success() {
            return Ok(());
        }
        // A first try whose answer was lost makes the second one say that it is so, or that others vote by now.
        let now = testbed.client(&testbed.nodes(), Duration::from_secs(2))?.status().await;
        if now.is_ok_and(|status| status.raft.ledger_voters == voters) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("mesh proposal open voters failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        tokio::time::sleep(POLL).await;
    }
}
