//! `mesh up`: a whole mesh on this machine, in one process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use mesh_client::{Client, ClientOptions, WaitLevel};
use mesh_event::genesis::SealedGenesis;
use mesh_model::{Code, DomainName};
use tokio::signal::unix::{SignalKind, signal};

use super::apply::apply_all;
use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::local_mesh::founding::{self, COUNCIL, Reserved};
use crate::local_mesh::layout::Layout;
use crate::local_mesh::nodes::{Nodes, write_context};
use crate::local_mesh::running::{Run, RunLock, running};
use crate::local_mesh::sample;
use crate::publishing::{Publishing, conclude};
use crate::{node_keys, product_files};

/// How often a mesh is founded on other ports when somebody takes those that it chose.
const FOUNDINGS: u32 = 5;
/// How long the sample's products may wait for the ledger.
const PUBLISH: Duration = Duration::from_mins(1);
/// How long a mesh in the background may take to start, sample included.
const DETACHED_START: Duration = Duration::from_mins(3);

/// Runs a whole mesh on this machine: founds it on the first start, goes on with it on every later one.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Adds three or more sample domains with their products.
    #[arg(long)]
    sample: bool,
    /// Where everything is kept: keys, configurations, data.
    #[arg(long, value_name = "DIR", default_value = ".mesh")]
    dir: PathBuf,
    /// Runs in the background, until `mesh down`.
    #[arg(long)]
    detach: bool,
    /// How many nodes: 1, 3, 5 or 7. Counts when the mesh is founded.
    #[arg(long, value_name = "N", default_value = "3", value_parser = ["1", "3", "5", "7"])]
    nodes: String,
    /// The first port for clients; busy ones are passed over. Counts when the mesh is founded.
    #[arg(long, value_name = "PORT", default_value_t = 7080, value_parser = clap::value_parser!(u16).range(1..))]
    api_port: u16,
    /// The first port for nodes among themselves; as above.
    #[arg(long, value_name = "PORT", default_value_t = 7946, value_parser = clap::value_parser!(u16).range(1..))]
    peer_port: u16,
}

pub(crate) async fn run(args: UpArgs, app: &App) -> Result<(), Failure> {
    let layout = Layout::new(&args.dir);
    // Before anything else: nothing below the folder is ever to be committed, keys least of all.
    files::replace(&layout.gitignore(), b"*\n")?;
    if args.detach {
        return detach(&args, &layout, app).await;
    }
    app.handle_interrupts();
    let io = |error: std::io::Error| Failure::io("lock", &layout.lock(), &error);
    let mut lock = match RunLock::acquire(&layout.lock()).map_err(io)? {
        Ok(lock) => lock,
        Err(run) => return Err(runs_already(&layout, &run)),
    };
    trace_to(&layout)?;
    let mut stop = Stop::install().map_err(|error| Failure::internal(format!("cannot listen for signals: {error}")))?;
    let (genesis, nodes) = start(&layout, &args, app).await?;
    write_context(&layout, &genesis, nodes.urls())?;
    let prepared = tokio::select! {
        prepared = prepare(&layout, &genesis, &nodes, args.sample, app) => prepared,
        () = stop.asked() => Err(Failure::interrupted("the nodes were stopped; `mesh up` goes on from here")),
    };
    if let Err(failure) = prepared {
        nodes.stop().await;
        return Err(failure);
    }
    lock.announce(&nodes.urls()).map_err(io)?;
    next_steps(&layout, &genesis, &nodes.urls(), app);
    let ended = tokio::select! {
        () = stop.asked() => Ok(()),
        reason = nodes.fatal() => Err(Failure::new(Code::StorageFailed, reason)),
    };
    app.note("stopping");
    nodes.stop().await;
    drop(lock);
    ended
}

/// Sends the nodes' traces to `up.trace`, unless MESH_TRACE sends them to stderr. The terminal is for people.
fn trace_to(layout: &Layout) -> Result<(), Failure> {
    let path = layout.trace();
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(|error| Failure::io("write", &path, &error))?;
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(file).with_env_filter("info,openraft=warn").finish();
    if std::env::var_os("MESH_TRACE").is_none() {
        drop(tracing::subscriber::set_global_default(subscriber));
    }
    Ok(())
}

/// Ctrl-C, or `mesh down`.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// A terminal that closes; caught, so that a mesh in the background outlives it.
    hangup: tokio::signal::unix::Signal,
}

impl Stop {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        use std::io::IsTerminal as _;
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => if std::io::stderr().is_terminal() { return },
            }
        }
    }
}

/// Starts the nodes. A port that somebody took in the instant between its reservation and its node's start costs a young
/// mesh nothing: it is founded again on others. One that has run before keeps its ports.
async fn start(layout: &Layout, args: &UpArgs, app: &App) -> Result<(SealedGenesis, Nodes), Failure> {
    let mut left = FOUNDINGS;
    loop {
        let (genesis, reserved) = found_or_resume(layout, args, app)?;
        let founded = !reserved.is_empty();
        left -= 1;
        match Nodes::start(layout, &genesis, reserved).await {
            Ok(nodes) => return Ok((genesis, nodes)),
            Err(failure) if founded && left > 0 && failure.code == Some(Code::AddressInUse) => {
                app.note(format!("{}; choosing other ports", failure.message));
                founding::undo(layout, genesis.document.voters.len())?;
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn found_or_resume(layout: &Layout, args: &UpArgs, app: &App) -> Result<(SealedGenesis, Reserved), Failure> {
    let path = layout.genesis();
    if path.exists() {
        let bytes = std::fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
        let genesis = SealedGenesis::parse(bytes)
            .map_err(|error| Failure::new(Code::InvalidFile, error.to_string()).within(path.display()))?;
        return Ok((genesis, Reserved::new()));
    }
    let nodes = args.nodes.parse().expect("clap takes only the numbers that are listed");
    // There before the nodes are: the context names it.
    node_keys::read_or_create(&layout.developer_key())?;
    let founded = founding::found(layout, "local", nodes, args.api_port, args.peer_port)?;
    let (members, threshold) = COUNCIL;
    app.note(format!("founded a mesh of {nodes} nodes and a council of {members}, of whom {threshold} decide"));
    Ok(founded)
}

async fn prepare(
    layout: &Layout,
    genesis: &SealedGenesis,
    nodes: &Nodes,
    with_sample: bool,
    app: &App,
) -> Result<(), Failure> {
    let client = nodes.ready(genesis).await?;
    if with_sample {
        let nodes = u32::try_from(genesis.document.voters.len()).expect("at most 7 voters");
        admit_sample(layout, &client, nodes, app).await?;
        publish_sample(layout, &client, app).await?;
    }
    Ok(())
}

async fn admit_sample(layout: &Layout, client: &Client, nodes: u32, app: &App) -> Result<(), Failure> {
    let present: Vec<DomainName> = client.domains().await?.items.into_iter().map(|domain| domain.name).collect();
    let missing = sample::missing(&present)?;
    let Some(first) = missing.first().map(|domain| domain.name.clone()) else { return Ok(()) };
    let names: Vec<String> = missing.iter().map(|domain| domain.name.to_string()).collect();
    let council = client.council().await?;
    let (body, signers) = sample::admission(layout, missing, council.version, nodes)?;
    let mesh = client.mesh().await?;
    let envelope = mesh_client::CommandBuilder::new(mesh.id).sign(body, &signers.as_dyn())?;
    let acknowledgement = client.submit(&envelope).await?.accepted()?;
    // Every node is to know the domains before somebody publishes in them, whichever node that is sent to.
    for url in client.nodes() {
        let node = Client::connect(ClientOptions::new([url]).pinned(mesh.id))?;
        node.domain(&first, acknowledgement.ledger_index).await?;
    }
    app.note(format!("admitted the domains {}", names.join(", ")));
    Ok(())
}

/// Publishes the sample's products the way `mesh apply` does, with the developer's key. What is sealed already stays.
async fn publish_sample(layout: &Layout, client: &Client, app: &App) -> Result<(), Failure> {
    let folder = layout.sample();
    sample::write_products(&folder)?;
    let loaded = product_files::load(&folder, None)?;
    product_files::refuse_errors(&loaded)?;
    let products = loaded.into_iter().flat_map(|file| {
        let name = file.file;
        file.products.into_iter().map(move |product| (name.clone(), product))
    });
    let signer = node_keys::read_or_create(&layout.developer_key())?;
    let mesh = client.mesh().await?;
    let how = Publishing { wait: WaitLevel::Sealed, patience: PUBLISH };
    let applied = apply_all(app, client, mesh.id, &signer, products.collect(), false, how).await?;
    conclude(&applied, how.wait)?;
    let new = applied.iter().filter(|one| one.changed()).count();
    app.note(format!("the sample has {} products, {new} of them new", applied.len()));
    Ok(())
}

fn next_steps(layout: &Layout, genesis: &SealedGenesis, nodes: &[String], app: &App) {
    app.note(format!("the mesh {} runs", genesis.mesh_id));
    for (voter, url) in genesis.document.voters.iter().zip(nodes) {
        app.note(format!("  {:<8} {url}", voter.name));
    }
    let mesh = program();
    let dir = layout.dir();
    if dir.file_name().is_some_and(|name| name == ".mesh") {
        let folder = dir.parent().filter(|folder| !folder.as_os_str().is_empty());
        let place = folder.map_or_else(String::new, |folder| format!(", in {}", folder.display()));
        app.note(format!("next, in another terminal{place}:"));
    } else {
        app.note("next, in another terminal:");
        app.note(format!("  export MESH_NODE={} MESH_ID={}", nodes.join(","), genesis.mesh_id));
        // Another terminal is in another folder.
        let key = layout.developer_key();
        let key = std::path::absolute(&key).unwrap_or(key);
        app.note(format!("  export MESH_KEY_FILE={}", key.display()));
    }
    let keys = layout.keys();
    let keys = keys.display();
    if Path::new("examples/customer_profile.hcl").exists() {
        app.note(format!("  {mesh} apply examples/customer_profile.hcl"));
        app.note(format!("  {mesh} search \"customer email\""));
        app.note(format!("  {mesh} show customer_experience/customer_profile"));
    } else {
        app.note(format!("  {mesh} domain list"));
        app.note(format!("  {mesh} search customer"));
        app.note(format!("  {mesh} new my_product --domain DOMAIN"));
    }
    app.note("to admit a domain of your own:");
    app.note(format!("  {mesh} key new --out {keys}/orders-root.pem"));
    app.note(format!(
        "  {mesh} domain admit orders --root-key {keys}/orders-root.pem --delegate 1 \
         --role {keys}/developer.pem=data-product-owner --council-key {keys}/council-1.pem \
         --council-key {keys}/council-2.pem"
    ));
    app.note("Ctrl-C or `mesh down` stops it; `mesh up` goes on where it stopped");
}

/// How to call this program: relative when it lies below this folder.
pub(crate) fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "mesh".to_owned() };
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    short.unwrap_or(&path).display().to_string()
}

fn runs_already(layout: &Layout, run: &Run) -> Failure {
    let who = match run {
        Run::Running(state) if !state.nodes.is_empty() => {
            format!(": process {}, {}", state.pid, state.nodes.join(", "))
        }
        Run::Running(state) => format!(": process {}, which is starting", state.pid),
        Run::Starting | Run::Stopped => String::new(),
    };
    Failure::new(Code::StoreInUse, format!("the mesh in {} runs already{who}", layout.dir().display()))
        .hint("`mesh down` stops it; `mesh status` shows it")
}

/// What the process in the background ended with: its last error, which stands in the trace after `said_before` bytes.
fn did_not_start(trace: &Path, said_before: u64, status: &str) -> Failure {
    let bytes = std::fs::read(trace).unwrap_or_default();
    let new = bytes.get(usize::try_from(said_before).unwrap_or(usize::MAX)..).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let Some(error) = text.lines().rev().find_map(|line| line.strip_prefix("error: ")) else {
        return Failure::new(Code::Unavailable, format!("the mesh did not start: {status}"))
            .hint(format!("{} says why", trace.display()));
    };
    let (message, code) = error.strip_suffix(']').and_then(|error| error.rsplit_once(" [")).unwrap_or((error, ""));
    let failure =
        Failure::new(Code::find(code).unwrap_or(Code::Unavailable), format!("the mesh did not start: {message}"));
    match text.lines().rev().find_map(|line| line.strip_prefix("hint: ")) {
        Some(hint) => failure.hint(hint),
        None => failure.hint(format!("{} has the rest", trace.display())),
    }
}

async fn detach(args: &UpArgs, layout: &Layout, app: &App) -> Result<(), Failure> {
    let lock = layout.lock();
    let state = || running(&lock).map_err(|error| Failure::io("read", &lock, &error));
    let before = state()?;
    if before != Run::Stopped {
        return Err(runs_already(layout, &before));
    }
    let trace_path = layout.trace();
    let io = |error: std::io::Error| Failure::io("write", &trace_path, &error);
    let trace = std::fs::OpenOptions::new().create(true).append(true).open(&trace_path).map_err(io)?;
    let exe =
        std::env::current_exe().map_err(|error| Failure::internal(format!("cannot find this program: {error}")))?;
    let mut command = Command::new(exe);
    command.arg("up").arg("--dir").arg(&args.dir).args(["--nodes", &args.nodes]);
    command.args(["--api-port", &args.api_port.to_string(), "--peer-port", &args.peer_port.to_string()]);
    if args.sample {
        command.arg("--sample");
    }
    command.stdin(Stdio::null()).stdout(trace.try_clone().map_err(io)?).stderr(trace);
    // A group of its own: Ctrl-C in this terminal is not meant for it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let said_before = std::fs::metadata(&trace_path).map_or(0, |trace| trace.len());
    let mut child =
        command.spawn().map_err(|error| Failure::internal(format!("cannot start in the background: {error}")))?;
    let started = async {
        loop {
            if let Some(status) = child.try_wait().map_err(|error| Failure::internal(error.to_string()))? {
                return Err(did_not_start(&layout.trace(), said_before, &status.to_string()));
            }
            if let Run::Running(state) = state()?
                && !state.nodes.is_empty()
            {
                return Ok(state);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let state = tokio::time::timeout(DETACHED_START, started).await.map_err(|_| {
        Failure::new(Code::OutcomeUnknown, "the mesh is still starting")
            .hint(format!("see {}", layout.trace().display()))
    })??;
    let path = layout.genesis();
    let bytes = std::fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
    let genesis = SealedGenesis::parse(bytes).map_err(|error| Failure::new(Code::InvalidFile, error.to_string()))?;
    app.note(format!("runs in the background as process {}", state.pid));
    next_steps(layout, &genesis, &state.nodes, app);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mesh_in_the_background_that_does_not_start_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let trace = dir.path().join("up.trace");
        let before = "error: of the last time [MESH-0204]\n";
        let ended =
            "INFO node: starting\nerror: another program listens on 127.0.0.1:7080 [MESH-0204]\nhint: stop it\n";
        std::fs::write(&trace, format!("{before}{ended}")).unwrap();
        let failure = did_not_start(&trace, before.len() as u64, "exit status: 2");
        assert_eq!(failure.message, "the mesh did not start: another program listens on 127.0.0.1:7080");
        assert_eq!((failure.code, failure.hint.as_deref()), (Some(Code::AddressInUse), Some("stop it")));
        let silent = did_not_start(&trace, (before.len() + ended.len()) as u64, "exit status: 2");
        assert_eq!(silent.message, "the mesh did not start: exit status: 2");
    }
}
