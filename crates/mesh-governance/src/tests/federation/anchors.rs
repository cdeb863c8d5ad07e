//! Heads of feeds in the ledger.

use mesh_model::Code;

use super::{anchor, digest_of, head, leaves, note, sales};
use crate::testing::{TestMesh, descriptor};
use crate::tests::{accepted, kinds, refused, refused_in_feed};
use crate::{Effect, read};

#[test]
fn every_batch_leaves_the_newest_head_in_the_ledger() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    assert_eq!(head(&mesh, 1), None);
    let first = mesh.publish(descriptor("sales/orders", "1.0.0", &["id"]));
    accepted(&first);
    let known = head(&mesh, 1).unwrap();
    assert_eq!((known.size, known.index, known.stamp_unix_ms), (1, first.leaf.index, first.leaf.stamp_unix_ms));
    let envelopes =
        ["1.0.1", "1.0.2"].map(|version| mesh.publish_command(descriptor("sales/orders", version, &["id"])));
    let size = read::head(&mesh.state).unwrap().size;
    let feed = mesh.feeds.get_mut(&sales()).unwrap();
    let events = envelopes.iter().map(|envelope| feed.command(size, envelope.bytes().to_vec())).collect();
    let batch = feed.batch(events);
    let all = mesh.submit_batch(batch);
    assert!(!kinds(&all[0]).contains(&0x18), "only the last leaf of a batch carries its head");
    assert_eq!((head(&mesh, 1).unwrap().size, head(&mesh, 1).unwrap().index), (3, all[1].leaf.index));
}

#[test]
fn a_batch_that_the_fence_refuses_leaves_no_head() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let command = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let feed = mesh.feeds.get_mut(&sales()).unwrap();
    feed.outbox = 5;
    refused(&mesh.say("sales", &command), Code::Gap, "number 1 is next");
    assert_eq!(head(&mesh, 1), None);
}

#[test]
fn a_node_anchors_its_feed_and_its_head_never_goes_back() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let long = leaves(9, u64::MAX);
    let at = |mesh: &TestMesh, size: usize| note(mesh, 1, &long[..size], "node-1");
    let four = at(&mesh, 4);
    let applied = anchor(&mut mesh, 1, 2, four.clone(), &["node-1"]);
    accepted(&applied);
    assert!(applied.effects.contains(&Effect::FeedAnchored { domain: sales(), epoch: 1, size: 4 }));
    let known = head(&mesh, 1).unwrap();
    assert_eq!((known.size, known.root, known.index), (4, digest_of(&long[..4]), applied.leaf.index));
    assert_eq!(known.fence.map(|fence| (fence.size, fence.ledger_size)), Some((4, 2)));

    refused(&anchor(&mut mesh, 1, 2, four, &["node-1"]), Code::AlreadySo, "with 4 events");
    let three = at(&mesh, 3);
    refused(&anchor(&mut mesh, 1, 2, three, &["node-1"]), Code::BadAnchor, "has 3 events");
    let other = note(&mesh, 1, &leaves(4, 2), "node-1");
    refused(&anchor(&mut mesh, 1, 2, other, &["node-1"]), Code::BadAnchor, "report both");
    let nine = at(&mesh, 9);
    refused(&anchor(&mut mesh, 1, 1, nine.clone(), &["node-1"]), Code::WrongLedgerSize, "an earlier anchor named 2");
    refused(&anchor(&mut mesh, 1, 99, nine.clone(), &["node-1"]), Code::WrongLedgerSize, "the ledger has");
    accepted(&anchor(&mut mesh, 1, 3, nine, &["node-1"]));
}

#[test]
fn only_the_node_that_writes_the_feed_anchors_it() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let four = note(&mesh, 1, &leaves(4, 9), "node-1");
    for signer in ["node-2", "sales/root", "council-0"] {
        refused(&anchor(&mut mesh, 1, 2, four.clone(), &[signer]), Code::NotDelegated, "is not that of node 1");
    }
    let forged = note(&mesh, 1, &leaves(4, 9), "node-2");
    refused(&anchor(&mut mesh, 1, 2, forged, &["node-1"]), Code::NotDelegated, "not signed by node key");
    refused(&anchor(&mut mesh, 2, 2, four.clone(), &["node-1"]), Code::OldEpoch, "epoch 1 is in force");
    let other = note(&mesh, 2, &leaves(4, 9), "node-1");
    // A note of another feed: the name of its key is another.
    refused(&anchor(&mut mesh, 1, 2, other, &["node-1"]), Code::NotDelegated, "not signed");
    refused(&anchor(&mut mesh, 1, 2, vec![b'x'; 2000], &["node-1"]), Code::TooLarge, "at most 1024");
    refused(&anchor(&mut mesh, 1, 2, vec![b'x'; 200], &["node-1"]), Code::Malformed, "does not decode");
    accepted(&anchor(&mut mesh, 1, 2, four, &["node-1"]));
}

/// A role that was revoked cannot be used by naming a ledger size from before: the anchor stands between.
#[test]
fn nothing_is_dated_back_behind_an_anchor() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    let size = read::head(&mesh.state).unwrap().size;
    // The node appends something that stays in its feed, and anchors it.
    let feed = mesh.feeds.get_mut(&sales()).unwrap();
    feed.append(size, mesh_event::EventKind::Verdict { outbox: 1, ledger_index: 0, code: 0, detail: String::new() });
    let head_note = feed.head_note();
    accepted(&anchor(&mut mesh, 1, size, head_note, &["node-1"]));
    let command = mesh.publish_command(descriptor("sales/orders", "1.0.1", &["id"]));
    let feed = mesh.feeds.get_mut(&sales()).unwrap();
    let event = feed.command(size - 1, command.bytes().to_vec());
    let batch = feed.batch(vec![event]);
    let applied = mesh.submit_batch(batch).remove(0);
    assert_eq!(kinds(&applied), [0x01, 0x11, 0x12, 0x18]);
    refused_in_feed(&applied, Code::WrongLedgerSize, "were anchored at ledger size");
    let command = mesh.publish_command(descriptor("sales/orders", "1.0.1", &["id"]));
    accepted(&mesh.say("sales", &command));
}

#[test]
fn a_batch_whose_head_contradicts_the_ledger_is_refused_whole() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let other = note(&mesh, 1, &leaves(1, 0), "node-1");
    accepted(&anchor(&mut mesh, 1, 2, other, &["node-1"]));
    refused(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])), Code::BadAnchor, "report both");
}
