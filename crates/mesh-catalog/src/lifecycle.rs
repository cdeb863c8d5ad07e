//! Where a product stands in its life.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a product stands in its life; what comes after active is ledger state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// On its own node only.
    Draft,
    /// In use.
    Active,
    /// Still served, with an end in sight.
    Deprecated,
    /// No longer served.
    Retired,
}

/// A word that is no life-cycle state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no status; expected one of draft, active, deprecated, retired")]
pub struct UnknownLifecycle(String);

impl Lifecycle {
    /// All states, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Active, Self::Deprecated, Self::Retired];

    /// The word that files and the command line use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Lifecycle {
    type Err = UnknownLifecycle;
    fn from_str(text: &str) -> Result<Self, UnknownLifecycle> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownLifecycle(text.chars().take(80).collect()))
    }
}
