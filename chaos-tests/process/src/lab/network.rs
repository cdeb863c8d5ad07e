//! A bridge with a namespace per node, and what goes wrong between them.
//!
//! ```text
//! the run's namespace: clients, proxies, bridge 10.77.0.1/16
//!    |veth              |veth
//! node-1 10.77.0.11   node-2 10.77.0.12   ...
//! ```
//!
//! Packets are dropped where they arrive, before anything else sees them: a drop at the sender would tell it. Clients are not
//! affected: they reach a node that its peers cannot.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::run::{feed, run};
use crate::testbed::NodeNumber;

/// Where nodes come in at each other, TCP and UDP.
pub const PEER_PORT: u16 = 7946;
/// Where clients come in at each.
pub const API_PORT: u16 = 7080;
/// The run's own address: clients and proxies.
pub const HARNESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const BRIDGE: &str = "lab";
const TABLE: &str = "faults";

/// A node's address.
pub fn address(node: NodeNumber) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 10 + u8::try_from(node).expect("nodes are few"))
}

/// A node's namespace.
pub fn name(node: NodeNumber) -> String {
    format!("node-{node}")
}

/// What happens to packets on their way from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// None arrives.
    Cut {
        /// Sender.
        from: NodeNumber,
        /// Receiver.
        to: NodeNumber,
    },
    /// Some do not arrive.
    Loss {
        /// Sender.
        from: NodeNumber,
        /// Receiver.
        to: NodeNumber,
        /// How many of a hundred, by chance.
        percent: u8,
    },
    /// Connections to the peer port are broken and go to this port of the harness from then on.
    Through {
        /// Who connects.
        from: NodeNumber,
        /// To whom.
        to: NodeNumber,
        /// Where the proxy listens.
        port: u16,
    },
}

impl Rule {
    /// In whose namespace it holds.
    fn at(self) -> NodeNumber {
        match self {
            Self::Cut { to, .. } | Self::Loss { to, .. } => to,
            Self::Through { from, .. } => from,
        }
    }

    fn write(self, number: usize, script: &mut String) {
        let rule = |script: &mut String, chain: &str, what: String| {
            writeln!(script, "add rule inet {TABLE} {chain} {what} comment \"{number}\"")
                .expect("a string takes everything");
        };
        match self {
            Self::Cut { from, .. } => rule(script, "arrive", format!("ip saddr {} counter drop", address(from))),
            Self::Loss { from, percent, .. } => {
                let what = format!("ip saddr {} numgen random mod 100 < {percent} counter drop", address(from));
                rule(script, "arrive", what);
            }
            Self::Through { to, port, .. } => {
                let to = address(to);
                for protocol in ["tcp", "udp"] {
                    let what =
                        format!("ip daddr {to} {protocol} dport {PEER_PORT} counter dnat ip to {HARNESS}:{port}");
                    rule(script, "turn", what);
                }
                // What was connected before does not pass the table of translations; new connections go elsewhere by now.
                writeln!(
                    script,
                    "add rule inet {TABLE} leave ip daddr {to} tcp dport {PEER_PORT} reject with tcp reset"
                )
                .expect("a string takes everything");
            }
        }
    }
}

/// The namespaces and the bridge between them.
#[derive(Debug)]
pub struct Network {
    nodes: NodeNumber,
}

impl Network {
    /// Makes them for nodes 1 to `nodes`. The names lie in a folder of names that only this run sees.
    ///
    /// # Errors
    /// What `ip` says.
    pub(super) fn build(nodes: NodeNumber) -> Result<Self> {
        run("mount", &["-t", "tmpfs", "tmpfs", "/run"])?;
        fs::create_dir_all("/run/netns").context("cannot make /run/netns")?;
        let mut script = format!(
            "link set lo up\nlink add {BRIDGE} type bridge\nlink set {BRIDGE} up\naddr add {HARNESS}/16 dev {BRIDGE}\n"
        );
        for node in 1..=nodes {
            let name = name(node);
            run("ip", &["netns", "add", &name])?;
            writeln!(script, "link add veth-{node} type veth peer name eth0 netns {name}")?;
            writeln!(script, "link set veth-{node} master {BRIDGE} up")?;
        }
        feed("ip", &["-batch", "-"], &script)?;
        for node in 1..=nodes {
            let inside = format!("link set lo up\nlink set eth0 up\naddr add {}/16 dev eth0\n", address(node));
            feed("ip", &["-n", &name(node), "-batch", "-"], &inside)?;
        }
        Ok(Self { nodes })
    }

    /// Puts these rules into force, in place of all others.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn apply(&self, rules: &[Rule]) -> Result<()> {
        for node in 1..=self.nodes {
            // Adding before deleting: deleting what is not there is an error.
            let mut script = format!("add table inet {TABLE}\ndelete table inet {TABLE}\n");
            let here: Vec<(usize, &Rule)> = rules.iter().enumerate().filter(|(_, rule)| rule.at() == node).collect();
            if !here.is_empty() {
                writeln!(script, "add table inet {TABLE}")?;
                for (chain, kind, hook, priority) in [
                    ("arrive", "filter", "prerouting", -300),
                    ("turn", "nat", "output", -100),
                    ("leave", "filter", "output", 0),
                ] {
                    writeln!(
                        script,
                        "add chain inet {TABLE} {chain} {{ type {kind} hook {hook} priority {priority}; policy accept; }}"
                    )?;
                }
                for (number, rule) in here {
                    rule.write(number, &mut script);
                }
            }
            feed("ip", &["netns", "exec", &name(node), "nft", "-f", "-"], &script)?;
        }
        Ok(())
    }

    /// Lets every packet through again.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn clear(&self) -> Result<()> {
        self.apply(&[])
    }

    /// How many packets each of the rules in force dropped or turned, in the order of [`Self::apply`].
    ///
    /// # Errors
    /// What `nft` says.
    pub fn hits(&self, rules: &[Rule]) -> Result<Vec<u64>> {
        let mut hits = vec![0; rules.len()];
        for node in 1..=self.nodes {
            if !rules.iter().any(|rule| rule.at() == node) {
                continue;
            }
            let listed = run("ip", &["netns", "exec", &name(node), "nft", "-j", "list", "table", "inet", TABLE])?;
            count(&listed, &mut hits)?;
        }
        Ok(hits)
    }
}

/// Adds the counters of a listing to the rules that their comments number.
fn count(listed: &str, hits: &mut [u64]) -> Result<()> {
    let listed: Value = serde_json::from_str(listed).context("nft lists no JSON")?;
    for rule in listed["nftables"].as_array().into_iter().flatten().map(|item| &item["rule"]) {
        let Some(number) = rule["comment"].as_str().and_then(|comment| comment.parse::<usize>().ok()) else { continue };
        let packets =
            rule["expr"].as_array().into_iter().flatten().find_map(|part| part["counter"]["packets"].as_u64());
        if let (Some(hits), Some(packets)) = (hits.get_mut(number), packets) {
            *hits += packets;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counters_go_to_the_rules_that_they_belong_to() {
        let listed = r#"{"nftables":[{"metainfo":{}},{"rule":{"comment":"1","expr":[{"match":{}},{"counter":{"packets":7,"bytes":9}},{"drop":null}]}},
            {"rule":{"comment":"1","expr":[{"counter":{"packets":2,"bytes":9}}]}},{"rule":{"expr":[{"counter":{"packets":5,"bytes":1}}]}}]}"#;
        let mut hits = vec![0, 0];
        count(listed, &mut hits).unwrap();
        assert_eq!(hits, [0, 9]);
    }

    #[test]
    fn a_packet_is_dropped_where_it_arrives_and_turned_where_it_leaves() {
        assert_eq!(Rule::Cut { from: 1, to: 2 }.at(), 2);
        assert_eq!(Rule::Loss { from: 1, to: 2, percent: 9 }.at(), 2);
        assert_eq!(Rule::Through { from: 1, to: 2, port: 9 }.at(), 1);
    }
}
