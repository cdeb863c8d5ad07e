//! Council matters: what is proposed, and how seats answer.
//!
//! A proposal is opened by [`Propose`] and named by the index of that leaf. Whoever answers names the digest of its exact
//! payload bytes too: a signature counts for what was read, not for a number.

use mesh_model::{Digest, DomainName, LedgerIndex, Name, NodeId, ProductId, PublicKey, Standard, UnixMs, Version};
use serde::{Deserialize, Serialize};

use crate::command::{DomainAdmission, RoleGrant};
use crate::federation::{AdmissionRule, FEDERATION_PROTOCOL};
use crate::genesis::{Council, NodeRecord};

/// Open a council matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propose {
    /// What is to be decided.
    pub body: ProposalBody,
    /// Until when it may be approved, in ledger time; at most 90 days away.
    pub closes_unix_ms: UnixMs,
    /// What it means for people and products, for those who are to sign.
    pub summary: String,
    /// The council's version that is to decide.
    pub council_version: u64,
}

/// What is to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProposalBody {
    /// Put a version of a standard in force.
    EnactStandard(EnactStandard),
    /// End a standard.
    RetireStandard(RetireStandard),
    /// Let domains in, all or none.
    AdmitDomains(Vec<DomainAdmission>),
    /// Keep a domain from acting until it is resumed.
    SuspendDomain(DomainStanding),
    /// Let a suspended domain act again.
    ResumeDomain(DomainStanding),
    /// End a domain for good; its name stays taken.
    RemoveDomain(DomainStanding),
    /// Change who decides.
    AmendCouncil(AmendCouncil),
    /// Let a product or a domain off a standard for some time.
    Waive(Waive),
    /// Take a waiver back.
    RevokeWaiver(RevokeWaiver),
    /// Give a domain that lost its root keys others.
    ReplaceDomainRoot(ReplaceDomainRoot),
    /// Choose who orders.
    SetVoters(SetVoters),
    /// Let a node in; its id is given by the ledger.
    AdmitNode(NodeRecord),
    /// Take a node out.
    RevokeNode(RevokeNode),
    /// Switch to the next protocol version.
    SetProtocol(SetProtocol),
    /// Grant a role for the whole mesh.
    GrantRole(RoleGrant),
    /// Say which of two histories is the mesh's.
    ResolveFork(ResolveFork),
    /// Say who may let nodes in beside the council.
    SetAdmissionRule(AdmissionRule),
}

/// Put a version of a standard in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnactStandard {
    /// All of it.
    pub standard: Standard,
    /// The version in force that it takes the place of; `None` when none is.
    pub supersedes: Option<Version>,
}

/// End a standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetireStandard {
    /// Which.
    pub id: Name,
    /// The version in force that this ends.
    pub version: Version,
    /// Why.
    pub reason: String,
}

/// Suspend, resume or remove a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainStanding {
    /// Which.
    pub domain: DomainName,
    /// Why.
    pub reason: String,
}

/// Change who decides. Needs the threshold of the council in force and of the new one; each new key signs the proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendCouncil {
    /// The whole new council.
    pub council: Council,
    /// How long a proposal is open before it can take effect, in milliseconds of ledger time; at most 30 days.
    pub min_review_ms: u64,
    /// The whole new list.
    pub recovery_keys: Vec<PublicKey>,
}

/// What a waiver is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WaiverScope {
    /// One product, all its versions.
    Product(ProductId),
    /// All products of a domain.
    Domain(DomainName),
}

impl WaiverScope {
    /// The domain that it lies in.
    pub fn domain(&self) -> &DomainName {
        match self {
            Self::Product(id) => &id.domain,
            Self::Domain(name) => name,
        }
    }

    /// Whether it covers a product.
    pub fn covers(&self, product: &ProductId) -> bool {
        match self {
            Self::Product(id) => id == product,
            Self::Domain(name) => *name == product.domain,
        }
    }
}

impl std::fmt::Display for WaiverScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Product(id) => write!(f, "{id}"),
            Self::Domain(name) => write!(f, "{name}"),
        }
    }
}

/// Let a product or a domain off a standard for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waive {
    /// The standard's id, whatever version is in force.
    pub standard: Name,
    /// For whom.
    pub scope: WaiverScope,
    /// Why.
    pub reason: String,
    /// Until when, in ledger time; at most 366 days away.
    pub expires_unix_ms: UnixMs,
}

/// Take a waiver back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeWaiver {
    /// The leaf that granted it.
    pub waiver: LedgerIndex,
    /// Why.
    pub reason: String,
}

/// Give a domain other root keys, 72 hours after the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceDomainRoot {
    /// Which.
    pub domain: DomainName,
    /// Who speaks for it then.
    pub root_keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub root_threshold: u32,
    /// Why.
    pub reason: String,
}

/// Choose who orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetVoters {
    /// 1, 3, 5 or 7 nodes, ascending.
    pub voters: Vec<NodeId>,
    /// The voters in force that this changes.
    pub replaces: Vec<NodeId>,
}

/// Take a node out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeNode {
    /// Which.
    pub node_id: NodeId,
    /// Why.
    pub reason: String,
}

/// Switch to the next protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetProtocol {
    /// The version in force + 1.
    pub protocol_version: u32,
}

impl SetProtocol {
    /// What [`ProposalBody::kind`] says of it.
    pub const KIND: &'static str = "SetProtocol";
}

/// Say which of two histories is the mesh's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveFork {
    /// SHA-256 of the fork proof, a text file.
    pub proof: Digest,
    /// The checkpoint of the history that stays: its size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The checkpoint that is refused: its size.
    pub refused_size: u64,
    /// Its root.
    pub refused_root: Digest,
    /// Why.
    pub reason: String,
}

/// Be for a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    /// The leaf that opened it.
    pub proposal: LedgerIndex,
    /// SHA-256 of the payload bytes of its Propose.
    pub digest: Digest,
    /// The council's version that decides.
    pub council_version: u64,
}

/// Be against a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The leaf that opened it.
    pub proposal: LedgerIndex,
    /// SHA-256 of the payload bytes of its Propose.
    pub digest: Digest,
    /// The council's version that decides.
    pub council_version: u64,
    /// Why.
    pub reason: String,
}

/// Take one's own proposal back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// The leaf that opened it.
    pub proposal: LedgerIndex,
    /// Why.
    pub reason: String,
}

/// Say something about a proposal. It stays in the ledger for ever: never a person's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The leaf that opened it.
    pub proposal: LedgerIndex,
    /// What.
    pub text: String,
}

impl ProposalBody {
    /// The matter's name, as histories and lists show it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::EnactStandard(_) => "EnactStandard",
            Self::RetireStandard(_) => "RetireStandard",
            Self::AdmitDomains(_) => "AdmitDomain",
            Self::SuspendDomain(_) => "SuspendDomain",
            Self::ResumeDomain(_) => "ResumeDomain",
            Self::RemoveDomain(_) => "RemoveDomain",
            Self::AmendCouncil(_) => "AmendCouncil",
            Self::Waive(_) => "Waive",
            Self::RevokeWaiver(_) => "RevokeWaiver",
            Self::ReplaceDomainRoot(_) => "ReplaceDomainRoot",
            Self::SetVoters(_) => "SetVoters",
            Self::AdmitNode(_) => "AdmitNode",
            Self::RevokeNode(_) => "RevokeNode",
            Self::SetProtocol(_) => SetProtocol::KIND,
            Self::GrantRole(_) => "GrantRole",
            Self::ResolveFork(_) => "ResolveFork",
            Self::SetAdmissionRule(_) => "SetAdmissionRule",
        }
    }

    /// What it is about, for lists: an id, a domain, a node.
    pub fn subject(&self) -> String {
        match self {
            Self::EnactStandard(body) => format!("{}@{}", body.standard.id, body.standard.version),
            Self::RetireStandard(body) => format!("{}@{}", body.id, body.version),
            Self::AdmitDomains(list) => list.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", "),
            Self::SuspendDomain(body) | Self::ResumeDomain(body) | Self::RemoveDomain(body) => body.domain.to_string(),
            Self::AmendCouncil(body) => format!("{} of {} seats", body.council.threshold, body.council.seats.len()),
            Self::Waive(body) => format!("{} for {}", body.standard, body.scope),
            Self::RevokeWaiver(body) => format!("waiver {}", body.waiver),
            Self::ReplaceDomainRoot(body) => body.domain.to_string(),
            Self::SetVoters(body) => body.voters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Self::AdmitNode(record) => record.name.clone(),
            Self::RevokeNode(body) => format!("node {}", body.node_id),
            Self::SetProtocol(body) => format!("version {}", body.protocol_version),
            Self::GrantRole(grant) => format!("{} to {}", grant.role, grant.key.fingerprint()),
            Self::ResolveFork(body) => format!("{} at size {}", body.root.short(), body.size),
            Self::SetAdmissionRule(AdmissionRule::Off) => "the council alone".to_owned(),
            Self::SetAdmissionRule(AdmissionRule::DomainRoot { nodes_per_domain }) => {
                format!("{nodes_per_domain} nodes for each domain")
            }
        }
    }

    /// The keys that it names for a place: those that do not have it yet must sign the proposal (possession). A node's keys sign
    /// its record instead.
    pub fn named_keys(&self) -> Vec<PublicKey> {
        match self {
            Self::AdmitDomains(list) => (list.iter())
                .flat_map(|domain| domain.root_keys.iter().copied().chain(domain.roles.iter().map(|grant| grant.key)))
                .collect(),
            Self::AmendCouncil(body) => {
                body.council.seats.iter().map(|seat| seat.key).chain(body.recovery_keys.iter().copied()).collect()
            }
            Self::ReplaceDomainRoot(body) => body.root_keys.clone(),
            Self::GrantRole(grant) => vec![grant.key],
            _ => Vec::new(),
        }
    }

    /// The first protocol version that has it.
    pub const fn since_protocol(&self) -> u32 {
        match self {
            Self::SetAdmissionRule(_) => FEDERATION_PROTOCOL,
            _ => 1,
        }
    }

    /// Whether it stops harm and so need not wait for the council's review time.
    pub const fn is_urgent(&self) -> bool {
        matches!(self, Self::SuspendDomain(_) | Self::RevokeNode(_) | Self::ResolveFork(_))
    }
}
