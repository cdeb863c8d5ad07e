//! `mesh up` in the foreground, as the README starts it.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{page, shell, until};

/// Held while ports are chosen or taken up again: a mesh that is founded takes the first free ones, which may be those
/// of a mesh that was killed a moment ago.
static PORTS: Mutex<()> = Mutex::new(());
const SAID: &str = "up.txt";

/// A running local mesh in a folder of its own, with the repository's `examples` and `config` in it. Killed when dropped.
#[derive(Debug)]
pub(crate) struct LocalMesh {
    dir: tempfile::TempDir,
    path: OsString,
    arguments: &'static [&'static str],
    child: Child,
}

impl LocalMesh {
    /// Founds a mesh, fills it with the sample and waits until it says what to do next.
    pub(crate) fn with_sample() -> Self {
        Self::found(&["up", "--sample"])
    }

    /// Founds a mesh with nothing in it and waits until it says what to do next.
    pub(crate) fn empty() -> Self {
        Self::found(&["up"])
    }

    /// The same, on ports that no other mesh takes while nodes of this one are down.
    pub(crate) fn empty_on_its_own_ports() -> Self {
        Self::found(&["up", "--api-port", "17080", "--peer-port", "17946"])
    }

    /// With the sample and, as above, on ports of its own.
    pub(crate) fn with_sample_on_its_own_ports() -> Self {
        Self::found(&["up", "--sample", "--api-port", "18080", "--peer-port", "18946"])
    }

    fn found(arguments: &'static [&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["examples", "config"] {
            std::os::unix::fs::symlink(page::repository().join(folder), dir.path().join(folder)).unwrap();
        }
        let path = shell::path_with(&[&shell::programs()]);
        let guard = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        let child = spawn(dir.path(), arguments);
        let mut mesh = Self { dir, path, arguments, child };
        mesh.wait_until_it_runs();
        drop(guard);
        mesh
    }

    /// `kill -9`, and the same `mesh up` again.
    pub(crate) fn kill_and_start_again(&mut self) {
        let guard = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.dir.path(), self.arguments);
        self.wait_until_it_runs();
        drop(guard);
    }

    /// `kill -9`; nodes of it can be started one by one with [`LocalMesh::meshd`], when it has ports of its own.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts one node of a mesh that was killed, as a process of its own that is killed when dropped.
    pub(crate) fn meshd(&self, node: u32) -> OneNode {
        let said = File::create(self.folder().join(format!("meshd-{node}.txt"))).unwrap();
        let mut command = Command::new(shell::programs().join("meshd"));
        command.args(["--config", &format!(".mesh/node-{node}/node.toml")]).current_dir(self.folder()).env_clear();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        OneNode(command.spawn().unwrap())
    }

    fn wait_until_it_runs(&mut self) {
        let said = self.dir.path().join(SAID);
        until("mesh up", || {
            let text = std::fs::read_to_string(&said).unwrap();
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("mesh up ended: {status}\n{text}");
            }
            if text.contains("next, in another terminal") { Ok(()) } else { Err(text) }
        });
    }

    /// The folder that `.mesh` lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A private key of the mesh.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join(".mesh/keys").join(format!("{name}.pem"))
    }

    /// `mesh` with these arguments in the second terminal, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mesh"));
        command.args(arguments).current_dir(self.folder()).env_clear().env("HOME", self.folder());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command line that has to succeed in the second terminal; returns stdout.
    pub(crate) fn ok(&self, line: &str) -> String {
        shell::ok(self.folder(), &self.path, &[], line)
    }

    /// Runs a command line in the second terminal, whatever becomes of it.
    pub(crate) fn run(&self, line: &str) -> std::process::Output {
        shell::run(self.folder(), &self.path, &[], line)
    }

    /// The same, as JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} -o json"))).unwrap()
    }

    /// Runs a command line until it succeeds: other nodes may be a moment behind.
    pub(crate) fn json_soon(&self, line: &str) -> Value {
        until(line, || {
            let output = shell::run(self.folder(), &self.path, &[], &format!("{line} -o json"));
            if output.status.success() {
                Ok(serde_json::from_slice(&output.stdout).unwrap())
            } else {
                Err(shell::describe(&output))
            }
        })
    }

    /// Where the nodes serve.
    pub(crate) fn urls(&self) -> Vec<String> {
        let status = self.json("mesh status");
        let nodes = status["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["url"].as_str().unwrap().to_owned()).collect()
    }
}

/// A node in a process of its own.
#[derive(Debug)]
pub(crate) struct OneNode(Child);

impl Drop for OneNode {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for LocalMesh {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    let said = File::create(folder.join(SAID)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesh"));
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder);
    command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
}
