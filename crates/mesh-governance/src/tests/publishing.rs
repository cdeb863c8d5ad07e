//! PublishVersion.

use mesh_event::command::PublishVersion;
use mesh_event::{Body, Signer as _, descriptor_digest};
use mesh_model::{Code, Descriptor, Digest, VersionId};

use super::{accepted, refused, refused_in_feed};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Applied, Effect, LastSealed, Rejection, Status, admit_domain_command, read};

fn orders(version: &str, fields: &[&str]) -> Descriptor {
    descriptor("sales/orders", version, fields)
}

fn id(text: &str) -> VersionId {
    text.parse().unwrap()
}

/// Publishes by any key, planned against anything.
fn publish(mesh: &mut TestMesh, descriptor: Descriptor, against: Option<Digest>, by: &str) -> Applied {
    let body = PublishVersion { descriptor, planned_against: against, overflow_breaks: Vec::new() };
    let command = mesh.command(Body::PublishVersion(body), &[keypair(by)]);
    mesh.say("sales", &command)
}

#[test]
fn seals_a_first_version_and_what_follows() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let first = mesh.publish(orders("1.0.0", &["id"]));
    accepted(&first);
    let digest = descriptor_digest(&orders("1.0.0", &["id"]));
    assert_eq!(first.effects, [Effect::VersionSealed { id: id("sales/orders@1.0.0"), digest }]);
    accepted(&mesh.publish(orders("2.0.0", &["key"])));
    accepted(&mesh.publish(orders("1.1.0", &["id", "at"])));
    let product = read::product(&mesh.state, &"sales/orders".parse().unwrap()).unwrap().unwrap();
    assert_eq!((product.first_index, product.versions, product.active), (2, 3, 3));
    assert_eq!((product.highest.to_string(), product.status()), ("2.0.0".into(), Status::Active));
    let digest = descriptor_digest(&orders("1.1.0", &["id", "at"]));
    assert_eq!(product.last_sealed, LastSealed { version: "1.1.0".parse().unwrap(), digest, index: 4 });
    let sealed = read::version(&mesh.state, &id("sales/orders@1.1.0")).unwrap().unwrap();
    assert_eq!((sealed.ledger_index, sealed.author), (4, keypair("sales/owner").public_key()));
    assert_eq!(sealed.stamp_unix_ms, mesh.now);
    let read = read::descriptor_of(&mesh.state, &id("sales/orders@2.0.0")).unwrap();
    assert_eq!(read, Some(orders("2.0.0", &["key"])));
}

/// Invariant 5.
#[test]
fn a_sealed_version_never_changes() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(orders("1.0.0", &["id"])));
    let before = read::version(&mesh.state, &id("sales/orders@1.0.0")).unwrap();
    refused_in_feed(&mesh.publish(orders("1.0.0", &["id"])), Code::AlreadySo, "at index 2");
    refused_in_feed(&mesh.publish(orders("1.0.0", &["id", "at"])), Code::VersionConflict, "other content at index 2");
    assert_eq!(read::version(&mesh.state, &id("sales/orders@1.0.0")).unwrap(), before);
}

#[test]
fn refuses_keys_that_may_not_and_says_why() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let mut by = |name: &str, code, detail: &str| {
        let applied = publish(&mut mesh, orders("1.0.0", &["id"]), None, name);
        refused_in_feed(&applied, code, detail);
    };
    by("stranger", Code::UnknownKey, "has no role in domain sales");
    by("sales/root", Code::UnknownKey, "has no role");
    by("finance/owner", Code::WrongDomain, "has its role in domain finance, not in sales");
    by("sales/steward", Code::WrongRole, "is data-governance-steward in domain sales, which does not allow publish");
    accepted(&publish(&mut mesh, orders("1.0.0", &["id"]), None, "sales/engineer"));
}

#[test]
fn a_role_counts_only_once_the_home_node_saw_its_grant() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let command = mesh.publish_command(orders("1.0.0", &["id"]));
    let feed = mesh.feeds.get_mut(&"sales".parse().unwrap()).unwrap();
    let event = feed.command(1, command.bytes().to_vec());
    let batch = feed.batch(vec![event]);
    let applied = mesh.submit_batch(batch).remove(0);
    refused_in_feed(
        &applied,
        Code::UnknownKey,
        "got its role in domain sales at index 1; the command was accepted at ledger size 1",
    );
}

#[test]
fn refuses_another_domains_product() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let command = mesh.publish_command(descriptor("finance/ledger", "1.0.0", &["id"]));
    refused_in_feed(
        &mesh.say("sales", &command),
        Code::WrongDomain,
        "a command for domain finance in the feed of domain sales",
    );
}

#[test]
fn refuses_descriptors_that_break_the_model_with_all_flaws() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let mut bad = orders("1.0.0", &["id", "id"]);
    bad.owner.team.clear();
    let applied = mesh.publish(bad);
    refused_in_feed(&applied, Code::InvalidProduct, "owner.team");
    assert!(applied.outcome().detail.contains("'id' stands there twice"));
    let many = vec!["é"; 1000];
    let cut = mesh.publish(orders("1.0.0", &many));
    refused_in_feed(&cut, Code::InvalidProduct, "…");
    assert!(cut.outcome().detail.len() <= crate::DETAIL_BYTES);
}

#[test]
fn a_plan_is_against_the_last_version_in_the_ledgers_order() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let first = descriptor_digest(&orders("1.0.0", &["id"]));
    let early = publish(&mut mesh, orders("1.0.0", &["id"]), Some(first), "sales/owner");
    refused_in_feed(&early, Code::StalePlan, "has no version yet");
    accepted(&publish(&mut mesh, orders("1.0.0", &["id"]), None, "sales/owner"));
    accepted(&publish(&mut mesh, orders("2.0.0", &["key"]), Some(first), "sales/engineer"));
    let who = keypair("sales/engineer").public_key().fingerprint();
    for against in [None, Some(first)] {
        let stale = publish(&mut mesh, orders("1.0.1", &["id"]), against, "sales/owner");
        refused_in_feed(&stale, Code::StalePlan, &format!("sales/orders@2.0.0, by key {who} at index 4"));
    }
}

#[test]
fn the_step_of_the_version_stands_for_the_change() {
    // Given these, when the last is published, then ...
    type Case<'a> = (&'a [(&'a str, &'a [&'a str])], Code, &'a str);
    let cases: &[Case<'_>] = &[
        (&[("1.0.0", &["a"]), ("1.0.1", &["a"])], Code::Accepted, ""),
        (&[("1.0.0", &["a"]), ("1.1.0", &["a", "b"])], Code::Accepted, ""),
        (&[("1.0.0", &["a"]), ("2.0.0", &["b"])], Code::Accepted, ""),
        (&[("1.0.0", &["a"]), ("1.0.1", &["a", "b"])], Code::VersionTooLow, "datasets.main.fields.b"),
        (&[("1.0.0", &["a", "b"]), ("1.1.0", &["c"])], Code::BreakingChange, "main.fields.b: a field that"),
        (&[("1.0.0", &["a", "b"]), ("1.0.1", &["c"])], Code::BreakingChange, "main.fields.a: a field that"),
        // Major 0 may break in a minor, not in a patch.
        (&[("0.1.0", &["a"]), ("0.2.0", &["b"])], Code::Accepted, ""),
        (&[("0.1.0", &["a"]), ("0.1.1", &["b"])], Code::BreakingChange, "from 0.1.0 to 0.1.1"),
        (&[("0.1.0", &["a"]), ("0.1.1", &["a", "b"])], Code::VersionTooLow, "from 0.1.0 to 0.1.1"),
        // The version before is the highest below in the major, else below overall, whatever was sealed last.
        (&[("1.0.0", &["a"]), ("2.0.0", &["b"]), ("1.1.0", &["a", "c"])], Code::Accepted, ""),
        (&[("1.0.0", &["a"]), ("2.0.0", &["b"]), ("1.1.0", &["b"])], Code::BreakingChange, "from 1.0.0 to 1.1.0"),
        (&[("1.0.0", &["a"]), ("3.0.0", &["b"]), ("2.0.0", &["c"])], Code::Accepted, ""),
        (&[("1.0.0", &["a"]), ("0.9.0", &["b"])], Code::Accepted, ""),
    ];
    for (versions, code, detail) in cases {
        let mut mesh = TestMesh::with_domains(&["sales"]);
        let (last, before) = versions.split_last().unwrap();
        for (version, fields) in before {
            accepted(&mesh.publish(orders(version, fields)));
        }
        super::outcome(&mesh.publish(orders(last.0, last.1)), *code, detail);
    }
}

#[test]
fn breaks_among_overflowed_fields_ask_for_a_major() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(orders("1.0.0", &["id"])));
    let body = |version: &str| PublishVersion {
        descriptor: orders(version, &["id"]),
        planned_against: Some(descriptor_digest(&orders("1.0.0", &["id"]))),
        overflow_breaks: vec!["datasets.wide.fields.x".into()],
    };
    let minor = mesh.command(Body::PublishVersion(body("1.1.0")), &[keypair("sales/owner")]);
    refused_in_feed(
        &mesh.say("sales", &minor),
        Code::BreakingChange,
        "datasets.wide.fields.x: breaks in an attachment",
    );
    let major = mesh.command(Body::PublishVersion(body("2.0.0")), &[keypair("sales/owner")]);
    accepted(&mesh.say("sales", &major));
}

#[test]
fn the_home_nodes_dry_run_says_what_the_ledger_will_say() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(orders("1.0.0", &["id"])));
    for descriptor in [orders("1.0.0", &["x"]), orders("1.1.0", &["x"]), orders("1.1.0", &["id", "x"])] {
        let envelope = mesh.publish_command(descriptor);
        let command = mesh_event::SignedCommand::verify(envelope.clone(), &mesh.mesh_id).unwrap();
        let size = read::head(&mesh.state).unwrap().size;
        let dry = admit_domain_command(&mesh.state, &command, size).unwrap();
        let wet = mesh.say("sales", &envelope).leaf.outcome;
        match dry {
            Ok(()) => assert_eq!(wet.code, Code::Accepted),
            Err(Rejection { code, detail }) => assert_eq!((wet.code, wet.detail), (code, detail)),
        }
    }
}

#[test]
fn what_waits_in_an_outbox_counts_for_the_next_command() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let verified = |mesh: &TestMesh, envelope| mesh_event::SignedCommand::verify(envelope, &mesh.mesh_id).unwrap();
    let envelope = mesh.publish_command(orders("1.0.0", &["id"]));
    let first = verified(&mesh, envelope);
    let supposed = crate::suppose_domain_command(&mesh.state, &first, 2).unwrap().unwrap();
    let state = mesh.state.clone();
    let mut overlay = crate::Overlay::new(&state);
    overlay.push(&supposed);
    let body = PublishVersion {
        descriptor: orders("1.1.0", &["id", "at"]),
        planned_against: Some(descriptor_digest(&orders("1.0.0", &["id"]))),
        overflow_breaks: Vec::new(),
    };
    let envelope = mesh.command(Body::PublishVersion(body), &[keypair("sales/owner")]);
    let second = verified(&mesh, envelope);
    assert_eq!(admit_domain_command(&overlay, &second, 2).unwrap(), Ok(()));
    assert_eq!(admit_domain_command(&mesh.state, &second, 2).unwrap().unwrap_err().code, Code::StalePlan);
}

#[test]
fn dry_runs_refuse_what_has_no_feed_or_domain() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let envelope = mesh.publish_command(descriptor("nowhere/orders", "1.0.0", &["id"]));
    let command = mesh_event::SignedCommand::verify(envelope, &mesh.mesh_id).unwrap();
    let refused_by = |state: &crate::MemState| admit_domain_command(state, &command, 2).unwrap().unwrap_err().code;
    assert_eq!(refused_by(&mesh.state), Code::UnknownDomain);
    assert_eq!(refused_by(&crate::MemState::new()), Code::GenesisFirst);
}

#[test]
fn a_suspended_domain_publishes_nothing() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let name = "sales".parse().unwrap();
    let mut domain = read::domain(&mesh.state, &name).unwrap().unwrap();
    domain.status = crate::DomainStatus::Suspended;
    let value = Some(crate::records::Record::encode(&domain));
    mesh.state.apply_changes(&[crate::StateChange { key: crate::keys::domain(&name), value }]);
    refused(&mesh.publish(orders("1.0.0", &["id"])), Code::DomainSuspended, "domain sales is suspended");
}
