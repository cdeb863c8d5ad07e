//! Why a datagram was dropped.

/// Why a datagram was dropped. All but the last two are found before its content is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DropReason {
    /// Over [`crate::PACKET_BYTES`].
    #[error("oversized")]
    Oversized,
    /// Too short for a header, or of another version.
    #[error("malformed")]
    Malformed,
    /// Of another mesh.
    #[error("wrong_mesh")]
    WrongMesh,
    /// For another node.
    #[error("wrong_receiver")]
    WrongReceiver,
    /// From a number that the ledger does not know, or the own one.
    #[error("unknown_sender")]
    UnknownSender,
    /// From a node whose key was revoked.
    #[error("revoked_sender")]
    RevokedSender,
    /// From an earlier start of its sender, or from a second process with the sender's key.
    #[error("old_generation")]
    OldGeneration,
    /// Its counter was seen.
    #[error("replayed")]
    Replayed,
    /// Its counter is further back than is remembered.
    #[error("too_old")]
    TooOld,
    /// More signatures than the machine checks in a second.
    #[error("over_budget")]
    OverBudget,
    /// Not signed by its sender.
    #[error("bad_signature")]
    BadSignature,
    /// Signed, and its content is none, or speaks for another node than the one that signed.
    #[error("bad_content")]
    BadContent,
}

impl DropReason {
    /// All reasons, in the order in which they are looked for.
    pub const ALL: [Self; 12] = [
        Self::Oversized,
        Self::Malformed,
        Self::WrongMesh,
        Self::WrongReceiver,
        Self::UnknownSender,
        Self::RevokedSender,
        Self::OldGeneration,
        Self::Replayed,
        Self::TooOld,
        Self::OverBudget,
        Self::BadSignature,
        Self::BadContent,
    ];
}
