//! What an audit says about councils and recoveries, for whoever follows the voters without the ledger.
//!
//! Everybody who pins a mesh knows the council of its founding document. That a later one replaced it is a matter of the ledger's rules:
//! whoever audited an export knows it, and nobody else (ADR 0010). An audit also knows which recoveries there were as far as it went: there
//! it is not asked who signed, but whether this very leaf is one of them. Otherwise the keys of a council that was replaced, because they
//! were stolen perhaps, could recover voters from a checkpoint of its own time.

use std::collections::BTreeMap;

use mesh_model::{LedgerIndex, MeshId};
use mesh_tlog::{Hash, leaf_hash};

use crate::genesis::Council;
use crate::recovery::{VoterRecovery, VoterRecoveryError};

/// The founding council, and what an audit knows beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Councils {
    mesh: MeshId,
    founding: Council,
    /// How many leaves the audit covers; 0 without one.
    audited: u64,
    /// The council that decides from there on.
    newest: Council,
    /// The recoveries of voters before, by the hashes of their leaves.
    recoveries: BTreeMap<LedgerIndex, Hash>,
}

impl Councils {
    /// Only the founding one, as far as is known.
    pub fn new(mesh: MeshId, founding: Council) -> Self {
        Self { mesh, newest: founding.clone(), founding, audited: 0, recoveries: BTreeMap::new() }
    }

    /// What an audit of the first `audited` leaves found: the council after them, and the leaves among them with which voters were recovered.
    #[must_use]
    pub fn audited(mut self, audited: u64, newest: Council, recoveries: BTreeMap<LedgerIndex, Hash>) -> Self {
        (self.audited, self.newest, self.recoveries) = (audited, newest, recoveries);
        self
    }

    /// The mesh.
    pub fn mesh(&self) -> &MeshId {
        &self.mesh
    }

    /// The one of the founding document.
    pub fn founding(&self) -> &Council {
        &self.founding
    }

    /// How many leaves were audited, the council from there on, and the recoveries before.
    pub fn audit(&self) -> (u64, &Council, &BTreeMap<LedgerIndex, Hash>) {
        (self.audited, &self.newest, &self.recoveries)
    }

    /// Who has the word on a recovery: nobody any more where it was audited, else this council.
    ///
    /// # Errors
    /// [`VoterRecoveryError::NotThere`] for one that the audited ledger doesn't have.
    pub(crate) fn decide(&self, recovery: &VoterRecovery) -> Result<Option<&Council>, VoterRecoveryError> {
        let index = recovery.base.size();
        if index >= self.audited {
            return Ok(Some(&self.newest));
        }
        match self.recoveries.get(&index) {
            Some(hash) if *hash == leaf_hash(&recovery.leaf) => Ok(None),
            _ => Err(VoterRecoveryError::NotThere { index }),
        }
    }
}
