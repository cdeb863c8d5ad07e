//! Checkpoints of the ledger: what voters sign, and when it counts.
//!
//! A checkpoint is a C2SP `tlog-checkpoint` in a signed note, origin `<mesh id>/ledger`. Each voter that vouches for it adds two
//! lines: a signature by its log key, which every tool for signed notes checks, and a cosignature (C2SP `tlog-cosignature`) by its
//! cosigner key, which says when. It **counts** with cosignatures of more than half of the voters in force.
//!
//! ```text
//! <mesh id>/ledger
//! <size>
//! <root, base64>
//! [voter <id> <log key> <cosigner key>]...       only where the voters are others than before
//!
//! — <mesh id>/ledger <log signature>             one for each voter that signed
//! — <mesh id>/voter/<id> <cosignature>
//! ```
//!
//! **Other voters.** The first checkpoint over a change of voters names all voters of that size in extension lines, and counts with
//! a majority of the voters before *and* of those it names. So whoever knows the first voters from the founding document follows
//! the voters through such *handovers*, and needs neither the ledger nor a node for it ([`Trust`]). Any other checkpoint has no
//! extension lines. Voters after a lost quorum are followed otherwise: [`crate::recovery`].

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{MeshId, NodeId};
use mesh_tlog::{
    Checkpoint, CheckpointError, Cosignature, Hash, Note, NoteError, NoteSignature, SignatureType, cosignature_message,
    key_hash,
};

use crate::genesis::Council;
use crate::recovery::{VoterRecovery, VoterRecoveryError};
use crate::signing::{self, Signer};
use crate::voters::{Voter, VoterSet, VoterSetError, cosigner_name, ledger_origin};

/// The checkpoint of a ledger at a size, for voters to sign. `handover`: the voters in force from it on, where they are others than
/// before.
///
/// # Errors
/// [`CheckpointError`] for a size that no tree has.
pub fn ledger_checkpoint(
    mesh: &MeshId,
    size: u64,
    root: Hash,
    handover: Option<&VoterSet>,
) -> Result<Checkpoint, CheckpointError> {
    let lines = handover.map_or_else(Vec::new, VoterSet::lines);
    Checkpoint::with_extensions(ledger_origin(mesh), size, root, lines)
}

/// A voter's two lines under a checkpoint: by its log key, and by its cosigner key at this time (seconds since 1970).
///
/// # Errors
/// [`mesh_tlog::CosignatureError`] for a time past 2^63 - 1.
pub fn vouch(
    mesh: &MeshId,
    id: NodeId,
    checkpoint: &Checkpoint,
    time_unix_s: u64,
    log: &dyn Signer,
    cosigner: &dyn Signer,
) -> Result<[NoteSignature; 2], mesh_tlog::CosignatureError> {
    let line = |name: String, kind, signer: &dyn Signer, signature: Vec<u8>| {
        let hash = key_hash(&name, kind, &signer.public_key().0);
        NoteSignature::new(name, hash, signature).expect("a mesh id and a number make a name")
    };
    let signed = log.sign(checkpoint.to_string().as_bytes()).to_vec();
    let message = cosignature_message(time_unix_s, checkpoint)?;
    let cosignature = Cosignature::new(time_unix_s, cosigner.sign(message.as_bytes()))?;
    Ok([
        line(ledger_origin(mesh), SignatureType::Ed25519, log, signed),
        line(cosigner_name(mesh, id), SignatureType::CosignatureV1, cosigner, cosignature.to_bytes().to_vec()),
    ])
}

/// Why bytes are no checkpoint of a mesh's ledger, or one that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerCheckpointError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Of another log.
    #[error("it is of {found}; expected {expected}")]
    Origin {
        /// What it should be of.
        expected: String,
        /// What it is of.
        found: String,
    },
    /// Its extension lines do not name voters.
    #[error("its extension lines name no voters: {0}")]
    Voters(#[from] VoterSetError),
    /// A voter's key with a signature that does not verify.
    #[error("the signature by {name} of voter {id} does not verify")]
    Signature {
        /// The key's name.
        name: String,
        /// The voter's id.
        id: NodeId,
    },
    /// Too few of the voters in force cosigned it.
    #[error("{cosigned} of {voters} voters cosigned it; {majority} have to")]
    Majority {
        /// How many did.
        cosigned: usize,
        /// How many there are.
        voters: usize,
        /// How many have to.
        majority: usize,
    },
    /// It should name voters and does not.
    #[error("it names no voters")]
    NamesNobody,
    /// It is a handover of a size that was passed.
    #[error("it covers {found} leaves; expected more than {since}")]
    Order {
        /// Its size.
        found: u64,
        /// The size of the one before.
        since: u64,
    },
    /// It names the voters that are in force anyway.
    #[error("it names the voters {0}, which are in force already")]
    SameVoters(String),
}

/// A note whose text is a checkpoint of a mesh's ledger. Who signed it is for [`LedgerCheckpoint::vouchers`] to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
    handover: Option<VoterSet>,
}

/// Whose signatures stand under a checkpoint, of the voters that were asked about; each was verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vouchers {
    /// Who signed with the log key.
    pub signed: Vec<NodeId>,
    /// Who cosigned, and when, in seconds since 1970.
    pub cosigned: BTreeMap<NodeId, u64>,
    /// Signatures of none of these voters, by their place in the note.
    pub others: Vec<usize>,
}

impl Vouchers {
    fn leave_out(&mut self, disqualified: &BTreeSet<NodeId>) {
        self.signed.retain(|id| !disqualified.contains(id));
        self.cosigned.retain(|id, _| !disqualified.contains(id));
    }

    /// Everybody who vouches, in either way, ascending.
    pub fn all(&self) -> BTreeSet<NodeId> {
        self.signed.iter().chain(self.cosigned.keys()).copied().collect()
    }

    /// The latest time that a majority had reached when they cosigned: the majority-th newest; `None` without a majority.
    pub fn time_unix_s(&self, voters: &VoterSet) -> Option<u64> {
        let mut times: Vec<u64> = self.cosigned.values().copied().collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.get(voters.majority() - 1).copied()
    }
}

impl LedgerCheckpoint {
    /// Reads a note of this mesh's ledger.
    ///
    /// # Errors
    /// [`LedgerCheckpointError`] for anything else; no signature was looked at.
    pub fn parse(note: &[u8], mesh: &MeshId) -> Result<Self, LedgerCheckpointError> {
        let note = Note::parse(note)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        let expected = ledger_origin(mesh);
        if checkpoint.origin() != expected {
            return Err(LedgerCheckpointError::Origin { expected, found: checkpoint.origin().to_owned() });
        }
        let lines = checkpoint.extensions();
        let handover = if lines.is_empty() { None } else { Some(VoterSet::from_lines(lines)?) };
        Ok(Self { note, checkpoint, handover })
    }

    /// Size and root.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How many leaves it covers.
    pub fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.checkpoint.root()
    }

    /// The voters from its size on, where they are others than before.
    pub fn handover(&self) -> Option<&VoterSet> {
        self.handover.as_ref()
    }

    /// The note itself.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Its exact bytes: a note has one form.
    pub fn bytes(&self) -> Vec<u8> {
        self.note.to_string().into_bytes()
    }

    /// What it counts with, when these are the voters and nothing is given on the word of the disqualified. They are among those of
    /// whom a majority is needed all the same.
    ///
    /// # Errors
    /// [`LedgerCheckpointError::Majority`], [`LedgerCheckpointError::Signature`].
    pub fn counted_by(
        &self,
        mesh: &MeshId,
        voters: &VoterSet,
        disqualified: &BTreeSet<NodeId>,
    ) -> Result<Counted, LedgerCheckpointError> {
        let mut vouchers = self.vouchers(mesh, voters)?;
        vouchers.leave_out(disqualified);
        let Some(time_unix_s) = vouchers.time_unix_s(voters) else {
            let (cosigned, majority) = (vouchers.cosigned.len(), voters.majority());
            return Err(LedgerCheckpointError::Majority { cosigned, voters: voters.count(), majority });
        };
        Ok(Counted {
            size: self.size(),
            root: self.root(),
            voters: voters.count(),
            time_unix_s,
            others: vouchers.others,
            cosigned_by: vouchers.cosigned.into_keys().collect(),
        })
    }

    /// The same note with the lines of these voters only.
    ///
    /// # Errors
    /// [`NoteError::NoSignatures`] where none is theirs.
    pub fn only_by(&self, mesh: &MeshId, sets: &[&VoterSet]) -> Result<Self, NoteError> {
        let known = |line: &&NoteSignature| {
            sets.iter().any(|set| set.iter().any(|voter| of_voter(mesh, voter, line).is_some()))
        };
        let lines = self.note.signatures().iter().filter(known).cloned().collect();
        Ok(Self { note: Note::new(self.note.text(), lines)?, ..self.clone() })
    }

    /// Who of these voters vouches for it.
    ///
    /// # Errors
    /// [`LedgerCheckpointError::Signature`] when a line that names one of their keys does not verify: somebody altered the note.
    pub fn vouchers(&self, mesh: &MeshId, voters: &VoterSet) -> Result<Vouchers, LedgerCheckpointError> {
        let mut vouchers = Vouchers::default();
        for (place, line) in self.note.signatures().iter().enumerate() {
            let Some((voter, kind)) = voters.iter().find_map(|voter| Some((voter, of_voter(mesh, voter, line)?)))
            else {
                vouchers.others.push(place);
                continue;
            };
            let wrong = || LedgerCheckpointError::Signature { name: line.name().to_owned(), id: voter.id };
            if kind == SignatureType::Ed25519 {
                if !signing::verify(&voter.log_key, self.note.text().as_bytes(), line.signature()) {
                    return Err(wrong());
                }
                vouchers.signed.push(voter.id);
                continue;
            }
            let cosignature = Cosignature::from_bytes(line.signature()).map_err(|_| wrong())?;
            let message = cosignature.message(&self.checkpoint);
            if !signing::verify(&voter.cosigner_key, message.as_bytes(), cosignature.signature()) {
                return Err(wrong());
            }
            vouchers.cosigned.insert(voter.id, cosignature.time());
        }
        vouchers.signed.sort_unstable();
        Ok(vouchers)
    }
}

/// Which key of the voter a line says that it is by.
fn of_voter(mesh: &MeshId, voter: &Voter, line: &NoteSignature) -> Option<SignatureType> {
    let is = |name: &str, kind, key: &[u8; 32]| line.name() == name && line.key_hash() == key_hash(name, kind, key);
    if is(&ledger_origin(mesh), SignatureType::Ed25519, &voter.log_key.0) {
        return Some(SignatureType::Ed25519);
    }
    let cosigns = is(&cosigner_name(mesh, voter.id), SignatureType::CosignatureV1, &voter.cosigner_key.0);
    cosigns.then_some(SignatureType::CosignatureV1)
}

/// A checkpoint that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many leaves it covers.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Who of the voters from its size on cosigned it, ascending.
    pub cosigned_by: Vec<NodeId>,
    /// How many voters there are from its size on.
    pub voters: usize,
    /// The latest time that a majority of voters had reached when they cosigned it, in seconds since 1970.
    pub time_unix_s: u64,
    /// Signatures of no voter before or after, by their place in the note.
    pub others: Vec<usize>,
}

/// Whose majority makes a checkpoint of which size count, for whoever has no ledger: it begins with the founding document and is
/// moved on by handovers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    mesh: MeshId,
    /// From which size on, ascending; the first from 0.
    steps: Vec<(u64, VoterSet)>,
}

impl Trust {
    /// Trusts these voters from the beginning.
    pub fn new(mesh: MeshId, first: VoterSet) -> Self {
        Self { mesh, steps: vec![(0, first)] }
    }

    /// Follows the voters from the first ones through the handovers, in the order of their sizes.
    ///
    /// # Errors
    /// As [`Trust::follow`], with the number of the handover.
    pub fn through<'a>(
        mesh: MeshId,
        first: VoterSet,
        handovers: impl IntoIterator<Item = &'a LedgerCheckpoint>,
    ) -> Result<Self, (usize, LedgerCheckpointError)> {
        let mut trust = Self::new(mesh, first);
        for (number, handover) in handovers.into_iter().enumerate() {
            trust.follow(handover).map_err(|error| (number, error))?;
        }
        Ok(trust)
    }

    /// The mesh.
    pub fn mesh(&self) -> &MeshId {
        &self.mesh
    }

    /// Who votes as far as is known, and from which size on.
    pub fn newest(&self) -> (u64, &VoterSet) {
        let (since, voters) = self.steps.last().expect("it begins with the founding document");
        (*since, voters)
    }

    /// Who votes at a size of at least `size`, or did.
    pub fn voted_since(&self, size: u64) -> BTreeSet<NodeId> {
        let ends = self.steps.iter().skip(1).map(|(since, _)| Some(*since)).chain([None]);
        let steps = self.steps.iter().zip(ends).filter(|(_, end)| end.is_none_or(|end| end > size));
        steps.flat_map(|((_, voters), _)| voters.iter().map(|voter| voter.id)).collect()
    }

    /// Whose majority a checkpoint needs: those in force at its size; for a handover, those before.
    pub fn voters_for(&self, checkpoint: &LedgerCheckpoint) -> &VoterSet {
        let size = checkpoint.size();
        let is_handover = checkpoint.handover().is_some();
        let fits = |since: u64| if is_handover { since < size } else { since <= size };
        let step = self.steps.iter().rev().find(|(since, _)| fits(*since));
        &step.unwrap_or(&self.steps[0]).1
    }

    /// Whether a checkpoint counts.
    ///
    /// # Errors
    /// Why not: [`LedgerCheckpointError`].
    pub fn judge(&self, checkpoint: &LedgerCheckpoint) -> Result<Counted, LedgerCheckpointError> {
        let nobody = BTreeSet::new();
        let voters = self.voters_for(checkpoint);
        let before = checkpoint.counted_by(&self.mesh, voters, &nobody)?;
        let Some(named) = checkpoint.handover() else { return Ok(before) };
        if named == voters {
            return Err(LedgerCheckpointError::SameVoters(named.to_string()));
        }
        let mut after = checkpoint.counted_by(&self.mesh, named, &nobody)?;
        after.others.retain(|place| before.others.contains(place));
        after.time_unix_s = after.time_unix_s.min(before.time_unix_s);
        Ok(after)
    }

    /// Goes on with the voters that the council named after a lost quorum. Checkpoints of these name nobody: no voters are left whose
    /// majority could hand over.
    ///
    /// # Errors
    /// Where the evidence does not hold by the word of this council; nothing changes then.
    pub fn recover(&mut self, recovery: &VoterRecovery, council: &Council) -> Result<(), VoterRecoveryError> {
        let (since, voters) = recovery.verify(self, council)?;
        self.steps.push((since, voters));
        Ok(())
    }

    /// The same for whoever decided the ledger up to there: that it has such a leaf is what shows it.
    ///
    /// # Panics
    /// When the leaf lies before the voters that are known.
    pub fn recovered(&mut self, since: u64, voters: VoterSet) {
        assert!(since > self.newest().0, "voters are followed in the order of the ledger");
        self.steps.push((since, voters));
    }

    /// Goes on with the voters that a handover names.
    ///
    /// # Errors
    /// Where it does not count, names nobody, or is not larger than the last one; nothing changes then.
    pub fn follow(&mut self, handover: &LedgerCheckpoint) -> Result<(), LedgerCheckpointError> {
        let (since, _) = self.newest();
        let named = handover.handover().ok_or(LedgerCheckpointError::NamesNobody)?;
        if handover.size() <= since {
            return Err(LedgerCheckpointError::Order { found: handover.size(), since });
        }
        self.judge(handover)?;
        self.steps.push((handover.size(), named.clone()));
        Ok(())
    }
}
