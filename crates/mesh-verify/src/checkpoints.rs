//! Signed notes of voters over the ledger's tree.

use mesh_event::signing;
use mesh_governance::{Damage, StateRead, read};
use mesh_model::{MeshId, NodeId, PublicKey};
use mesh_tlog::{Checkpoint, Cosignature, Frontier, Hash, Note, NoteSignature, SignatureType, key_hash};

use crate::fault::{Fault, Place};

/// A checkpoint that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCheckpoint {
    /// How many leaves it covers.
    pub size: u64,
    /// Which of the voters in force cosigned it, ascending; more than half did.
    pub cosigned_by: Vec<NodeId>,
    /// How many voters were in force.
    pub voters: usize,
    /// The latest time that a majority of voters had reached when they cosigned it, in seconds since 1970: the majority-th newest.
    pub time_unix_s: u64,
}

#[derive(Debug, Clone)]
struct Voter {
    id: NodeId,
    log: Option<PublicKey>,
    cosigner: Option<PublicKey>,
}

/// Who was a voter when.
#[derive(Debug, Default)]
pub(crate) struct Voters {
    /// From which ledger size on, ascending.
    since: Vec<(u64, Vec<Voter>)>,
}

impl Voters {
    /// Takes the voters of this state, which are in force from this size on.
    pub(crate) fn note<S: StateRead<Error = Damage>>(&mut self, state: &S, size: u64) -> Result<(), Damage> {
        let mut voters = Vec::new();
        for id in read::mesh(state)?.map(|mesh| mesh.voters).unwrap_or_default() {
            if let Some(node) = read::node(state, id)? {
                voters.push(Voter { id, log: node.record.log_key, cosigner: node.record.cosigner_key });
            }
        }
        self.since.push((size, voters));
        Ok(())
    }

    fn at(&self, size: u64) -> &[Voter] {
        self.since.iter().rev().find(|(since, _)| *since <= size).map_or(&[], |(_, voters)| voters)
    }
}

/// Checks checkpoints, in the order of their sizes.
#[derive(Debug)]
pub(crate) struct Checkpoints<'a> {
    origin: String,
    leaves: &'a [Hash],
    voters: &'a Voters,
    tree: Frontier,
}

impl<'a> Checkpoints<'a> {
    pub(crate) fn new(mesh: &MeshId, leaves: &'a [Hash], voters: &'a Voters) -> Self {
        Self { origin: format!("{mesh}/ledger"), leaves, voters, tree: Frontier::new() }
    }

    /// Checks the next one.
    pub(crate) fn check(&mut self, line: u64, note: &[u8]) -> Result<CheckedCheckpoint, Fault> {
        let fault = |why: String| Fault::new(Place::Checkpoint(line), why);
        let note = Note::parse(note).map_err(|error| fault(error.to_string()))?;
        let checkpoint: Checkpoint = note.text().parse().map_err(|error| fault(format!("{error}")))?;
        if checkpoint.origin() != self.origin {
            return Err(fault(format!("it is of {}; expected {}", checkpoint.origin(), self.origin)));
        }
        if !checkpoint.extensions().is_empty() {
            return Err(fault("it has extension lines, which nothing here knows".to_owned()));
        }
        let (size, covered, last) = (checkpoint.size(), self.leaves.len() as u64, self.tree.size());
        if size <= last || size > covered {
            return Err(fault(format!("it covers {size} leaves; expected {} to {covered}", last + 1)));
        }
        let more = usize::try_from(last).expect("sizes in memory")..usize::try_from(size).expect("sizes in memory");
        for hash in &self.leaves[more] {
            self.tree.append(*hash);
        }
        if checkpoint.root() != self.tree.root() {
            let (root, found) = (self.tree.root(), checkpoint.root());
            return Err(fault(format!("{size} leaves have the root {root}; it says {found}")));
        }
        let voters = self.voters.at(size);
        let mut cosigned: Vec<(NodeId, u64)> = Vec::new();
        for signature in note.signatures() {
            let who = voters.iter().find_map(|voter| signed(voter, signature, &note, &checkpoint));
            match who {
                Some((id, Some(time))) if cosigned.iter().all(|(other, _)| *other != id) => cosigned.push((id, time)),
                Some((_, None)) => {}
                Some((id, Some(_))) => return Err(fault(format!("voter {id} cosigned it twice"))),
                None => {
                    let name = signature.name();
                    return Err(fault(format!("the signature by {name} is of no voter in force at size {size}")));
                }
            }
        }
        let majority = voters.len() / 2 + 1;
        if cosigned.len() < majority {
            return Err(fault(format!(
                "{} of {} voters cosigned it; {majority} have to",
                cosigned.len(),
                voters.len()
            )));
        }
        let mut times: Vec<u64> = cosigned.iter().map(|(_, time)| *time).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        let mut cosigned_by: Vec<NodeId> = cosigned.into_iter().map(|(id, _)| id).collect();
        cosigned_by.sort_unstable();
        Ok(CheckedCheckpoint { size, cosigned_by, voters: voters.len(), time_unix_s: times[majority - 1] })
    }
}

/// Whether a voter made a signature: its id and, for a cosignature, when.
fn signed(
    voter: &Voter,
    signature: &NoteSignature,
    note: &Note,
    checkpoint: &Checkpoint,
) -> Option<(NodeId, Option<u64>)> {
    let is_of = |kind, key: &PublicKey| key_hash(signature.name(), kind, &key.0) == signature.key_hash();
    if let Some(key) = voter.log.filter(|key| is_of(SignatureType::Ed25519, key))
        && signing::verify(&key, note.text().as_bytes(), signature.signature())
    {
        return Some((voter.id, None));
    }
    let key = voter.cosigner.filter(|key| is_of(SignatureType::CosignatureV1, key))?;
    let cosignature = Cosignature::from_bytes(signature.signature()).ok()?;
    let holds = signing::verify(&key, cosignature.message(checkpoint).as_bytes(), cosignature.signature());
    holds.then_some((voter.id, Some(cosignature.time())))
}
