//! What Raft orders and what the ledger keeps.

use mesh_model::{Code, Digest, LedgerIndex, UnixMs};
use prost::Message as _;

use crate::convert::{Malformed, digest, optional_digest};
use crate::proto;

/// What a leader proposes; one entry makes one leaf per command in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The leader's clock, forced monotonic.
    pub stamp_unix_ms: UnixMs,
    /// What is to be decided.
    pub body: EntryBody,
}

/// What is to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// Exact bytes of a genesis, root or council envelope.
    Envelope(Vec<u8>),
    /// Domain commands of one feed.
    Feed(FeedBatch),
}

/// Domain commands of one feed under one signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedBatch {
    /// The feed's head as a signed note.
    pub head_note: Vec<u8>,
    /// Exact bytes of consecutive events.
    pub events: Vec<Vec<u8>>,
}

impl LedgerEntry {
    /// The entry's bytes, for Raft's log.
    pub fn encode(&self) -> Vec<u8> {
        use proto::ledger_entry::Body as M;
        let body = match &self.body {
            EntryBody::Envelope(bytes) => M::Envelope(bytes.clone()),
            EntryBody::Feed(batch) => {
                M::Feed(proto::FeedBatch { head_note: batch.head_note.clone(), events: batch.events.clone() })
            }
        };
        proto::LedgerEntry { stamp_unix_ms: self.stamp_unix_ms, body: Some(body) }.encode_to_vec()
    }

    /// Decodes entry bytes.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        use proto::ledger_entry::Body as M;
        let m = proto::LedgerEntry::decode(bytes).map_err(|error| Malformed::new("entry", error))?;
        let body = match m.body.ok_or_else(|| Malformed::missing("body"))? {
            M::Envelope(bytes) => EntryBody::Envelope(bytes),
            M::Feed(batch) => EntryBody::Feed(FeedBatch { head_note: batch.head_note, events: batch.events }),
        };
        Ok(Self { stamp_unix_ms: m.stamp_unix_ms, body })
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Accepted, or why not.
    pub code: Code,
    /// What the code is about: ids, numbers, paths. The same on every node.
    pub detail: String,
    /// SHA-256 over rule ids and results; `None` while no standard was evaluated.
    pub verdict_digest: Option<Digest>,
    /// The chained digest of the state after this leaf.
    pub state_digest: Digest,
}

/// A leaf of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLeaf {
    /// Its number.
    pub index: LedgerIndex,
    /// Ledger time.
    pub stamp_unix_ms: UnixMs,
    /// What was decided on.
    pub entry: LeafEntry,
    /// The signed head that covers this leaf and those of the same feed right before it; on a batch's last leaf.
    pub head_note: Option<Vec<u8>>,
    /// The decision.
    pub outcome: Outcome,
}

/// What was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeafEntry {
    /// Exact bytes of a genesis, root or council envelope.
    Envelope(Vec<u8>),
    /// Exact bytes of a feed event that carries a domain command.
    FeedEvent(Vec<u8>),
}

impl LedgerLeaf {
    /// The leaf's bytes. Every voter makes the same: fields in the order of their numbers, no maps, defaults left out.
    pub fn encode(&self) -> Vec<u8> {
        use proto::ledger_leaf::Entry as M;
        let entry = match &self.entry {
            LeafEntry::Envelope(bytes) => M::Envelope(bytes.clone()),
            LeafEntry::FeedEvent(bytes) => M::FeedEvent(bytes.clone()),
        };
        proto::LedgerLeaf {
            index: self.index,
            stamp_unix_ms: self.stamp_unix_ms,
            entry: Some(entry),
            head_note: self.head_note.clone().unwrap_or_default(),
            outcome: Some(proto::Outcome {
                code: self.outcome.code.number(),
                detail: self.outcome.detail.clone(),
                verdict_digest: self.outcome.verdict_digest.map_or_else(Vec::new, |digest| digest.0.to_vec()),
                state_digest: self.outcome.state_digest.0.to_vec(),
            }),
        }
        .encode_to_vec()
    }

    /// Decodes leaf bytes.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        use proto::ledger_leaf::Entry as M;
        let m = proto::LedgerLeaf::decode(bytes).map_err(|error| Malformed::new("leaf", error))?;
        let outcome = m.outcome.ok_or_else(|| Malformed::missing("outcome"))?;
        let entry = match m.entry.ok_or_else(|| Malformed::missing("entry"))? {
            M::Envelope(bytes) => LeafEntry::Envelope(bytes),
            M::FeedEvent(bytes) => LeafEntry::FeedEvent(bytes),
        };
        Ok(Self {
            index: m.index,
            stamp_unix_ms: m.stamp_unix_ms,
            entry,
            head_note: (!m.head_note.is_empty()).then_some(m.head_note),
            outcome: Outcome {
                code: Code::from_number(outcome.code)
                    .ok_or_else(|| Malformed::new("outcome.code", format!("{} is no code", outcome.code)))?,
                detail: outcome.detail,
                verdict_digest: optional_digest("outcome.verdict_digest", &outcome.verdict_digest)?,
                state_digest: digest("outcome.state_digest", &outcome.state_digest)?,
            },
        })
    }
}
