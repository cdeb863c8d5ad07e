//! What [`apply`](crate::apply) gives back: a leaf, changes and effects, as data.

use mesh_event::federation::AdmissionRule;
use mesh_event::proposal::WaiverScope;
use mesh_event::{LedgerLeaf, Outcome};
use mesh_model::{
    Code, Digest, DomainName, LedgerIndex, MeshId, Name, NodeId, ProductId, PublicKey, Role, UnixMs, Version, VersionId,
};

use crate::judge::Violation;
use crate::records::{DomainStatus, ProposalStatus};

/// One key of the state and its new value; `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Which.
    pub key: Vec<u8>,
    /// What it is from now on.
    pub value: Option<Vec<u8>>,
}

/// One decision. Its leaf and its changes belong into one durable batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The leaf.
    pub leaf: LedgerLeaf,
    /// Its bytes: hashed, stored and served.
    pub leaf_bytes: Vec<u8>,
    /// What changes in the state, sorted by key, each key once. The head is always among them.
    pub changes: Vec<StateChange>,
    /// What happened, for whoever projects or announces it.
    pub effects: Vec<Effect>,
}

impl Applied {
    /// The decision itself.
    pub fn outcome(&self) -> &Outcome {
        &self.leaf.outcome
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The mesh began.
    Founded {
        /// Its id.
        mesh_id: MeshId,
    },
    /// A domain was let in.
    DomainAdmitted {
        /// Which.
        domain: DomainName,
    },
    /// A key got a role.
    RoleGranted {
        /// Where; mesh-wide when absent.
        domain: Option<DomainName>,
        /// Whose.
        key: PublicKey,
        /// Which.
        role: Role,
    },
    /// A key lost its roles.
    KeyRevoked {
        /// Where; its mesh-wide roles when absent.
        domain: Option<DomainName>,
        /// Whose.
        key: PublicKey,
    },
    /// A node writes a domain's feed from now on.
    NodeDelegated {
        /// Whose feed.
        domain: DomainName,
        /// The feed's epoch.
        epoch: u64,
        /// Which node.
        node_id: NodeId,
    },
    /// A version was sealed.
    VersionSealed {
        /// Which.
        id: VersionId,
        /// Its descriptor's digest.
        digest: Digest,
    },
    /// A product or version was deprecated, or its notice was changed.
    Deprecated {
        /// Which product.
        product: ProductId,
        /// Which version; all that are sealed so far when absent.
        version: Option<Version>,
    },
    /// A product or version was retired.
    Retired {
        /// Which product.
        product: ProductId,
        /// Which version; the product when absent.
        version: Option<Version>,
    },
    /// A version was sealed although something does not hold: a warning, or a violation in its grace or under a waiver.
    Violated {
        /// Which.
        id: VersionId,
        /// What does not hold.
        violations: Vec<Violation>,
    },
    /// A proposal was opened.
    ProposalOpened {
        /// This leaf: its name.
        proposal: LedgerIndex,
        /// What is to be decided.
        kind: &'static str,
    },
    /// A key is for or against a proposal.
    Voted {
        /// Which.
        proposal: LedgerIndex,
        /// Whose.
        key: PublicKey,
        /// For, or against.
        approves: bool,
    },
    /// Somebody said something about a proposal.
    Commented {
        /// Which.
        proposal: LedgerIndex,
        /// Who.
        key: PublicKey,
    },
    /// A proposal is not open any more.
    ProposalClosed {
        /// Which.
        proposal: LedgerIndex,
        /// What became of it.
        status: ProposalStatus,
    },
    /// A version of a standard came into force.
    StandardEnacted {
        /// Which standard.
        id: Name,
        /// Which version.
        version: Version,
        /// The one that it took the place of.
        supersedes: Option<Version>,
    },
    /// A standard ended.
    StandardRetired {
        /// Which.
        id: Name,
        /// The version that was in force.
        version: Version,
    },
    /// A product or a domain was let off a standard.
    WaiverGranted {
        /// This leaf: its name.
        waiver: LedgerIndex,
        /// Which standard.
        standard: Name,
        /// For whom.
        scope: WaiverScope,
    },
    /// A waiver was taken back.
    WaiverRevoked {
        /// Which.
        waiver: LedgerIndex,
    },
    /// A domain was suspended, resumed or removed.
    DomainStanding {
        /// Which.
        domain: DomainName,
        /// Where it stands.
        status: DomainStatus,
    },
    /// Other seats or terms of the council.
    CouncilAmended {
        /// Its new version.
        version: u64,
    },
    /// A domain gets other root keys unless its root vetoes.
    RootReplacementDecided {
        /// Which.
        domain: DomainName,
        /// From when on.
        effective_unix_ms: UnixMs,
    },
    /// A domain keeps its root keys.
    RootReplacementVetoed {
        /// Which.
        domain: DomainName,
        /// The proposal that had decided otherwise.
        proposal: LedgerIndex,
    },
    /// A domain's root put other keys in its place.
    DomainKeysRotated {
        /// Which.
        domain: DomainName,
    },
    /// Other nodes order from now on.
    VotersSet {
        /// Which, ascending.
        voters: Vec<NodeId>,
    },
    /// A node was let in.
    NodeAdmitted {
        /// Its id.
        node_id: NodeId,
    },
    /// A node was taken out.
    NodeRevoked {
        /// Which.
        node_id: NodeId,
    },
    /// The council said which of two histories is the mesh's.
    ForkResolved {
        /// The size of a checkpoint of the one that stays.
        size: u64,
        /// Its root.
        root: Digest,
        /// The size of the checkpoint that is refused.
        refused_size: u64,
        /// Its root.
        refused_root: Digest,
    },
    /// Other rules apply from the next leaf on.
    ProtocolSet {
        /// Their version.
        version: u32,
    },
    /// A person's key was taken out; what it lost are effects of their own.
    MemberOffboarded {
        /// Whose.
        key: PublicKey,
        /// Of which domain; of everything when absent.
        domain: Option<DomainName>,
    },
    /// The head of a feed is in the ledger.
    FeedAnchored {
        /// Whose feed.
        domain: DomainName,
        /// The feed's epoch.
        epoch: u64,
        /// How many events the head covers.
        size: u64,
    },
    /// A node signed two histories of a feed: nothing newer of it is taken or served until its root resolves it.
    FeedContained {
        /// Whose feed.
        domain: DomainName,
        /// The feed's epoch.
        epoch: u64,
        /// Which node.
        node_id: NodeId,
    },
    /// A domain's root said which history of its feed stands.
    EquivocationResolved {
        /// Whose feed.
        domain: DomainName,
        /// The leaf that had reported it.
        report: LedgerIndex,
    },
    /// Every node deletes an attachment's body.
    Erased {
        /// Whose attachment.
        domain: DomainName,
        /// Which.
        digest: Digest,
    },
    /// Another rule says who may let nodes in beside the council.
    AdmissionRuleSet {
        /// Which.
        rule: AdmissionRule,
    },
    /// The ledger goes on from a checkpoint with other voters. A node whose own tree has another root at this size has another
    /// history, and must not take this leaf.
    VotersRecovered {
        /// The checkpoint's size.
        size: u64,
        /// Its root.
        root: Digest,
    },
    /// Nothing, and the outcome says why.
    Rejected {
        /// The outcome's code.
        code: Code,
    },
}
