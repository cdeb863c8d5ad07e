//! What an audit proves of a well-formed export, and what it finds.

use crate::support::{Mesh, rich};
use mesh_event::ledger::EntryBody;
use mesh_event::{FeedBatch, LeafEntry, LedgerEntry, LedgerLeaf};
use mesh_governance::testing::descriptor;
use mesh_governance::{HEAD_NOTE_BYTES, read};
use mesh_model::{Code, Digest, MeshId};
use mesh_tlog::{Frontier, leaf_hash};
use mesh_verify::state_key::{self, StateKey};
use mesh_verify::{
    ExportWriter, Fault, Header, Options, Place, Verified, VerifyError, WriteError, check, write_export,
};

fn checked(export: &[u8]) -> Result<Verified, Fault> {
    let one = check(export, &Options { mesh_id: None, threads: 1 }, &mut ());
    let many = check(export, &Options { mesh_id: None, threads: 3 }, &mut ());
    let plain = |result: Result<Verified, VerifyError>| {
        result.map_err(|error| match error {
            VerifyError::Fault(fault) => fault,
            VerifyError::Read(error) => panic!("{error}"),
        })
    };
    let (one, many) = (plain(one), plain(many));
    assert_eq!(one.as_ref().err(), many.as_ref().err(), "threads change nothing");
    one
}

type Edit = fn(&mut LedgerLeaf);

/// The mesh with one leaf edited, as somebody exports it who can compute digests.
fn forged(mesh: &Mesh, index: usize, edit: impl FnOnce(&mut LedgerLeaf)) -> Fault {
    let mut leaves = mesh.leaves.clone();
    let mut leaf = LedgerLeaf::decode(&leaves[index]).unwrap();
    edit(&mut leaf);
    leaves[index] = leaf.encode();
    checked(&write_export(Vec::new(), mesh.fixture.mesh_id, &leaves, &[]).unwrap()).unwrap_err()
}

#[test]
fn a_whole_ledger_verifies_with_the_state_that_the_nodes_have() {
    let mesh = rich();
    let size = mesh.leaves.len();
    let verified = checked(&mesh.export(&[mesh.checkpoint(4, &[2, 3]), mesh.checkpoint(size, &[1, 2, 3])])).unwrap();
    assert_eq!(verified.state, mesh.fixture.state);
    assert_eq!((verified.header.size, verified.accepted), (size as u64, size as u64 - 4));
    let last = &verified.checkpoints[1];
    assert_eq!(
        (last.size, last.cosigned_by.as_slice(), last.time_unix_s),
        (size as u64, &[1, 2, 3][..], 1_800_000_002)
    );
}

#[test]
fn the_mesh_can_be_pinned() {
    let export = rich().export(&[]);
    let other = Some(MeshId(Digest::of(b"other").0));
    let error = check(export.as_slice(), &Options { mesh_id: other, threads: 1 }, &mut ()).unwrap_err();
    assert!(error.to_string().starts_with("line 2: the export is of mesh"), "{error}");
}

#[test]
fn finds_leaves_that_the_rules_do_not_give() {
    let mesh = rich();
    let at = |code: Code| {
        let leaves = mesh.leaves.iter().map(|bytes| LedgerLeaf::decode(bytes).unwrap());
        leaves.into_iter().position(|leaf| leaf.outcome.code == code).unwrap()
    };
    let refused = at(Code::StandardViolated);
    let cases: [(usize, &str, Edit); 10] = [
        (refused, "outcome", |leaf| leaf.outcome.code = Code::Accepted),
        (refused, "outcome", |leaf| leaf.outcome.detail.push('!')),
        (refused, "verdict digest", |leaf| leaf.outcome.verdict_digest = None),
        (refused, "state digest", |leaf| leaf.outcome.state_digest = Digest::of(b"other")),
        (3, "outcome", |leaf| leaf.outcome.code = Code::WrongRole),
        (1, "stamp", |leaf| leaf.stamp_unix_ms = 1),
        (5, "", |leaf| leaf.stamp_unix_ms += 1),
        (5, "", |leaf| leaf.head_note = None),
        (1, "entry", |leaf| leaf.head_note = Some(b"note".to_vec())),
        (0, "state digest", |leaf| leaf.outcome.state_digest = Digest::of(b"other")),
    ];
    for (index, what, edit) in cases {
        let fault = forged(&mesh, index, edit);
        let Place::Leaf(found) = fault.place else { panic!("{fault}") };
        // A changed stamp of an event tears its batch apart, which shows at the batch's first event.
        assert!(
            found <= index as u64 && found + 3 > index as u64 && fault.why.contains(what),
            "{index} {what}: {fault}"
        );
    }
}

#[test]
fn finds_every_changed_byte_of_a_signed_entry_though_all_digests_were_made_again() {
    let mut mesh = Mesh::with_domains(&["sales"]);
    mesh.publish(&[("sales/orders", "1.0.0", &["id"])]);
    let last = mesh.leaves.len() - 1;
    for at in 0..mesh.leaves[last].len() {
        let mut leaves = mesh.leaves.clone();
        leaves[last][at] ^= 1;
        match write_export(Vec::new(), mesh.fixture.mesh_id, &leaves, &[]) {
            Err(WriteError::Unfit(_)) => {}
            Err(error) => panic!("{error}"),
            Ok(export) => {
                let error = check(export.as_slice(), &Options::default(), &mut ()).unwrap_err();
                assert!(error.to_string().starts_with("leaf 2: "), "byte {at}: {error}");
            }
        }
    }
}

#[test]
fn finds_leaves_that_were_left_out_or_put_elsewhere() {
    let mesh = rich();
    let export = |leaves: &[Vec<u8>]| write_export(Vec::new(), mesh.fixture.mesh_id, leaves, &[]).unwrap();
    for at in 1..mesh.leaves.len() - 1 {
        let mut leaves = mesh.leaves.clone();
        leaves.remove(at);
        let fault = checked(&export(&leaves)).unwrap_err();
        assert_eq!(fault.place, Place::Leaf(at as u64), "{fault}");
    }
    // What is left out at the end is no fault: only a checkpoint says how long the ledger was. Half a batch is one.
    checked(&export(&mesh.leaves[..3])).unwrap();
    checked(&export(&mesh.leaves[..6])).unwrap();
    let fault = checked(&export(&mesh.leaves[..4])).unwrap_err();
    assert_eq!(fault.to_string(), "leaf 3: no signed head covers the event; an export ends where an entry ended");
}

#[test]
fn finds_a_header_that_is_not_of_these_leaves() {
    let mesh = rich();
    let other = MeshId(Digest::of(b"other").0);
    let fault = checked(&write_export(Vec::new(), other, &mesh.leaves, &[]).unwrap()).unwrap_err();
    assert_eq!(fault.place, Place::Line(2), "{fault}");
    let mut tree = Frontier::new();
    for leaf in &mesh.leaves {
        tree.append(leaf_hash(leaf));
    }
    let last = LedgerLeaf::decode(mesh.leaves.last().unwrap()).unwrap();
    let header = Header {
        mesh_id: mesh.fixture.mesh_id,
        size: tree.size(),
        root: tree.root(),
        state_digest: last.outcome.state_digest,
        genesis: b"other".to_vec(),
    };
    let mut writer = ExportWriter::new(Vec::new(), header.clone()).unwrap();
    for leaf in &mesh.leaves {
        writer.leaf(leaf).unwrap();
    }
    let fault = checked(&writer.finish().unwrap()).unwrap_err();
    assert_eq!(fault.place, Place::Line(6), "{fault}");
    // The writer does not begin what cannot be right.
    let mut writer = ExportWriter::new(Vec::new(), Header { size: 1, ..header }).unwrap();
    writer.leaf(&mesh.leaves[0]).unwrap();
    assert!(matches!(writer.finish(), Err(WriteError::Unfit(_))));
}

#[test]
fn finds_checkpoints_that_do_not_count() {
    let mesh = rich();
    let size = mesh.leaves.len();
    let refused = |checkpoints: &[Vec<u8>], why: &str| {
        let fault = checked(&mesh.export(checkpoints)).unwrap_err();
        assert!(matches!(fault.place, Place::Checkpoint(_)) && fault.why.contains(why), "{fault}");
    };
    refused(&[mesh.checkpoint(size, &[1])], "1 of 3 voters cosigned it; 2 have to");
    refused(&[mesh.checkpoint(size, &[1, 2, 4])], "is of no voter in force");
    let mut other = rich();
    other.leaves[3][40] ^= 1;
    refused(&[other.checkpoint(size, &[1, 2, 3])], "have the root");
    let mut note = mesh.checkpoint(size, &[1, 2]);
    let at = note.len() - 20;
    note[at] = if note[at] == b'A' { b'B' } else { b'A' };
    refused(&[note], "does not verify");
    let mut longer = rich();
    longer.publish(&[("sales/more", "1.0.0", &["id"])]);
    refused(&[longer.checkpoint(size + 1, &[1, 2, 3])], "covers");
}

const COUNCIL: [&str; 2] = ["council-0", "council-1"];

#[test]
fn checkpoints_follow_the_voters_over_every_recovery() {
    let mut mesh = rich();
    let first = mesh.leaves.len();
    mesh.recover_voters(2, &COUNCIL);
    mesh.publish(&[("sales/more", "1.0.0", &["id"])]);
    let second = mesh.leaves.len();
    mesh.recover_voters(3, &COUNCIL);
    let last = mesh.leaves.len();
    let all = [mesh.checkpoint(first, &[1, 2]), mesh.checkpoint(second, &[2]), mesh.checkpoint(last, &[3])];
    let by: Vec<_> = checked(&mesh.export(&all)).unwrap().checkpoints.into_iter().map(|it| it.cosigned_by).collect();
    assert_eq!(by, [vec![1, 2], vec![2], vec![3]]);
    // Those between need not be there.
    checked(&mesh.export(&all[2..])).unwrap();
    for (size, voters) in [(second, [1, 3]), (last, [1, 2])] {
        let fault = checked(&mesh.export(&[mesh.checkpoint(size, &voters)])).unwrap_err();
        assert!(fault.why.contains("0 of 1 voters cosigned it"), "{fault}");
    }
}

#[test]
fn finds_the_batches_again_that_left_no_head() {
    let mut mesh = rich();
    let publish = |mesh: &mut Mesh, id: &str| {
        let envelope = mesh.fixture.publish_command(descriptor(id, "1.0.0", &["id"]));
        envelope.bytes().to_vec()
    };
    // All under one stamp: no head, a head over its limit, more events than a batch takes, and a good one at last.
    let stamp_unix_ms = mesh.fixture.now + 5000;
    let good: Vec<Vec<u8>> = (0..3).map(|n| publish(&mut mesh, &format!("sales/late-{n}"))).collect();
    let bare = FeedBatch { head_note: Vec::new(), ..mesh.batch("finance", &[b"a".to_vec(), b"b".to_vec()]) };
    let long = FeedBatch { head_note: vec![b'n'; HEAD_NOTE_BYTES + 7], ..mesh.batch("finance", &[b"c".to_vec()]) };
    let many = FeedBatch { head_note: Vec::new(), ..mesh.batch("finance", &vec![b"d".to_vec(); 300]) };
    let many_signed = mesh.batch("finance", &vec![b"e".to_vec(); 300]);
    let good = mesh.batch("sales", &good);
    let before = mesh.leaves.len();
    for batch in [bare, long, many, many_signed, good] {
        mesh.order_entry(LedgerEntry { stamp_unix_ms, body: EntryBody::Feed(batch) });
    }
    let codes: Vec<Code> = mesh.leaves[before..].iter().map(|b| LedgerLeaf::decode(b).unwrap().outcome.code).collect();
    assert_eq!(codes.len(), 606);
    assert_eq!(codes[603..], [Code::Accepted; 3]);
    // An unusable head at the very end.
    let bare = FeedBatch { head_note: Vec::new(), ..mesh.batch("finance", &[b"f".to_vec()]) };
    mesh.order_entry(LedgerEntry { stamp_unix_ms, body: EntryBody::Feed(bare) });
    assert_eq!(checked(&mesh.export(&[])).unwrap().state, mesh.fixture.state);
    let fault = forged(&mesh, before + 400, |leaf| leaf.outcome.detail.push('!'));
    assert!(matches!(fault.place, Place::Leaf(index) if index >= before as u64), "{fault}");
}

#[test]
fn what_was_too_large_to_be_kept_is_refused_again() {
    let mut mesh = rich();
    mesh.order(EntryBody::Envelope(vec![7; 70_000]));
    let batch = mesh.batch("finance", &[b"a".to_vec(), vec![7; 70_000], b"b".to_vec()]);
    mesh.order(EntryBody::Feed(batch));
    let large = LedgerLeaf::decode(&mesh.leaves[mesh.leaves.len() - 2]).unwrap();
    assert_eq!((large.entry, large.outcome.code), (LeafEntry::FeedEvent(Vec::new()), Code::TooLarge));
    let verified = checked(&mesh.export(&[])).unwrap();
    assert_eq!(read::head(&verified.state).unwrap().size, mesh.leaves.len() as u64);
    assert_eq!(verified.state, mesh.fixture.state);
    let index = mesh.leaves.len() - 2;
    let fault = forged(&mesh, index, |leaf| {
        leaf.outcome.detail = leaf.outcome.detail.replacen('7', "1", 1);
    });
    assert!(matches!(fault.place, Place::Leaf(_)), "{fault}");
}

#[test]
fn every_key_of_the_state_is_read() {
    let mesh = rich();
    let mut kinds = std::collections::BTreeSet::new();
    for (key, bytes) in mesh.fixture.state.values() {
        let read = StateKey::of(key);
        assert_ne!(read.kind, "unknown", "{}", read.name);
        state_key::value(key, bytes).unwrap();
        kinds.insert(read.kind);
        // A key that was cut short, or goes on, is none of ours.
        let longer = [key.as_slice(), &[1]].concat();
        assert_eq!(StateKey::of(&longer).kind, "unknown");
        StateKey::of(&key[..key.len() - 1]);
    }
    for kind in ["product", "version", "domain", "standard", "proposal", "waiver", "comment", "grants", "outbox number"]
    {
        assert!(kinds.contains(kind), "{kind}");
    }
    assert_eq!(StateKey::of(&[]).kind, "unknown");
}
