//! What the council does to domains, and what a domain's root answers.

use mesh_event::command::{
    DomainAdmission, GrantRole, OffboardMember, RoleGrant, RotateDomainKeys, VetoRootReplacement,
};
use mesh_event::proposal::{DomainStanding, ReplaceDomainRoot};
use mesh_event::{Body, ProposalBody, Signer as _};
use mesh_model::{Action, Code, DomainName, PublicKey, Role, limits};

use super::{accepted, refused};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Applied, DomainStatus, Effect, read};

fn sales() -> DomainName {
    "sales".parse().unwrap()
}

fn key(name: &str) -> PublicKey {
    keypair(name).public_key()
}

fn standing(reason: &str) -> DomainStanding {
    DomainStanding { domain: sales(), reason: reason.into() }
}

fn decided(mesh: &mut TestMesh, body: ProposalBody) -> Applied {
    mesh.decide(body, &[])
}

#[test]
fn a_suspended_domain_acts_again_once_it_is_resumed_and_its_outbox_drains() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let suspended = decided(&mut mesh, ProposalBody::SuspendDomain(standing("audit")));
    accepted(&suspended);
    assert!(suspended.effects.contains(&Effect::DomainStanding { domain: sales(), status: DomainStatus::Suspended }));
    let command = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let feed = mesh.feeds.get_mut(&sales()).unwrap();
    let event = feed.command(2, command.bytes().to_vec());
    let batch = feed.batch(vec![event]);
    refused(&mesh.submit_batch(batch.clone())[0], Code::DomainSuspended, "sales is suspended");
    refused(&mesh.delegate("sales", 2, 2), Code::DomainSuspended, "sales is suspended");
    refused(&decided(&mut mesh, ProposalBody::SuspendDomain(standing(""))), Code::AlreadySo, "sales is suspended");
    accepted(&decided(&mut mesh, ProposalBody::ResumeDomain(standing("done"))));
    refused(&decided(&mut mesh, ProposalBody::ResumeDomain(standing(""))), Code::AlreadySo, "sales is active");
    accepted(&mesh.submit_batch(batch)[0]);
}

#[test]
fn a_removed_domain_is_so_for_ever_and_its_name_stays_taken() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    accepted(&decided(&mut mesh, ProposalBody::RemoveDomain(standing("merged"))));
    refused(&mesh.publish(descriptor("sales/orders", "1.0.1", &["id"])), Code::DomainRemoved, "sales was removed");
    for body in [ProposalBody::ResumeDomain, ProposalBody::SuspendDomain, ProposalBody::RemoveDomain] {
        refused(&decided(&mut mesh, body(standing(""))), Code::DomainRemoved, "sales was removed");
    }
    refused(&mesh.delegate("sales", 2, 2), Code::DomainRemoved, "sales was removed");
    refused(&mesh.admit(vec![TestMesh::admission("sales")]), Code::DomainExists, "sales was admitted");
    assert!(read::product(&mesh.state, &"sales/orders".parse().unwrap()).unwrap().is_some(), "it stays readable");
}

#[test]
fn domains_are_admitted_by_proposal_too() {
    let mut mesh = TestMesh::founded();
    let list = |name: &str| ProposalBody::AdmitDomains(vec![TestMesh::admission(name)]);
    let holders = ["sales/root", "sales/owner", "sales/engineer", "sales/steward"];
    refused(&mesh.propose(list("sales"), &["council-0"]), Code::NoPossession, "did not sign");
    let at = mesh.propose(list("sales"), &[&["council-0"][..], &holders].concat()).leaf.index;
    assert_eq!(read::domain(&mesh.state, &sales()).unwrap(), None);
    accepted(&mesh.approve(at, &["council-1"]));
    let domain = read::domain(&mesh.state, &sales()).unwrap().unwrap();
    assert_eq!(domain.admitted_at, at + 1);
    refused(&mesh.decide(ProposalBody::AdmitDomains(Vec::<DomainAdmission>::new()), &[]), Code::Malformed, "no domain");
}

#[test]
fn mesh_wide_roles_are_granted_by_proposal_too() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let grant = |role| ProposalBody::GrantRole(RoleGrant { key: key("new"), role });
    refused(&mesh.decide(grant(Role::DataProductOwner), &["new"]), Code::WrongRole, "never mesh-wide");
    refused(&mesh.decide(grant(Role::DataGovernanceSteward), &[]), Code::NoPossession, "did not sign");
    accepted(&mesh.decide(grant(Role::DataGovernanceSteward), &["new"]));
    let size = read::head(&mesh.state).unwrap().size;
    assert!(read::may(&mesh.state, &key("new"), Action::ReadPrivate, &sales(), size).unwrap());
    refused(&mesh.decide(grant(Role::DataGovernanceSteward), &["new"]), Code::AlreadySo, "mesh-wide");
}

fn replacement(names: &[&str], root_threshold: u32) -> ProposalBody {
    let root_keys = names.iter().map(|name| key(name)).collect();
    ProposalBody::ReplaceDomainRoot(ReplaceDomainRoot {
        domain: sales(),
        root_keys,
        root_threshold,
        reason: "lost".into(),
    })
}

fn grant(mesh: &mut TestMesh, root: &str, holder: &str) -> Applied {
    let roster_version = read::domain(&mesh.state, &sales()).unwrap().unwrap().roster_version;
    let grant = RoleGrant { key: key(holder), role: Role::DomainDataEngineer };
    let body = GrantRole { domain: Some(sales()), grant, roster_version };
    mesh.say_directly(Body::GrantRole(body), &[root, holder])
}

#[test]
fn a_replaced_root_speaks_after_72_hours_of_ledger_time() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let decision = mesh.decide(replacement(&["sales/root2"], 1), &["sales/root2"]);
    accepted(&decision);
    let effective = mesh.now + limits::ANSWER_MS;
    assert!(
        decision.effects.contains(&Effect::RootReplacementDecided { domain: sales(), effective_unix_ms: effective })
    );
    refused(&grant(&mut mesh, "sales/root2", "a"), Code::ThresholdNotMet, "0 of 1 root keys");
    accepted(&grant(&mut mesh, "sales/root", "a"));
    mesh.now = effective - 2000;
    accepted(&grant(&mut mesh, "sales/root", "b"));
    refused(&grant(&mut mesh, "sales/root", "c"), Code::ThresholdNotMet, "0 of 1 root keys");
    assert_eq!(mesh.now, effective, "at its very time");
    assert!(read::pending_root(&mesh.state, &sales()).unwrap().is_some(), "what is refused changes nothing");
    let root = read::root_in_force(&mesh.state, &sales(), mesh.now).unwrap().unwrap();
    assert_eq!(root, (vec![key("sales/root2")], 1));
    accepted(&grant(&mut mesh, "sales/root2", "c"));
    assert_eq!(read::domain(&mesh.state, &sales()).unwrap().unwrap().root_keys, [key("sales/root2")]);
    assert_eq!(read::pending_root(&mesh.state, &sales()).unwrap(), None);
}

fn veto(mesh: &mut TestMesh, proposal: u64, signer: &str) -> Applied {
    let body = VetoRootReplacement { domain: sales(), proposal, reason: "not lost".into() };
    mesh.say_directly(Body::VetoRootReplacement(body), &[signer])
}

#[test]
fn the_old_root_vetoes_a_replacement_before_it_takes_effect() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    refused(&veto(&mut mesh, 2, "sales/root"), Code::NoReplacement, "no replacement by proposal 2");
    let at = mesh.decide(replacement(&["sales/root2"], 1), &["sales/root2"]).leaf.index;
    refused(&veto(&mut mesh, at + 1, "sales/root"), Code::NoReplacement, "no replacement by proposal");
    refused(&veto(&mut mesh, at, "sales/root2"), Code::ThresholdNotMet, "0 of 1");
    let mut late = mesh.clone();
    accepted(&veto(&mut mesh, at, "sales/root"));
    mesh.now += limits::ANSWER_MS;
    accepted(&grant(&mut mesh, "sales/root", "a"));
    // The same keys may be decided on once more; they sign again.
    refused(&mesh.decide(replacement(&["sales/root2"], 1), &[]), Code::NoPossession, "did not sign");
    accepted(&mesh.decide(replacement(&["sales/root2"], 1), &["sales/root2"]));

    late.now += limits::ANSWER_MS;
    refused(&veto(&mut late, at, "sales/root"), Code::NoReplacement, "no replacement");
}

#[test]
fn refuses_roots_that_could_not_speak() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let mut refuse = |names: &[&str], threshold, code, detail: &str| {
        refused(&mesh.decide(replacement(names, threshold), &["new"]), code, detail);
        let root_keys = names.iter().map(|name| key(name)).collect();
        let body = RotateDomainKeys { domain: sales(), root_keys, root_threshold: threshold, roster_version: 1 };
        refused(&mesh.say_directly(Body::RotateDomainKeys(body), &["sales/root", "new"]), code, detail);
    };
    refuse(&["new"], 0, Code::Malformed, "root_threshold of domain sales is 0");
    refuse(&["new"], 2, Code::Malformed, "is 2; it would have 1");
    refuse(&[], 1, Code::Malformed, "it would have 0");
    refuse(&["new", "new"], 1, Code::Malformed, "twice");
    refuse(&["other"], 1, Code::NoPossession, "did not sign");
    refuse(&["finance/root"], 1, Code::KeyInUse, "a root key of finance");
    refuse(&["council-0"], 1, Code::KeyInUse, "a council seat");
    refuse(&["sales/root"], 1, Code::AlreadySo, "these are the root keys");
    let many: Vec<String> = (0..=limits::ROOT_KEYS).map(|n| format!("root-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    refuse(&many, 1, Code::TooLarge, "17 root keys");
}

fn rotate(mesh: &mut TestMesh, names: &[&str], root_threshold: u32, version: u64, signers: &[&str]) -> Applied {
    let root_keys = names.iter().map(|name| key(name)).collect();
    let body = RotateDomainKeys { domain: sales(), root_keys, root_threshold, roster_version: version };
    mesh.say_directly(Body::RotateDomainKeys(body), signers)
}

#[test]
fn a_rotation_needs_the_thresholds_of_the_old_and_of_the_new_keys() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let two = ["sales/root2", "sales/root3"];
    refused(&rotate(&mut mesh, &two, 2, 1, &two), Code::ThresholdNotMet, "0 of 1 root keys");
    refused(&rotate(&mut mesh, &two, 2, 1, &["sales/root", "sales/root2"]), Code::NoPossession, "did not sign");
    refused(&rotate(&mut mesh, &two, 2, 2, &["sales/root"]), Code::StaleRoster, "version 1 is in force");
    accepted(&rotate(&mut mesh, &two, 2, 1, &["sales/root", "sales/root2", "sales/root3"]));
    refused(&grant(&mut mesh, "sales/root", "a"), Code::ThresholdNotMet, "0 of 2");
    // A key that stays need not prove possession, but the new threshold counts it only if it signs.
    accepted(&rotate(
        &mut mesh,
        &["sales/root2", "sales/root3", "sales/root"],
        2,
        2,
        &[&two[..], &["sales/root"]].concat(),
    ));
}

fn leave(mesh: &mut TestMesh, holder: &str, version: u64, signers: &[&str]) -> Applied {
    let body = OffboardMember { key: key(holder), domain: Some(sales()), reason: "left".into(), version };
    mesh.say_directly(Body::OffboardMember(body), signers)
}

#[test]
fn nobody_leaves_a_domain_without_an_owner() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    refused(&leave(&mut mesh, "sales/engineer", 1, &["finance/root"]), Code::ThresholdNotMet, "0 of 1");
    refused(&leave(&mut mesh, "sales/engineer", 2, &["sales/root"]), Code::StaleRoster, "version 1");
    refused(&leave(&mut mesh, "finance/owner", 1, &["sales/root"]), Code::UnknownKey, "holds no role in domain sales");
    accepted(&leave(&mut mesh, "sales/engineer", 1, &["sales/root"]));
    refused(&leave(&mut mesh, "sales/owner", 2, &["sales/root"]), Code::LastRoot, "no data-product-owner left");
    let everywhere = OffboardMember { key: key("sales/owner"), domain: None, reason: String::new(), version: 1 };
    let council = ["council-0", "council-1"];
    let alone = mesh.say_directly(Body::OffboardMember(everywhere.clone()), &council);
    refused(&alone, Code::LastRoot, "no data-product-owner left");

    let grant = RoleGrant { key: key("finance/owner"), role: Role::DataProductOwner };
    let body = GrantRole { domain: Some(sales()), grant, roster_version: 2 };
    accepted(&mesh.say_directly(Body::GrantRole(body), &["sales/root"]));
    let gone = mesh.say_directly(Body::OffboardMember(everywhere), &council);
    accepted(&gone);
    assert!(gone.effects.contains(&Effect::MemberOffboarded { key: key("sales/owner"), domain: None }));
    let late = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    assert_eq!(mesh.say("sales", &late).outcome().code, Code::RevokedKey);
}
