//! What a standard says of a product.

use std::fmt;
use std::fmt::Write as _;

use mesh_model::{Digest, Name, RuleSeverity, Version};
use serde::Serialize;

/// Which rules of evaluation these are. Ledger entries are judged by the ones in force at their index, for ever.
pub const EVALUATOR_VERSION: u32 = 1;

/// A rule that a product does not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which rule; the standard's id where a field doesn't fit a glossary term, identifier scheme or time convention.
    pub rule: Name,
    /// How bad that is.
    pub severity: RuleSeverity,
    /// Where in the product document, such as `fields[2].tagged_as_pii`; empty where the rule reads nothing.
    pub path: String,
    /// What stands there, for people.
    pub found: String,
    /// What is wrong, in the standard's words.
    pub message: String,
    /// How to put it right, in the standard's words.
    pub remediation: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)?;
        match self.path.as_str() {
            "" => write!(f, " ({})", self.found)?,
            path => write!(f, " ({path}: {})", self.found)?,
        }
        if !self.remediation.is_empty() {
            write!(f, "; {}", self.remediation)?;
        }
        Ok(())
    }
}

/// What one standard says of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// Which standard.
    pub standard: Name,
    /// Which version of it.
    pub version: Version,
    /// Whether it is about the product; when not, nothing was asked.
    pub applies: bool,
    /// Every rule and whether it holds, in the standard's order.
    pub results: Vec<(Name, bool)>,
    /// The rules that don't hold, in the standard's order.
    pub violations: Vec<Violation>,
}

impl Evaluation {
    /// Whether no rule is violated.
    pub fn compliant(&self) -> bool {
        self.violations.is_empty()
    }

    /// The verdict as the ledger's outcome carries it: rule ids and results, nothing that people word. The same on
    /// every node and build of one [`EVALUATOR_VERSION`].
    ///
    /// ```text
    /// mesh-policy verdict 1
    /// pii-handling@1.0.0 applies
    /// encrypted-at-rest violated
    /// retention-defined holds
    /// ```
    pub fn verdict(&self) -> Vec<u8> {
        let applies = if self.applies { "applies" } else { "not-applicable" };
        let mut text =
            format!("mesh-policy verdict {EVALUATOR_VERSION}\n{}@{} {applies}\n", self.standard, self.version);
        for (rule, holds) in &self.results {
            let result = if *holds { "holds" } else { "violated" };
            writeln!(text, "{rule} {result}").expect("a String takes all");
        }
        text.into_bytes()
    }

    /// SHA-256 of the verdict.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.verdict())
    }
}
