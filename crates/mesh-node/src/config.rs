//! The node's configuration: one TOML file, one struct, parsed once.
//!
//! `config/node.example.toml` shows every key with its unit, its default and what a wrong value does; a test keeps it
//! equal to this struct. Unknown keys are errors. `MESHD_SECTION__KEY` in the environment overrides `section.key`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_event::ProtocolRange;
use serde::{Deserialize, Serialize};

pub use crate::gossip::section::GossipSection;
use crate::limits::DayQuota;
use crate::transport::{ConnectionLimits, DoorLimits};

/// Everything a node is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who the node is and where it keeps things.
    pub node: NodeSection,
    /// Where clients come in.
    #[serde(default)]
    pub api: ApiSection,
    /// Where other nodes come in.
    #[serde(default)]
    pub peer: PeerSection,
    /// How a node that the founding document does not name comes in.
    #[serde(default)]
    pub join: JoinSection,
    /// How voters agree.
    #[serde(default)]
    pub raft: RaftSection,
    /// How voters vouch for the ledger.
    #[serde(default)]
    pub checkpoint: CheckpointSection,
    /// Copies of feeds.
    #[serde(default)]
    pub feeds: FeedsSection,
    /// What pipelines may tell.
    #[serde(default)]
    pub pipelines: PipelinesSection,
    /// Who is up, and whose feeds grew.
    #[serde(default)]
    pub gossip: GossipSection,
    /// The disk.
    #[serde(default)]
    pub storage: StorageSection,
    /// The search index.
    #[serde(default)]
    pub search: SearchSection,
    /// What is refused before it costs anything.
    #[serde(default)]
    pub limits: LimitsSection,
    /// Diagnostics.
    #[serde(default)]
    pub trace: TraceSection,
}

/// Who the node is and where it keeps things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Feeds, ledger, attachments, search index. Made when it is missing. One process at a time.
    pub data_dir: PathBuf,
    /// Holds `node.pem`, and `log.pem` and `cosigner.pem` of a voter; each 0600.
    pub keys_dir: PathBuf,
    /// The sealed genesis document.
    pub genesis: PathBuf,
    /// The newest protocol version that the node applies and advertises; 0 for all that its program knows. A voter that is held back
    /// keeps the council from setting a newer one, and so the way back to an older program open.
    #[serde(default)]
    pub protocol_max: u32,
}

impl NodeSection {
    /// The protocol versions that the node applies.
    pub fn protocols(&self) -> ProtocolRange {
        match self.protocol_max {
            0 => ProtocolRange::BUILD,
            newest => ProtocolRange::BUILD.held_at(newest),
        }
    }
}

/// Where clients come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// Address and port of gRPC and HTTP.
    pub listen: SocketAddr,
    /// The operator's certificate with its chain, PEM; clients come in over TLS when it is set. Empty for none.
    pub tls_cert: PathBuf,
    /// Its private key, PEM.
    pub tls_key: PathBuf,
    /// Bearer tokens, one of which a read needs; reads are open when the list is empty. Commands authenticate themselves.
    pub read_tokens: Vec<String>,
}

impl Default for ApiSection {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 7080));
        Self { listen, tls_cert: PathBuf::new(), tls_key: PathBuf::new(), read_tokens: Vec::new() }
    }
}

/// Where other nodes come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerSection {
    /// Address and port of the peer services.
    pub listen: SocketAddr,
    /// Where the others are told that this node is, `HOST:PORT`; "" for `listen`, or the ledger's address where that is open to all.
    pub advertise: String,
    /// Milliseconds that a connection may take until it has proved which node it is of.
    pub handshake_ms: u64,
    /// Connections that have not proved it yet, at once and in all.
    pub handshakes: usize,
    /// The same from one address; an IPv6 address counts as its /64.
    pub handshakes_per_address: usize,
    /// New connections from one address each second, after a burst of four times as many.
    pub handshakes_per_second: u32,
    /// Open connections of one node.
    pub connections_per_node: usize,
    /// Open connections of all nodes.
    pub connections: usize,
    /// Requests that one connection may have under way.
    pub streams: u32,
}

impl PeerSection {
    /// What may cost how much before anything is proven.
    pub fn door_limits(&self) -> DoorLimits {
        DoorLimits {
            within: Duration::from_millis(self.handshake_ms),
            at_once: self.handshakes,
            at_once_per_address: self.handshakes_per_address,
            per_second: self.handshakes_per_second,
        }
    }

    /// How many may be open.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits { per_node: self.connections_per_node, in_all: self.connections }
    }
}

impl Default for PeerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7946)),
            advertise: String::new(),
            handshake_ms: 5_000,
            handshakes: 128,
            handshakes_per_address: 32,
            handshakes_per_second: 64,
            connections_per_node: 16,
            connections: 2_048,
            streams: 1_024,
        }
    }
}

/// How a node that the founding document does not name comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JoinSection {
    /// Peer addresses of members, asked one after the other until one answers. The ledger names all others; afterwards these are not needed.
    pub peers: Vec<String>,
    /// A signed checkpoint of whoever admitted the node, as a file; empty for none. Until the ledger that peers send contains it, the
    /// node only reads.
    pub checkpoint: PathBuf,
}

/// How voters agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RaftSection {
    /// Milliseconds between a leader's signs of life.
    pub heartbeat_ms: u64,
    /// Least silence, in milliseconds, after which a voter stands for election.
    pub election_min_ms: u64,
    /// Most.
    pub election_max_ms: u64,
    /// Entries after which Raft's own log is cut; the ledger is kept for ever.
    pub snapshot_every: u64,
}

impl Default for RaftSection {
    fn default() -> Self {
        Self { heartbeat_ms: 150, election_min_ms: 900, election_max_ms: 1_800, snapshot_every: 20_000 }
    }
}

/// How voters vouch for the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointSection {
    /// Least milliseconds between two checkpoints while the ledger grows.
    pub cosign_ms: u64,
    /// Milliseconds after which an unchanged ledger is cosigned again.
    pub refresh_ms: u64,
}

impl Default for CheckpointSection {
    fn default() -> Self {
        Self { cosign_ms: 200, refresh_ms: 10_000 }
    }
}

/// Copies of feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedsSection {
    /// Nodes that keep a domain's feed beside its home. The same on all nodes: each finds out by itself which feeds are its own to keep.
    pub copies: usize,
    /// Milliseconds between two comparisons with the other nodes that have to do with the same domains.
    pub pull_ms: u64,
    /// Seconds between two looks at which heads of this node's feeds are not in the ledger yet.
    pub anchor_s: u64,
    /// Domains whose feeds this node keeps although nobody assigned them to it.
    pub subscribe: Vec<String>,
}

impl Default for FeedsSection {
    fn default() -> Self {
        Self { copies: 2, pull_ms: 1_000, anchor_s: 3_600, subscribe: Vec::new() }
    }
}

/// What pipelines may tell this node, as OpenLineage events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelinesSection {
    /// Bearer tokens, one of which every event needs; with none, no event is taken.
    pub tokens: Vec<String>,
    /// Days for which an event is kept, and what no run told of again.
    pub keep_days: u64,
    /// Most MiB of events that are kept.
    pub keep_mib: u64,
}

impl Default for PipelinesSection {
    fn default() -> Self {
        Self { tokens: Vec::new(), keep_days: 30, keep_mib: 256 }
    }
}

/// The disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSection {
    /// Page cache of the store, in MiB.
    pub cache_mib: u64,
    /// Free space, in MiB, below which new commands are refused.
    pub reserve_mib: u64,
}

impl Default for StorageSection {
    fn default() -> Self {
        Self { cache_mib: 64, reserve_mib: 64 }
    }
}

/// The search index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSection {
    /// Memory of the index writer, in MiB.
    pub heap_mib: usize,
    /// Most milliseconds between a seal and its being searchable while writes go on.
    pub commit_ms: u64,
}

impl Default for SearchSection {
    fn default() -> Self {
        Self { heap_mib: 32, commit_ms: 100 }
    }
}

/// What is refused before it costs anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Commands of one domain that may wait for the ledger; more are refused.
    pub outbox_commands: usize,
    /// Requests that one stream may have under way.
    pub stream_window: usize,
    /// Client requests under way at once; more wait.
    pub requests: usize,
    /// Those of one address; more are refused.
    pub requests_per_address: usize,
    /// New connections of clients from one address each second.
    pub connections_per_second: u32,
    /// Commands of one key each second.
    pub commands_per_second: u32,
    /// Commands that one domain may seal in a day, by UTC.
    pub domain_commands_day: u64,
    /// Their bytes, in MiB.
    pub domain_mib_day: u64,
    /// Longest a publish waits for the ledger when the client sets no deadline, in milliseconds.
    pub publish_wait_ms: u64,
    /// Attachment bytes of one publish, in MiB.
    pub publish_mib: usize,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            outbox_commands: 20_000,
            stream_window: 1_024,
            requests: 4_096,
            requests_per_address: 2_048,
            connections_per_second: 1_000,
            commands_per_second: 5_000,
            domain_commands_day: 1_000_000,
            domain_mib_day: 4_096,
            publish_wait_ms: 30_000,
            publish_mib: 32,
        }
    }
}

impl LimitsSection {
    /// What one domain may seal in a day.
    pub fn day_quota(&self) -> DayQuota {
        DayQuota { commands: self.domain_commands_day, bytes: self.domain_mib_day << 20 }
    }
}

/// Diagnostics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceSection {
    /// What is traced, in the directives of `tracing-subscriber`, such as `info,mesh_raft=debug`.
    pub filter: String,
    /// `text` or `json`.
    pub format: TraceFormat,
}

/// How traces are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for TraceSection {
    fn default() -> Self {
        Self { filter: "info,openraft=warn".to_owned(), format: TraceFormat::Text }
    }
}

/// Why a configuration does not fit.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or a key or value does not fit.
    #[error("{path}: {message}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// The key, what was expected and what was found.
        message: String,
    },
    /// An environment variable that overrides nothing.
    #[error("{name} in the environment: {message}")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Values(String),
}

impl Config {
    /// A configuration with the defaults and these three paths.
    pub fn new(data_dir: PathBuf, keys_dir: PathBuf, genesis: PathBuf) -> Self {
        Self {
            node: NodeSection { data_dir, keys_dir, genesis, protocol_max: 0 },
            api: ApiSection::default(),
            peer: PeerSection::default(),
            join: JoinSection::default(),
            raft: RaftSection::default(),
            checkpoint: CheckpointSection::default(),
            feeds: FeedsSection::default(),
            pipelines: PipelinesSection::default(),
            gossip: GossipSection::default(),
            storage: StorageSection::default(),
            search: SearchSection::default(),
            limits: LimitsSection::default(),
            trace: TraceSection::default(),
        }
    }

    /// Reads the file, lays the environment over it and checks the values. Relative paths are taken from the file's
    /// folder.
    ///
    /// # Errors
    /// [`ConfigError`] names file and key.
    pub fn load(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let mut config = Self::parse(&text, path, environment)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for path in [&mut config.node.data_dir, &mut config.node.keys_dir, &mut config.node.genesis] {
            *path = folder.join(&*path);
        }
        for path in [&mut config.join.checkpoint, &mut config.api.tls_cert, &mut config.api.tls_key] {
            if !path.as_os_str().is_empty() {
                *path = folder.join(&*path);
            }
        }
        Ok(config)
    }

    fn parse(
        text: &str,
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let error = |message: String| ConfigError::Parse { path: path.into(), message };
        let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| error(e.to_string()))?;
        if table.get("peer").and_then(toml::Value::as_table).is_some_and(|peer| peer.contains_key("insecure_peers")) {
            let gone = "peer.insecure_peers is gone: nodes prove who they are to each other; remove the line";
            return Err(error(gone.to_owned()));
        }
        // Parsed once without the environment, so that an error names the file's own line.
        let _: Self = toml::from_str(text).map_err(|e| error(e.to_string()))?;
        for (name, value) in environment {
            let Some((section, key)) = name.strip_prefix("MESHD_").and_then(|rest| rest.split_once("__")) else {
                continue;
            };
            let (section, key) = (section.to_lowercase(), key.to_lowercase());
            let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let Some(section) = section.as_table_mut() else { continue };
            // `7` is a number where the key wants one; a text everywhere else.
            let typed = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v"));
            let mut attempt = section.clone();
            attempt.insert(key.clone(), typed.unwrap_or_else(|| toml::Value::String(value.clone())));
            *section = attempt;
            if let Err(error) = table.clone().try_into::<Self>() {
                return Err(ConfigError::Environment { name, message: error.to_string().trim().to_owned() });
            }
        }
        let config: Self = table.try_into().map_err(|e: toml::de::Error| error(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Checks what types cannot: values that do not go together.
    ///
    /// # Errors
    /// [`ConfigError::Values`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let raft = &self.raft;
        let fail = |text: String| Err(ConfigError::Values(text));
        if raft.heartbeat_ms == 0 || raft.election_min_ms < 3 * raft.heartbeat_ms {
            let (heartbeat, election) = (raft.heartbeat_ms, raft.election_min_ms);
            return fail(format!(
                "raft.election_min_ms is {election}; expected at least three times raft.heartbeat_ms ({heartbeat})"
            ));
        }
        if raft.election_max_ms <= raft.election_min_ms {
            let (min, max) = (raft.election_min_ms, raft.election_max_ms);
            return fail(format!("raft.election_max_ms is {max}; expected more than raft.election_min_ms ({min})"));
        }
        if raft.snapshot_every < 100 {
            return fail(format!("raft.snapshot_every is {}; expected at least 100", raft.snapshot_every));
        }
        let advertise = &self.peer.advertise;
        let is_place = |place: &str| {
            let place = place.rsplit_once(':');
            place.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        if !advertise.is_empty() && !is_place(advertise) {
            return fail(format!("peer.advertise is '{advertise}'; expected HOST:PORT, or \"\""));
        }
        let checkpoint = &self.checkpoint;
        if !(20..=10_000).contains(&checkpoint.cosign_ms) {
            return fail(format!("checkpoint.cosign_ms is {}; expected 20 to 10,000", checkpoint.cosign_ms));
        }
        if !(checkpoint.cosign_ms..=30_000).contains(&checkpoint.refresh_ms) {
            let (found, least) = (checkpoint.refresh_ms, checkpoint.cosign_ms);
            return fail(format!("checkpoint.refresh_ms is {found}; expected {least} (cosign_ms) to 30,000"));
        }
        let feeds = &self.feeds;
        if feeds.copies > 16 {
            return fail(format!("feeds.copies is {}; expected 0 to 16", feeds.copies));
        }
        if !(20..=600_000).contains(&feeds.pull_ms) {
            return fail(format!("feeds.pull_ms is {}; expected 20 to 600,000", feeds.pull_ms));
        }
        if !(1..=604_800).contains(&feeds.anchor_s) {
            return fail(format!("feeds.anchor_s is {}; expected 1 to 604,800", feeds.anchor_s));
        }
        for name in &feeds.subscribe {
            if let Err(error) = mesh_model::DomainName::parse(name) {
                return fail(format!("feeds.subscribe holds '{name}': {error}"));
            }
        }
        let pipelines = &self.pipelines;
        if pipelines.tokens.iter().any(String::is_empty) {
            return fail("pipelines.tokens holds an empty text; expected a secret".to_owned());
        }
        for (key, value) in [("keep_days", pipelines.keep_days), ("keep_mib", pipelines.keep_mib)] {
            if !(1..=1_000_000).contains(&value) {
                return fail(format!("pipelines.{key} is {value}; expected 1 to 1,000,000"));
            }
        }
        self.gossip.machine().check().map_err(|error| ConfigError::Values(format!("gossip: {error}")))?;
        if self.storage.cache_mib < 8 {
            return fail(format!("storage.cache_mib is {}; expected at least 8", self.storage.cache_mib));
        }
        if self.search.heap_mib < 16 {
            return fail(format!("search.heap_mib is {}; expected at least 16", self.search.heap_mib));
        }
        let limits = &self.limits;
        let counts = [
            ("outbox_commands", limits.outbox_commands),
            ("stream_window", limits.stream_window),
            ("requests", limits.requests),
            ("requests_per_address", limits.requests_per_address),
            ("connections_per_second", limits.connections_per_second as usize),
            ("commands_per_second", limits.commands_per_second as usize),
            ("publish_mib", limits.publish_mib),
        ];
        for (key, value) in counts {
            if !(1..=1_000_000).contains(&value) {
                return fail(format!("limits.{key} is {value}; expected 1 to 1,000,000"));
            }
        }
        for (key, value) in
            [("domain_commands_day", limits.domain_commands_day), ("domain_mib_day", limits.domain_mib_day)]
        {
            if !(1..=1_000_000_000).contains(&value) {
                return fail(format!("limits.{key} is {value}; expected 1 to 1,000,000,000"));
            }
        }
        if self.api.tls_cert.as_os_str().is_empty() != self.api.tls_key.as_os_str().is_empty() {
            return fail("api.tls_cert and api.tls_key: expected both or none".to_owned());
        }
        if self.api.listen == self.peer.listen {
            return fail(format!("api.listen and peer.listen are both {}; expected two ports", self.api.listen));
        }
        let has_port = |address: &str| {
            address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if let Some(odd) = self.join.peers.iter().find(|address| !has_port(address)) {
            return fail(format!("join.peers names {odd}; expected HOST:PORT"));
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.trace.filter) {
            return fail(format!("trace.filter is '{}': {error}", self.trace.filter));
        }
        let peer = &self.peer;
        if !(100..=60_000).contains(&peer.handshake_ms) {
            return fail(format!("peer.handshake_ms is {}; expected 100 to 60,000", peer.handshake_ms));
        }
        let counts = [
            ("handshakes", peer.handshakes),
            ("handshakes_per_address", peer.handshakes_per_address),
            ("handshakes_per_second", peer.handshakes_per_second as usize),
            ("connections_per_node", peer.connections_per_node),
            ("connections", peer.connections),
            ("streams", peer.streams as usize),
        ];
        for (key, value) in counts {
            if !(1..=1_000_000).contains(&value) {
                return fail(format!("peer.{key} is {value}; expected 1 to 1,000,000"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MINIMAL: &str = "[node]\ndata_dir = \"data\"\nkeys_dir = \"keys\"\ngenesis = \"genesis.bin\"\n";

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(text, Path::new("node.toml"), environment)
    }

    #[test]
    fn defaults_fill_what_the_file_leaves_out() {
        let config = parse(MINIMAL, &[]).unwrap();
        assert_eq!(config, Config::new("data".into(), "keys".into(), "genesis.bin".into()));
    }

    #[test]
    fn the_example_file_holds_every_key_with_its_default() {
        let text = include_str!("../../../config/node.example.toml");
        let uncommented = toml::to_string(&parse(text, &[]).unwrap()).unwrap();
        let defaults = Config::new("data".into(), "keys".into(), "genesis.bin".into());
        assert_eq!(uncommented, toml::to_string(&defaults).unwrap());
        let table: toml::Table = toml::to_string(&defaults).unwrap().parse().unwrap();
        for (section, keys) in table {
            for key in keys.as_table().unwrap().keys() {
                let shown = text.lines().any(|line| line.starts_with(&format!("{key} = ")));
                assert!(shown, "config/node.example.toml lacks {section}.{key}");
            }
        }
    }

    #[test]
    fn the_environment_overrides_and_its_errors_name_the_variable() {
        let config =
            parse(MINIMAL, &[("MESHD_API__LISTEN", "127.0.0.1:9"), ("MESHD_STORAGE__CACHE_MIB", "96")]).unwrap();
        assert_eq!((config.api.listen.port(), config.storage.cache_mib), (9, 96));
        let error = parse(MINIMAL, &[("MESHD_API__LISTN", "x")]).unwrap_err().to_string();
        assert!(error.starts_with("MESHD_API__LISTN in the environment: ") && error.contains("listn"), "{error}");
        let error = parse(MINIMAL, &[("MESHD_STORAGE__CACHE_MIB", "much")]).unwrap_err().to_string();
        assert!(error.contains("MESHD_STORAGE__CACHE_MIB"), "{error}");
    }

    #[test]
    fn errors_name_file_line_and_key() {
        let error = parse(&format!("{MINIMAL}[api]\nlisen = \"x\"\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("node.toml") && error.contains("line 6") && error.contains("lisen"), "{error}");
        parse(&format!("{MINIMAL}[peer]\nlisten = \"0.0.0.0:7946\"\n"), &[]).unwrap();
        let error = parse(&format!("{MINIMAL}[peer]\ninsecure_peers = true\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("insecure_peers is gone"), "{error}");
        parse(&format!("{MINIMAL}[peer]\nadvertise = \"alpha.example:7946\"\n"), &[]).unwrap();
        for wrong in ["alpha.example", ":7946", "alpha.example:0", "alpha.example:x"] {
            let error = parse(&format!("{MINIMAL}[peer]\nadvertise = \"{wrong}\"\n"), &[]).unwrap_err().to_string();
            assert!(error.contains("expected HOST:PORT"), "{error}");
        }
        let error = parse(&format!("{MINIMAL}[raft]\nelection_min_ms = 100\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("three times"), "{error}");
    }
}
