//! Genesis, and what root and council commands share.

use mesh_event::command::{AdmitDomains, GrantRole, RoleGrant};
use mesh_event::ledger::EntryBody;
use mesh_event::{Body, Command, Envelope, LedgerEntry, Signer, envelope};
use mesh_model::{Code, CommandId, MeshId, Role, limits};

use super::{accepted, refused};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Effect, KeyPurpose, Strict, admit_entry, apply, read};

fn admit_body(name: &str) -> Body {
    Body::AdmitDomains(AdmitDomains { domains: vec![TestMesh::admission(name)], council_version: 1 })
}

fn all_of(name: &str) -> Vec<mesh_event::Keypair> {
    let holders = ["root", "owner", "engineer", "steward"].map(|holder| keypair(&format!("{name}/{holder}")));
    [keypair("council-0"), keypair("council-1")].into_iter().chain(holders).collect()
}

#[test]
fn genesis_founds_the_mesh_at_leaf_0() {
    let mesh = TestMesh::founded();
    let known = read::mesh(&mesh.state).unwrap().unwrap();
    assert_eq!((known.mesh_id, known.council_version, known.voters), (mesh.mesh_id, 1, vec![1, 2, 3]));
    assert_eq!(mesh.history[0].effects, [Effect::Founded { mesh_id: mesh.mesh_id }]);
    assert_eq!(read::nodes(&mesh.state).unwrap().len(), 3);
    let purpose = |name: &str| read::key_purpose(&mesh.state, &keypair(name).public_key()).unwrap().unwrap();
    assert_eq!(purpose("council-2"), KeyPurpose::Council);
    assert_eq!(purpose("node-2"), KeyPurpose::Node(2));
    assert_eq!(purpose("node-2/log"), KeyPurpose::Log);
    assert_eq!(purpose("node-2/cosigner"), KeyPurpose::Cosigner);
    assert_eq!(purpose("recovery"), KeyPurpose::Recovery);
}

#[test]
fn nothing_comes_before_genesis_and_no_second_one_after() {
    let mut mesh = TestMesh::unfounded();
    let early = mesh.command(admit_body("sales"), &all_of("sales"));
    refused(&mesh.submit(&early), Code::GenesisFirst, "no genesis yet");
    let genesis = TestMesh::genesis();
    refused(&mesh.submit(&genesis), Code::GenesisFirst, "leaf 0");

    let mut mesh = TestMesh::founded();
    refused(&mesh.submit(&genesis), Code::GenesisFirst, "leaf 0");
}

#[test]
fn genesis_needs_its_own_council() {
    let payload = TestMesh::document().encode();
    let sealed =
        |signers: &[&dyn Signer], payload: Vec<u8>| Envelope::sign(envelope::GENESIS, payload, signers).unwrap();
    let one = sealed(&[&keypair("council-0")], payload.clone());
    refused(&TestMesh::unfounded().submit(&one), Code::ThresholdNotMet, "1 of 2 council seats");
    let mut flawed = TestMesh::document();
    flawed.council.threshold = 9;
    let flawed = sealed(&[&keypair("council-0"), &keypair("council-1")], flawed.encode());
    refused(&TestMesh::unfounded().submit(&flawed), Code::Malformed, "threshold is 9 of 3");
}

#[test]
fn refuses_what_was_signed_for_another_mesh() {
    let mut mesh = TestMesh::founded();
    let mut elsewhere = mesh.clone();
    elsewhere.mesh_id = MeshId([9; 32]);
    let other = elsewhere.command(admit_body("sales"), &all_of("sales"));
    refused(&mesh.submit(&other), Code::WrongMesh, "this is mesh");
}

#[test]
fn refuses_bad_signatures_and_bytes_that_are_no_command() {
    let mut mesh = TestMesh::founded();
    let good = mesh.command(admit_body("sales"), &all_of("sales"));
    let mut bytes = good.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let entry = mesh.entry(EntryBody::Envelope(bytes));
    refused(&mesh.apply(&entry)[0], Code::BadSignature, "does not verify");
    let read = Envelope::sign(envelope::READ, good.payload().to_vec(), &[&keypair("council-0")]).unwrap();
    refused(&mesh.submit(&read), Code::Malformed, "something else than");
    let noise = Envelope::sign(envelope::COMMAND, vec![0xff; 9], &[&keypair("council-0")]).unwrap();
    refused(&mesh.submit(&noise), Code::Malformed, "command does not decode");
    let entry = mesh.entry(EntryBody::Envelope(vec![0xff; 9]));
    refused(&mesh.apply(&entry)[0], Code::Malformed, "no envelope");
}

#[test]
fn keeps_only_length_and_digest_of_what_is_too_large() {
    let mut mesh = TestMesh::founded();
    let entry = mesh.entry(EntryBody::Envelope(vec![0; limits::ENVELOPE_BYTES + 1]));
    let applied = mesh.apply(&entry).remove(0);
    refused(&applied, Code::TooLarge, "61441 bytes with SHA-256");
    assert!(applied.leaf_bytes.len() < 512);
}

#[test]
fn commands_expire_and_live_at_most_thirty_days() {
    let mut mesh = TestMesh::founded();
    let signed = |mesh: &mut TestMesh, expires_unix_ms| {
        let signers = all_of("sales");
        let author = signers[0].public_key();
        let (mesh_id, id) = (mesh.mesh_id, mesh.next_id());
        let command = Command { mesh_id, id, author, expires_unix_ms, body: admit_body("sales") };
        command.sign(&signers.iter().map(|s| s as &dyn Signer).collect::<Vec<_>>()).unwrap()
    };
    let stamp = mesh.now + 1000;
    for (expires, detail) in
        [(0, "expired at 0"), (stamp - 1, "it expired at"), (stamp + limits::COMMAND_LIFE_MS + 1, "more than 30 days")]
    {
        let mut fork = mesh.clone();
        let command = signed(&mut fork, expires);
        refused(&fork.submit(&command), Code::Expired, detail);
    }
    for expires in [stamp, stamp + limits::COMMAND_LIFE_MS] {
        let mut fork = mesh.clone();
        let command = signed(&mut fork, expires);
        accepted(&fork.submit(&command));
    }
    // The stamp in effect is never before the last leaf's: an old clock doesn't bring an expired command back.
    let late = signed(&mut mesh, stamp);
    mesh.now += 5000;
    let garbage = mesh.entry(EntryBody::Envelope(Vec::new()));
    mesh.apply(&garbage);
    let entry = LedgerEntry { stamp_unix_ms: stamp, body: EntryBody::Envelope(late.bytes().to_vec()) };
    let applied = mesh.apply(&entry).remove(0);
    refused(&applied, Code::Expired, "it expired at");
    assert_eq!(applied.leaf.stamp_unix_ms, mesh.now);
}

#[test]
fn a_repeated_command_names_its_first_index_until_it_is_forgotten() {
    let mut mesh = TestMesh::founded();
    let command = mesh.command(admit_body("sales"), &all_of("sales"));
    accepted(&mesh.submit(&command));
    refused(&mesh.submit(&command), Code::Duplicate, "took effect at index 1");

    // Another command under the id of one that took effect is a duplicate too; under one that was refused it is not.
    let reuse = |mesh: &TestMesh, n: u128, name: &str| {
        let signers = all_of(name);
        let (mesh_id, author, body) = (mesh.mesh_id, signers[0].public_key(), admit_body(name));
        let id = CommandId(n.to_be_bytes());
        let command = Command { mesh_id, id, author, expires_unix_ms: mesh.now + 60_000, body };
        command.sign(&signers.iter().map(|s| s as &dyn Signer).collect::<Vec<_>>()).unwrap()
    };
    let other = reuse(&mesh, 1, "finance");
    refused(&mesh.submit(&other), Code::Duplicate, "index 1");
    let again = mesh.command(admit_body("sales"), &all_of("sales"));
    refused(&mesh.submit(&again), Code::DomainExists, "admitted at index 1");
    let other = reuse(&mesh, 2, "finance");
    accepted(&mesh.submit(&other));

    // After its expiry it is forgotten by the next command that takes effect, and refused as expired.
    mesh.now += limits::COMMAND_LIFE_MS;
    let next = mesh.command(admit_body("people"), &all_of("people"));
    accepted(&mesh.submit(&next));
    assert_eq!(read::command(&mesh.state, &CommandId(1_u128.to_be_bytes())).unwrap(), None);
    refused(&mesh.submit(&command), Code::Expired, "it expired at");
    let remembered = mesh.state.values().keys().filter(|key| key[0] == 0x40).count();
    assert_eq!((remembered, mesh.state.values().keys().filter(|key| key[0] == 0x41).count()), (1, 1));
}

#[test]
fn domain_commands_do_not_come_straight() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let publish = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    refused(&mesh.submit(&publish), Code::Malformed, "travels through the feed");
}

#[test]
fn a_leader_refuses_what_would_be_rejected() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let key = keypair("new").public_key();
    let grant = RoleGrant { key, role: Role::DataProductOwner };
    let body = Body::GrantRole(GrantRole { domain: Some("sales".parse().unwrap()), grant, roster_version: 1 });
    let good = mesh.command(body.clone(), &[keypair("sales/root"), keypair("new")]);
    let bad = mesh.command(body, &[keypair("new")]);
    let good = mesh.entry(EntryBody::Envelope(good.bytes().to_vec()));
    let bad = mesh.entry(EntryBody::Envelope(bad.bytes().to_vec()));
    assert_eq!(admit_entry(&mesh.state, &good, &Strict).unwrap(), Ok(()));
    let refused = admit_entry(&mesh.state, &bad, &Strict).unwrap().unwrap_err();
    assert_eq!(refused.code, Code::ThresholdNotMet);
    assert_eq!(refused.detail, apply(&mesh.state, &bad, &Strict).unwrap()[0].outcome().detail);
}

/// At the very stamp at which it expires a command still lives, so it must still be remembered.
#[test]
fn a_command_is_remembered_to_the_end_of_its_life() {
    let mut mesh = TestMesh::founded();
    let command = mesh.command(admit_body("sales"), &all_of("sales"));
    accepted(&mesh.submit(&command));
    let expires = Command::decode(command.payload()).unwrap().expires_unix_ms;
    let other = mesh.command(admit_body("finance"), &all_of("finance"));
    for (envelope, code) in [(other, Code::Accepted), (command, Code::Duplicate)] {
        mesh.now = expires - 1000;
        let applied = mesh.submit(&envelope);
        assert_eq!((applied.leaf.stamp_unix_ms, applied.outcome().code), (expires, code));
    }
}
