//! AdmitDomains and DelegateNode.

use mesh_event::command::{AdmitDomains, DelegateNode, DomainAdmission, RoleGrant};
use mesh_event::{Body, Keypair, Signer};
use mesh_model::{Code, Digest, DomainName, PublicKey, Role};

use super::{accepted, refused};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Delegation, Effect, FeedCursor, KeyPurpose, read};

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn signers(names: &[&str]) -> Vec<Keypair> {
    let holders = ["root", "owner", "engineer", "steward"];
    let keys = names.iter().flat_map(|name| holders.map(|holder| keypair(&format!("{name}/{holder}"))));
    [keypair("council-0"), keypair("council-1")].into_iter().chain(keys).collect()
}

/// Given a founded mesh with domain sales, when this list is admitted by these, then ...
fn admit(domains: Vec<DomainAdmission>, signers: &[Keypair]) -> (TestMesh, crate::Applied) {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let body = Body::AdmitDomains(AdmitDomains { domains, council_version: 1 });
    let command = mesh.command(body, signers);
    let applied = mesh.submit(&command);
    (mesh, applied)
}

fn edited(edit: impl FnOnce(&mut DomainAdmission)) -> Vec<DomainAdmission> {
    let mut admission = TestMesh::admission("finance");
    edit(&mut admission);
    vec![admission]
}

#[test]
fn admits_a_list_with_parents_in_it() {
    let mut child = TestMesh::admission("payments");
    child.parent = Some(name("finance"));
    let mut parent = TestMesh::admission("finance");
    parent.parent = Some(name("sales"));
    parent.delegate = None;
    let (mesh, applied) = admit(vec![parent, child], &signers(&["finance", "payments"]));
    accepted(&applied);
    let finance = read::domain(&mesh.state, &name("finance")).unwrap().unwrap();
    assert_eq!((finance.admitted_at, finance.roster_version, finance.delegation), (2, 1, None));
    let payments = read::domain(&mesh.state, &name("payments")).unwrap().unwrap();
    let delegation = Delegation { node_id: 1, epoch: 1, since_index: 2, base_size: 0, base_root: None };
    assert_eq!(payments.delegation, Some(delegation));
    let cursor = FeedCursor { epoch: 1, last_outbox: 0, last_seq: None, last_ledger_size: 0 };
    assert_eq!(read::feed_cursor(&mesh.state, &name("payments")).unwrap(), Some(cursor));
    assert_eq!(read::feed_cursor(&mesh.state, &name("finance")).unwrap(), None);
    assert!(applied.effects.contains(&Effect::NodeDelegated { domain: name("payments"), epoch: 1, node_id: 1 }));
    let root = keypair("finance/root").public_key();
    assert_eq!(read::key_purpose(&mesh.state, &root).unwrap(), Some(KeyPurpose::Root(name("finance"))));
    assert_eq!(read::roster(&mesh.state, Some(&name("finance"))).unwrap().len(), 3);
    let listed = read::domains(&mesh.state, Some(&name("finance")), 1).unwrap();
    assert_eq!(listed[0].name, name("payments"));
}

#[test]
fn refuses_a_list_with_anything_wrong_in_it() {
    let all = signers(&["finance"]);
    let holder = |role| RoleGrant { key: keypair("finance/owner").public_key(), role };
    let cases: Vec<(Vec<DomainAdmission>, Code, &str)> = vec![
        (vec![], Code::Malformed, "no domain"),
        (
            (0..65).map(|_| TestMesh::admission("d")).map(|d| DomainAdmission { roles: vec![], ..d }).collect(),
            Code::TooLarge,
            "65 domains; at most 64",
        ),
        (vec![TestMesh::admission("sales")], Code::DomainExists, "sales was admitted at index 1"),
        (vec![TestMesh::admission("finance"), TestMesh::admission("finance")], Code::DomainExists, "finance"),
        (edited(|d| d.parent = Some(name("nowhere"))), Code::UnknownDomain, "nowhere to be the parent of finance"),
        (edited(|d| d.parent = Some(name("finance"))), Code::UnknownDomain, "finance"),
        (edited(|d| d.root_threshold = 0), Code::Malformed, "root_threshold of domain finance is 0; it has 1"),
        (edited(|d| d.root_threshold = 2), Code::Malformed, "is 2; it has 1"),
        (edited(|d| d.root_keys.clear()), Code::Malformed, "it has 0 root keys"),
        (edited(|d| d.root_keys[0] = PublicKey([0; 32])), Code::WeakKey, "weak"),
        (edited(|d| d.root_keys[0] = keypair("other").public_key()), Code::NoPossession, "did not sign"),
        (edited(|d| d.roles[0].key = keypair("other").public_key()), Code::NoPossession, "did not sign"),
        (edited(|d| d.root_keys[0] = keypair("sales/root").public_key()), Code::KeyInUse, "a root key of sales"),
        (edited(|d| d.root_keys[0] = keypair("sales/owner").public_key()), Code::KeyInUse, "a role holder"),
        (edited(|d| d.root_keys[0] = keypair("council-0").public_key()), Code::KeyInUse, "a council seat"),
        (edited(|d| d.roles[0].key = keypair("node-3").public_key()), Code::KeyInUse, "the key of node 3"),
        (edited(|d| d.roles[0].key = keypair("finance/root").public_key()), Code::KeyInUse, "a root key of finance"),
        (edited(|d| d.root_keys.push(d.root_keys[0])), Code::KeyInUse, "a root key of finance"),
        (edited(|d| d.roles = vec![holder(Role::DataProductOwner); 2]), Code::Malformed, "twice"),
        (edited(|d| d.delegate = Some(9)), Code::UnknownNode, "no node 9"),
    ];
    for (domains, code, detail) in cases {
        refused(&admit(domains, &all).1, code, detail);
    }
}

#[test]
fn all_of_a_list_or_none() {
    let mut bad = TestMesh::admission("payments");
    bad.delegate = Some(9);
    let (mesh, applied) = admit(vec![TestMesh::admission("finance"), bad], &signers(&["finance", "payments"]));
    refused(&applied, Code::UnknownNode, "payments");
    assert_eq!(read::domain(&mesh.state, &name("finance")).unwrap(), None);
    assert_eq!(read::key_purpose(&mesh.state, &keypair("finance/root").public_key()).unwrap(), None);
}

#[test]
fn takes_role_holders_from_other_domains_without_their_signature() {
    let mut admission = TestMesh::admission("finance");
    admission.roles = vec![RoleGrant { key: keypair("sales/owner").public_key(), role: Role::DataProductOwner }];
    let (mesh, applied) = admit(vec![admission], &signers(&["finance"])[..3]);
    accepted(&applied);
    assert_eq!(read::grants_of(&mesh.state, &keypair("sales/owner").public_key()).unwrap().len(), 2);
}

/// Invariant 3: nothing takes effect with fewer than M distinct seats of the council in force.
#[test]
fn needs_the_councils_threshold_of_distinct_seats() {
    let mut one = signers(&["finance"]);
    one.remove(0);
    refused(&admit(edited(|_| ()), &one).1, Code::ThresholdNotMet, "1 of 2 council seats");
    let mut twice = signers(&["finance"]);
    twice[0] = keypair("council-1");
    refused(&admit(edited(|_| ()), &twice).1, Code::ThresholdNotMet, "1 of 2 council seats");
    let mut mesh = TestMesh::founded();
    let body = Body::AdmitDomains(AdmitDomains { domains: edited(|_| ()), council_version: 2 });
    let stale = mesh.command(body, &signers(&["finance"]));
    refused(&mesh.submit(&stale), Code::StaleRoster, "version 2 of the council; version 1 is in force");
}

fn delegate(mesh: &mut TestMesh, edit: impl FnOnce(&mut DelegateNode), signer: &str) -> crate::Applied {
    let mut body = DelegateNode { domain: name("sales"), node_id: 2, epoch: 2, base_size: 0, base_root: None };
    edit(&mut body);
    let command = mesh.command(Body::DelegateNode(body), &[keypair(signer)]);
    mesh.submit(&command)
}

#[test]
fn refuses_delegations_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let root = "sales/root";
    refused(&delegate(&mut mesh, |_| (), "finance/root"), Code::ThresholdNotMet, "0 of 1 root keys of domain sales");
    refused(&delegate(&mut mesh, |b| b.domain = name("people"), root), Code::UnknownDomain, "people");
    refused(&delegate(&mut mesh, |b| b.node_id = 9, root), Code::UnknownNode, "no node 9");
    refused(&delegate(&mut mesh, |b| b.epoch = 1, root), Code::StaleRoster, "epoch 1 is in force");
    refused(&delegate(&mut mesh, |b| b.epoch = 3, root), Code::StaleRoster, "epoch 1 is in force");
    refused(&delegate(&mut mesh, |b| b.base_size = 3, root), Code::Malformed, "base_size is 3");
    refused(&delegate(&mut mesh, |b| b.base_root = Some(Digest::of(b"")), root), Code::Malformed, "base_size is 0");
}

#[test]
fn a_delegation_opens_the_next_epoch_and_shuts_the_old_one() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    let mut old = mesh.feeds[&name("sales")].clone();
    accepted(&mesh.delegate("sales", 2, 2));
    let cursor = read::feed_cursor(&mesh.state, &name("sales")).unwrap().unwrap();
    assert_eq!(cursor, FeedCursor { epoch: 2, last_outbox: 0, last_seq: None, last_ledger_size: 2 });

    let publish = mesh.publish_command(descriptor("sales/orders", "1.1.0", &["id", "at"]));
    let event = old.command(4, publish.bytes().to_vec());
    let late = mesh.submit_batch(old.batch(vec![event])).remove(0);
    refused(&late, Code::OldEpoch, "epoch 1 of the feed of domain sales; epoch 2 is in force");
    accepted(&mesh.say("sales", &publish));
    // Both epochs' outbox numbers stay known.
    let outcome = |epoch| read::outbox_outcome(&mesh.state, &name("sales"), epoch, 1).unwrap();
    assert_eq!((outcome(1), outcome(2)), (Some(2), Some(5)));
}

#[test]
fn a_domain_without_a_node_gets_its_first_one_as_epoch_1() {
    let mut mesh = TestMesh::founded();
    accepted(&mesh.admit(edited(|d| d.delegate = None)));
    accepted(&mesh.delegate("finance", 3, 1));
    accepted(&mesh.publish(descriptor("finance/ledger", "1.0.0", &["id"])));
}

#[test]
fn a_root_threshold_counts_distinct_keys() {
    let mut mesh = TestMesh::founded();
    let second = keypair("finance/engineer");
    let mut admission = TestMesh::admission("finance");
    admission.root_keys.push(second.public_key());
    admission.root_threshold = 2;
    admission.roles.clear();
    admission.delegate = None;
    accepted(&mesh.admit(vec![admission]));
    let body = DelegateNode { domain: name("finance"), node_id: 1, epoch: 1, base_size: 0, base_root: None };
    let root = keypair("finance/root");
    let one = mesh.command(Body::DelegateNode(body.clone()), &[root.clone(), root.clone(), keypair("council-0")]);
    refused(&mesh.submit(&one), Code::ThresholdNotMet, "1 of 2 root keys");
    let both = mesh.command(Body::DelegateNode(body), &[root, second]);
    accepted(&mesh.submit(&both));
}
