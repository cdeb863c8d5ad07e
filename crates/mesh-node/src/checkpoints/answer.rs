//! What a voter answered, before it goes into a note that everybody gets.

use mesh_event::checkpoint::LedgerCheckpoint;
use mesh_event::voters::VoterSet;
use mesh_model::{Code, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_tlog::{Note, NoteSignature};

/// Passes on the two lines of this voter. Whatever else it sent (another's line, a third one, an altered one) would spoil the note.
///
/// # Errors
/// [`Code::BadSignature`].
pub(super) fn two_lines_of(
    mesh: &MeshId,
    id: NodeId,
    text: &str,
    lines: Vec<NoteSignature>,
    sets: &[&VoterSet],
) -> Result<Vec<NoteSignature>, MeshError> {
    let bad = |text: String| MeshError::new(Code::BadSignature, text);
    if lines.len() != 2 {
        return Err(bad(format!("expected two lines of voter {id}, found {}", lines.len())));
    }
    let note = Note::new(text, lines.clone()).map_err(|error| bad(error.to_string()))?;
    let note = LedgerCheckpoint::parse(note.to_string().as_bytes(), mesh).map_err(|error| bad(error.to_string()))?;
    for voters in sets.iter().filter(|set| set.get(id).is_some()) {
        let vouchers = note.vouchers(mesh, voters).map_err(|error| bad(error.to_string()))?;
        if vouchers.signed != [id] || !vouchers.cosigned.keys().eq([&id]) {
            return Err(bad(format!("the lines are not both of voter {id}")));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mesh_event::checkpoint::{ledger_checkpoint, vouch};
    use mesh_event::{Keypair, Signer as _, Voter};
    use mesh_model::Digest;
    use mesh_tlog::leaf_hash;
    use zeroize::Zeroizing;

    use super::*;

    const MESH: MeshId = MeshId([7; 32]);

    fn key(kind: &str, id: NodeId) -> Keypair {
        Keypair::from_seed(&Zeroizing::new(Digest::of(format!("{kind} {id}").as_bytes()).0))
    }

    fn lines(id: NodeId, size: u64) -> [NoteSignature; 2] {
        let checkpoint = ledger_checkpoint(&MESH, size, leaf_hash(b"x"), None).unwrap();
        vouch(&MESH, id, &checkpoint, 1, &key("log", id), &key("cosigner", id)).unwrap()
    }

    #[test]
    fn only_both_lines_of_the_voter_who_was_asked_go_into_the_note() {
        let voter =
            |id| Voter { id, log_key: key("log", id).public_key(), cosigner_key: key("cosigner", id).public_key() };
        let voters = VoterSet::new([1, 2, 3].map(voter).to_vec()).unwrap();
        let text = ledger_checkpoint(&MESH, 5, leaf_hash(b"x"), None).unwrap().to_string();
        let taken = |lines: Vec<NoteSignature>| two_lines_of(&MESH, 2, &text, lines, &[&voters]).is_ok();
        let [log, cosigner] = lines(2, 5);
        assert!(taken(vec![log.clone(), cosigner.clone()]));
        let [other_log, other_cosigner] = lines(3, 5);
        let [old_log, old_cosigner] = lines(2, 4);
        let junk = NoteSignature::new("somebody", 7, vec![1; 64]).unwrap();
        for refused in [
            vec![],
            vec![log.clone()],
            vec![log.clone(), log.clone()],
            vec![log.clone(), other_cosigner.clone()],
            vec![other_log, other_cosigner],
            vec![old_log, cosigner.clone()],
            vec![log.clone(), old_cosigner],
            vec![log.clone(), junk.clone()],
            vec![log, cosigner, junk],
        ] {
            assert!(!taken(refused.clone()), "{refused:?}");
        }
    }
}
