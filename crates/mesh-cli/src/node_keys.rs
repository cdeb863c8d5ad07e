//! Key files that a command makes when they are missing: a node's three, and those of a local mesh.

use std::path::Path;

use mesh_client::command::random_keypair;
use mesh_event::Keypair;

use crate::ceremony::VoterKeys;
use crate::failure::Failure;
use crate::keyfile;

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
