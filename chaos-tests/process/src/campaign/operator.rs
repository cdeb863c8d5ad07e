//! What people do meanwhile, with the `mesh` command as they do it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_client::Client;
use mesh_model::NodeId;
use tokio::time::Instant;

/// How long anything may take while clients publish and nodes come back.
const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(100);
const CALL: Duration = Duration::from_secs(2);

/// Somebody with two seats' keys, all domains' root keys and a context of some nodes.
pub(crate) struct Operator<'a> {
    testbed: &'a Testbed,
    mesh: &'a Path,
    nodes: Vec<NodeNumber>,
    deadline: Instant,
}

impl<'a> Operator<'a> {
    /// With a context of all nodes but this one.
    pub(crate) fn without(testbed: &'a Testbed, mesh: &'a Path, node: Option<NodeNumber>) -> Self {
        let nodes = testbed.nodes().into_iter().filter(|other| Some(*other) != node).collect();
        Self { testbed, mesh, nodes, deadline: Instant::now() + PATIENCE }
    }

    /// A client of the same nodes.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn client(&self) -> Result<Client> {
        self.testbed.client(&self.nodes, CALL)
    }

    /// Runs the command until what it is for is so: a try whose answer was lost makes the next one fail.
    ///
    /// # Errors
    /// What the command said last, or that it said yes and it is not so.
    pub(crate) async fn achieve(&self, arguments: &[&str], mut is_so: impl AsyncFnMut() -> bool) -> Result<()> {
        loop {
            let said = self.run(arguments).await?;
            loop {
                if is_so().await {
                    return Ok(());
                }
                if Instant::now() >= self.deadline {
                    bail!("mesh {}: not so in time; it said: {said:?}", arguments.join(" "));
                }
                tokio::time::sleep(POLL).await;
                if said.is_some() {
                    break;
                }
            }
        }
    }

    /// Waits for something that follows by itself.
    ///
    /// # Errors
    /// That it is not so in time.
    pub(crate) async fn wait(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Result<()> {
        while !is_so().await {
            if Instant::now() >= self.deadline {
                bail!("{what}: not in time");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// One run; what it said when it failed.
    async fn run(&self, arguments: &[&str]) -> Result<Option<String>> {
        let mut command = tokio::process::Command::new(self.mesh);
        let home = self.testbed.folder();
        // Nothing of the developer's own contexts.
        command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("NO_COLOR", "1");
        for node in &self.nodes {
            command.arg("--node").arg(format!("http://{}", self.testbed.api_address(*node)));
        }
        command.arg("--mesh-id").arg(self.testbed.genesis().mesh_id.to_string()).arg("--yes").args(arguments);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("cannot run mesh")?;
        let said = format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        Ok((!output.status.success()).then_some(said))
    }

    /// The seats' keys, as arguments.
    pub(crate) fn seats(&self) -> Vec<String> {
        let key = |seat: &str| self.testbed.folder().join(format!("{seat}.pem")).to_string_lossy().into_owned();
        ["seat-1", "seat-2"].iter().flat_map(|seat| ["--council-key".to_owned(), key(seat)]).collect()
    }

    /// Lets these vote, and waits until Raft has followed.
    ///
    /// # Errors
    /// What the command said, or what the nodes show when time is up.
    pub(crate) async fn set_voters(&self, voters: &[NodeId]) -> Result<()> {
        let mut voters = voters.to_vec();
        voters.sort_unstable();
        let mut arguments: Vec<String> = ["proposal", "open", "voters"].map(String::from).to_vec();
        arguments.extend(voters.iter().map(ToString::to_string));
        arguments.extend(self.seats());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Any node: one that is out of Raft, and was cut off when that was decided, may not have heard of it.
        let is_decided = async || {
            for node in &self.nodes {
                let Ok(client) = self.testbed.client(&[*node], CALL) else { continue };
                if client.status().await.is_ok_and(|status| status.raft.ledger_voters == voters) {
                    return true;
                }
            }
            false
        };
        self.achieve(&arguments, is_decided).await?;
        let has_followed = async || {
            for node in &self.nodes {
                let Ok(client) = self.testbed.client(&[*node], CALL) else { continue };
                let Ok(status) = client.status().await else { continue };
                if status.raft.role == "leader" && status.raft.voters == voters && !status.raft.joint {
                    return true;
                }
            }
            false
        };
        self.wait(&format!("the votes move to {voters:?}"), has_followed).await
    }
}

/// A path as an argument.
pub(crate) fn argument(path: &Path) -> String {
    OsString::from(path).to_string_lossy().into_owned()
}
