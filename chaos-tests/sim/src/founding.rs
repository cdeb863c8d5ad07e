//! Founds a mesh on machines: keys, the founding document, a configuration for each node.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use mesh_event::genesis::{PROTOCOL_VERSION, SealedGenesis};
use mesh_event::{Council, Envelope, GenesisDocument, Keypair, NodeRecord, Seat, Signer as _};
use mesh_model::{Digest, DomainName, NodeId};
use mesh_node::config::Config;
use zeroize::Zeroizing;

use crate::network::{Place, address};

/// Where nodes listen for each other.
pub const PEER_PORT: u16 = 7946;
/// Seats of the council, of which two decide.
pub const SEATS: u8 = 3;

/// A key that a name stands for.
pub fn key(name: &str) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(name.as_bytes()).0))
}

/// The domain that is at home on a machine at first.
///
/// # Panics
/// Never: it is a name.
pub fn domain(place: Place) -> DomainName {
    DomainName::parse(&format!("domain_{place}")).expect("a name")
}

/// A mesh's files.
pub struct Founding {
    /// Everything is in here.
    pub folder: PathBuf,
    /// The founding document.
    pub genesis: SealedGenesis,
    /// What each node says of itself, by place from 1; a voter of the founding document has its number, the others get theirs.
    pub records: Vec<NodeRecord>,
}

impl Founding {
    /// Makes keys for `voters` and then `observers` in a folder, and founds a mesh of the voters.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn new(folder: &Path, voters: u8, observers: u8) -> Result<Self> {
        let records = (1..=voters + observers)
            .map(|place| make_node(folder, place, if place <= voters { u64::from(place) } else { 0 }))
            .collect::<Result<Vec<_>>>()?;
        let seat =
            |n: u8| Seat { name: format!("seat-{n}"), key: key(&format!("seat-{n}")).public_key(), domain: None };
        let document = GenesisDocument {
            mesh_name: "simulated".into(),
            council: Council { threshold: 2, seats: (1..=SEATS).map(seat).collect() },
            voters: records[..usize::from(voters)].to_vec(),
            protocol_version: PROTOCOL_VERSION,
            created_unix_ms: 0,
            nonce: [7; 16],
            recovery_keys: Vec::new(),
            min_review_ms: 0,
        };
        let signers = [key("seat-1"), key("seat-2")];
        let payload = document.encode();
        let envelope = Envelope::sign(mesh_event::envelope::GENESIS, payload, &[&signers[0], &signers[1]])?;
        std::fs::write(folder.join("genesis.bin"), envelope.bytes()).context("the founding document")?;
        let genesis = SealedGenesis::parse(envelope.into_bytes())?;
        Ok(Self { folder: folder.to_owned(), genesis, records })
    }

    /// The configuration of the node at a place.
    pub fn config(&self, place: Place) -> Config {
        let folder = self.folder.join(format!("node-{place}"));
        let mut config = Config::new(folder.join("data"), folder.join("keys"), self.folder.join("genesis.bin"));
        config.peer.listen = address(place, PEER_PORT);
        let voters = &self.genesis.document.voters;
        if usize::from(place) > voters.len() {
            config.join.peers = voters.iter().map(|voter| voter.peer_address.clone()).collect();
        }
        // The index of the search is no part of what is claimed here, and each commit of it costs real time.
        config.search.commit_ms = 60_000;
        config.search.heap_mib = 16;
        // How full the real disk is has no say.
        config.storage.reserve_mib = 0;
        config
    }

    /// The place of a node by its number, once that is known.
    pub fn place(&self, node: NodeId) -> Option<Place> {
        let at = self.records.iter().position(|record| record.node_id == node)?;
        Place::try_from(at + 1).ok()
    }
}

fn write_key(path: &Path, key: &Keypair) -> Result<()> {
    std::fs::write(path, key.to_pem().as_bytes())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

fn make_node(folder: &Path, place: Place, node_id: NodeId) -> Result<NodeRecord> {
    let keys_dir = folder.join(format!("node-{place}/keys"));
    std::fs::create_dir_all(&keys_dir)?;
    std::fs::create_dir_all(folder.join(format!("node-{place}/data")))?;
    let kinds = ["node", "log", "cosigner"];
    let keys = kinds.map(|kind| key(&format!("{kind}-{place}")));
    for (kind, key) in kinds.iter().zip(&keys) {
        write_key(&keys_dir.join(format!("{kind}.pem")), key)?;
    }
    let mut record = NodeRecord {
        node_id,
        name: format!("node-{place}"),
        key: keys[0].public_key(),
        log_key: Some(keys[1].public_key()),
        cosigner_key: Some(keys[2].public_key()),
        api_address: address(place, 7080).to_string(),
        peer_address: address(place, PEER_PORT).to_string(),
        possession: Vec::new(),
    };
    record.prove_possession(&[&keys[0], &keys[1], &keys[2]]);
    Ok(record)
}
