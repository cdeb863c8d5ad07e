//! Raft begins anew after a lost quorum, on stores that keep their ledger.
//!
//! The council names the voters from then on and the checkpoint of n leaves from which the ledger goes on (`RecoverVoters`). On each of these
//! nodes whose ledger has exactly n leaves, the raft log, the vote and what was applied of it are given up in one batch, and the command
//! is kept beside them. So at its next start:
//!
//! ```text
//! membership   the named voters that the ledger knows already, as with a mesh that is founded: entry 0 of an empty raft log
//! first entry  the council's command, as leaf n: nothing else is ordered before it, and nowhere else is it accepted
//! frames       carry the digest of that command: no other voter's frame is heard, and no other voter hears these
//! ```
//!
//! A voter that the ledger does not know yet has no store to refound: its number comes with leaf n, and the votes follow the ledger.
//!
//! A crash before the batch is durable: nothing happened. Behind it: the same step again finds itself done.

use std::collections::BTreeMap;

use mesh_event::ledger::{EntryBody, LedgerLeaf};
use mesh_event::{Body, Envelope, LeafEntry, SignedCommand, codec};
use mesh_governance::{Damage, Recovery, read};
use mesh_model::{Digest, NodeId};
use mesh_store::{Batch, Store, StoreError};
use openraft::BasicNode;
use serde::{Deserialize, Serialize};

use crate::applied_record::AppliedRecord;
use crate::store_state::{StateError, StoreState};
use crate::tokio_config::Runtime;

/// Name of the store's record of it.
const RECORD: &str = "raft/refounding";
/// Name of the record that says why this node left Raft for good.
const LEFT: &str = "raft/left";
const FORMAT: u8 = 1;

/// What the council decided after a lost quorum, as far as Raft has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refounding {
    /// Leaves from which the ledger goes on.
    size: u64,
    /// The exact envelope of the command.
    envelope: Vec<u8>,
    /// The named voters that the ledger knows, with their peer addresses.
    members: Vec<(NodeId, String)>,
    /// Names these voters in frames: SHA-256 of the command's payload, whoever signed it.
    group: [u8; 32],
}

/// Why Raft does not begin anew on a store. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RefoundError {
    /// Another command.
    #[error("it is a {0}; expected RecoverVoters")]
    Command(&'static str),
    /// Nobody whom the ledger knows.
    #[error("it names no voter that the ledger knows already, so nobody could order it")]
    Nobody,
    /// This node is not among them.
    #[error("node {0} is none of its voters")]
    NotNamed(NodeId),
    /// The ledger here is of another size.
    #[error("it goes on from {expected} leaves; this node has {found}")]
    Size {
        /// How many it should have.
        expected: u64,
        /// How many it has.
        found: u64,
    },
    /// The node may not promise anything.
    #[error("this node only reads: {0}")]
    LostAuthority(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refounding {
    /// What a command says whose signatures were verified. Whether the council may say so is for the caller to have checked.
    ///
    /// # Errors
    /// [`RefoundError::Command`], [`RefoundError::Nobody`].
    pub fn of(command: &SignedCommand) -> Result<Self, RefoundError> {
        let Body::RecoverVoters(body) = &command.command().body else {
            return Err(RefoundError::Command(command.command().body.kind()));
        };
        let known = body.voters.iter().filter(|voter| voter.node_id != 0);
        let members: Vec<_> = known.map(|voter| (voter.node_id, voter.peer_address.clone())).collect();
        if members.is_empty() {
            return Err(RefoundError::Nobody);
        }
        let (envelope, group) = (command.envelope().bytes().to_vec(), command.envelope().payload_digest().0);
        Ok(Self { size: body.size, envelope, members, group })
    }

    /// What this store was refounded with last.
    ///
    /// # Errors
    /// When that can't be read.
    pub fn load(store: &Store) -> Result<Option<Self>, StoreError> {
        let damaged = |_| StoreError::Corrupt { expected: "the record of a refounding".to_owned() };
        store.meta().value(RECORD)?.map(|bytes| codec::decode(FORMAT, &bytes).map_err(damaged)).transpose()
    }

    /// Gives up what Raft has on this store of node `me`, so that it begins anew with the next start. Waits for the disk.
    ///
    /// # Errors
    /// [`RefoundError`]; nothing was changed.
    pub fn begin(&self, store: &Store, me: NodeId) -> Result<(), RefoundError> {
        if let Some(why) = Self::why_not(store)? {
            return Err(RefoundError::LostAuthority(why));
        }
        if !self.members.iter().any(|(id, _)| *id == me) {
            return Err(RefoundError::NotNamed(me));
        }
        if Self::load(store)?.is_some_and(|done| done.group == self.group) {
            return Ok(());
        }
        let found = store.ledger().size()?;
        if found != self.size {
            return Err(RefoundError::Size { expected: self.size, found });
        }
        let mut batch = Batch::new();
        store.raft_log().begin_anew(&mut batch)?;
        // Applied nothing, and it is Raft that has not: entries go on from the ledger as it is.
        store.state().current()?.set_applied(&mut batch, &AppliedRecord::<Runtime>::default().encode());
        store.meta().put_value(&mut batch, RECORD, &codec::encode(FORMAT, self))?;
        store.committer().commit_blocking(batch)?;
        Ok(())
    }

    /// Makes durable that this node is in Raft no more under its number, because the council goes on without it. Waits for the disk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn leave(store: &Store, why: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        store.meta().put_value(&mut batch, LEFT, why.as_bytes())?;
        store.committer().commit_blocking(batch)
    }

    /// Why this node is in Raft no more: it left, or lost what it had promised.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn why_not(store: &Store) -> Result<Option<String>, StoreError> {
        if let Some(why) = store.lost_authority()? {
            return Ok(Some(why));
        }
        Ok(store.meta().value(LEFT)?.map(|why| String::from_utf8_lossy(&why).into_owned()))
    }

    /// The first membership.
    pub(crate) fn members(&self) -> BTreeMap<NodeId, BasicNode> {
        self.members.iter().map(|(id, address)| (*id, BasicNode::new(address.clone()))).collect()
    }

    /// Leaves from which the ledger goes on.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The command, for the ledger.
    pub(crate) fn command(&self) -> EntryBody {
        EntryBody::Envelope(self.envelope.clone())
    }

    /// Whether an entry has to wait, with the ledger at this size: nothing is ordered before the council's command.
    pub(crate) fn comes_before(&self, ledger_size: u64, entry: &EntryBody) -> bool {
        ledger_size <= self.size && !matches!(entry, EntryBody::Envelope(bytes) if *bytes == self.envelope)
    }

    /// Which voters' frames are for whom (`known`: as found before): the digest that names those of the last recovery, and nothing for those of the founding document
    /// and whom the council set since.
    ///
    /// # Errors
    /// When the state can't be read.
    pub(crate) fn group(
        own: Option<&Self>,
        state: &StoreState,
        known: &mut Option<(u64, Vec<u8>)>,
    ) -> Result<Vec<u8>, StateError> {
        match (own, read::recovery(state)?) {
            // Leaf n may be still to come here.
            (Some(own), decided) if decided.as_ref().is_none_or(|decided| decided.index <= own.size) => {
                Ok(own.group.to_vec())
            }
            (_, Some(decided)) => {
                if let Some((_, group)) = known.as_ref().filter(|(index, _)| *index == decided.index) {
                    return Ok(group.clone());
                }
                // Not that of the founding document where it can't be read.
                let group = decided_group(state, &decided)?.ok_or_else(|| Damage {
                    what: format!("leaf {}", decided.index),
                    why: "is not the recovery that the state says".to_owned(),
                    needs_protocol: None,
                })?;
                Ok(known.insert((decided.index, group.0.to_vec())).1.clone())
            }
            (_, None) => Ok(Vec::new()),
        }
    }
}

/// What names the voters of a recovery that is in the ledger.
fn decided_group(state: &StoreState, decided: &Recovery) -> Result<Option<Digest>, StateError> {
    let leaf = mesh_governance::StateRead::leaf(state, decided.index)?;
    Ok(leaf.and_then(|leaf| LedgerLeaf::decode(&leaf).ok()).and_then(|leaf| match leaf.entry {
        LeafEntry::Envelope(bytes) => Envelope::parse(bytes).ok().map(|envelope| envelope.payload_digest()),
        LeafEntry::FeedEvent(_) => None,
    }))
}
