//! `mesh status`: how the nodes are.

use clap::Args;
use mesh_client::NodeStatus;
use mesh_client::node::RaftStatus;
use mesh_model::NodeId;
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::output::{Format, Row, printable};
use crate::time;
use crate::upgrade::Upgrade;

/// Shows how each of the context's nodes is; exit 6 when none answers.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {}

/// One node, whether it answered or not.
#[derive(Debug, Serialize)]
struct StatusRow {
    url: String,
    status: Option<NodeStatus>,
    error: Option<String>,
    /// Leaves that another node that answered has and this one has not applied.
    behind: Option<u64>,
}

impl Row for StatusRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        // What matters most first: a narrow terminal leaves out the last ones. Alarms follow the table in full.
        let mut columns = vec![
            "node",
            "role",
            "behind",
            "age",
            "outbox",
            "alarms",
            "url",
            "ledger",
            "checkpoint",
            "products",
            "peers",
        ];
        if wide {
            columns.extend([
                "cosigned by",
                "clock",
                "term",
                "leader",
                "voters",
                "searchable",
                "feeds",
                "copies",
                "disk",
                "free",
                "sync p99",
                "version",
                "uptime",
            ]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let Some(status) = &self.status else {
            let mut cells = vec![String::new(); Self::columns(wide).len()];
            "does not answer".clone_into(&mut cells[1]);
            cells[6].clone_from(&self.url);
            return cells;
        };
        let waiting: u64 = status.feeds.iter().map(|feed| feed.outbox_waiting).sum();
        let mut cells = vec![
            format!("{} {}", status.node_id, printable(&status.name)),
            status.raft.role.clone(),
            self.behind.map_or_else(String::new, |leaves| leaves.to_string()),
            time::age_of(&status.freshness),
            waiting.to_string(),
            status.alarms.len().to_string(),
            self.url.clone(),
            status.ledger.size.to_string(),
            status.freshness.checkpoint_size.to_string(),
            status.products.to_string(),
            peers(status),
        ];
        if wide {
            let leader = status.raft.leader_id.map_or_else(|| "none".to_owned(), |leader| leader.to_string());
            let feeds: Vec<String> = status.feeds.iter().map(|feed| format!("{} {}", feed.domain, feed.size)).collect();
            let upkeep = &status.upkeep;
            let free =
                upkeep.disk_free_bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
            cells.extend([
                format!("{} of {}", list(&upkeep.cosigned_by), upkeep.voters),
                clock(upkeep.clock_ahead_ms),
                status.raft.term.to_string(),
                leader,
                voters(&status.raft),
                status.ledger.indexed_size.to_string(),
                feeds.join(", "),
                held(status),
                format!("{} KiB", status.storage.bytes_on_disk / 1024),
                free,
                format!("{} µs", status.storage.sync_p99_us),
                status.version.clone(),
                time::age(status.uptime_ms),
            ]);
        }
        cells
    }
    fn name(&self) -> String {
        self.url.clone()
    }
    /// Addresses are long, and who waits and why is what a narrow terminal has to show; who does not answer is named below the table.
    fn stays() -> Option<&'static str> {
        Some("node")
    }
}

/// The clock beside the other voters', in whole seconds: it is read from times that have no more.
fn clock(ahead_ms: Option<i64>) -> String {
    let Some(ahead) = ahead_ms else { return "unknown".to_owned() };
    match (ahead.unsigned_abs() + 500) / 1000 {
        0 | 1 => "within 1 s".to_owned(),
        seconds => format!("{seconds} s {}", if ahead > 0 { "ahead" } else { "behind" }),
    }
}

fn list(ids: &[NodeId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How many feeds are copied there, and how many of all lag or lack copies.
fn held(status: &NodeStatus) -> String {
    let copied = status.held_feeds.iter().filter(|feed| !feed.written_here).count();
    let behind = status.held_feeds.iter().filter(|feed| feed.size < feed.known_size).count();
    if behind == 0 { copied.to_string() } else { format!("{copied} ({behind} behind)") }
}

/// How many of the other nodes answer, and who does not.
fn peers(status: &NodeStatus) -> String {
    let alive = status.peers.iter().filter(|peer| peer.state == "alive").count();
    let others = status.peers.iter().filter(|peer| peer.state != "alive");
    let others: Vec<String> = others.map(|peer| format!("{} {}", peer.node_id, printable(&peer.state))).collect();
    let count = format!("{alive} of {}", status.peers.len());
    if others.is_empty() { count } else { format!("{count}: {}", others.join(", ")) }
}

/// Who votes, and whom the ledger wants to while that is being followed.
fn voters(raft: &RaftStatus) -> String {
    let (mut now, wanted) = (raft.voters.clone(), &raft.ledger_voters);
    now.sort_unstable();
    if wanted.is_empty() || (now == *wanted && !raft.joint) {
        return list(&now);
    }
    format!("{}, becoming {}", list(&now), list(wanted))
}

/// What is wrong with a node, a line each.
fn troubles(row: &StatusRow) -> String {
    let line = |who: &str, what: &str| format!("! {}: {}\n", printable(who), printable(what));
    match &row.status {
        None => line(&row.url, row.error.as_deref().unwrap_or("does not answer")),
        Some(status) => {
            let who = format!("node {}", status.node_id);
            status.alarms.iter().map(|alarm| line(&who, alarm)).collect()
        }
    }
}

pub(crate) async fn run(_args: StatusArgs, app: &App) -> Result<(), Failure> {
    // The context's checks and messages, before the nodes are asked one by one.
    let all = app.client_within(std::time::Duration::from_secs(3))?;
    let asked = all.nodes().map(|url| {
        let node = all.of_node(url);
        async move {
            let status = match node {
                Ok(client) => client.status().await,
                Err(error) => Err(error),
            };
            (url.to_owned(), status)
        }
    });
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for (url, status) in futures::future::join_all(asked).await {
        match status {
            Ok(status) => rows.push(StatusRow { url, status: Some(status), error: None, behind: None }),
            Err(error) => {
                rows.push(StatusRow { url, status: None, error: Some(error.message.clone()), behind: None });
                failures.push(error);
            }
        }
    }
    let size = |row: &StatusRow| row.status.as_ref().map(|status| status.ledger.size);
    let longest = rows.iter().filter_map(size).max();
    for row in &mut rows {
        row.behind = size(row).and_then(|size| longest.map(|longest| longest - size));
    }
    let answered = rows.iter().any(|row| row.status.is_some());
    if answered {
        let statuses: Vec<&NodeStatus> = rows.iter().filter_map(|row| row.status.as_ref()).collect();
        let upgrade = Upgrade::of(&statuses);
        app.output().list("nodes", &rows, serde_json::json!({ "upgrade": upgrade }))?;
        if matches!(app.output().format(), Format::Table | Format::Wide) {
            let mut text: String = rows.iter().map(troubles).collect();
            text.extend(upgrade.map(|upgrade| format!("{upgrade}\n")));
            app.output().text(&text)?;
        }
    }
    match failures.into_iter().next() {
        Some(error) if !answered => Err(error.into()),
        _ => Ok(()),
    }
}
