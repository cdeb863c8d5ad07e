//! The council's own terms, proposals, votes and comments.

use mesh_model::{Digest, LedgerIndex, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

/// What the council set for itself beside its seats. Absent until the council is first amended, unless its founding document sets a
/// review time: then nothing needs review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// How long a proposal is open before it can take effect, in milliseconds of ledger time.
    pub min_review_ms: u64,
    /// The leaf that last changed the council.
    pub amended_at: LedgerIndex,
    /// That leaf's stamp.
    pub amended_unix_ms: UnixMs,
}

/// Who decides a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Electorate {
    /// The seats of the council in force; for a new council, its seats too.
    Council,
    /// More than half of the recovery keys, and the seats of the new council, once the council in force has not answered for 72
    /// hours.
    Recovery,
}

/// A key that was for or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Whose.
    pub key: PublicKey,
    /// The leaf that said so.
    pub index: LedgerIndex,
}

/// Why a proposal lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lapse {
    /// Its closing date came.
    Closed,
    /// The council changed.
    CouncilChanged,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProposalStatus {
    /// It may be approved.
    Open,
    /// It took effect.
    Enacted {
        /// The leaf of the approval that completed it.
        index: LedgerIndex,
        /// That leaf's stamp.
        stamp_unix_ms: UnixMs,
    },
    /// So many were against that it cannot take effect.
    Rejected {
        /// The leaf of the last rejection.
        index: LedgerIndex,
    },
    /// Its author took it back.
    Withdrawn {
        /// The leaf that said so.
        index: LedgerIndex,
    },
    /// It can no longer be approved; its approvals count for nothing.
    Lapsed {
        /// The leaf that found it so; `None` when no command has since then.
        index: Option<LedgerIndex>,
        /// Why.
        why: Lapse,
    },
}

impl ProposalStatus {
    /// The word that people and JSON see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Enacted { .. } => "enacted",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Lapsed { .. } => "lapsed",
        }
    }
}

impl std::fmt::Display for ProposalStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("is open"),
            Self::Enacted { index, .. } => write!(f, "was enacted at index {index}"),
            Self::Rejected { index } => write!(f, "was rejected at index {index}"),
            Self::Withdrawn { index } => write!(f, "was withdrawn at index {index}"),
            Self::Lapsed { why: Lapse::Closed, .. } => f.write_str("lapsed: its closing date is past"),
            Self::Lapsed { why: Lapse::CouncilChanged, .. } => f.write_str("lapsed: the council changed"),
        }
    }
}

/// A proposal: everything but its body, which its leaf carries and, while it is open, a record of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The leaf that opened it: its name.
    pub index: LedgerIndex,
    /// SHA-256 of the payload bytes of its Propose.
    pub digest: Digest,
    /// `mesh_event::ProposalBody::kind`.
    pub kind: String,
    /// `mesh_event::ProposalBody::subject`.
    pub subject: String,
    /// What it means, in its author's words.
    pub summary: String,
    /// Who opened it.
    pub author: PublicKey,
    /// Who decides it.
    pub electorate: Electorate,
    /// The council's version that decides.
    pub council_version: u64,
    /// When it was opened.
    pub opened_unix_ms: UnixMs,
    /// Before this it takes no effect.
    pub review_until_unix_ms: UnixMs,
    /// After this it takes no effect.
    pub closes_unix_ms: UnixMs,
    /// Who signed the Propose: the keys that it adds are among them.
    pub witnesses: Vec<PublicKey>,
    /// Who is for it, each key once.
    pub approvals: Vec<Vote>,
    /// Who is against it, each key once.
    pub rejections: Vec<Vote>,
    /// How many comments it has.
    pub comments: u32,
    /// Where it stood when a command last touched it; [`Proposal::status_at`] knows what time did since.
    pub status: ProposalStatus,
}

impl Proposal {
    /// Where it stands at this ledger time.
    pub fn status_at(&self, now: UnixMs) -> ProposalStatus {
        match self.status {
            ProposalStatus::Open if now > self.closes_unix_ms => {
                ProposalStatus::Lapsed { index: None, why: Lapse::Closed }
            }
            status => status,
        }
    }

    /// Whether the key is for it.
    pub fn is_approved_by(&self, key: &PublicKey) -> bool {
        self.approvals.iter().any(|vote| vote.key == *key)
    }

    /// Whether the key is against it.
    pub fn is_rejected_by(&self, key: &PublicKey) -> bool {
        self.rejections.iter().any(|vote| vote.key == *key)
    }
}

/// Something that was said about a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Whose.
    pub key: PublicKey,
    /// The leaf that carries it.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// What.
    pub text: String,
}
