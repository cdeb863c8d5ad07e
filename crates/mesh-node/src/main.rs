//! `meshd`: the node daemon.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mesh_node::config::TraceFormat;
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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&StartError::Other(error.to_string())),
    };
    runtime.block_on(run(config))
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
    let (version, protocol) = (env!("CARGO_PKG_VERSION"), mesh_event::genesis::PROTOCOL_VERSION);
    let store = mesh_store::FORMAT_VERSION;
    match output {
        "json" => say(&serde_json::json!({
            "version": version,
            "protocol": { "min": 1, "max": protocol },
            "store_format": store,
        })
        .to_string()),
        _ => say(&format!("meshd {version} (protocol 1 to {protocol}, store format {store})")),
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
