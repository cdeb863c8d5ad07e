//! GrantRole and RevokeKey.

use mesh_event::command::{GrantRole, RevokeKey, RoleGrant};
use mesh_event::{Body, Signer};
use mesh_model::{Action, Code, DomainName, PublicKey, Role};

use super::{accepted, refused, refused_in_feed};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Applied, Effect, Grant, read};

fn sales() -> Option<DomainName> {
    "sales".parse().ok()
}

fn key(name: &str) -> PublicKey {
    keypair(name).public_key()
}

fn grant(mesh: &mut TestMesh, body: (Option<DomainName>, &str, Role, u64), signers: &[&str]) -> Applied {
    let (domain, holder, role, roster_version) = body;
    let grant = RoleGrant { key: key(holder), role };
    let signers: Vec<_> = signers.iter().map(|name| keypair(name)).collect();
    let command = mesh.command(Body::GrantRole(GrantRole { domain, grant, roster_version }), &signers);
    mesh.submit(&command)
}

fn revoke(mesh: &mut TestMesh, domain: Option<DomainName>, holder: &str, roster_version: u64, by: &[&str]) -> Applied {
    let signers: Vec<_> = by.iter().map(|name| keypair(name)).collect();
    let body = RevokeKey { domain, key: key(holder), reason: "left".into(), roster_version };
    let command = mesh.command(Body::RevokeKey(body), &signers);
    mesh.submit(&command)
}

#[test]
fn a_root_grants_roles_in_its_domain() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let applied = grant(&mut mesh, (sales(), "new", Role::DomainDataEngineer, 1), &["sales/root", "new"]);
    accepted(&applied);
    let (domain, role) = (sales(), Role::DomainDataEngineer);
    assert_eq!(applied.effects, [Effect::RoleGranted { domain, key: key("new"), role }]);
    assert_eq!(read::domain(&mesh.state, &sales().unwrap()).unwrap().unwrap().roster_version, 2);
    // A known role holder need not sign again.
    accepted(&grant(&mut mesh, (sales(), "finance/owner", Role::DataProductOwner, 2), &["sales/root"]));
    let roster = read::roster(&mesh.state, sales().as_ref()).unwrap();
    assert_eq!(roster.len(), 5);
}

#[test]
fn refuses_grants_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let owner = Role::DataProductOwner;
    let mut refuse =
        |body, signers: &[&str], code, detail: &str| refused(&grant(&mut mesh, body, signers), code, detail);
    refuse((sales(), "new", owner, 2), &["sales/root", "new"], Code::StaleRoster, "version 1 is in force");
    refuse((sales(), "new", owner, 1), &["finance/root", "new"], Code::ThresholdNotMet, "0 of 1 root keys");
    refuse((sales(), "new", owner, 1), &["sales/root"], Code::NoPossession, "did not sign");
    refuse((sales(), "node-1", owner, 1), &["sales/root", "node-1"], Code::KeyInUse, "node 1");
    refuse((sales(), "sales/root", owner, 1), &["sales/root"], Code::KeyInUse, "a root key of sales");
    refuse(
        (sales(), "sales/owner", owner, 1),
        &["sales/root"],
        Code::AlreadySo,
        "is data-product-owner in domain sales",
    );
    let nowhere = Some("nowhere".parse().unwrap());
    refuse((nowhere, "new", owner, 1), &["sales/root", "new"], Code::UnknownDomain, "nowhere");
    refuse((None, "new", owner, 1), &["council-0", "council-1", "new"], Code::WrongRole, "never mesh-wide");
    let steward = Role::DataGovernanceSteward;
    refuse((None, "new", steward, 1), &["council-0", "sales/root", "new"], Code::ThresholdNotMet, "1 of 2");
    refuse((None, "new", steward, 7), &["council-0", "council-1", "new"], Code::StaleRoster, "mesh-wide roster");
}

#[test]
fn the_council_grants_and_revokes_mesh_wide_roles() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let council = ["council-1", "council-2"];
    let signers = ["council-1", "council-2", "new"];
    accepted(&grant(&mut mesh, (None, "new", Role::DataGovernanceSteward, 1), &signers));
    let size = read::head(&mesh.state).unwrap().size;
    let may = |mesh: &TestMesh, size| {
        read::may(&mesh.state, &key("new"), Action::ReadPrivate, &sales().unwrap(), size).unwrap()
    };
    assert!(may(&mesh, size) && !may(&mesh, size - 1));
    refused(&revoke(&mut mesh, sales(), "new", 1, &["sales/root"]), Code::UnknownKey, "holds no role in domain sales");
    accepted(&revoke(&mut mesh, None, "new", 2, &council));
    refused(&revoke(&mut mesh, None, "new", 3, &council), Code::UnknownKey, "holds no role mesh-wide");
    let now = read::head(&mesh.state).unwrap().size;
    assert!(!may(&mesh, now) && may(&mesh, size));
}

#[test]
fn refuses_revocations_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    refused(&revoke(&mut mesh, sales(), "sales/owner", 2, &["sales/root"]), Code::StaleRoster, "version 1");
    refused(&revoke(&mut mesh, sales(), "sales/owner", 1, &["finance/root"]), Code::ThresholdNotMet, "0 of 1");
    refused(&revoke(&mut mesh, sales(), "finance/owner", 1, &["sales/root"]), Code::UnknownKey, "holds no role");
    refused(&revoke(&mut mesh, None, "sales/owner", 1, &["sales/root"]), Code::ThresholdNotMet, "0 of 2");
}

/// Invariant 4.
#[test]
fn a_revoked_key_does_not_act_after_the_revocation_and_may_come_back() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    let before = read::head(&mesh.state).unwrap().size;
    // Signed and accepted at home while the owner was one, ordered after the revocation: the weekend cut off drains.
    let in_time = mesh.publish_command(descriptor("sales/orders", "1.0.1", &["id"]));
    let feed = mesh.feeds.get_mut(&sales().unwrap()).unwrap();
    let event = feed.command(before, in_time.bytes().to_vec());
    let batch = feed.batch(vec![event]);
    accepted(&revoke(&mut mesh, sales(), "sales/owner", 1, &["sales/root"]));
    accepted(&mesh.submit_batch(batch)[0]);

    let late = mesh.publish_command(descriptor("sales/orders", "1.0.2", &["id"]));
    refused_in_feed(&mesh.say("sales", &late), Code::RevokedKey, &format!("at index {before}"));

    accepted(&grant(&mut mesh, (sales(), "sales/owner", Role::DataProductOwner, 2), &["sales/root"]));
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.2", &["id"])));
    let grants = read::grants_in(&mesh.state, &key("sales/owner"), sales().as_ref()).unwrap();
    let owner = |granted_at, revoked_at| Grant { role: Role::DataProductOwner, granted_at, revoked_at };
    assert_eq!(grants.0, [owner(1, Some(before)), owner(before + 3, None)]);
}

#[test]
fn the_table_in_docs_is_the_one_that_is_applied() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/roles.md");
    if std::env::var_os("DATAMESH_WRITE_DOCS").is_some() {
        std::fs::write(file, crate::roles_markdown()).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap();
    assert_eq!(found, crate::roles_markdown(), "run this test once with DATAMESH_WRITE_DOCS=1");
}
