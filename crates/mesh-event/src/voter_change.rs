//! How the voters became others, for whoever follows them without the ledger: item by item, from the founding document on.
//!
//! Nearly always the voters before hand over in a checkpoint. After a lost quorum there are too few of them, and the council's word stands
//! in its place. Both travel as bytes in the same lists (offers, tails, receipts): a handover as its exact note, a recovery behind a line
//! that no note begins with.

use mesh_model::MeshId;
use mesh_tlog::Hash;
use prost::Message as _;

use crate::checkpoint::{LedgerCheckpoint, LedgerCheckpointError, Trust};
use crate::councils::Councils;
use crate::proto;
use crate::recovery::{VoterRecovery, VoterRecoveryError};

/// What the bytes of a recovery begin with. A note begins with the ledger's origin, which is another line.
const RECOVERY: &[u8] = b"datamesh-voter-recovery 1\n";
/// No tree needs more hashes in a proof.
const MOST_HASHES: usize = 65;

/// One change of voters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoterChange {
    /// A checkpoint in which those before name those after.
    Handover(LedgerCheckpoint),
    /// The council named others after a lost quorum.
    Recovery(Box<VoterRecovery>),
}

/// Why a change of voters is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoterChangeError {
    /// A checkpoint that does not parse, or does not count.
    #[error(transparent)]
    Handover(#[from] LedgerCheckpointError),
    /// A recovery that is not shown.
    #[error(transparent)]
    Recovery(#[from] VoterRecoveryError),
    /// The councils that are to be trusted are of another mesh.
    #[error("the councils to trust are of mesh {0}")]
    OtherMesh(MeshId),
    /// The bytes of a recovery are not of its form.
    #[error("a recovery of voters does not decode: {0}")]
    Form(String),
}

impl VoterChange {
    /// Reads what [`VoterChange::bytes`] writes. Nothing of it is verified.
    ///
    /// # Errors
    /// [`VoterChangeError::Handover`], [`VoterChangeError::Form`].
    pub fn parse(bytes: &[u8], mesh: &MeshId) -> Result<Self, VoterChangeError> {
        let Some(body) = bytes.strip_prefix(RECOVERY) else {
            return Ok(Self::Handover(LedgerCheckpoint::parse(bytes, mesh)?));
        };
        let form = |why: &dyn std::fmt::Display| VoterChangeError::Form(why.to_string());
        let message = proto::VoterRecovery::decode(body).map_err(|error| form(&error))?;
        let hashes = |hashes: Vec<Vec<u8>>| {
            if hashes.len() > MOST_HASHES {
                return Err(form(&"a proof has too many hashes"));
            }
            let hash = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map(Hash::new);
            hashes
                .into_iter()
                .map(hash)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| form(&"expected hashes of 32 bytes"))
        };
        Ok(Self::Recovery(Box::new(VoterRecovery {
            base: LedgerCheckpoint::parse(&message.base, mesh)?,
            leaf: message.leaf,
            first: LedgerCheckpoint::parse(&message.first, mesh)?,
            consistency: hashes(message.consistency)?,
            inclusion: hashes(message.inclusion)?,
        })))
    }

    /// The bytes in which it travels.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Handover(note) => note.bytes(),
            Self::Recovery(recovery) => {
                let hashes = |hashes: &[Hash]| hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect();
                let message = proto::VoterRecovery {
                    base: recovery.base.bytes(),
                    leaf: recovery.leaf.clone(),
                    first: recovery.first.bytes(),
                    consistency: hashes(&recovery.consistency),
                    inclusion: hashes(&recovery.inclusion),
                };
                [RECOVERY, &message.encode_to_vec()].concat()
            }
        }
    }

    /// From how many leaves on the voters vote that it brings.
    pub fn since(&self) -> u64 {
        match self {
            Self::Handover(note) => note.size(),
            Self::Recovery(recovery) => recovery.base.size() + 1,
        }
    }

    /// The handover, if it is one.
    pub fn handover(&self) -> Option<&LedgerCheckpoint> {
        match self {
            Self::Handover(note) => Some(note),
            Self::Recovery(_) => None,
        }
    }
}

impl Trust {
    /// Goes on with the voters that a change brings; a recovery counts where an audit found it, and else by the
    /// word of the newest council that is known.
    ///
    /// # Errors
    /// Where it does not hold; nothing changes then.
    pub fn go_on(&mut self, change: &VoterChange, councils: &Councils) -> Result<(), VoterChangeError> {
        match change {
            VoterChange::Handover(note) => Ok(self.follow(note)?),
            VoterChange::Recovery(recovery) => {
                if let Some(council) = councils.decide(recovery)? {
                    self.recover(recovery, council)?;
                } else {
                    let (since, voters, _) = recovery.verify_but_council(self)?;
                    self.recovered(since, voters);
                }
                Ok(())
            }
        }
    }

    /// Follows the voters through all changes, in their order, from those that it knows.
    ///
    /// # Errors
    /// As [`Trust::go_on`], with the number of the change.
    pub fn through_all<'a>(
        mut self,
        changes: impl IntoIterator<Item = &'a VoterChange>,
        councils: &Councils,
    ) -> Result<Self, (usize, VoterChangeError)> {
        if councils.mesh() != self.mesh() {
            return Err((0, VoterChangeError::OtherMesh(*councils.mesh())));
        }
        for (number, change) in changes.into_iter().enumerate() {
            self.go_on(change, councils).map_err(|error| (number, error))?;
        }
        Ok(self)
    }
}
