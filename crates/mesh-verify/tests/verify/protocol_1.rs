//! A mesh that was founded under protocol 1 comes to the same outcomes for ever.
//!
//! `fixtures/protocol-1.export` was written by the build before protocol 2, and is never edited. It holds every kind of command of
//! that build, and what later protocols could be confused by: payloads whose body is of a later kind, alone and beside a known one,
//! in front of it and behind it, also of versions that were sealed and are read again from their leaves.

use mesh_event::LedgerLeaf;
use mesh_event::ledger::EntryBody;
use mesh_event::proposal::{ProposalBody, SetProtocol};
use mesh_governance::{MemState, PolicyJudge, Strict, apply_with, read};
use mesh_model::Code;
use mesh_verify::{Options, Verified, check};

const EXPORT: &[u8] = include_bytes!("../fixtures/protocol-1.export");
/// As the build said that wrote it.
const STATE_DIGEST: &str = "b0d6edd6746805ffb576b0d0a52a4870f7cf90a4c230b13569999f5ba400adc0";

fn verified() -> Verified {
    check(EXPORT, &Options::default(), &mut ()).unwrap()
}

#[test]
fn an_export_of_the_build_before_verifies_to_the_same_outcomes() {
    let verified = verified();
    assert_eq!((verified.header.size, verified.accepted, verified.checkpoints.len()), (171, 35, 1));
    assert_eq!(verified.header.state_digest.to_string(), STATE_DIGEST);
    assert_eq!(read::mesh(&verified.state).unwrap().unwrap().protocol_version, 1);
}

/// Nothing of later protocols gets into the state as long as protocol 1 is in force.
#[test]
fn the_state_of_protocol_1_has_no_key_of_protocol_2() {
    let later = [0x06, 0x07, 0x15, 0x16, 0x17, 0x18, 0x19];
    assert!(verified().state.values().keys().all(|key| !later.contains(&key[0])));
}

/// The same ledger goes on under protocol 2, and everything before the switch stays what it was.
#[test]
fn the_mesh_goes_on_under_protocol_2() {
    let state: MemState = verified().state;
    let mut mesh = crate::support::Mesh::with_domains(&[]);
    mesh.fixture.mesh_id = read::mesh(&state).unwrap().unwrap().mesh_id;
    mesh.fixture.now = 1_900_000_000_000;
    // Ids that the export has not.
    for _ in 0..1_000 {
        mesh.fixture.next_id();
    }
    mesh.fixture.state = state;
    let set = mesh.propose(ProposalBody::SetProtocol(SetProtocol { protocol_version: 2 }), &["council-0", "council-1"]);
    assert_eq!(set.leaf.outcome.code, Code::Accepted, "{}", set.leaf.outcome.detail);
    // The last version, published with the body of another kind beside it, is what the next one is compared with.
    let id = "sales/late".parse().unwrap();
    let product = read::product(&mesh.fixture.state, &id).unwrap().unwrap();
    let sealed =
        read::descriptor_of(&mesh.fixture.state, &mesh_model::VersionId { product: id, version: product.highest });
    assert_eq!(sealed.unwrap().unwrap().version, product.highest);
    let garbage = EntryBody::Envelope(b"garbage".to_vec());
    let entry = mesh.fixture.entry(garbage);
    let all = apply_with(&mesh.fixture.state, &entry, &Strict, &PolicyJudge::default()).unwrap();
    assert_eq!(LedgerLeaf::decode(&all[0].leaf_bytes).unwrap().outcome.code, Code::Malformed);
}
