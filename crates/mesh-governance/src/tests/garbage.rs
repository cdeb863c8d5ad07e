//! Nothing that is handed in makes the state machine panic, and all of it makes leaves.

use mesh_event::ledger::EntryBody;
use mesh_event::proposal::{DomainStanding, EnactStandard};
use mesh_event::{Body, Envelope, FeedBatch, LedgerEntry, ProposalBody, Signer as _, envelope};
use mesh_model::{Code, limits};
use proptest::prelude::*;

use crate::testing::{TestJudge, TestMesh, descriptor, keypair, standard};
use crate::{MemState, Strict, admit_entry_with, apply_with};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

/// Good bytes with some of them changed, cut or doubled.
pub(super) fn mutated(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let size = good.len();
    let edits = proptest::collection::vec((0..size, any::<u8>()), 0..4);
    (edits, 0..=size, any::<bool>()).prop_map(move |(edits, cut, do_cut)| {
        let mut bytes = good.clone();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        if do_cut {
            bytes.truncate(cut);
        }
        bytes
    })
}

/// A mesh with one publish waiting in its feed; the signed batch.
fn ready() -> (TestMesh, FeedBatch) {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let publish = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let feed = mesh.feeds.get_mut(&"sales".parse().unwrap()).unwrap();
    let event = feed.command(2, publish.into_bytes());
    let batch = feed.batch(vec![event]);
    (mesh, batch)
}

/// A mesh with an open proposal, and its index.
fn proposed() -> (TestMesh, u64) {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let body = DomainStanding { domain: "sales".parse().unwrap(), reason: "audit".into() };
    let at = mesh.propose(ProposalBody::SuspendDomain(body), &["council-0"]).leaf.index;
    (mesh, at)
}

pub(super) fn holds(state: &MemState, entry: &LedgerEntry) {
    let all = apply_with(state, entry, &Strict, &TestJudge).unwrap();
    for applied in &all {
        assert_eq!(applied.leaf.encode(), applied.leaf_bytes);
        assert_eq!(mesh_event::LedgerLeaf::decode(&applied.leaf_bytes).unwrap(), applied.leaf);
        assert!(!applied.effects.is_empty());
    }
    let admitted = admit_entry_with(state, entry, &Strict, &TestJudge).unwrap();
    if matches!(entry.body, EntryBody::Envelope(_)) {
        assert_eq!(admitted.is_ok(), all[0].outcome().code == Code::Accepted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_make_leaves(envelope in bytes(), note in bytes(), events in proptest::collection::vec(bytes(), 0..4), stamp: u64) {
        let (mesh, _) = ready();
        for state in [&mesh.state, &MemState::new()] {
            holds(state, &LedgerEntry { stamp_unix_ms: stamp, body: EntryBody::Envelope(envelope.clone()) });
            let batch = FeedBatch { head_note: note.clone(), events: events.clone() };
            holds(state, &LedgerEntry { stamp_unix_ms: stamp, body: EntryBody::Feed(batch) });
        }
    }

    #[test]
    fn arbitrary_payloads_of_good_signatures_make_leaves(payload in bytes(), stamp: u64, genesis: bool) {
        let (mut mesh, _) = ready();
        let kind = if genesis { envelope::GENESIS } else { envelope::COMMAND };
        let envelope = Envelope::sign(kind, payload, &[&keypair("council-0"), &keypair("council-1")]).unwrap();
        let body = EntryBody::Envelope(envelope.bytes().to_vec());
        for state in [&mesh.state, &MemState::new()] {
            holds(state, &LedgerEntry { stamp_unix_ms: stamp, body: body.clone() });
        }
        mesh.say("sales", &envelope);
    }

    #[test]
    fn almost_good_payloads_make_leaves(payload in {
        let mut mesh = TestMesh::with_domains(&["sales"]);
        mutated(mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"])).payload().to_vec())
    }) {
        let mut mesh = TestMesh::with_domains(&["sales"]);
        let envelope = Envelope::sign(envelope::COMMAND, payload, &[&keypair("sales/owner")]).unwrap();
        mesh.say("sales", &envelope);
        mesh.submit(&envelope);
    }

    #[test]
    fn almost_good_council_payloads_make_leaves(
        propose in {
            let mut mesh = TestMesh::with_domains(&["sales"]);
            let body = EnactStandard { standard: standard("pii", "1.0.0", "ssn"), supersedes: None };
            mutated(mesh.proposal_command(ProposalBody::EnactStandard(body), &["council-0"]).payload().to_vec())
        },
        approve in {
            let (mut mesh, at) = proposed();
            let approval = mesh.approval(at);
            mutated(mesh.command(Body::Approve(approval), &[keypair("council-0")]).payload().to_vec())
        },
        stamp: u64,
    ) {
        let (mesh, _) = proposed();
        for payload in [propose, approve] {
            let seats = [keypair("council-0"), keypair("council-1")];
            let envelope = Envelope::sign(envelope::COMMAND, payload, &[&seats[0], &seats[1]]).unwrap();
            let body = EntryBody::Envelope(envelope.into_bytes());
            holds(&mesh.state, &LedgerEntry { stamp_unix_ms: stamp, body: body.clone() });
            holds(&mesh.state, &LedgerEntry { stamp_unix_ms: 0, body });
        }
    }

    #[test]
    fn almost_good_batches_make_leaves(note in mutated(ready().1.head_note), event in mutated(ready().1.events.remove(0))) {
        let (mesh, batch) = ready();
        for (head_note, event) in [(note, batch.events[0].clone()), (batch.head_note, event)] {
            let body = EntryBody::Feed(FeedBatch { head_note, events: vec![event] });
            holds(&mesh.state, &LedgerEntry { stamp_unix_ms: 0, body });
        }
    }
}

#[test]
fn extreme_numbers_make_leaves() {
    let (mut mesh, _) = ready();
    let body = mesh_event::command::DelegateNode {
        domain: "sales".parse().unwrap(),
        node_id: u64::MAX,
        epoch: u64::MAX,
        base_size: u64::MAX,
        base_root: None,
    };
    let root = keypair("sales/root");
    for expires_unix_ms in [0, u64::MAX] {
        let (mesh_id, id, body) = (mesh.mesh_id, mesh.next_id(), Body::DelegateNode(body.clone()));
        let command = mesh_event::Command { mesh_id, id, author: root.public_key(), expires_unix_ms, body };
        let envelope = command.sign(&[&root]).unwrap();
        let body = EntryBody::Envelope(envelope.bytes().to_vec());
        for stamp_unix_ms in [0, u64::MAX] {
            let entry = LedgerEntry { stamp_unix_ms, body: body.clone() };
            holds(&mesh.state, &entry);
        }
    }
    let event = mesh_event::EventKind::Command { outbox: u64::MAX, envelope: vec![0; limits::ENVELOPE_BYTES] };
    let feed = mesh.feeds.get_mut(&"sales".parse().unwrap()).unwrap();
    let event = feed.append(u64::MAX, event);
    let batch = feed.batch(vec![event]);
    holds(&mesh.state, &LedgerEntry { stamp_unix_ms: u64::MAX, body: EntryBody::Feed(batch) });
}
