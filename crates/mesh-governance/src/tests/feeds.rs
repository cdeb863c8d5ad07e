//! Batches and their fence.

use mesh_event::command::PublishVersion;
use mesh_event::genesis::PROTOCOL_VERSION;
use mesh_event::ledger::EntryBody;
use mesh_event::{Body, EventKind, FeedBatch, LeafEntry};
use mesh_model::{Code, DomainName, limits};

use super::{accepted, refused, refused_in_feed};
use crate::testing::{TestFeed, TestMesh, descriptor, keypair};
use crate::{FeedCursor, Strict, admit_entry, apply, read};

fn sales() -> DomainName {
    "sales".parse().unwrap()
}

/// Given domain sales and the publish of `n` products of one version each ...
fn waiting(n: usize) -> (TestMesh, Vec<Vec<u8>>) {
    waiting_under(PROTOCOL_VERSION, n)
}

fn waiting_under(protocol: u32, n: usize) -> (TestMesh, Vec<Vec<u8>>) {
    let mut mesh = TestMesh::with_domains_under(protocol, &["sales", "finance"]);
    let mut publish = |n| mesh.publish_command(descriptor(&format!("sales/p{n}"), "1.0.0", &["id"])).into_bytes();
    let envelopes = (0..n).map(&mut publish).collect();
    (mesh, envelopes)
}

fn feed(mesh: &mut TestMesh) -> &mut TestFeed {
    mesh.feeds.get_mut(&sales()).unwrap()
}

fn batch(mesh: &mut TestMesh, ledger_size: u64, envelopes: &[Vec<u8>]) -> FeedBatch {
    let feed = feed(mesh);
    let events = envelopes.iter().map(|envelope| feed.command(ledger_size, envelope.clone())).collect();
    feed.batch(events)
}

fn cursor(mesh: &TestMesh) -> FeedCursor {
    read::feed_cursor(&mesh.state, &sales()).unwrap().unwrap()
}

#[test]
fn a_batch_makes_one_leaf_per_event_with_the_head_on_the_last() {
    let (mut mesh, envelopes) = waiting(3);
    let batch = batch(&mut mesh, 3, &envelopes);
    let all = mesh.submit_batch(batch.clone());
    assert_eq!(all.iter().map(|applied| applied.leaf.index).collect::<Vec<_>>(), [3, 4, 5]);
    all.iter().for_each(accepted);
    for (applied, event) in all.iter().zip(&batch.events) {
        assert_eq!(applied.leaf.entry, LeafEntry::FeedEvent(event.clone()));
    }
    let notes: Vec<_> = all.iter().map(|applied| applied.leaf.head_note.clone()).collect();
    assert_eq!(notes, [None, None, Some(batch.head_note)]);
    let expected = FeedCursor { epoch: 1, last_outbox: 3, last_seq: Some(2), last_ledger_size: 3 };
    assert_eq!(cursor(&mesh), expected);
    assert_eq!(read::outbox_outcome(&mesh.state, &sales(), 1, 2).unwrap(), Some(4));
}

#[test]
fn later_events_of_a_batch_see_earlier_ones() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let first = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let mut ahead = mesh.clone();
    accepted(&ahead.say("sales", &first));
    let second = ahead.publish_command(descriptor("sales/orders", "1.1.0", &["id", "at"]));
    let batch = batch(&mut mesh, 2, &[first.into_bytes(), second.into_bytes()]);
    mesh.submit_batch(batch).iter().for_each(accepted);
}

#[test]
fn a_repeated_number_names_its_first_index_and_the_rest_goes_on() {
    let (mut mesh, envelopes) = waiting(3);
    let whole = batch(&mut mesh, 3, &envelopes[..2]);
    mesh.submit_batch(whole.clone()).iter().for_each(accepted);
    let again = mesh.submit_batch(whole.clone());
    refused(&again[0], Code::Duplicate, "outbox number 1 of feed sales/1 was decided at index 3");
    refused(&again[1], Code::Duplicate, "at index 4");
    // The home node did not hear the outcome of number 2 and proposes it together with number 3.
    let third = feed(&mut mesh).command(3, envelopes[2].clone());
    let overlap = feed(&mut mesh).batch(vec![whole.events[1].clone(), third]);
    let all = mesh.submit_batch(overlap);
    refused(&all[0], Code::Duplicate, "number 2");
    accepted(&all[1]);
}

#[test]
fn a_rejected_command_uses_its_number_up() {
    let (mut mesh, envelopes) = waiting(1);
    let garbage = batch(&mut mesh, 3, &[b"garbage".to_vec()]);
    refused_in_feed(&mesh.submit_batch(garbage.clone())[0], Code::Malformed, "no envelope");
    refused(&mesh.submit_batch(garbage)[0], Code::Duplicate, "decided at index 3");
    let next = batch(&mut mesh, 3, &envelopes);
    accepted(&mesh.submit_batch(next)[0]);
}

#[test]
fn a_gap_changes_nothing_and_heals() {
    let (mut mesh, envelopes) = waiting(2);
    let first = batch(&mut mesh, 3, &envelopes[..1]);
    let second = batch(&mut mesh, 3, &envelopes[1..]);
    refused(&mesh.submit_batch(second.clone())[0], Code::Gap, "outbox number 2 of feed sales/1; number 1 is next");
    accepted(&mesh.submit_batch(first)[0]);
    accepted(&mesh.submit_batch(second)[0]);
}

#[test]
fn refuses_a_feed_that_went_back() {
    // From protocol 2 on the head gives it away, whatever number is in the event.
    for (protocol, code, detail) in
        [(1, Code::Gap, "is in event 0; event 0 came before it"), (2, Code::BadAnchor, "with 1 events is another")]
    {
        let (mut mesh, envelopes) = waiting_under(protocol, 2);
        let mut fork = feed(&mut mesh).clone();
        let first = batch(&mut mesh, 3, &envelopes[..1]);
        accepted(&mesh.submit_batch(first)[0]);
        fork.outbox = 2;
        let event = fork.command(3, envelopes[1].clone());
        let forked = fork.batch(vec![event]);
        let entry = mesh.entry(EntryBody::Feed(forked.clone()));
        assert_eq!(admit_entry(&mesh.state, &entry, &Strict).unwrap().unwrap_err().code, code);
        refused(&mesh.submit_batch(forked)[0], code, detail);
    }
}

#[test]
fn refuses_ledger_sizes_that_are_ahead_or_went_back() {
    let (mut mesh, envelopes) = waiting(4);
    let ahead = batch(&mut mesh, 4, &envelopes[..1]);
    refused_in_feed(
        &mesh.submit_batch(ahead)[0],
        Code::WrongLedgerSize,
        "names ledger size 4; the ledger has 3 leaves",
    );
    let good = batch(&mut mesh, 3, &envelopes[1..2]);
    accepted(&mesh.submit_batch(good)[0]);
    let back = batch(&mut mesh, 2, &envelopes[2..3]);
    refused_in_feed(&mesh.submit_batch(back)[0], Code::WrongLedgerSize, "an earlier one of this domain named 3");
    let good = batch(&mut mesh, 3, &envelopes[3..]);
    accepted(&mesh.submit_batch(good)[0]);
    assert_eq!(cursor(&mesh).last_outbox, 4);
    // The next epoch can't go back before what this one saw either.
    accepted(&mesh.delegate("sales", 2, 2));
    let back = batch(&mut mesh, 2, &envelopes[..1]);
    refused_in_feed(&mesh.submit_batch(back)[0], Code::WrongLedgerSize, "named 3");
}

/// A bad head rejects every item, each with a leaf of its own.
#[test]
fn refuses_heads_that_do_not_cover_the_batch() {
    let (mesh, envelopes) = waiting(3);
    let refuse = |make: &dyn Fn(&mut TestMesh) -> FeedBatch, code, detail: &str| {
        let mut mesh = mesh.clone();
        let batch = make(&mut mesh);
        let events = batch.events.len();
        let all = mesh.submit_batch(batch);
        assert_eq!(all.len(), events);
        for applied in &all {
            refused(applied, code, detail);
        }
    };
    let other = |node: &'static str, name: &'static str, epoch| {
        let envelopes = envelopes.clone();
        move |mesh: &mut TestMesh| {
            let feed = TestFeed::new(mesh.mesh_id, &name.parse().unwrap(), epoch, keypair(node));
            mesh.feeds.insert(sales(), feed);
            batch(mesh, 3, &envelopes)
        }
    };
    refuse(&other("node-2", "sales", 1), Code::NotDelegated, "not signed by node key");
    refuse(&other("node-1", "sales", 2), Code::OldEpoch, "epoch 1 is in force");
    refuse(&other("node-1", "nowhere", 1), Code::UnknownDomain, "nowhere");
    refuse(
        &|mesh| {
            let mut cut = batch(mesh, 3, &envelopes);
            cut.events.remove(1);
            cut
        },
        Code::BadSignature,
        "does not chain up",
    );
    refuse(
        &|mesh| FeedBatch { head_note: b"no note".to_vec(), ..batch(mesh, 3, &envelopes) },
        Code::Malformed,
        "does not decode",
    );
    refuse(
        &|mesh| FeedBatch { events: vec![b"garbage".to_vec(); 2], ..batch(mesh, 3, &envelopes) },
        Code::Malformed,
        "event does not decode",
    );
    refuse(
        &|mesh| FeedBatch { head_note: vec![b'x'; 2000], ..batch(mesh, 3, &envelopes) },
        Code::TooLarge,
        "2000 bytes of head; at most 1024",
    );
    refuse(
        &|mesh| FeedBatch { events: vec![Vec::new(); limits::FEED_BATCH + 1], ..batch(mesh, 3, &envelopes) },
        Code::TooLarge,
        "257 events; at most 256",
    );
}

#[test]
fn refuses_a_feed_that_nobody_was_delegated_to_write() {
    let mut mesh = TestMesh::founded();
    let mut admission = TestMesh::admission("sales");
    admission.delegate = None;
    accepted(&mesh.admit(vec![admission]));
    mesh.feeds.insert(sales(), TestFeed::new(mesh.mesh_id, &sales(), 1, keypair("node-1")));
    let publish = mesh.publish(descriptor("sales/orders", "1.0.0", &["id"]));
    refused(&publish, Code::NotDelegated, "no node writes the feed of domain sales yet");
}

#[test]
fn keeps_only_length_and_digest_of_an_event_that_is_too_large() {
    let (mut mesh, envelopes) = waiting(1);
    let mut batch = batch(&mut mesh, 3, &envelopes);
    batch.events.insert(0, vec![0; limits::ENVELOPE_BYTES + 513]);
    let all = mesh.submit_batch(batch);
    refused(&all[0], Code::TooLarge, "61953 bytes with SHA-256");
    refused(&all[1], Code::Malformed, "does not decode");
    assert_eq!(all[0].leaf.entry, LeafEntry::FeedEvent(Vec::new()));
}

#[test]
fn only_commands_stand_in_a_batch() {
    let (mut mesh, envelopes) = waiting(1);
    let verdict = EventKind::Verdict { outbox: 1, ledger_index: 3, code: 1, detail: String::new() };
    let event = feed(&mut mesh).append(3, verdict);
    let command = feed(&mut mesh).command(3, envelopes[0].clone());
    let batch = feed(&mut mesh).batch(vec![event, command]);
    let entry = mesh.entry(EntryBody::Feed(batch));
    assert_eq!(admit_entry(&mesh.state, &entry, &Strict).unwrap().unwrap_err().code, Code::Malformed);
    let all = mesh.apply(&entry);
    refused(&all[0], Code::Malformed, "event 0 of feed sales/1 is no command");
    accepted(&all[1]);
    let zero = feed(&mut mesh).append(3, EventKind::Command { outbox: 0, envelope: envelopes[0].clone() });
    let batch = feed(&mut mesh).batch(vec![zero]);
    refused(&mesh.submit_batch(batch)[0], Code::Malformed, "numbers start at 1");
}

#[test]
fn own_rules_that_a_home_node_proposes_are_refused_as_by_a_build_that_does_not_know_them() {
    let (mut mesh, envelopes) = waiting(1);
    let rules = EventKind::Rules { envelope: envelopes[0].clone() };
    let event = feed(&mut mesh).append(3, rules);
    let command = feed(&mut mesh).command(3, envelopes[0].clone());
    let batch = feed(&mut mesh).batch(vec![event.clone(), command.clone()]);
    let all = mesh.submit_batch(batch);
    // Texts are hashed into leaves: these are the ones of the first build of protocol 1.
    for applied in &all {
        refused(applied, Code::Malformed, "kind does not decode");
    }
    let (mut mesh, envelopes) = waiting(1);
    let command = feed(&mut mesh).command(3, envelopes[0].clone());
    let event = feed(&mut mesh).append(3, EventKind::Rules { envelope: envelopes[0].clone() });
    let batch = feed(&mut mesh).batch(vec![command, event]);
    for applied in &mesh.submit_batch(batch) {
        refused(applied, Code::Malformed, "the feed's head or an event under it does not decode");
    }
}

#[test]
fn root_commands_and_expiring_ones_do_not_come_through_a_feed() {
    let (mut mesh, _) = waiting(0);
    let body =
        mesh_event::command::DelegateNode { domain: sales(), node_id: 2, epoch: 2, base_size: 0, base_root: None };
    let root = mesh.command(Body::DelegateNode(body), &[keypair("sales/root")]);
    refused_in_feed(&mesh.say("sales", &root), Code::Malformed, "DelegateNode goes straight to the ledger");
    let publish = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let mut command = mesh_event::Command::decode(publish.payload()).unwrap();
    command.expires_unix_ms = mesh.now + 60_000;
    let expiring = command.sign(&[&keypair("sales/owner")]).unwrap();
    refused_in_feed(&mesh.say("sales", &expiring), Code::Malformed, "domain commands do not expire");
}

#[test]
fn a_leader_proposes_what_entries_in_flight_can_set_right() {
    let (mut mesh, envelopes) = waiting(2);
    let first = batch(&mut mesh, 3, &envelopes[..1]);
    let second = batch(&mut mesh, 3, &envelopes[1..]);
    let garbage = batch(&mut mesh, 3, &[b"garbage".to_vec()]);
    let (first, second, garbage) =
        (mesh.entry(EntryBody::Feed(first)), mesh.entry(EntryBody::Feed(second)), mesh.entry(EntryBody::Feed(garbage)));
    for entry in [&first, &second, &garbage] {
        assert_eq!(admit_entry(&mesh.state, entry, &Strict).unwrap(), Ok(()));
    }
    accepted(&mesh.apply(&first)[0]);
    let refused = admit_entry(&mesh.state, &first, &Strict).unwrap().unwrap_err();
    assert_eq!(
        (refused.code, refused.detail.as_str()),
        (Code::Duplicate, "outbox number 1 of feed sales/1 was decided at index 3")
    );
    mesh.delegate("sales", 2, 2);
    assert_eq!(admit_entry(&mesh.state, &second, &Strict).unwrap().unwrap_err().code, Code::OldEpoch);
}

/// An absent note and an empty one are the same bytes in a leaf, so they have to be the same leaf.
#[test]
fn a_note_that_is_empty_or_too_large_is_left_out() {
    let (mesh, envelopes) = waiting(1);
    for head_note in [Vec::new(), vec![b'x'; 1025]] {
        let mut mesh = mesh.clone();
        let batch = FeedBatch { head_note, ..batch(&mut mesh, 3, &envelopes) };
        let applied = mesh.submit_batch(batch).remove(0);
        assert_eq!(applied.leaf.head_note, None);
        assert_eq!(mesh_event::LedgerLeaf::decode(&applied.leaf_bytes).unwrap(), applied.leaf);
    }
}

#[test]
fn an_empty_batch_makes_no_leaf() {
    let (mut mesh, _) = waiting(0);
    let entry = mesh.entry(EntryBody::Feed(FeedBatch { head_note: Vec::new(), events: Vec::new() }));
    assert_eq!(apply(&mesh.state, &entry, &Strict).unwrap(), []);
    assert_eq!(admit_entry(&mesh.state, &entry, &Strict).unwrap().unwrap_err().code, Code::Malformed);
}

/// The largest envelope, the longest names and the longest detail; `seal` asserts that the leaf fits a tile.
#[test]
fn the_largest_rejection_fits_a_leaf() {
    let name = "d".repeat(63);
    let mut mesh = TestMesh::with_domains(&[&name]);
    let mut bad = descriptor(&format!("{name}/orders"), "1.0.0", &["same"; 100]);
    bad.datasets[0].fields.iter_mut().for_each(|field| field.name = "x".repeat(60));
    let mut large = |filler: usize| {
        let body = PublishVersion {
            descriptor: bad.clone(),
            planned_against: None,
            overflow_breaks: vec!["x".repeat(filler)],
        };
        mesh.command(Body::PublishVersion(body), &[keypair(&format!("{name}/owner"))])
    };
    let rest = limits::ENVELOPE_BYTES - large(40_000).bytes().len();
    let envelope = large(40_000 + rest);
    assert_eq!(envelope.bytes().len(), limits::ENVELOPE_BYTES);
    let applied = mesh.say(&name, &envelope);
    refused_in_feed(&applied, Code::InvalidProduct, "…");
    assert!(applied.leaf_bytes.len() > limits::ENVELOPE_BYTES + 2048 + 512);
}
