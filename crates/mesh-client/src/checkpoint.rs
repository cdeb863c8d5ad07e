//! Checkpoints, receipts and proofs, each verified here before the caller gets it: no node is believed.

use mesh_event::checkpoint::{Counted, LedgerCheckpoint, Trust};
use mesh_event::voters::VoterSet;
use mesh_event::{Councils, VoterChange, VoterChangeError, VoterRecoveryError};
use mesh_model::{Code, LedgerIndex};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use mesh_proto::v1::compare_checkpoint_response::Finding as Found;
use mesh_tlog::{Hash, check_consistency};
use mesh_verify::{CheckedReceipt, Receipt};

use crate::acknowledgement::Freshness;
use crate::client::{Client, Mesh};
use crate::convert::odd;
use crate::retry::{Failed, Repeat};

/// A checkpoint that counts.
#[derive(Debug, Clone)]
pub struct VerifiedCheckpoint {
    /// The signed note.
    pub note: LedgerCheckpoint,
    /// Size, root, and who cosigned it when.
    pub counted: Counted,
    /// Who votes from it on.
    pub voters: VoterSet,
    /// All changes of voters up to it, by size.
    pub changes: Vec<VoterChange>,
    /// How old the answer may be, as the node says.
    pub freshness: Freshness,
}

/// What a node found when it compared a checkpoint with its own ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Its ledger has that root, and the checkpoint counts.
    Agrees,
    /// It counts and is larger than what the node has.
    Ahead,
    /// Nothing contradicts it, and it does not count.
    Unvouched,
    /// Its ledger has another root there, and too few vouch for this one.
    FalseHead,
    /// It counts and contradicts the node's ledger.
    Fork,
}

impl Finding {
    /// The word that people and JSON see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Ahead => "ahead",
            Self::Unvouched => "unvouched",
            Self::FalseHead => "false-head",
            Self::Fork => "fork",
        }
    }
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What was found.
    pub finding: Finding,
    /// The same for people.
    pub detail: String,
    /// Of a fork: the proof, a text file that verifies off-line.
    pub fork_proof: Option<String>,
}

fn bad(why: impl std::fmt::Display) -> MeshError {
    MeshError::new(Code::BadProof, why.to_string())
}

/// Whose majority counts, followed from the founding document. Where the voters were recovered, an audit that the caller names says who
/// had the word, or else the founding council has it.
fn followed(mesh: &Mesh, changes: &[VoterChange], councils: Option<&Councils>) -> Result<Trust, MeshError> {
    let document = &mesh.genesis.document;
    let first = VoterSet::of_genesis(document).map_err(bad)?;
    let founding = Councils::new(mesh.id, document.council.clone());
    Trust::new(mesh.id, first).through_all(changes, councils.unwrap_or(&founding)).map_err(|(number, error)| {
        let hint = match &error {
            VoterChangeError::Recovery(VoterRecoveryError::Council { .. }) => {
                "; if the council was amended before, audit an export and name its councils: `mesh ledger verify EXPORT --councils-to FILE`, then \
                 `--councils FILE`"
            }
            _ => "",
        };
        bad(format!("change {} of the voters does not hold: {error}{hint}", number + 1))
    })
}

impl Client {
    /// The newest checkpoint that counts, verified against the mesh's founding document; `None` before the first.
    ///
    /// # Errors
    /// [`Code::BadProof`] for one that does not count; the transport's.
    pub async fn checkpoint(&self) -> Result<Option<VerifiedCheckpoint>, MeshError> {
        let mesh = self.mesh().await?;
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.ledger().get_checkpoint(attempt.request(v1::GetCheckpointRequest {})).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        if answer.note.is_empty() {
            return Ok(None);
        }
        let parse = |note: &[u8]| LedgerCheckpoint::parse(note, &mesh.id).map_err(bad);
        let note = parse(&answer.note)?;
        let change = |bytes: &Vec<u8>| VoterChange::parse(bytes, &mesh.id).map_err(bad);
        let changes = answer.handovers.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let trust = followed(&mesh, &changes, self.councils_trusted())?;
        let counted = trust.judge(&note).map_err(bad)?;
        let voters = trust.newest().1.clone();
        Ok(Some(VerifiedCheckpoint { note, counted, voters, changes, freshness: Freshness::of(answer.freshness) }))
    }

    /// The receipt of a leaf, as a file and verified. The node waits, within the client's time limit, for a checkpoint that
    /// covers the leaf.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::NoReceipt`], [`Code::BadProof`] for one that does not hold; the transport's.
    pub async fn receipt(&self, index: LedgerIndex) -> Result<(Vec<u8>, CheckedReceipt), MeshError> {
        let mesh = self.mesh().await?;
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.ledger().get_receipt(attempt.request(v1::GetReceiptRequest { index })).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let checked = Receipt::parse(&answer.receipt)
            .and_then(|receipt| receipt.verify_by(Some(&mesh.id), self.councils_trusted()));
        let checked = checked.map_err(|fault| bad(format!("the receipt does not hold: {fault}")))?;
        if checked.leaf.index != index {
            return Err(bad(format!("the receipt is of leaf {}; expected leaf {index}", checked.leaf.index)));
        }
        Ok((answer.receipt, checked))
    }

    /// Demands that the tree of `new` begins with that of `old`.
    ///
    /// # Errors
    /// [`Code::BadProof`] when the node cannot show it; the transport's.
    pub async fn demand_consistency(&self, old: (u64, Hash), new: (u64, Hash)) -> Result<(), MeshError> {
        let request = v1::GetConsistencyProofRequest { old_size: old.0, new_size: new.0 };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.ledger().get_consistency_proof(attempt.request(request)).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let hash = |bytes: &Vec<u8>| {
            let bytes = <[u8; 32]>::try_from(bytes.as_slice());
            bytes.map(Hash::new).map_err(|_| odd("proof", "expected hashes of 32 bytes"))
        };
        let proof = answer.proof.iter().map(hash).collect::<Result<Vec<_>, _>>()?;
        check_consistency(&proof, old.0, old.1, new.0, new.1).map_err(|error| {
            bad(format!("the ledger of {} leaves does not go on from that of {}: {error}", new.0, old.0))
        })
    }

    /// Shows a node a checkpoint that came from elsewhere. One that counts and contradicts the node's ledger stops the mesh's
    /// governance until the council decides.
    ///
    /// # Errors
    /// [`Code::Malformed`] and the like for what is none; the transport's.
    pub async fn compare_checkpoint(&self, note: &[u8]) -> Result<Comparison, MeshError> {
        let request = v1::CompareCheckpointRequest { note: note.to_vec() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.ledger().compare_checkpoint(attempt.request(request.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let finding = match answer.finding() {
            Found::Agrees => Finding::Agrees,
            Found::Ahead => Finding::Ahead,
            Found::Unvouched => Finding::Unvouched,
            Found::FalseHead => Finding::FalseHead,
            Found::Fork => Finding::Fork,
            Found::Unspecified => return Err(odd("finding", format!("{} is none", answer.finding))),
        };
        let fork_proof = (!answer.fork_proof.is_empty()).then_some(answer.fork_proof);
        let fork_proof = fork_proof.map(String::from_utf8).transpose().map_err(|error| odd("fork_proof", error))?;
        Ok(Comparison { finding, detail: answer.detail, fork_proof })
    }

    /// The proof of the fork that stands at the node, if one does: a text file that verifies off-line.
    ///
    /// # Errors
    /// The transport's.
    pub async fn fork(&self) -> Result<Option<String>, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.ledger().get_fork(attempt.request(v1::GetForkRequest {})).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let proof = (!answer.fork_proof.is_empty()).then_some(answer.fork_proof);
        proof.map(String::from_utf8).transpose().map_err(|error| odd("fork_proof", error))
    }
}
