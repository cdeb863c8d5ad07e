//! What a run is told.

use std::path::PathBuf;
use std::time::Duration;

use chaos_process::testbed::NodeNumber;
use clap::{Args, Parser, Subcommand};

/// Three real nodes under load and kill -9; afterwards everything that was promised is checked.
#[derive(Debug, Clone, Parser)]
#[command(name = "chaos-process", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// Without one: kill -9 on loopback, which needs no root.
    #[command(subcommand)]
    pub(crate) command: Option<InLab>,
    /// Decides the faults, their times and the load. The nodes' own timing is not part of it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Longest the whole run may take, such as 120s or 5m.
    #[arg(long, default_value = "120s", value_parser = duration)]
    pub(crate) time_limit: Duration,
    /// Least kills; a run with fewer has failed.
    #[arg(long, default_value_t = 30)]
    pub(crate) kills: usize,
    /// Least publishes that a client was told are sealed; a run with fewer has failed.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) publishes: usize,
    /// Clients that publish at once.
    #[arg(long, default_value_t = 12)]
    pub(crate) clients: usize,
    /// The daemon; the one beside this program when left out.
    #[arg(long, value_name = "PATH")]
    pub(crate) meshd: Option<PathBuf>,
    /// Where the temporary folder is made.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Keep the folder even when nothing is wrong.
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Options {
    /// How long load and faults may take; the rest is for the nodes to come together again and for the checks.
    pub(crate) fn rage(&self) -> Duration {
        (self.time_limit * 2 / 3).max(self.time_limit.saturating_sub(Duration::from_secs(45)))
    }

    /// The command that does this again.
    pub(crate) fn repro(&self) -> String {
        format!(
            "cargo run --release -p chaos-process -- --seed {} --time-limit {}s --kills {} --publishes {} --clients {}",
            self.seed,
            self.time_limit.as_secs(),
            self.kills,
            self.publishes,
            self.clients
        )
    }
}

/// What needs network namespaces, and so root. Where there are none, it says so, and the exit code is 77.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum InLab {
    /// Schedules of all kinds of faults, each with nodes of its own; stops at the first that fails
    Lab(LabOptions),
    /// A domain cut off for a minute publishes 1,000 versions; after healing all are sealed once, in order, on all nodes
    CutOff(CutOffOptions),
    /// What is published anywhere is searchable everywhere, and how soon
    Everywhere(EverywhereOptions),
    /// Nodes that are started at the same moment see each other, every time
    Starts(StartsOptions),
    /// A node whose clock is an hour slow is cut off for over a minute and must not call itself current
    SlowClock(Common),
    /// Whether the instruments work: programs that do not sync lose data, clocks are wrong, disks are full
    SelfTest,
}

/// Where programs and folders are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The daemon; the one beside this program when left out.
    #[arg(long, value_name = "PATH")]
    pub(crate) meshd: Option<PathBuf>,
    /// Where the temporary folders are made.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Keep the folder even when nothing is wrong.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LabOptions {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Decides nodes, faults, their times and the load of the first schedule; the others count on from it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many schedules.
    #[arg(long, default_value_t = 1)]
    pub(crate) schedules: u64,
    /// Least calls of clients in each schedule.
    #[arg(long, default_value_t = 500)]
    pub(crate) operations: usize,
    /// Least faults that took effect in each schedule.
    #[arg(long, default_value_t = 5)]
    pub(crate) faults: usize,
    /// Longest one schedule may take.
    #[arg(long, default_value = "180s", value_parser = duration)]
    pub(crate) time_limit: Duration,
    /// No new schedule begins after this time; none when left out.
    #[arg(long, value_parser = duration)]
    pub(crate) for_at_most: Option<Duration>,
    /// Clients that publish at once.
    #[arg(long, default_value_t = 8)]
    pub(crate) clients: usize,
    /// Nodes that vote; the seed's choice of three or five when left out.
    #[arg(long)]
    pub(crate) voters: Option<NodeNumber>,
    /// Nodes beside them, which tail the ledger; the seed's choice of one to three when left out, at most eight nodes in all.
    #[arg(long)]
    pub(crate) observers: Option<NodeNumber>,
    /// Steps of a schedule, each with one fault or two; seven when left out.
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Draws only faults of this kind, in one word such as takeover. Repeatable.
    #[arg(long, value_name = "KIND")]
    pub(crate) only: Vec<String>,
    /// The `mesh` command; the one beside this program when left out.
    #[arg(long, value_name = "PATH")]
    pub(crate) mesh: Option<PathBuf>,
    /// Writes what was done and found as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Every sync says yes and does nothing. No honest node stands that: the run has to fail.
    #[arg(long, hide = true)]
    pub(crate) lying_disks: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CutOffOptions {
    #[command(flatten)]
    pub(crate) common: Common,
    /// How long.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) length: Duration,
    /// How many versions are published meanwhile.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) versions: usize,
    /// Longest until all are sealed everywhere after healing.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(crate) within: Duration,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EverywhereOptions {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Nodes that vote.
    #[arg(long, default_value_t = 3)]
    pub(crate) voters: NodeNumber,
    /// Nodes outside Raft, which tail the ledger; seven nodes at most in all.
    #[arg(long, default_value_t = 4)]
    pub(crate) observers: NodeNumber,
    /// Products.
    #[arg(long, default_value_t = 200)]
    pub(crate) products: usize,
    /// Longest from the call until the 99th of a hundred is found on the last node.
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub(crate) within: Duration,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StartsOptions {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Nodes that vote.
    #[arg(long, default_value_t = 3)]
    pub(crate) voters: NodeNumber,
    /// Nodes outside Raft; seven nodes at most in all.
    #[arg(long, default_value_t = 4)]
    pub(crate) observers: NodeNumber,
    /// How often all of them are stopped and started.
    #[arg(long, default_value_t = 100)]
    pub(crate) starts: usize,
    /// Longest from the start until each node shows all others alive.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(crate) within: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| format!("expected a time such as 120s or 5m; found '{text}'"))?;
    match unit {
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_mins(number)),
        _ => Err(format!("expected a time such as 120s or 5m; found '{text}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_minutes() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("2h").is_err() && duration("s").is_err());
    }
}
