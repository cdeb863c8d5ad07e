//! Checkpoints of the ledger: who vouches, when it counts, how voters are followed.

use mesh_event::checkpoint::{LedgerCheckpoint, LedgerCheckpointError, Trust, ledger_checkpoint, vouch};
use mesh_event::voters::{Voter, VoterSet, VoterSetError};
use mesh_event::{Keypair, Signer as _};
use mesh_model::{Digest, MeshId, NodeId};
use mesh_tlog::{Hash, Note, NoteSignature, leaf_hash};
use zeroize::Zeroizing;

const MESH: MeshId = MeshId([7; 32]);

fn key(kind: &str, id: NodeId) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(format!("{kind} {id}").as_bytes()).0))
}

fn voter(id: NodeId) -> Voter {
    Voter { id, log_key: key("log", id).public_key(), cosigner_key: key("cosigner", id).public_key() }
}

fn voters(ids: &[NodeId]) -> VoterSet {
    VoterSet::new(ids.iter().map(|id| voter(*id)).collect()).unwrap()
}

/// A checkpoint with the two lines of each of these voters, the last to cosign the latest.
fn note(size: u64, root: Hash, handover: Option<&VoterSet>, by: &[NodeId]) -> Note {
    let checkpoint = ledger_checkpoint(&MESH, size, root, handover).unwrap();
    let lines = by.iter().enumerate().flat_map(|(at, id)| {
        let time = 1_000 + 10 * at as u64;
        vouch(&MESH, *id, &checkpoint, time, &key("log", *id), &key("cosigner", *id)).unwrap()
    });
    Note::new(checkpoint.to_string(), lines.collect()).unwrap()
}

fn read(note: &Note) -> LedgerCheckpoint {
    LedgerCheckpoint::parse(note.to_string().as_bytes(), &MESH).unwrap()
}

fn root() -> Hash {
    leaf_hash(b"a leaf")
}

#[test]
fn counts_with_cosignatures_of_more_than_half_of_the_voters() {
    let trust = Trust::new(MESH, voters(&[1, 2, 3, 4, 5]));
    let counted = trust.judge(&read(&note(9, root(), None, &[5, 1, 3]))).unwrap();
    assert_eq!((counted.size, counted.cosigned_by.as_slice(), counted.voters), (9, [1, 3, 5].as_slice(), 5));
    // Three are a majority: it had been reached when the slowest of the three newest cosigned.
    assert_eq!((counted.time_unix_s, counted.others.len()), (1_000, 0));
    let counted = trust.judge(&read(&note(9, root(), None, &[5, 1, 3, 2]))).unwrap();
    assert_eq!(counted.time_unix_s, 1_010);
    let error = trust.judge(&read(&note(9, root(), None, &[1, 2]))).unwrap_err();
    assert_eq!(error, LedgerCheckpointError::Majority { cosigned: 2, voters: 5, majority: 3 });
}

#[test]
fn strangers_and_log_signatures_alone_do_not_count() {
    let trust = Trust::new(MESH, voters(&[1, 2, 3]));
    let with_stranger = trust.judge(&read(&note(9, root(), None, &[1, 2, 9]))).unwrap();
    assert_eq!(with_stranger.cosigned_by, [1, 2]);
    assert_eq!(with_stranger.others, [4, 5], "the stranger's lines are named");
    assert!(matches!(
        trust.judge(&read(&note(9, root(), None, &[1, 8, 9]))),
        Err(LedgerCheckpointError::Majority { cosigned: 1, .. })
    ));
    let full = note(9, root(), None, &[1, 2, 3]);
    let logs: Vec<NoteSignature> = full.signatures().iter().step_by(2).cloned().collect();
    let logs = Note::new(full.text(), logs).unwrap();
    assert!(matches!(trust.judge(&read(&logs)), Err(LedgerCheckpointError::Majority { cosigned: 0, .. })));
    let vouchers = read(&logs).vouchers(&MESH, trust.newest().1).unwrap();
    assert_eq!(vouchers.signed, [1, 2, 3]);
}

#[test]
fn a_line_moved_to_another_checkpoint_or_mesh_is_found() {
    let trust = Trust::new(MESH, voters(&[1, 2, 3]));
    let (good, other) = (note(9, root(), None, &[1, 2]), note(10, root(), None, &[1, 2]));
    for line in 0..4 {
        let mut lines = good.signatures().to_vec();
        lines[line] = other.signatures()[line].clone();
        let mixed = Note::new(good.text(), lines).unwrap();
        assert!(matches!(trust.judge(&read(&mixed)), Err(LedgerCheckpointError::Signature { .. })), "line {line}");
    }
    let foreign = MeshId([8; 32]);
    let parsed = LedgerCheckpoint::parse(good.to_string().as_bytes(), &foreign);
    assert!(matches!(parsed, Err(LedgerCheckpointError::Origin { .. })));
}

#[test]
fn other_voters_need_a_majority_of_those_before_and_of_those_after() {
    let (before, after) = (voters(&[1, 2, 3]), voters(&[3, 1004, 1005]));
    let mut trust = Trust::new(MESH, before);
    let refused = |by: &[NodeId]| trust.judge(&read(&note(20, root(), Some(&after), by))).unwrap_err();
    assert_eq!(refused(&[1004, 1005]), LedgerCheckpointError::Majority { cosigned: 0, voters: 3, majority: 2 });
    assert_eq!(refused(&[1, 2]), LedgerCheckpointError::Majority { cosigned: 0, voters: 3, majority: 2 });
    assert_eq!(refused(&[1, 3]), LedgerCheckpointError::Majority { cosigned: 1, voters: 3, majority: 2 });
    let handover = read(&note(20, root(), Some(&after), &[1, 3, 1004]));
    let counted = trust.judge(&handover).unwrap();
    assert_eq!((counted.cosigned_by.as_slice(), counted.others.len()), ([3, 1004].as_slice(), 0));
    assert_eq!(counted.time_unix_s, 1_000);
    // From there on the new ones decide, and the old ones don't.
    trust.follow(&handover).unwrap();
    assert!(trust.judge(&read(&note(21, root(), None, &[1004, 1005]))).is_ok());
    assert!(trust.judge(&read(&note(21, root(), None, &[1, 2, 3]))).is_err());
    assert!(matches!(trust.clone().follow(&handover), Err(LedgerCheckpointError::Order { found: 20, since: 20 })));
    let plain = read(&note(30, root(), None, &[1004, 1005]));
    assert!(matches!(trust.clone().follow(&plain), Err(LedgerCheckpointError::NamesNobody)));
    let again = trust.judge(&read(&note(22, root(), Some(&after), &[1004, 1005])));
    assert!(matches!(again, Err(LedgerCheckpointError::SameVoters(_))));
    // The size of the handover itself is theirs too, without another handover; what is smaller is the old ones'.
    assert!(trust.judge(&read(&note(20, root(), None, &[1004, 1005]))).is_ok());
    assert!(trust.judge(&read(&note(19, root(), None, &[1004, 1005]))).is_err());
    assert!(trust.judge(&read(&note(19, root(), None, &[1, 2]))).is_ok());
    let through = Trust::through(MESH, voters(&[1, 2, 3]), [&handover]).unwrap();
    assert_eq!(through, trust);
    let lone = read(&note(20, root(), Some(&after), &[1004, 1005]));
    assert_eq!(Trust::through(MESH, voters(&[1, 2, 3]), [&handover, &lone]).unwrap_err().0, 1);
}

#[test]
fn voters_have_one_spelling_and_sound_distinct_keys() {
    let set = voters(&[1, 2, 1003]);
    assert_eq!(VoterSet::from_lines(&set.lines()).unwrap(), set);
    let mut lines = set.lines();
    lines[0] = lines[0].replace("voter 1 ", "voter 01 ");
    assert!(matches!(VoterSet::from_lines(&lines), Err(VoterSetError::Line { .. })));
    lines[0] = "voter 1".into();
    assert!(matches!(VoterSet::from_lines(&lines), Err(VoterSetError::Line { .. })));
    assert_eq!(VoterSet::new(vec![voter(1), voter(2)]), Err(VoterSetError::Count { found: 2 }));
    assert_eq!(VoterSet::new(vec![voter(2), voter(1), voter(3)]), Err(VoterSetError::Order { found: 1 }));
    let twice = Voter { id: 2, ..voter(1) };
    assert_eq!(VoterSet::new(vec![voter(1), twice, voter(3)]), Err(VoterSetError::Key { id: 2 }));
    let extension = mesh_tlog::Checkpoint::with_extensions(
        mesh_event::voters::ledger_origin(&MESH),
        1,
        root(),
        vec!["something else".into()],
    )
    .unwrap();
    let odd = Note::new(extension.to_string(), note(1, root(), None, &[1]).signatures().to_vec()).unwrap();
    let parsed = LedgerCheckpoint::parse(odd.to_string().as_bytes(), &MESH);
    assert!(matches!(parsed, Err(LedgerCheckpointError::Voters(VoterSetError::Line { .. }))));
}
