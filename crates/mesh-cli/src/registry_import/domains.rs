//! Admitting the domains of an import: in lists that fit an envelope, signed by the council and by every new key.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mesh_client::{Client, CommandBuilder, CouncilView, DomainView};
use mesh_event::command::{AdmitDomains, DomainAdmission, GrantRole, RoleGrant};
use mesh_event::{Body, Keypair, NodeRecord, Signer};
use mesh_model::{Code, DomainName, LedgerIndex, MeshId, Role, limits};

use super::keys::KeyFolder;
use super::records::{Organisation, Records};
use crate::app::App;
use crate::failure::Failure;

/// Bytes of payload that one list may take: an envelope's limit less what 64 signatures need.
const LIST_BYTES: usize = limits::ENVELOPE_BYTES - limits::SIGNATURES * 104 - 512;
const ROLE: Role = Role::DomainDataEngineer;

/// Domains of the records that the mesh does not have.
///
/// # Errors
/// The transport's.
pub(super) async fn missing(client: &Client, records: &Records) -> Result<BTreeSet<DomainName>, Failure> {
    let known: BTreeSet<DomainName> = client.domains().await?.items.into_iter().map(|domain| domain.name).collect();
    Ok(records.domains.keys().filter(|domain| !known.contains(*domain)).cloned().collect())
}

/// Admits the missing domains, and sees to it that the engineer key holds its role in all of them.
///
/// # Errors
/// [`Code::ThresholdNotMet`] when too few of the council's keys are at hand; what the mesh refuses.
pub(super) async fn admit(
    app: &App,
    client: &Client,
    mesh_id: MeshId,
    records: &Records,
    missing: &BTreeSet<DomainName>,
    folder: &KeyFolder,
    council_keys: &[PathBuf],
) -> Result<(), Failure> {
    let engineer = folder.engineer()?;
    let nodes = client.node_records().await?.items;
    let mut last_index = grant_missing_roles(client, mesh_id, records, folder, &engineer).await?;
    if !missing.is_empty() {
        let council = client.council().await?;
        let council_keys = enough(&council, folder.council(council_keys)?)?;
        let mut progress = app.progress("admitting domains", Some(missing.len() as u64));
        for list in lists(records, missing, &nodes, folder, &engineer, council_keys.len())? {
            let names: Vec<DomainName> = list.iter().map(|(admission, _)| admission.name.clone()).collect();
            let index = submit(client, mesh_id, &council, &council_keys, &engineer, list).await?;
            last_index = last_index.max(Some(index));
            for _ in &names {
                progress.inc();
            }
            app.reach(format!("{} domains admitted; running it again is safe", progress.count()));
        }
        progress.finish();
    }
    if let Some(index) = last_index {
        wait_everywhere(app, client, &nodes, records, index).await;
    }
    Ok(())
}

/// The council's keys that are needed, and no more.
fn enough(council: &CouncilView, held: Vec<Keypair>) -> Result<Vec<Keypair>, Failure> {
    let seats = &council.council.seats;
    let mut keys: Vec<Keypair> = Vec::new();
    for key in held {
        let public = key.public_key();
        let counts = seats.iter().any(|seat| seat.key == public) && !keys.iter().any(|k| k.public_key() == public);
        if counts && keys.len() < council.council.threshold as usize {
            keys.push(key);
        }
    }
    if keys.len() < council.council.threshold as usize {
        let message = format!(
            "the council admits domains with {} of {} signatures; {} of its keys are at hand",
            council.council.threshold,
            seats.len(),
            keys.len()
        );
        return Err(Failure::new(Code::ThresholdNotMet, message).hint("--council-key FILE, once for each member"));
    }
    Ok(keys)
}

type Admission = (DomainAdmission, Keypair);

/// Cuts the missing domains into lists, each under the limits of an envelope.
fn lists(
    records: &Records,
    missing: &BTreeSet<DomainName>,
    nodes: &[NodeRecord],
    folder: &KeyFolder,
    engineer: &Keypair,
    council: usize,
) -> Result<Vec<Vec<Admission>>, Failure> {
    // Each domain's root signs once, the engineer once for all.
    let most = limits::ADMIT_LIST.min(limits::SIGNATURES.saturating_sub(council + 1)).max(1);
    let mut lists: Vec<Vec<Admission>> = Vec::new();
    let mut bytes = LIST_BYTES;
    // The number among all domains, not among those missing: a run that goes on gives the same homes.
    for (at, (domain, organisation)) in records.domains.iter().enumerate() {
        if !missing.contains(domain) {
            continue;
        }
        let root = folder.root(domain)?;
        let delegate = if nodes.is_empty() { None } else { Some(nodes[at % nodes.len()].node_id) };
        let admission = admission(domain, organisation, &root, engineer, delegate);
        // A generous guess of the encoding: texts, keys, tags.
        let size = admission.title.len() + admission.description.len() + domain.as_str().len() + 160;
        bytes += size;
        match lists.last_mut() {
            Some(list) if list.len() < most && bytes <= LIST_BYTES => list.push((admission, root)),
            _ => {
                bytes = size;
                lists.push(vec![(admission, root)]);
            }
        }
    }
    Ok(lists)
}

fn admission(
    domain: &DomainName,
    organisation: &Organisation,
    root: &Keypair,
    engineer: &Keypair,
    delegate: Option<mesh_model::NodeId>,
) -> DomainAdmission {
    let text = organisation.spellings.first().map_or_else(|| domain.to_string(), Clone::clone);
    let title: String = mesh_formats::organisation_name(&text).chars().take(200).collect();
    let description = match &organisation.url {
        Some(url) => format!("manages open data; {url}"),
        None => "manages open data".to_owned(),
    };
    DomainAdmission {
        name: domain.clone(),
        title,
        description: description.chars().take(500).collect(),
        responsibilities: vec!["publishes and maintains its open datasets".to_owned()],
        parent: None,
        root_keys: vec![root.public_key()],
        root_threshold: 1,
        roles: vec![RoleGrant { key: engineer.public_key(), role: ROLE }],
        delegate,
    }
}

async fn submit(
    client: &Client,
    mesh_id: MeshId,
    council: &CouncilView,
    council_keys: &[Keypair],
    engineer: &Keypair,
    list: Vec<Admission>,
) -> Result<LedgerIndex, Failure> {
    let (domains, roots): (Vec<_>, Vec<_>) = list.into_iter().unzip();
    let first = domains.first().map_or_else(String::new, |admission| admission.name.to_string());
    let body = Body::AdmitDomains(AdmitDomains { domains, council_version: council.version });
    let signers: Vec<&dyn Signer> =
        council_keys.iter().chain([engineer]).chain(&roots).map(|key| key as &dyn Signer).collect();
    let envelope = CommandBuilder::new(mesh_id).sign(body, &signers)?;
    let acknowledgement = client
        .submit(&envelope)
        .await
        .and_then(mesh_client::Acknowledgement::accepted)
        .map_err(|error| Failure::from(error).within(format_args!("admitting {first} and others")))?;
    acknowledgement.ledger_index.ok_or_else(|| Failure::internal("the node sealed an admission and does not say where"))
}

/// Gives the engineer key its role in domains of an earlier import whose key was lost or never granted, as far as their
/// root keys are here.
async fn grant_missing_roles(
    client: &Client,
    mesh_id: MeshId,
    records: &Records,
    folder: &KeyFolder,
    engineer: &Keypair,
) -> Result<Option<LedgerIndex>, Failure> {
    let key = engineer.public_key();
    let holds = |domain: &DomainView| {
        let may = |role: Role| role.allows(mesh_model::Action::PublishVersion);
        domain.roster.iter().any(|entry| entry.key == key && entry.revoked_index.is_none() && may(entry.role))
    };
    let mut last = None;
    for domain in client.domains().await?.items {
        if !records.domains.contains_key(&domain.name) || holds(&domain) {
            continue;
        }
        let Some(root) = folder.root_if_any(&domain.name)?.filter(|root| domain.root_keys.contains(&root.public_key()))
        else {
            let message =
                format!("the domain {} is there already, and the import's key may not publish in it", domain.name);
            return Err(Failure::new(Code::WrongRole, message)
                .hint(format!("its root grants the role: `mesh role grant {} {key} {ROLE}`", domain.name)));
        };
        let body = Body::GrantRole(GrantRole {
            domain: Some(domain.name.clone()),
            grant: RoleGrant { key, role: ROLE },
            roster_version: domain.roster_version,
        });
        let envelope = CommandBuilder::new(mesh_id).sign(body, &[&root as &dyn Signer, engineer])?;
        let acknowledgement = client.submit(&envelope).await?.accepted()?;
        last = last.max(acknowledgement.ledger_index);
    }
    Ok(last)
}

/// Waits until every node that answers has applied the admissions: homes refuse what they don't know of yet.
async fn wait_everywhere(app: &App, client: &Client, nodes: &[NodeRecord], records: &Records, index: LedgerIndex) {
    let Some(domain) = records.domains.keys().next() else { return };
    for node in nodes {
        let Ok(one) = client.of_node(&node.api_address) else { continue };
        if let Err(error) = one.domain(domain, Some(index)).await {
            app.warn(format!("node {} ({}) may not know the new domains yet: {error}", node.node_id, node.name));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::Council;

    #[test]
    fn too_few_keys_of_the_council_are_said_before_anything_is_sent() {
        let keys: Vec<Keypair> = (0..3).map(|_| mesh_client::command::random_keypair()).collect();
        let seats =
            keys.iter().map(|key| mesh_event::Seat { name: "s".into(), key: key.public_key(), domain: None }).collect();
        let view = CouncilView {
            council: Council { threshold: 2, seats },
            version: 1,
            mesh_roles: Vec::new(),
            mesh_roster_version: 0,
            min_review_ms: 0,
            recovery_keys: Vec::new(),
            freshness: mesh_client::Freshness::default(),
        };
        let stranger = mesh_client::command::random_keypair();
        let few = enough(&view, vec![keys[0].clone(), keys[0].clone(), stranger]).unwrap_err();
        assert_eq!((few.code, few.exit_code()), (Some(Code::ThresholdNotMet), 7));
        assert_eq!(enough(&view, keys).unwrap().len(), 2);
    }

    #[test]
    fn every_list_fits_an_envelope() {
        let dir = tempfile::tempdir().unwrap();
        let folder = KeyFolder::at(dir.path());
        let mut records = Records::default();
        for n in 0..150 {
            let mut organisation =
                Organisation { url: Some("https://example.com/".repeat(40)), ..Organisation::default() };
            organisation.spellings.insert(format!("Organisation {n} {}", "x".repeat(300)));
            records.domains.insert(DomainName::parse(&format!("organisation-{n}")).unwrap(), organisation);
        }
        let missing = records.domains.keys().cloned().collect();
        let engineer = folder.engineer().unwrap();
        let council: Vec<Keypair> = (0..3).map(|_| mesh_client::command::random_keypair()).collect();
        let lists = lists(&records, &missing, &[], &folder, &engineer, council.len()).unwrap();
        assert_eq!(lists.iter().map(Vec::len).sum::<usize>(), 150);
        for list in lists {
            let (domains, roots): (Vec<_>, Vec<_>) = list.into_iter().unzip();
            let body = Body::AdmitDomains(AdmitDomains { domains, council_version: 1 });
            let signers: Vec<&dyn Signer> =
                council.iter().chain([&engineer]).chain(&roots).map(|key| key as &dyn Signer).collect();
            CommandBuilder::new(MeshId([1; 32])).sign(body, &signers).unwrap();
        }
    }
}
