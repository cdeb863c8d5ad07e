//! What the ledger answers.

use mesh_model::{Code, LedgerIndex};
use serde::{Deserialize, Serialize};

/// The outcome of one committed entry: one leaf per command in it. Blank and membership entries have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// In the order of the commands.
    pub leaves: Vec<SealedLeaf>,
}

/// One decision of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedLeaf {
    /// The leaf's number.
    pub index: LedgerIndex,
    /// Number of the outcome's [`Code`].
    code: u32,
    /// What the code is about.
    pub detail: String,
}

impl SealedLeaf {
    /// A decision.
    pub fn new(index: LedgerIndex, code: Code, detail: impl Into<String>) -> Self {
        Self { index, code: code.number(), detail: detail.into() }
    }

    /// The outcome. [`Code::UnsupportedCommand`] for a number that this build doesn't know.
    pub fn code(&self) -> Code {
        Code::from_number(self.code).unwrap_or(Code::UnsupportedCommand)
    }
}
