//! The seam to the policy evaluator: what `apply` asks of it, and what it gets back.
//!
//! An evaluator is part of the rules of a protocol version: the same case gives the same verdict in every build, for ever.
//! So a node never chooses one; it is handed in here only because evaluation is another crate's matter.

use std::cell::Cell;
use std::sync::Arc;

use mesh_model::{Descriptor, Digest, LedgerIndex, Name, Standard, UnixMs, Version};

use crate::records::GrantedWaiver;

/// A version of a standard in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// All of it.
    pub standard: Arc<Standard>,
    /// `mesh_event::standard_digest` of it: the key for caches of compiled rules and of verdicts.
    pub digest: Digest,
    /// The leaf that enacted it.
    pub enacted_at: LedgerIndex,
    /// That leaf's stamp.
    pub enacted_unix_ms: UnixMs,
}

/// When a product got its first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstSealed {
    /// The leaf.
    pub index: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
}

/// What is to be judged: a version that is otherwise fit to be sealed.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The standards in force, by id; never empty.
    pub standards: &'a [InForce],
    /// The version.
    pub descriptor: &'a Descriptor,
    /// The highest sealed version below it: in its major where there is one, else below overall.
    pub previous: Option<&'a Descriptor>,
    /// When the product got its first version; `None` when this is it.
    pub first_sealed: Option<FirstSealed>,
    /// Ledger time.
    pub now: UnixMs,
    /// The waivers in force that cover the product, by the leaf that granted them.
    pub waivers: &'a [GrantedWaiver],
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The standard's id.
    pub standard: Name,
    /// Its version.
    pub version: Version,
    /// The rule's id; `None` where the standard as a whole is violated, as by its schema.
    pub rule: Option<Name>,
    /// What is wrong and how to put it right. The same in every build: it is hashed into the leaf.
    pub message: String,
    /// Whether the version is refused for it.
    pub blocks: bool,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.standard, self.version)?;
        if let Some(rule) = &self.rule {
            write!(f, " {rule}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What an evaluator says of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the version is refused.
    pub refused: bool,
    /// SHA-256 over rule ids and results; it stands in the leaf, whatever the outcome.
    pub digest: Digest,
    /// Everything that does not hold, blocking or not, by standard and rule.
    pub violations: Vec<Violation>,
}

/// A policy evaluator.
pub trait Judge {
    /// Judges a version by the standards in force.
    fn judge(&self, case: &Case<'_>) -> Verdict;

    /// Whether a standard may be enacted: its rules parse, its own test cases come out as they say, and no standard in force
    /// (without the version that this one takes the place of) would refuse one that has to pass.
    ///
    /// # Errors
    /// Every flaw, one sentence each, the same in every build.
    fn check_standard(&self, standard: &Standard, in_force: &[InForce]) -> Result<(), Vec<String>>;

    /// A decoded standard that was kept before. Only saves work.
    fn recall(&self, digest: &Digest) -> Option<Arc<Standard>> {
        let _ = digest;
        None
    }

    /// Keeps a decoded standard for [`Judge::recall`].
    fn keep(&self, digest: &Digest, standard: &Arc<Standard>) {
        let _ = (digest, standard);
    }
}

/// No evaluator: no standard can be enacted, so there is never anything to judge.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPolicy;

impl Judge for NoPolicy {
    fn judge(&self, case: &Case<'_>) -> Verdict {
        let violations: Vec<Violation> = (case.standards.iter())
            .map(|standard| Violation {
                standard: standard.standard.id.clone(),
                version: standard.standard.version,
                rule: None,
                message: "this build cannot evaluate it".to_owned(),
                blocks: true,
            })
            .collect();
        Verdict { refused: true, digest: Digest::of(b"no policy"), violations }
    }

    fn check_standard(&self, _: &Standard, _: &[InForce]) -> Result<(), Vec<String>> {
        Err(vec!["this build cannot evaluate standards".to_owned()])
    }
}

/// The evaluator while one command is decided, and the digest of what it said.
pub(crate) struct Bench<'a> {
    pub(crate) judge: &'a dyn Judge,
    verdict: Cell<Option<Digest>>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(judge: &'a dyn Judge) -> Self {
        Self { judge, verdict: Cell::new(None) }
    }

    /// Judges a case, and remembers the digest for the leaf.
    pub(crate) fn hear(&self, case: &Case<'_>) -> Verdict {
        let verdict = self.judge.judge(case);
        self.verdict.set(Some(verdict.digest));
        verdict
    }

    /// The digest of the verdict, if there was one.
    pub(crate) fn verdict(&self) -> Option<Digest> {
        self.verdict.get()
    }
}
