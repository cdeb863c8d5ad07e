//! The sample mesh that the binary carries: `examples/sample-mesh`.

use std::path::Path;

use mesh_event::command::{AdmitDomains, DomainAdmission, RoleGrant};
use mesh_event::{Body, Signer as _};
use mesh_model::{Code, DomainName, NodeId, Role};

use super::founding::COUNCIL;
use super::layout::Layout;
use crate::domain_file::{DomainEntry, DomainFile};
use crate::failure::Failure;
use crate::key_argument::Signers;
use crate::node_keys;

/// Paths below `examples/sample-mesh` with their bytes, sorted.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sample.rs"));
const DOMAINS: &str = "domains.toml";

/// The sample's domains, in the order of the file: parents first.
///
/// # Errors
/// When this build carries no sample.
pub(crate) fn domains() -> Result<Vec<DomainEntry>, Failure> {
    let file = FILES.iter().find(|(path, _)| *path == DOMAINS);
    let text = file.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Failure::internal("this build carries no sample mesh"))?;
    let file = DomainFile::parse(text).map_err(|error| Failure::new(Code::InvalidFile, error).within(DOMAINS))?;
    Ok(file.domain)
}

/// Writes the sample's products into a folder, from where they are published like anybody's.
///
/// # Errors
/// When a file can't be written.
pub(crate) fn write_products(folder: &Path) -> Result<(), Failure> {
    for (path, bytes) in FILES.iter().filter(|(path, _)| *path != DOMAINS) {
        crate::files::replace(&folder.join(path), bytes)?;
    }
    Ok(())
}

/// The command that admits domains to a local mesh, with everybody who has to sign: the council's threshold, each
/// domain's own root key, and the developer's key, which becomes a product owner in all of them. Their feeds are spread
/// over the nodes.
///
/// # Errors
/// When a key file can't be read or written.
pub(crate) fn admission(
    layout: &Layout,
    missing: Vec<DomainEntry>,
    council_version: u64,
    nodes: u32,
) -> Result<(Body, Signers), Failure> {
    let mut signers = Signers::default();
    for member in 1..=COUNCIL.1 {
        signers.add(node_keys::read_or_create(&layout.council_key(member))?);
    }
    let developer = node_keys::read_or_create(&layout.developer_key())?;
    let grant = RoleGrant { key: developer.public_key(), role: Role::DataProductOwner };
    signers.add(developer);
    let homes = (1..=NodeId::from(nodes)).cycle();
    let mut domains = Vec::new();
    for (entry, home) in missing.into_iter().zip(homes) {
        let root = node_keys::read_or_create(&layout.root_key(&entry.name))?;
        domains.push(DomainAdmission {
            name: entry.name,
            title: entry.title,
            description: entry.description,
            responsibilities: entry.responsibilities,
            parent: entry.parent,
            root_keys: vec![root.public_key()],
            root_threshold: 1,
            roles: vec![grant],
            delegate: Some(home),
        });
        signers.add(root);
    }
    Ok((Body::AdmitDomains(AdmitDomains { domains, council_version }), signers))
}

/// The sample's domains that are not among these.
///
/// # Errors
/// As [`domains`].
pub(crate) fn missing(present: &[DomainName]) -> Result<Vec<DomainEntry>, Failure> {
    let mut domains = domains()?;
    domains.retain(|domain| !present.contains(&domain.name));
    Ok(domains)
}
