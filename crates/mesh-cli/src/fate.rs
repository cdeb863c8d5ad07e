//! What became of a command that did not succeed.

use mesh_model::{Class, Code};

/// What became of a product that was not published as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The mesh decided against it.
    Refused,
    /// It may have taken effect, or may yet.
    Unknown,
    /// Nothing happened.
    NotSent,
}

impl Fate {
    /// What a code says about a command that was to be sent.
    pub(crate) fn of(code: Code) -> Self {
        match code.class() {
            _ if code == Code::OutcomeUnknown => Self::Unknown,
            Class::Unavailable => Self::NotSent,
            Class::Internal | Class::Pending => Self::Unknown,
            _ => Self::Refused,
        }
    }

    /// For sentences.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::NotSent => "not sent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_decision_of_the_mesh_is_a_refusal() {
        for (code, fate) in [
            (Code::BreakingChange, Fate::Refused),
            (Code::WrongRole, Fate::Refused),
            (Code::StalePlan, Fate::Refused),
            (Code::OutcomeUnknown, Fate::Unknown),
            (Code::StorageFailed, Fate::Unknown),
            (Code::HomeUnreachable, Fate::NotSent),
            (Code::Unreachable, Fate::NotSent),
        ] {
            assert_eq!(Fate::of(code), fate, "{code}");
        }
    }
}
