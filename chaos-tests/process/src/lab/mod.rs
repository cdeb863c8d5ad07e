//! A laboratory: one network namespace, one disk and one clock for each node, all of it in namespaces of the run's own.
//!
//! The program that uses it first goes into a network, mount and process namespace of its own ([`enter`]). Everything else is
//! made in there: a bridge, a namespace per node (`ip netns`) with a veth to the bridge, a small RAM disk per node. So nothing of the
//! host is touched, names cannot clash between runs, and when the program ends, however it ends, the kernel takes all of it
//! away, processes first.
//!
//! | module | holds |
//! |---|---|
//! | [`enter`] | whether that works here, and the way in |
//! | [`network`] | bridge, namespaces, cuts, loss, redirection, counted by nftables |
//! | [`proxy`] | delay: this kernel has no netem |
//! | [`machine`] | a node's disk and clock, with the shim `shim/machine.c` between them and `meshd` |
//! | [`journal`] | what a power cut takes from a disk |

pub mod enter;
pub mod journal;
pub mod machine;
pub mod network;
pub mod proxy;
mod run;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

pub use journal::Lost;
pub use machine::Machine;
pub use network::{Network, Rule};
pub use proxy::DelayProxy;

use crate::testbed::NodeNumber;

use network::{API_PORT, PEER_PORT};

/// The network of a run and the compiled shim.
#[derive(Debug)]
pub struct Lab {
    network: Network,
    shim: PathBuf,
}

impl Lab {
    /// Builds the network for nodes 1 to `nodes` and compiles the shim into `folder`. Only inside, see [`enter`].
    ///
    /// # Errors
    /// When a program that does it fails: what it said.
    pub fn build(nodes: NodeNumber, folder: &Path) -> Result<Self> {
        let shim = machine::compile(folder)?;
        Ok(Self { network: Network::build(nodes)?, shim })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The compiled shim.
    pub fn shim(&self) -> &Path {
        &self.shim
    }

    /// Where a node's clients and its peers come in.
    pub fn addresses(&self, node: NodeNumber) -> (String, String) {
        let host = network::address(node);
        (format!("{host}:{API_PORT}"), format!("{host}:{PEER_PORT}"))
    }

    /// The command that runs a program on a node, in its namespace and under the shim. `ip` and `env` become the program, so
    /// the process id is the program's.
    pub fn command(&self, machine: &Machine, program: &Path, arguments: &[OsString]) -> (PathBuf, Vec<OsString>) {
        let mut all: Vec<OsString> =
            ["netns", "exec", &network::name(machine.node()), "env"].into_iter().map(OsString::from).collect();
        all.extend(machine.environment(&self.shim));
        all.push(program.as_os_str().to_owned());
        all.extend(arguments.iter().cloned());
        (PathBuf::from("ip"), all)
    }
}
