//! Key files that a command makes when they are missing: a node's three, and those of a local mesh.

use std::path::{Path, PathBuf};

use clap::Args;
use mesh_client::command::random_keypair;
use mesh_event::Keypair;
use mesh_model::Name;

use crate::ceremony::VoterKeys;
use crate::failure::Failure;
use crate::keyfile;

/// What a node's operator says of it on its own machine.
#[derive(Debug, Args)]
pub(crate) struct NewNode {
    /// What people call the node
    #[arg(long)]
    pub(crate) name: Name,
    /// Where clients reach it
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) api: String,
    /// Where other nodes reach it
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) peer: String,
    /// The folder of node.pem, log.pem and cosigner.pem; those that are missing are made
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: PathBuf,
}

/// The key in the file, or a fresh one that is written there, for its owner alone.
///
/// # Errors
/// When the file holds no usable key, others can read it, or it can't be written.
pub(crate) fn read_or_create(path: &Path) -> Result<Keypair, Failure> {
    if path.exists() {
        return keyfile::read(path);
    }
    let keypair = random_keypair();
    keyfile::create(path, &keypair, None)?;
    Ok(keypair)
}

/// The three keys of a voter, in the files that its node reads: `node.pem`, `log.pem`, `cosigner.pem`.
///
/// # Errors
/// As [`read_or_create`].
pub(crate) fn of_node(keys_dir: &Path) -> Result<VoterKeys, Failure> {
    Ok(VoterKeys {
        node: read_or_create(&keys_dir.join("node.pem"))?,
        log: read_or_create(&keys_dir.join("log.pem"))?,
        cosigner: read_or_create(&keys_dir.join("cosigner.pem"))?,
    })
}
