//! Three members with data folders of their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chaos_process::testbed::{Process, free_ports};
use tempfile::TempDir;
use tokio::time::Instant;

use super::wire::Kv;

const MEMBERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Running members; dropped, they are killed and their data is deleted.
pub(super) struct Cluster {
    members: Vec<Process>,
    client_ports: Vec<u16>,
    _folder: TempDir,
}

impl Cluster {
    /// Starts etcd from the PATH and waits until there is a leader.
    ///
    /// # Errors
    /// When it is not installed or does not get ready.
    pub(super) async fn start(folder: Option<&Path>) -> Result<Self> {
        let program = program()?;
        let mut builder = tempfile::Builder::new();
        builder.prefix("mesh-load-etcd-");
        let folder = match folder {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        }
        .context("cannot make a temporary folder")?;
        let ports = free_ports(2 * MEMBERS)?;
        let (client_ports, peer_ports) = ports.split_at(MEMBERS);
        let url = |port: &u16| format!("http://127.0.0.1:{port}");
        let peers: Vec<String> = peer_ports.iter().enumerate().map(|(n, port)| format!("m{n}={}", url(port))).collect();
        let mut members = Vec::new();
        for (n, (client, peer)) in client_ports.iter().zip(peer_ports).enumerate() {
            let home = folder.path().join(format!("m{n}"));
            let mut arguments: Vec<OsString> = vec!["--data-dir".into(), home.into()];
            for (name, value) in [
                ("--name", format!("m{n}")),
                ("--listen-client-urls", url(client)),
                ("--advertise-client-urls", url(client)),
                ("--listen-peer-urls", url(peer)),
                ("--initial-advertise-peer-urls", url(peer)),
                ("--initial-cluster", peers.join(",")),
                ("--initial-cluster-state", "new".to_owned()),
            ] {
                arguments.extend([name.into(), value.into()]);
            }
            let trace = folder.path().join(format!("m{n}.trace"));
            let mut member = Process::new(format!("etcd member {n}"), &program, arguments, trace);
            member.start()?;
            members.push(member);
        }
        let mut cluster = Self { members, client_ports: client_ports.to_vec(), _folder: folder };
        cluster.wait_ready().await?;
        Ok(cluster)
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for member in &mut self.members {
                if let Some(status) = member.ended() {
                    bail!("etcd ended by itself ({status}):\n{}", member.last_words());
                }
            }
            match self.leader().await {
                Ok(mut leader) => {
                    leader.put(b"ready".to_vec(), Vec::new()).await?;
                    return Ok(());
                }
                Err(error) if Instant::now() >= deadline => return Err(error.context("etcd did not get ready in time")),
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// A client of the member that leads.
    ///
    /// # Errors
    /// When none does.
    pub(super) async fn leader(&self) -> Result<Kv> {
        for port in &self.client_ports {
            let mut client = Kv::connect(*port).await?;
            if client.leads().await? == Some(true) {
                return Ok(client);
            }
        }
        bail!("etcd has no leader yet")
    }

    /// Clients spread over the members in turn.
    ///
    /// # Errors
    /// When a member does not listen.
    pub(super) async fn clients(&self, count: usize) -> Result<Vec<Kv>> {
        let ports = self.client_ports.iter().cycle().take(count);
        futures::future::try_join_all(ports.map(|port| Kv::connect(*port))).await
    }
}

/// etcd in the PATH.
fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("etcd")).find(|path| path.is_file());
    found.context("no etcd in the PATH; on Debian: apt-get install etcd-server")
}
