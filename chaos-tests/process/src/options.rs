//! What a run is told.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Three real nodes under load and kill -9; afterwards everything that was promised is checked.
#[derive(Debug, Clone, Parser)]
#[command(name = "chaos-process", version)]
pub(crate) struct Options {
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
