//! Why a proposal has no leaf to show.

use mesh_governance::Rejection;
use mesh_model::Code;

/// Why a proposal has no leaf to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// The leader refused it, as `apply` would. Nothing happened.
    #[error("the ledger would not take it ({code}): {detail}")]
    Refused {
        /// The stable code.
        code: Code,
        /// What it is about.
        detail: String,
    },
    /// Over the size of an entry. Nothing happened.
    #[error("an entry has {found} bytes; at most {max} are taken")]
    TooLarge {
        /// The limit.
        max: usize,
        /// What came.
        found: usize,
    },
    /// As much waits as may wait. Nothing happened.
    #[error("the queue to the ledger is full; nothing happened")]
    QueueFull,
    /// It was not handed to Raft in time. Nothing happened.
    #[error("the ledger does not take entries now: {why}; nothing happened")]
    Unavailable {
        /// What is missing.
        why: String,
    },
    /// It was handed to Raft and no answer came. It may be in the ledger now, later, or never. To propose the same again is safe.
    #[error("the outcome is unknown: {why}; it may still take effect")]
    OutcomeUnknown {
        /// What went wrong.
        why: String,
    },
}

impl ProposeError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => *code,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::QueueFull => Code::QueueFull,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
        }
    }

    /// Whether it is certain that nothing happened.
    pub fn nothing_happened(&self) -> bool {
        !matches!(self, Self::OutcomeUnknown { .. })
    }

    pub(crate) fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable { why: why.into() }
    }

    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self::OutcomeUnknown { why: why.into() }
    }
}

impl From<Rejection> for ProposeError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused { code: rejection.code, detail: rejection.detail }
    }
}
