//! Genesis, keys and configuration files, as the ceremony makes them; the keys are derived from names, so they are secret
//! from nobody and good for nothing else.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use mesh_event::command::{DomainAdmission, RoleGrant};
use mesh_event::genesis::{PROTOCOL_VERSION, SealedGenesis};
use mesh_event::{Council, Envelope, GenesisDocument, Keypair, NodeRecord, Seat, Signer as _};
use mesh_model::{Digest, DomainName, NodeId, Role};
use zeroize::Zeroizing;

use super::NodeNumber;

/// The key that belongs to a name.
pub(super) fn keypair(name: &str) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(name.as_bytes()).0))
}

/// The key that speaks for a domain.
pub(super) fn root(domain: &DomainName) -> Keypair {
    keypair(&format!("root-{domain}"))
}

/// The domains' names with their homes.
pub(super) fn domains(nodes: &[NodeNumber], per_node: usize) -> Vec<(DomainName, NodeNumber)> {
    let names = nodes.iter().flat_map(|node| (1..=per_node).map(move |n| (format!("domain_{node}_{n}"), *node)));
    names.map(|(name, node)| (DomainName::parse(&name).expect("letters, digits, underscores"), node)).collect()
}

/// What the council admits, and the keys that have to sign it: two seats first, then every key that it adds.
pub(super) fn admissions(
    domains: &[(DomainName, NodeNumber)],
    records: &[NodeRecord],
) -> (Vec<DomainAdmission>, Vec<Keypair>) {
    let engineer = keypair("engineer");
    let mut keys = vec![keypair("seat-1"), keypair("seat-2"), engineer.clone()];
    let mut admissions = Vec::new();
    for (name, home) in domains {
        let root = root(name);
        admissions.push(DomainAdmission {
            name: name.clone(),
            title: name.to_string(),
            description: String::new(),
            responsibilities: vec!["its own data".into()],
            parent: None,
            root_keys: vec![root.public_key()],
            root_threshold: 1,
            roles: vec![RoleGrant { key: engineer.public_key(), role: Role::DomainDataEngineer }],
            delegate: Some(records[super::place(*home)].node_id),
        });
        keys.push(root);
    }
    (admissions, keys)
}

/// Where a node is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Of clients.
    pub(super) api: String,
    /// Of peers.
    pub(super) peer: String,
    /// The data folder, below the node's own.
    pub(super) data: &'static str,
}

/// Writes `genesis.bin`, two seats' keys, and keys and configuration of each node, of which the first ones are voters. The records of the
/// others have no number yet.
pub(super) fn found(
    folder: &Path,
    places: &[(NodeNumber, Place)],
    voters: usize,
    sections: &str,
) -> Result<(SealedGenesis, Vec<NodeRecord>)> {
    let mut records = Vec::new();
    let peers: Vec<String> = places[..voters].iter().map(|(_, place)| format!("\"{}\"", place.peer)).collect();
    let join = format!("[join]\npeers = [{}]\n{sections}", peers.join(", "));
    for (node, place) in places {
        let home = folder.join(format!("node-{node}"));
        let is_founder = records.len() < voters;
        let (id, sections) = if is_founder { (*node, sections) } else { (0, join.as_str()) };
        records.push(found_node(&home, *node, id, place, sections)?);
    }
    let voters = records[..voters].to_vec();
    for seat in ["seat-1", "seat-2"] {
        write_key(&folder.join(format!("{seat}.pem")), &keypair(seat))?;
    }
    let seat =
        |n: u32| Seat { name: format!("seat-{n}"), key: keypair(&format!("seat-{n}")).public_key(), domain: None };
    let document = GenesisDocument {
        mesh_name: "testbed".into(),
        council: Council { threshold: 2, seats: (1..=3).map(seat).collect() },
        voters,
        protocol_version: PROTOCOL_VERSION,
        created_unix_ms: 0,
        nonce: [7; 16],
        recovery_keys: Vec::new(),
        min_review_ms: 0,
    };
    let seats = [keypair("seat-1"), keypair("seat-2")];
    let envelope = Envelope::sign(mesh_event::envelope::GENESIS, document.encode(), &[&seats[0], &seats[1]])
        .context("the genesis cannot be signed")?;
    fs::write(folder.join("genesis.bin"), envelope.bytes()).context("cannot write genesis.bin")?;
    Ok((SealedGenesis::parse(envelope.into_bytes()).context("the genesis does not verify")?, records))
}

pub(super) fn write_key(path: &Path, key: &Keypair) -> Result<()> {
    let written = fs::write(path, key.to_pem().as_bytes())
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)));
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn found_node(home: &Path, node: NodeNumber, node_id: NodeId, place: &Place, sections: &str) -> Result<NodeRecord> {
    let keys_dir = home.join("keys");
    fs::create_dir_all(&keys_dir).with_context(|| format!("cannot make {}", keys_dir.display()))?;
    let keys = ["node", "log", "cosigner"].map(|kind| keypair(&format!("{kind}-{node}")));
    for (kind, key) in ["node", "log", "cosigner"].iter().zip(&keys) {
        write_key(&keys_dir.join(format!("{kind}.pem")), key)?;
    }
    let mut record = NodeRecord {
        node_id,
        name: format!("node-{node}"),
        key: keys[0].public_key(),
        log_key: Some(keys[1].public_key()),
        cosigner_key: Some(keys[2].public_key()),
        api_address: place.api.clone(),
        peer_address: place.peer.clone(),
        possession: Vec::new(),
    };
    record.prove_possession(&[&keys[0], &keys[1], &keys[2]]);
    let mut config = String::new();
    let Place { api, peer, data } = place;
    write!(
        config,
        "[node]\ndata_dir = \"{data}\"\nkeys_dir = \"keys\"\ngenesis = \"../genesis.bin\"\n\
         [api]\nlisten = \"{api}\"\n[peer]\nlisten = \"{peer}\"\n{sections}"
    )?;
    fs::write(home.join("node.toml"), config).context("cannot write node.toml")?;
    Ok(record)
}
