//! `meshd`: the node daemon.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mesh_event::ProtocolRange;
use mesh_node::config::TraceFormat;
use mesh_node::recover::NewNode;
use mesh_node::{Config, Node, StartError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Half of the standard allocator's time under load, and memory that goes back to the system after it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The node of a data mesh: writes the feeds of its domains, votes on the ledger, answers everybody.
#[derive(Debug, Parser)]
#[command(name = "meshd", disable_version_flag = true)]
struct Arguments {
    /// The configuration file; config/node.example.toml shows every key.
    #[arg(long, env = "MESHD_CONFIG", value_name = "FILE", required_unless_present = "version")]
    config: Option<PathBuf>,
    /// Check configuration, keys and genesis, say what was found, and exit.
    #[arg(long)]
    check: bool,
    /// The data is gone, or may not be acted on: come back as a new node. Old keys and data stay beside the new ones.
    #[arg(long, conflicts_with = "check")]
    recover: bool,
    /// With --recover: what people call the node, where nothing here says it.
    #[arg(long, requires = "recover")]
    name: Option<mesh_model::Name>,
    /// With --recover: where clients reach it, where nothing here says it.
    #[arg(long, value_name = "HOST:PORT", requires = "recover")]
    public_api: Option<String>,
    /// With --recover: where other nodes reach it, where nothing here says it.
    #[arg(long, value_name = "HOST:PORT", requires = "recover")]
    public_peer: Option<String>,
    /// Print version, protocol range and store formats, and exit.
    #[arg(long)]
    version: bool,
    /// How --version is printed.
    #[arg(short, long, value_parser = ["text", "json"], default_value = "text")]
    output: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.version {
        return print_version(&arguments.output);
    }
    let path = arguments.config.unwrap_or_default();
    let config = match Config::load(&path, std::env::vars()) {
        Ok(config) => config,
        Err(error) => return refuse(&error.into()),
    };
    if arguments.check {
        return match mesh_node::node::check(&config) {
            Ok((genesis, keys)) => {
                let document = &genesis.document;
                let who = match keys.founder(&genesis) {
                    Some(record) => format!("node {} ({})", record.node_id, record.name),
                    None => format!("a node that the ledger knows, or is to know, by its key {}", keys.fingerprint()),
                };
                say(&format!(
                    "{}: {who} of mesh {} ({}), founded with {} voters",
                    path.display(),
                    document.mesh_name,
                    genesis.mesh_id,
                    document.voters.len()
                ))
            }
            Err(error) => refuse(&error),
        };
    }
    trace(&config);
    if arguments.recover {
        let new = NewNode { name: arguments.name, api: arguments.public_api, peer: arguments.public_peer };
        match recover(&config, &new) {
            Ok(()) => {}
            Err(error) => return refuse(&error),
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&StartError::Other(error.to_string())),
    };
    runtime.block_on(run(config))
}

/// Prepares the new node and says who has to do what.
fn recover(config: &Config, new: &NewNode) -> Result<(), StartError> {
    let genesis = mesh_node::node::read_genesis(config)?;
    let prepared = mesh_node::recover::prepare(config, &genesis, new, mesh_node::clock::now_unix_ms())?;
    let mut lines =
        vec![format!("this node comes back as a new one, with the key {}", prepared.record.key.fingerprint())];
    lines.extend(
        prepared.data_aside.as_ref().map(|aside| format!("what was left of its data is in {}", aside.display())),
    );
    lines.push(format!("1. the council admits it: mesh proposal open admit-node {}", prepared.file.display()));
    lines.push(match prepared.old_number {
        Some(old) => format!("2. the council takes the old one out: mesh proposal open revoke-node {old}"),
        None => "2. the council takes the old one out: `mesh node list` has its number".to_owned(),
    });
    lines.push(
        "3. the root of each of its domains: mesh domain delegate DOMAIN --to NUMBER; the trace names the domains"
            .into(),
    );
    lines.push("meshd waits for the first, then fetches ledger and feeds from its peers".into());
    say(&lines.join("\n"));
    Ok(())
}

async fn run(config: Config) -> ExitCode {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return refuse(&StartError::Other("signals cannot be received".to_owned()));
    };
    // A new node may wait long to be admitted.
    let started = tokio::select! {
        started = Node::start(config) => started,
        _ = terminate.recv() => return ExitCode::SUCCESS,
        _ = interrupt.recv() => return ExitCode::SUCCESS,
    };
    let node = match started {
        Ok(node) => node,
        Err(error) => return refuse(&error),
    };
    let failed = tokio::select! {
        reason = node.fatal() => Some(reason),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    tracing::info!("draining");
    node.shutdown().await;
    match failed {
        None => ExitCode::SUCCESS,
        Some(reason) => refuse(&StartError::Other(format!("the node stopped because its disk failed: {reason}"))),
    }
}

fn trace(config: &Config) {
    let filter = EnvFilter::try_new(&config.trace.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.trace.format {
        TraceFormat::Json => builder.json().init(),
        TraceFormat::Text => builder.with_ansi(std::env::var_os("NO_COLOR").is_none()).init(),
    }
}

fn print_version(output: &str) -> ExitCode {
    let (version, protocols) = (env!("CARGO_PKG_VERSION"), ProtocolRange::BUILD);
    let (oldest, newest) = (mesh_store::OLDEST_FORMAT_VERSION, mesh_store::FORMAT_VERSION);
    match output {
        "json" => say(&serde_json::json!({
            "version": version,
            "build": mesh_node::BUILD,
            "protocol": { "min": protocols.min, "max": protocols.max },
            "store_format": newest,
            "store_formats": { "min": oldest, "max": newest },
        })
        .to_string()),
        _ => say(&format!("meshd {version} (protocol {protocols}, store format {newest})")),
    }
}

/// Prints a line; a reader that closed the pipe is no error.
fn say(text: &str) -> ExitCode {
    drop(writeln!(std::io::stdout(), "{text}"));
    ExitCode::SUCCESS
}

fn refuse(error: &StartError) -> ExitCode {
    let code = error.code();
    drop(writeln!(std::io::stderr(), "error: {error} [{code}]\nhint: {}", code.next_step()));
    ExitCode::from(code.class().exit_code())
}
