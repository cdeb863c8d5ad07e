//! `meshd --recover`: a node that lost its data, or the right to act on what is left of it, comes back as a new node.
//!
//! ```text
//! data gone or without authority --> note the attempt --> old keys aside --> new keys, signed record --> mark aside
//!                                --> wait until the council admits the record (join) --> its roots delegate --> feeds come from peers
//! ```
//!
//! The old number is never used again: its votes, cosignatures and feed heads are forgotten here and remembered elsewhere. Nothing is
//! deleted: keys and data that are left stay beside the new ones under a suffix. Each step can be cut off anywhere; the next start with
//! `--recover` goes on with the same attempt.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_client::command::random_keypair;
use mesh_client::node_record::{self, NodeKeys};
use mesh_event::genesis::SealedGenesis;
use mesh_event::{NodeRecord, Signer as _};
use mesh_governance::{KeyPurpose, read};
use mesh_model::{Name, NodeId, PublicKey, UnixMs};
use mesh_raft::{StateError, StoreState};
use mesh_store::{Store, StoreOptions};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::backup::restore::write_private;
use crate::config::Config;
use crate::data_folder::mark;
use crate::keys::{OwnKeys, read_key};
use crate::start_error::StartError;

/// The three keys of a node that may vote.
const KEYS: [&str; 3] = ["node.pem", "log.pem", "cosigner.pem"];
/// Domains that are named one by one; a node serves few.
const DOMAINS: usize = 1_000;

/// How others are to know the new node, where the old one's record does not say it.
#[derive(Debug, Clone, Default)]
pub struct NewNode {
    /// What people call it.
    pub name: Option<Name>,
    /// Where clients reach it.
    pub api: Option<String>,
    /// Where other nodes reach it.
    pub peer: Option<String>,
}

/// What is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The signed record that the council is to admit.
    pub record: NodeRecord,
    /// Its file.
    pub file: PathBuf,
    /// The number that the founding document or the data gave the node before, if known.
    pub old_number: Option<NodeId>,
    /// Where data without authority was put.
    pub data_aside: Option<PathBuf>,
}

/// An attempt, beside the keys until the node is admitted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    /// What old files are called from now on, after their name.
    suffix: String,
    /// Files beside the keys that were there when it began: they get the suffix.
    old_files: Vec<String>,
    /// The old node's key.
    old_key: Option<PublicKey>,
    /// Its record, as far as it is known.
    old_number: Option<NodeId>,
    name: Name,
    api: String,
    peer: String,
    data_aside: Option<PathBuf>,
}

fn attempt_file(config: &Config, genesis: &SealedGenesis) -> PathBuf {
    config.node.keys_dir.join(format!("recovering-{}.json", genesis.mesh_id.short()))
}

/// Whether a recovery was begun and the node is not admitted yet.
pub(crate) fn is_under_way(config: &Config, genesis: &SealedGenesis) -> bool {
    attempt_file(config, genesis).exists()
}

/// Peers to ask where the configuration names none: the founders, but this node's own address.
pub(crate) fn founders(config: &Config, genesis: &SealedGenesis) -> Vec<String> {
    let own = config.peer.listen.to_string();
    let addresses = genesis.document.voters.iter().map(|voter| voter.peer_address.clone());
    addresses.filter(|address| *address != own).collect()
}

fn io(action: &str, path: &Path) -> impl FnOnce(std::io::Error) -> StartError {
    let text = format!("cannot {action} {}", path.display());
    move |error| StartError::Other(format!("{text}: {error}"))
}

/// Makes new keys and a new record for a node whose data is gone or has no authority; goes on with an attempt that was begun.
///
/// # Errors
/// [`StartError::WrongStore`] when there is nothing to recover: the data has its authority, or no node ran here; [`StartError::Config`]
/// when nothing says how others know the node. Nothing was changed then.
pub fn prepare(
    config: &Config,
    genesis: &SealedGenesis,
    new: &NewNode,
    now_unix_ms: UnixMs,
) -> Result<Prepared, StartError> {
    config.check()?;
    let folder = &config.node.keys_dir;
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    let path = attempt_file(config, genesis);
    let attempt = if path.exists() {
        let text = fs::read_to_string(&path).map_err(io("read", &path))?;
        serde_json::from_str(&text).map_err(|error| StartError::Other(format!("{}: {error}", path.display())))?
    } else {
        let attempt = begin(config, genesis, new, now_unix_ms)?;
        let text = serde_json::to_string_pretty(&attempt).map_err(|error| StartError::Other(error.to_string()))?;
        write_private(&path, text.as_bytes()).map_err(|error| StartError::Other(error.to_string()))?;
        attempt
    };
    put_aside(config, &attempt)?;
    let keys = make_keys(config)?;
    let [node, log, cosigner] = &keys;
    let invalid = |error: node_record::NodeRecordError| StartError::Other(error.to_string());
    let keys = NodeKeys { node, log, cosigner };
    let record = node_record::sign(&attempt.name, &attempt.api, &attempt.peer, &keys).map_err(invalid)?;
    let file = config.node.keys_dir.join(format!("{}.{}.json", attempt.name, attempt.suffix));
    if !file.exists() {
        let text = node_record::to_text(&record).map_err(invalid)?;
        write_private(&file, text.as_bytes()).map_err(|error| StartError::Other(error.to_string()))?;
    }
    Ok(Prepared { record, file, old_number: attempt.old_number, data_aside: attempt.data_aside })
}

/// Looks at what is there and decides what is to be done; nothing is changed.
fn begin(config: &Config, genesis: &SealedGenesis, new: &NewNode, now_unix_ms: UnixMs) -> Result<Attempt, StartError> {
    let folder = &config.node.data_dir;
    let suffix = format!("lost-{now_unix_ms}");
    let old = match read_key(&config.node.keys_dir.join("node.pem")) {
        Ok(keypair) => Some(OwnKeys::read(&config.node.keys_dir).map(|keys| (keypair.public_key(), keys))?),
        // The keys are gone with the disk.
        Err(crate::keys::KeyFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let mut record = old.as_ref().and_then(|(_, keys)| keys.founder(genesis));
    let mut data_aside = None;
    let store_error = |source| StartError::Store { folder: folder.display().to_string(), source };
    let store = if folder.join("FORMAT").exists() {
        Some(Store::open(folder, StoreOptions::default()).map_err(store_error)?)
    } else {
        None
    };
    let lost = store.as_ref().map(Store::lost_authority).transpose().map_err(store_error)?.flatten();
    // A start that was refused leaves a store with nothing in it.
    let is_used =
        store.as_ref().map(|store| store.meta().mesh_id()).transpose().map_err(store_error)?.flatten().is_some();
    if let Some(store) = store.as_ref().filter(|_| lost.is_some()) {
        if let (None, Some((key, _))) = (&record, &old) {
            // What is damaged says nothing; then the flags do.
            record = StoreState::open(store).ok().and_then(|state| record_of(&state, key).ok().flatten());
        }
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{suffix}"));
        data_aside = Some(folder.with_file_name(name));
    } else if is_used {
        let text = format!("{} is whole: there is nothing to recover; start without --recover", folder.display());
        return Err(StartError::WrongStore(text));
    } else if !mark(config, genesis).exists() && old.is_some() {
        let text = format!(
            "no node of this mesh ran with the keys in {}: there is nothing to recover; start without --recover",
            config.node.keys_dir.display()
        );
        return Err(StartError::WrongStore(text));
    }
    drop(store);
    let lacks = |what: &str, flag: &str| {
        let text = format!("nothing here says {what} of the node that was lost; expected {flag}");
        StartError::Config(crate::config::ConfigError::Values(text))
    };
    let known = |told: &Option<String>, of: fn(&NodeRecord) -> String| told.clone().or_else(|| record.as_ref().map(of));
    let name = new.name.clone().or_else(|| record.as_ref().and_then(|record| Name::parse(&record.name).ok()));
    let mark_name = mark(config, genesis).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = KEYS.iter().map(|name| (*name).to_owned()).chain([mark_name]);
    let old_files = names.filter(|name| config.node.keys_dir.join(name).exists()).collect();
    Ok(Attempt {
        suffix,
        old_files,
        old_key: old.map(|(key, _)| key),
        old_number: record.as_ref().map(|record| record.node_id),
        name: name.ok_or_else(|| lacks("the name", "--name NAME"))?,
        api: known(&new.api, |record| record.api_address.clone())
            .ok_or_else(|| lacks("the API address", "--public-api HOST:PORT"))?,
        peer: known(&new.peer, |record| record.peer_address.clone())
            .ok_or_else(|| lacks("the peer address", "--public-peer HOST:PORT"))?,
        data_aside,
    })
}

fn record_of(state: &StoreState, key: &PublicKey) -> Result<Option<NodeRecord>, StateError> {
    let Some(KeyPurpose::Node(id)) = read::key_purpose(state, key)? else { return Ok(None) };
    Ok(read::node(state, id)?.map(|node| node.record))
}

/// Gives old data and old files their new names, each once: where one is aside already, what stands in its place is new.
fn put_aside(config: &Config, attempt: &Attempt) -> Result<(), StartError> {
    if let Some(aside) = &attempt.data_aside
        && !aside.exists()
    {
        fs::rename(&config.node.data_dir, aside).map_err(io("rename", &config.node.data_dir))?;
    }
    for name in &attempt.old_files {
        let path = config.node.keys_dir.join(name);
        let aside = config.node.keys_dir.join(format!("{name}.{}", attempt.suffix));
        if !aside.exists() && path.exists() {
            fs::rename(&path, &aside).map_err(io("rename", &path))?;
        }
    }
    Ok(())
}

fn make_keys(config: &Config) -> Result<[mesh_event::Keypair; 3], StartError> {
    let mut keys = Vec::new();
    for name in KEYS {
        let path = config.node.keys_dir.join(name);
        if !path.exists() {
            write_private(&path, random_keypair().to_pem().as_bytes())
                .map_err(|error| StartError::Other(error.to_string()))?;
        }
        keys.push(read_key(&path)?);
    }
    keys.try_into().map_err(|_| StartError::Other("three keys were made".to_owned()))
}

/// The new node is known and has its folder: says whose feeds wait for a root's word, and ends the attempt.
///
/// # Errors
/// When the state can't be read.
pub(crate) fn admitted(
    config: &Config,
    genesis: &SealedGenesis,
    store: &Store,
    record: &NodeRecord,
) -> Result<(), StartError> {
    let path = attempt_file(config, genesis);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let attempt: Attempt =
        serde_json::from_str(&text).map_err(|error| StartError::Other(format!("{}: {error}", path.display())))?;
    let other = |error: StateError| StartError::Other(error.to_string());
    let state = StoreState::open(store).map_err(|error| StartError::Other(error.to_string()))?;
    let old = match &attempt.old_key {
        Some(key) => record_of(&state, key).map_err(other)?.map(|record| record.node_id),
        None => attempt.old_number,
    };
    if let Some(old) = old {
        info!(
            old,
            new = record.node_id,
            "this node replaces one that lost its data; the council is to revoke that one"
        );
        for domain in read::domains(&state, None, DOMAINS).map_err(other)? {
            if domain.delegation.is_some_and(|delegation| delegation.node_id == old) {
                let name = &domain.name;
                info!(domain = %name, "its root is to run: mesh domain delegate {name} --to {}", record.node_id);
            }
        }
    }
    if let Err(error) = fs::remove_file(&path) {
        warn!(path = %path.display(), %error, "the note of the recovery stays");
    }
    Ok(())
}
