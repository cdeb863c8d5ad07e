//! Voters after a lost quorum, for whoever follows them without the ledger.
//!
//! A change of voters is vouched for by the voters before. After a lost quorum there is no majority of them left: the council speaks
//! in their place ([`crate::federation::RecoverVoters`]). What shows it:
//!
//! ```text
//! base      a checkpoint of n leaves that counts with the voters before
//! leaf n    RecoverVoters{size n, root of base, voters}, signed by the council, accepted
//! first     a checkpoint of more than n leaves that counts with those voters,
//!           consistent with base, and with leaf n in its tree
//! ```
//!
//! So the council cannot rewrite what counted, and the new voters cannot come without the council. Which council that is, is for the
//! caller to say: that of the founding document as long as it was never amended, else the one that an audited export has.

use std::collections::BTreeSet;

use mesh_model::{Code, MeshId, NodeId, PublicKey};
use mesh_tlog::{CheckError, Hash, check_consistency, check_inclusion, leaf_hash};

use crate::checkpoint::{LedgerCheckpoint, LedgerCheckpointError, Trust};
use crate::command::{Body, CommandError, SignedCommand};
use crate::convert::Malformed;
use crate::envelope::{Envelope, EnvelopeError};
use crate::federation::RecoverVoters;
use crate::genesis::{Council, NodeRecord};
use crate::ledger::{LeafEntry, LedgerLeaf};
use crate::voters::{VoterSet, VoterSetError};

/// What is added to the index of a leaf that admits a node: lower ids are those of the voters of genesis.
pub const FIRST_NODE_ID: NodeId = 1000;

/// What shows a recovery. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterRecovery {
    /// The checkpoint on which the ledger was refounded.
    pub base: LedgerCheckpoint,
    /// The leaf right behind it, exact bytes.
    pub leaf: Vec<u8>,
    /// A checkpoint of the new voters.
    pub first: LedgerCheckpoint,
    /// From base to first.
    pub consistency: Vec<Hash>,
    /// Of the leaf in first.
    pub inclusion: Vec<Hash>,
}

/// Why it shows none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoterRecoveryError {
    /// A checkpoint does not count.
    #[error("the checkpoint of {size} leaves does not count: {source}")]
    Checkpoint {
        /// Its size.
        size: u64,
        /// Why.
        source: LedgerCheckpointError,
    },
    /// The base lies before the voters that are known.
    #[error("it goes on from {found} leaves; the voters are known from {since} leaves on")]
    Order {
        /// The base's size.
        found: u64,
        /// Where the last known voters begin.
        since: u64,
    },
    /// The leaf does not decode.
    #[error("the leaf does not decode: {0}")]
    Leaf(#[from] Malformed),
    /// The leaf holds no envelope.
    #[error("the leaf's bytes are no envelope: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The envelope is no command of this mesh with good signatures.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The leaf is something else than an accepted recovery right behind the base.
    #[error("the leaf is no accepted RecoverVoters that goes on from the base")]
    NoRecovery,
    /// It lies where the ledger was audited, and is none of the recoveries there.
    #[error("the audited ledger has no such recovery as leaf {index}")]
    NotThere {
        /// Where it would be.
        index: u64,
    },
    /// Too few seats signed.
    #[error("{signed} of {threshold} council seats signed")]
    Council {
        /// How many did.
        signed: usize,
        /// How many have to.
        threshold: u32,
    },
    /// The voters that it names can't be a mesh's.
    #[error("its voters can't be a mesh's: {0}")]
    Voters(#[from] VoterSetError),
    /// Base and first are of two histories, or the leaf is in none.
    #[error("a proof does not hold: {0}")]
    Proof(CheckError),
}

impl VoterRecoveryError {
    /// The stable code.
    pub fn code(&self) -> Code {
        Code::BadProof
    }
}

/// The voters that a recovery names; a new one gets the id that its leaf gives.
///
/// # Errors
/// [`VoterSetError`].
pub fn recovered_voters(body: &RecoverVoters) -> Result<VoterSet, VoterSetError> {
    let given = |record: &NodeRecord| match record.node_id {
        0 => NodeRecord { node_id: body.size.saturating_add(FIRST_NODE_ID), ..record.clone() },
        _ => record.clone(),
    };
    let records: Vec<NodeRecord> = body.voters.iter().map(given).collect();
    VoterSet::of_records(&records)
}

impl VoterRecovery {
    /// Verifies all of it; gives the voters and the size from which on they are in force.
    ///
    /// # Errors
    /// [`VoterRecoveryError`].
    pub fn verify(&self, trust: &Trust, council: &Council) -> Result<(u64, VoterSet), VoterRecoveryError> {
        let (since, voters, signers) = self.verify_but_council(trust)?;
        if !council.is_met(&signers) {
            let (signed, threshold) = (council.seats_signed(&signers), council.threshold);
            return Err(VoterRecoveryError::Council { signed, threshold });
        }
        Ok((since, voters))
    }

    /// The same for whoever has the leaf in its own ledger, where the rules asked for the council's signatures; gives also who signed.
    ///
    /// # Errors
    /// [`VoterRecoveryError`].
    pub fn verify_but_council(
        &self,
        trust: &Trust,
    ) -> Result<(u64, VoterSet, BTreeSet<PublicKey>), VoterRecoveryError> {
        let (size, (since, _)) = (self.base.size(), trust.newest());
        if size < since {
            return Err(VoterRecoveryError::Order { found: size, since });
        }
        trust.judge(&self.base).map_err(|source| VoterRecoveryError::Checkpoint { size, source })?;
        let (body, signers) = self.command(trust.mesh())?;
        if body.size != size || body.root != self.base.root() {
            return Err(VoterRecoveryError::NoRecovery);
        }
        let voters = recovered_voters(&body)?;
        let first = &self.first;
        (first.counted_by(trust.mesh(), &voters, &BTreeSet::new()))
            .map_err(|source| VoterRecoveryError::Checkpoint { size: first.size(), source })?;
        check_consistency(&self.consistency, size, self.base.root(), first.size(), first.root())
            .and_then(|()| check_inclusion(&self.inclusion, first.size(), first.root(), size, leaf_hash(&self.leaf)))
            .map_err(VoterRecoveryError::Proof)?;
        Ok((size + 1, voters, signers))
    }

    /// The size from which on its voters are in force, and these. Nothing is verified.
    ///
    /// # Errors
    /// Where the leaf is no recovery.
    pub fn named(&self, mesh: &MeshId) -> Result<(u64, VoterSet), VoterRecoveryError> {
        let (body, _) = self.command(mesh)?;
        Ok((body.size + 1, recovered_voters(&body)?))
    }

    /// The command itself, its signatures verified.
    ///
    /// # Errors
    /// Where the leaf is no accepted recovery.
    pub fn signed_command(&self, mesh: &MeshId) -> Result<SignedCommand, VoterRecoveryError> {
        let leaf = LedgerLeaf::decode(&self.leaf)?;
        let LeafEntry::Envelope(bytes) = leaf.entry else { return Err(VoterRecoveryError::NoRecovery) };
        if leaf.outcome.code != Code::Accepted || leaf.index != self.base.size() {
            return Err(VoterRecoveryError::NoRecovery);
        }
        Ok(SignedCommand::verify(Envelope::parse(bytes)?, mesh)?)
    }

    fn command(&self, mesh: &MeshId) -> Result<(RecoverVoters, BTreeSet<PublicKey>), VoterRecoveryError> {
        let signed = self.signed_command(mesh)?;
        match &signed.command().body {
            Body::RecoverVoters(body) => Ok((body.clone(), signed.signers().clone())),
            _ => Err(VoterRecoveryError::NoRecovery),
        }
    }
}
