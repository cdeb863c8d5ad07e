//! Policy-as-code: whether a data product keeps what the council enacted. Same input, same verdict, everywhere.
//!
//! Row 1 of the workspace, on `mesh-model` alone, and pure: no clock, no files, no randomness, no hash map's order, no
//! float. Its verdicts are part of the ledger's outcomes, so every node must reach the same ones for ever
//! ([`EVALUATOR_VERSION`]).
//!
//! ```text
//! Standard   --compile--> CompiledStandard --+
//! Descriptor --of-------> Document ----------+--evaluate--> Evaluation { results, violations } --verdict--> outcome
//!                                                           Binding::at(now, …).effect(block) --> advise, warn, block
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`document`] | [`Document`]: what rules see of a product, and every path of it ([`PATHS`]) |
//! | `rule` | an expression's way from text to a compiled tree |
//! | `eval` | the evaluator, and which part of a rule is to blame |
//! | [`standard`] | [`CompiledStandard`]: all flaws at once, test cases, verdicts, references to glossary terms |
//! | [`binding`] | from when on a standard binds a product, and what a violation does |
//!
//! # Rules
//! A rule is CEL over the product document, or has the guide's forms, which become CEL:
//!
//! | the guide writes | which is |
//! |---|---|
//! | `all(x in xs: p)` | `xs.all(x, p)` |
//! | `all(x in xs where c: p)` | `xs.filter(x, c).all(x, p)` |
//! | `any(x in xs: p)`, `any(x in xs where c: p)` | the same with `exists` |
//!
//! The fixed subset: paths (`a.b`, `a[0]`, `a["b"]`), literals (texts, numbers, `true`, `false`, lists), `! && || ?:`,
//! `== != < <= > >= in`, `+ - * %`, `has`, `all`, `exists`, `exists_one`, `filter`, `map`, `size`, `startsWith`,
//! `endsWith`, `contains`, `matches` with a literal pattern, `lowerAscii`. An expression has at most 2 KiB, 256 words and
//! 16 open brackets (signs in front of a value counted with them) and conditions, before anything is parsed, and 32 levels; a name
//! that is no field of the document is an error when it is compiled.
//!
//! It differs from CEL where a mistake could let a product through:
//! - **Nothing said is a violation.** A path that is missing or null violates the rule, which names it, wherever it
//!   stands: `!` does not turn it round, `||` asks both sides, a list is asked to its end. Except in `== null`, `!= null`
//!   and `has()`. To ask only where something is said, choose: `x == null ? true : x > 5`, or `where`.
//! - **No plain yes is a no.** A result that is no truth value, a comparison of different kinds, more than a million
//!   steps ([`STEPS`]), a part that overflowed into an attachment: each is a violation that says so.
//! - **Numbers are exact** decimals; what 28 digits don't hold is a violation, and there is no division.
//! - **Patterns** work on UTF-8 bytes and know ASCII's classes only; they are found anywhere unless anchored.
//!
//! # Whose code reads a rule
//! The crate `cel` parses, at exactly one version, by its Pratt parser; that alone of it is used. Its interpreter counts no steps and goes
//! through hash maps, its numbers are floats, and its other parser (ANTLR) has overflowed the stack. Our own lexer bounds
//! the text first, and the parser then sees no word of it (`rule::syntax`): only brackets, signs and numbered names.
//!
//! Invariants:
//! - No text, document or standard makes it panic, recurse deeper than an expression has words, or take more than
//!   [`STEPS`] steps for a rule.
//! - A verdict doesn't depend on the order of a map's entries or of what else is evaluated.
//! - Nothing is decided by what lies in an attachment.

pub mod binding;
mod date;
pub mod document;
mod eval;
mod rule;
pub mod standard;
mod value;

pub use binding::{Binding, Effect, Waiver};
pub use document::{Deprecation, Document, DocumentError, FIRST_LEVEL, PATHS, document_markdown};
pub use eval::STEPS;
pub use rule::{DEPTH, EXPRESSION_BYTES, RuleError, TOKENS};
pub use standard::{
    Checksum, CompiledStandard, Conflict, EVALUATOR_VERSION, Evaluation, StandardFlaw, TestFailure, Violation,
    check_identifier, check_references, check_rules, plain_rules,
};

/// Checks one expression, for editors and `mesh standard new`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_expression(expression: &str) -> Result<(), RuleError> {
    rule::compile(expression).map(drop)
}
