//! The nodes that order the ledger, by the keys with which they vouch for it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_model::{MeshId, NodeId, PublicKey};
use mesh_tlog::{SignatureType, VerifierKey};

use crate::genesis::{GenesisDocument, NodeRecord};
use crate::signing;

/// One voter's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voter {
    /// Which node.
    pub id: NodeId,
    /// Signs checkpoints.
    pub log_key: PublicKey,
    /// Cosigns them: says when they were the newest that it knew.
    pub cosigner_key: PublicKey,
}

/// The voters in force at some size of the ledger: 1, 3, 5 or 7, by ascending id, all keys different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterSet(Vec<Voter>);

/// Nodes that cannot be the voters of a mesh.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoterSetError {
    /// Another number of them.
    #[error("expected 1, 3, 5 or 7 voters, found {found}")]
    Count {
        /// How many.
        found: usize,
    },
    /// Their ids do not ascend.
    #[error("expected voters by ascending id, found {found} out of place")]
    Order {
        /// The first that stands wrong.
        found: NodeId,
    },
    /// A key is weak or serves twice.
    #[error("a key of voter {id} is weak, or stands for another voter or purpose too")]
    Key {
        /// Whose.
        id: NodeId,
    },
    /// A node without the keys of a voter.
    #[error("node {id} lacks a log or a cosigner key")]
    NoKeys {
        /// Which.
        id: NodeId,
    },
    /// A line that says no voter.
    #[error("expected 'voter <id> <log key> <cosigner key>', found '{found}'")]
    Line {
        /// The line.
        found: String,
    },
}

/// The origin of the ledger's checkpoints and the name of its log keys: `<mesh id>/ledger`.
pub fn ledger_origin(mesh: &MeshId) -> String {
    format!("{mesh}/ledger")
}

/// The name of a voter's cosigner key: `<mesh id>/voter/<node id>`.
pub fn cosigner_name(mesh: &MeshId, id: NodeId) -> String {
    format!("{mesh}/voter/{id}")
}

impl VoterSet {
    /// These voters.
    ///
    /// # Errors
    /// [`VoterSetError`] where they can't be a mesh's.
    pub fn new(voters: Vec<Voter>) -> Result<Self, VoterSetError> {
        if ![1, 3, 5, 7].contains(&voters.len()) {
            return Err(VoterSetError::Count { found: voters.len() });
        }
        if let Some(wrong) = voters.windows(2).find(|pair| pair[0].id >= pair[1].id) {
            return Err(VoterSetError::Order { found: wrong[1].id });
        }
        let mut keys = BTreeSet::new();
        for voter in &voters {
            for key in [voter.log_key, voter.cosigner_key] {
                if !keys.insert(key) || !signing::is_sound(&key) {
                    return Err(VoterSetError::Key { id: voter.id });
                }
            }
        }
        Ok(Self(voters))
    }

    /// The voters with these records.
    ///
    /// # Errors
    /// As [`VoterSet::new`], and for a node without the keys of a voter.
    pub fn of_records<'a>(records: impl IntoIterator<Item = &'a NodeRecord>) -> Result<Self, VoterSetError> {
        let voter = |record: &NodeRecord| match (record.log_key, record.cosigner_key) {
            (Some(log_key), Some(cosigner_key)) => Ok(Voter { id: record.node_id, log_key, cosigner_key }),
            _ => Err(VoterSetError::NoKeys { id: record.node_id }),
        };
        Self::new(records.into_iter().map(voter).collect::<Result<_, _>>()?)
    }

    /// The first voters of a mesh.
    ///
    /// # Errors
    /// As [`VoterSet::of_records`]; a document that [`GenesisDocument::check`] passes has such voters.
    pub fn of_genesis(document: &GenesisDocument) -> Result<Self, VoterSetError> {
        Self::of_records(&document.voters)
    }

    /// The voters, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.0.iter()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many are more than half.
    pub fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }

    /// The voter with this id.
    pub fn get(&self, id: NodeId) -> Option<&Voter> {
        self.0.iter().find(|voter| voter.id == id)
    }

    /// One line a voter, as the first checkpoint after a change of voters carries them:
    /// `voter <id> <log key, base64> <cosigner key, base64>`.
    pub fn lines(&self) -> Vec<String> {
        let key = |key: &PublicKey| STANDARD.encode(key.0);
        let line = |voter: &Voter| format!("voter {} {} {}", voter.id, key(&voter.log_key), key(&voter.cosigner_key));
        self.0.iter().map(line).collect()
    }

    /// Reads what [`VoterSet::lines`] writes, and nothing else.
    ///
    /// # Errors
    /// [`VoterSetError`].
    pub fn from_lines<S: AsRef<str>>(lines: &[S]) -> Result<Self, VoterSetError> {
        let voter = |line: &str| {
            let mut parts = line.strip_prefix("voter ")?.split(' ');
            let id = parts.next()?.parse().ok()?;
            let mut key = || PublicKey::from_slice(&STANDARD.decode(parts.next()?).ok()?);
            let voter = Voter { id, log_key: key()?, cosigner_key: key()? };
            parts.next().is_none().then_some(voter)
        };
        let mut voters = Vec::new();
        for line in lines {
            let line = line.as_ref();
            voters.push(voter(line).ok_or_else(|| wrong_line(line))?);
        }
        let set = Self::new(voters)?;
        // A leading zero or a plus sign is found here.
        match set.lines().iter().zip(lines).find(|(written, read)| *written != read.as_ref()) {
            Some((_, line)) => Err(wrong_line(line.as_ref())),
            None => Ok(set),
        }
    }

    /// The keys as other people's tools take them (C2SP signed-note, "Verifier keys"): for each voter its log key, then its
    /// cosigner key.
    pub fn verifier_keys(&self, mesh: &MeshId) -> Vec<(NodeId, VerifierKey)> {
        let key = |name: String, kind, key: &PublicKey| {
            VerifierKey::new(name, kind, key.0).expect("a mesh id and a number make a name")
        };
        (self.0.iter())
            .flat_map(|voter| {
                let log = key(ledger_origin(mesh), SignatureType::Ed25519, &voter.log_key);
                let cosigner = key(cosigner_name(mesh, voter.id), SignatureType::CosignatureV1, &voter.cosigner_key);
                [(voter.id, log), (voter.id, cosigner)]
            })
            .collect()
    }
}

fn wrong_line(line: &str) -> VoterSetError {
    VoterSetError::Line { found: line.chars().take(80).collect() }
}

impl std::fmt::Display for VoterSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<String> = self.0.iter().map(|voter| voter.id.to_string()).collect();
        f.write_str(&ids.join(", "))
    }
}
