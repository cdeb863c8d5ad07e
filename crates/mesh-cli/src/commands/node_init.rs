//! `mesh node init`: the configuration of a node of this machine, of the founding document or one that is to join.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use mesh_event::checkpoint::LedgerCheckpoint;
use mesh_event::genesis::SealedGenesis;
use mesh_event::{NodeRecord, Signer as _};
use mesh_model::{Code, Name};
use mesh_node::Config;

use crate::app::App;
use crate::failure::Failure;
use crate::{admission_file, files, node_file, node_keys};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// What people call the node: as in the founding document, or a new name
    #[arg(long)]
    name: Name,
    /// Where clients come in; the address of the founding document when absent
    #[arg(long, value_name = "IP:PORT")]
    api: Option<SocketAddr>,
    /// Where other nodes come in; the address of the founding document when absent
    #[arg(long, value_name = "IP:PORT")]
    peer: Option<SocketAddr>,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The founding document
    #[arg(long, value_name = "FILE", required_unless_present = "admission", conflicts_with = "admission")]
    genesis: Option<PathBuf>,
    /// What `mesh node admission` wrote, for a node that is to join: founding document, peers and checkpoint are taken from it
    #[arg(long, value_name = "FILE")]
    admission: Option<PathBuf>,
    /// A peer address of any member, for a node that is to join
    #[arg(long, value_name = "HOST:PORT", requires = "genesis")]
    join: Vec<String>,
    /// Where clients reach the node, as others know it; --api when absent. For a node that is to join
    #[arg(long, value_name = "HOST:PORT")]
    public_api: Option<String>,
    /// Where other nodes reach it, as they know it; --peer when absent. For a node that is to join
    #[arg(long, value_name = "HOST:PORT")]
    public_peer: Option<String>,
    /// The folder of node.pem, log.pem and cosigner.pem; those that are missing are made
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// The configuration to write; never overwritten
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    out: PathBuf,
}

/// Where the founding document is, and whom a newcomer asks.
struct Mesh {
    genesis: SealedGenesis,
    path: PathBuf,
    peers: Vec<String>,
    /// With the path that it is written to.
    checkpoint: Option<(PathBuf, LedgerCheckpoint)>,
}

impl InitArgs {
    fn beside_out(&self, name: &str) -> PathBuf {
        self.out.with_file_name(name)
    }

    fn mesh(&self, app: &App) -> Result<Mesh, Failure> {
        let Some(path) = &self.admission else {
            let path = self.genesis.clone().expect("one of both is required");
            let bytes = std::fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
            let genesis = SealedGenesis::parse(bytes)
                .map_err(|error| Failure::new(Code::InvalidFile, error.to_string()).within(path.display()))?;
            return Ok(Mesh { genesis, path, peers: self.join.clone(), checkpoint: None });
        };
        let councils = app.context()?.councils()?;
        let admission = admission_file::parse(&files::read_text(path)?, councils.as_ref())
            .map_err(|error| error.within(path.display()))?;
        let (path, note) = (self.beside_out("genesis.bin"), self.beside_out("admission.note"));
        let checkpoint = Some((note, admission.checkpoint));
        Ok(Mesh { genesis: admission.genesis, path, peers: admission.peers, checkpoint })
    }
}

pub(crate) fn run(args: &InitArgs, app: &App) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(Failure::usage(format!("{} is there already and is not overwritten", args.out.display())));
    }
    let mesh = args.mesh(app)?;
    match mesh.genesis.document.voters.iter().find(|voter| voter.name == args.name.as_str()) {
        Some(founder) => init_founder(args, &mesh, founder, app),
        None => init_joiner(args, &mesh, app),
    }
}

fn init_founder(args: &InitArgs, mesh: &Mesh, record: &NodeRecord, app: &App) -> Result<(), Failure> {
    let keys = node_keys::of_node(&args.keys)?;
    if keys.node.public_key() != record.key {
        let (found, expected) = (keys.node.public_key().fingerprint(), record.key.fingerprint());
        let message =
            format!("{} holds the node key {found}; the founding document has {expected}", args.keys.display());
        return Err(Failure::new(Code::KeyFile, message)
            .hint("use the folder that `mesh genesis join voter` made on this machine"));
    }
    let api = listen(args.api, &record.api_address, "--api")?;
    let peer = listen(args.peer, &record.peer_address, "--peer")?;
    write(args, mesh, api, peer)?;
    let id = record.node_id;
    app.note(format!("wrote {} for node {id}; start it: meshd --config {}", args.out.display(), args.out.display()));
    Ok(())
}

/// A node that the founding document does not name: its number is the ledger's to give.
fn init_joiner(args: &InitArgs, mesh: &Mesh, app: &App) -> Result<(), Failure> {
    if mesh.peers.is_empty() {
        let voters = &mesh.genesis.document.voters;
        let names = voters.iter().map(|voter| voter.name.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!("the founding document has no node {}; its nodes are {names}", args.name);
        return Err(Failure::new(Code::UnknownNode, message)
            .hint("a node that is to join needs --join HOST:PORT of any member, or --admission FILE"));
    }
    let (Some(api), Some(peer)) = (args.api, args.peer) else {
        return Err(Failure::usage("a node that is to join needs --api IP:PORT and --peer IP:PORT".to_owned()));
    };
    let public = |told: &Option<String>, listen: SocketAddr| told.clone().unwrap_or_else(|| listen.to_string());
    let record_path = args.beside_out(&format!("{}.json", args.name));
    let keys = node_keys::of_node(&args.keys)?;
    let (public_api, public_peer) = (public(&args.public_api, api), public(&args.public_peer, peer));
    let record = node_file::record(&args.name, &public_api, &public_peer, &keys)?;
    files::create(&record_path, node_file::to_text(&record)?.as_bytes())?;
    write(args, mesh, api, peer)?;
    app.note(format!("wrote {} and {}, key {}", args.out.display(), record_path.display(), record.key.fingerprint()));
    app.note(format!("hint: a council member runs `mesh proposal open admit-node {}`", record_path.display()));
    app.note(format!("hint: meshd --config {} waits until the mesh knows the node", args.out.display()));
    Ok(())
}

fn write(args: &InitArgs, mesh: &Mesh, api: SocketAddr, peer: SocketAddr) -> Result<(), Failure> {
    let mut config = Config::new(absolute(&args.data)?, absolute(&args.keys)?, absolute(&mesh.path)?);
    (config.api.listen, config.peer.listen) = (api, peer);
    config.join.peers.clone_from(&mesh.peers);
    if let Some((path, checkpoint)) = &mesh.checkpoint {
        files::create(&mesh.path, mesh.genesis.envelope.bytes())?;
        files::create(path, &checkpoint.bytes())?;
        config.join.checkpoint = absolute(path)?;
    }
    config.check().map_err(|error| Failure::new(Code::Config, error.to_string()))?;
    let text = toml::to_string(&config).map_err(|error| Failure::internal(error.to_string()))?;
    files::create(&args.out, text.as_bytes())
}

/// Where to listen: as told, or at the address that the others know, when that is one of an interface.
fn listen(told: Option<SocketAddr>, known: &str, flag: &str) -> Result<SocketAddr, Failure> {
    if let Some(told) = told {
        return Ok(told);
    }
    known.parse().map_err(|_| {
        Failure::usage(format!("the founding document has {known}, which names no interface; expected {flag} IP:PORT"))
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::io("find", path, &error))
}
