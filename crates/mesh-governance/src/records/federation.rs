//! Heads of feeds in the ledger, forked feeds, epochs that are over, erased attachments, nodes that domains vouched for, recovered
//! voters. Written under protocol 2 and later.

use mesh_event::{FeedHead, FeedId};
use mesh_model::{Code, Digest, DomainName, LedgerIndex, NodeId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

use super::{Delegation, FeedCursor};
use crate::decision::Rejection;

/// The newest head of a feed that is in the ledger: from a batch of its commands, or anchored. The events under it were there when
/// the leaf was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// How many events it covers.
    pub size: u64,
    /// Their root.
    pub root: Digest,
    /// The leaf hash of the last one.
    pub last_leaf: Digest,
    /// The leaf that carries it.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// The last anchor.
    pub fence: Option<AnchorFence>,
}

/// What an anchor says of events behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorFence {
    /// From this event on...
    pub size: u64,
    /// ... none names a smaller ledger size.
    pub ledger_size: u64,
    /// The leaf of the anchor.
    pub index: LedgerIndex,
}

impl LedgerHead {
    /// A verified head that this leaf carries.
    pub(crate) fn of(head: &FeedHead, index: LedgerIndex, stamp_unix_ms: UnixMs, fence: Option<AnchorFence>) -> Self {
        let (root, last_leaf) = (Digest(*head.root.as_bytes()), Digest(*head.last_leaf.as_bytes()));
        Self { size: head.size, root, last_leaf, index, stamp_unix_ms, fence }
    }

    /// Whether another head of the same feed cannot be true beside it, as far as one sees without a proof.
    pub(crate) fn contradicts(&self, other: &FeedHead) -> bool {
        self.size == other.size && self.root != Digest(*other.root.as_bytes())
    }

    /// What is said of a head that contradicts it.
    pub(crate) fn contradiction(&self, feed: &FeedId) -> Rejection {
        let detail = format!(
            "the head of feed {}/{} with {} events is another than the one at index {}: report both",
            feed.domain, feed.epoch, self.size, self.index
        );
        Rejection::new(Code::BadAnchor, detail)
    }
}

/// A proof that a domain's node signed two histories of its feed. Until the domain's root says which stands, nothing newer is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// Whose feed.
    pub domain: DomainName,
    /// The epoch.
    pub epoch: u64,
    /// The node that signed both.
    pub node_id: NodeId,
    /// The leaf that carries the proof: the report's name.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// Who reported it.
    pub reporter: PublicKey,
    /// Size and root of both heads, by size.
    pub heads: [(u64, Digest); 2],
    /// What the larger head's tree has at the smaller size.
    pub root_at_smaller: Digest,
}

impl Containment {
    /// What is said of commands that come after it.
    pub(crate) fn refusal(&self) -> Rejection {
        let detail = format!(
            "node {} signed two histories of feed {}/{}, as index {} shows",
            self.node_id, self.domain, self.epoch, self.index
        );
        Rejection::new(Code::FeedContained, detail)
    }
}

/// An epoch of a feed that is over: what the ledger took of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedEpoch {
    /// Who wrote it, since when, and what it continued.
    pub delegation: Delegation,
    /// How far the ledger took its commands.
    pub cursor: FeedCursor,
    /// The leaf that ended it.
    pub ended_at: LedgerIndex,
    /// How many of its events the next epoch continues: later ones are orphans.
    pub kept_size: u64,
    /// Its root at that size; `None` for none.
    pub kept_root: Option<Digest>,
}

/// An attachment whose body every node deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Whose attachment.
    pub domain: DomainName,
    /// Which.
    pub digest: Digest,
    /// Who asked for it.
    pub author: PublicKey,
    /// The leaf that decided it.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// Why.
    pub reason: String,
}

/// Nodes for which a domain vouched, by id; those that were revoked since may still stand here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Vouched(pub Vec<NodeId>);

/// Voters that the council chose after a lost quorum: the ledger was refounded on this checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The leaf that says so; also the checkpoint's size.
    pub index: LedgerIndex,
    /// The checkpoint's root. Whoever has the leaves before compares it with theirs.
    pub root: Digest,
    /// Why.
    pub reason: String,
}
