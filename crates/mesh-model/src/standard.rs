//! A standard: what the council enacts and every node enforces.
//!
//! The council signs a whole standard, text and rules and test cases, so that nobody has to trust a copy of it. What the rules mean is
//! the policy crate's business; here they are text.

use serde::{Deserialize, Serialize};

use crate::{JsonText, Name, Version};

/// One version of a standard. Versions supersede each other; a retired one stays in history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// Names the standard for good, such as `pii-handling`.
    pub id: Name,
    /// Which version; a later one is higher.
    pub version: Version,
    /// One line for lists.
    pub title: String,
    /// What kind of agreement it is.
    pub kind: StandardKind,
    /// What is agreed and why, for people. Markdown.
    pub text: String,
    /// Which products it is about: a rule expression; empty means all.
    #[serde(default)]
    pub selector: String,
    /// What must hold.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// What a violation does.
    pub enforcement: Enforcement,
    /// First day on which it binds, `YYYY-MM-DD` in UTC; empty means from enactment.
    #[serde(default)]
    pub effective_from: String,
    /// Days after the effective date in which products that were sealed before enactment are warned, not refused. At most 730.
    #[serde(default)]
    pub grace_days: u16,
    /// Products that must pass and products that must fail.
    #[serde(default)]
    pub tests: Vec<TestCase>,
    /// What a kind needs beside rules.
    #[serde(default)]
    pub detail: Option<StandardDetail>,
}

/// The five kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandardKind {
    /// What products must do.
    Policy,
    /// What shape data must have.
    Schema,
    /// What a word means across domains.
    GlossaryTerm,
    /// How an entity is identified across domains.
    Identifier,
    /// How something is always done, such as time.
    Convention,
}

/// What a violation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// It is recorded.
    Advise,
    /// It is recorded and whoever publishes is told.
    Warn,
    /// The version is refused.
    Block,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule within its standard.
    pub id: Name,
    /// The expression: CEL over the product document, or one of the guide's forms. At most 2 KiB.
    pub expression: String,
    /// How bad it is when it does not hold.
    pub severity: RuleSeverity,
    /// What is wrong then, for people.
    pub message: String,
    /// How to put it right.
    pub remediation: String,
}

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSeverity {
    /// Worth knowing.
    Low,
    /// To be put right.
    Medium,
    /// To be put right soon.
    High,
    /// To be put right at once.
    Critical,
}

/// A product that the standard must accept or must refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// What the case shows.
    pub name: String,
    /// Whether the product must pass or fail.
    pub expect: Expectation,
    /// The product document, as rules see it.
    pub product: JsonText,
}

/// What a test case expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// No rule is violated.
    Pass,
    /// At least one is.
    Fail,
}

/// What a kind needs beside rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StandardDetail {
    /// Of a glossary term.
    GlossaryTerm {
        /// What the word means.
        definition: String,
        /// Other words for it.
        #[serde(default)]
        synonyms: Vec<String>,
        /// The domain that answers questions about it.
        owner: String,
        /// The type that a field with this meaning has; empty where it does not matter.
        #[serde(default)]
        data_type: String,
    },
    /// Of an identifier scheme.
    Identifier {
        /// What is identified.
        entity: String,
        /// A regular expression that every value matches as a whole.
        pattern: String,
        /// How the check digit is made: `none`, `luhn`, `mod97` or `mod11`.
        #[serde(default)]
        checksum: String,
        /// Values that are well formed.
        #[serde(default)]
        examples: Vec<String>,
        /// The type that a field with such values has.
        #[serde(default)]
        data_type: String,
    },
    /// Of a time convention.
    Time {
        /// An IANA time zone, such as `UTC`.
        zone: String,
        /// The finest step, such as `PT1S` or `P1D` (ISO 8601).
        granularity: String,
        /// The calendar, such as `gregorian`.
        calendar: String,
        /// Whether it is `event` or `processing` time.
        time: String,
    },
    /// Of a schema.
    Schema {
        /// A JSON Schema (draft 2020-12) that the product document meets.
        json_schema: JsonText,
    },
}
