//! Why an evaluation ended without a value.

/// Whatever it is, the rule is violated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A path is read of which nothing is said.
    Missing {
        /// The whole path.
        path: String,
    },
    /// A path is read that lies in an attachment.
    Elsewhere {
        /// The whole path.
        path: String,
    },
    /// A value of another kind is needed.
    Kind {
        /// What stands there; empty for what is no path.
        path: String,
        /// What is needed.
        expected: &'static str,
        /// What it is.
        found: String,
        /// The character of the expression, counted from 1.
        position: usize,
    },
    /// More work than a rule may make.
    Budget,
}

impl Fault {
    /// The path that it is about; empty where there is none.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Missing { path } | Self::Elsewhere { path } | Self::Kind { path, .. } => path.clone(),
            Self::Budget => String::new(),
        }
    }

    /// What was found, for people.
    pub(crate) fn found(&self) -> String {
        match self {
            Self::Missing { .. } => "nothing is said about it".into(),
            Self::Elsewhere { .. } => "it lies in an attachment, which rules don't read".into(),
            Self::Kind { expected, found, position, .. } => {
                format!("the rule needs {expected} at its character {position}, and this is {found}")
            }
            Self::Budget => format!("the rule takes more than {} steps for this product", super::STEPS),
        }
    }
}
