//! Commands of a mesh of many nodes: feeds that are anchored, forked and resolved, nodes that domains vouch for, voters after a lost
//! quorum, attachments that are erased. They exist from protocol 2 on ([`FEDERATION_PROTOCOL`]).

use mesh_model::{Digest, DomainName, LedgerIndex, NodeId};
use mesh_tlog::Hash;
use serde::{Deserialize, Serialize};

use crate::feed_fork::FeedForkProof;
use crate::genesis::NodeRecord;

/// The first protocol version that has these commands.
pub const FEDERATION_PROTOCOL: u32 = 2;

/// Put the head of a feed into the ledger: nothing in the feed can be dated back behind it. Signed by the node that writes the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedAnchor {
    /// Whose feed.
    pub domain: DomainName,
    /// The epoch in force.
    pub epoch: u64,
    /// How many ledger leaves the node had applied; events behind the head name no smaller size.
    pub ledger_size: u64,
    /// The signed head.
    pub head_note: Vec<u8>,
}

/// Show that a node signed two histories of one feed. Any node, seat, root key or role holder may: the proof speaks for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEquivocation {
    /// Both heads, and why they contradict each other.
    pub proof: FeedForkProof,
}

/// Say which history of a forked feed stands, and open the epoch that continues it. Signed by the domain's root threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveEquivocation {
    /// Whose feed.
    pub domain: DomainName,
    /// The leaf that reported it.
    pub report: LedgerIndex,
    /// The head that stands: its size.
    pub head_size: u64,
    /// Its root.
    pub head_root: Digest,
    /// The node that goes on.
    pub node_id: NodeId,
    /// The new epoch: the one in force + 1.
    pub epoch: u64,
    /// Why. Never a person's name.
    pub reason: String,
}

/// Delete the body of an attachment on every node; its digest stays where it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// The domain whose attachment it is.
    pub domain: DomainName,
    /// The attachment, as descriptors name it.
    pub digest: Digest,
    /// Why. Never a person's name.
    pub reason: String,
}

/// Who may let nodes in beside the council.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AdmissionRule {
    /// Nobody.
    #[default]
    Off,
    /// A domain's root, to its threshold: so many nodes, not counting revoked ones.
    DomainRoot {
        /// At least 1.
        nodes_per_domain: u32,
    },
}

/// Let in a node for which a domain's root vouches, by the rule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmitVouchedNode {
    /// The domain that vouches.
    pub domain: DomainName,
    /// Its join request, with node id 0.
    pub node: NodeRecord,
}

/// Go on with other voters after a lost quorum, right behind the largest counting checkpoint. Signed by the council's threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverVoters {
    /// 1, 3, 5 or 7, by ascending id; at most one is new, has node id 0 and stands last.
    pub voters: Vec<NodeRecord>,
    /// The checkpoint: how many leaves it covers. This command is the next one.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Why.
    pub reason: String,
}
