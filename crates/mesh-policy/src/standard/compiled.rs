//! A standard that can be asked.

use std::fmt;

use mesh_model::{Enforcement, Expectation, Name, Rule, Standard, StandardDetail};

use super::schema::Schema;
use super::{Evaluation, StandardFlaw, Violation, check};
use crate::document::Document;
use crate::eval::{Blame, Evaluator, blame};
use crate::rule::{self, Node};

/// A standard whose expressions are compiled and whose details were checked. It never changes; share it behind an `Arc`.
#[derive(Debug, Clone)]
pub struct CompiledStandard {
    standard: Standard,
    selector: Option<Node>,
    rules: Vec<CompiledRule>,
    schema: Option<Schema>,
}

/// A rule with its expression compiled.
#[derive(Debug, Clone)]
struct CompiledRule {
    rule: Rule,
    node: Node,
}

/// A test case whose product the standard judges otherwise than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// Which case.
    pub test: String,
    /// What it expects.
    pub expect: Expectation,
    /// What the standard says: violations of a product that must pass, none of one that must fail.
    pub violations: Vec<Violation>,
}

/// A product that must pass a standard, and that another one refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The test case that must pass.
    pub test: String,
    /// What the other standard says of its product.
    pub evaluation: Evaluation,
}

impl CompiledStandard {
    /// Checks and compiles a standard.
    ///
    /// # Errors
    /// Everything that is wrong with it at once, in the order of its fields: dates, sizes, duplicate ids, expressions,
    /// patterns, test cases that are no products, details that don't fit the kind. Whether its test cases come out as
    /// they say is asked by [`CompiledStandard::run_tests`].
    pub fn compile(standard: &Standard) -> Result<Self, Vec<StandardFlaw>> {
        let mut flaws = check::check(standard);
        let selector = match standard.selector.trim() {
            "" => None,
            _ => match rule::compile(&standard.selector) {
                Ok(node) => Some(node),
                Err(error) => {
                    flaws.push(StandardFlaw::rule("selector", error));
                    None
                }
            },
        };
        let rules = compile_rules(&standard.rules, &mut flaws);
        let schema = match &standard.detail {
            Some(StandardDetail::Schema { json_schema }) => Schema::compile(&json_schema.value()).ok(),
            _ => None,
        };
        if flaws.is_empty() { Ok(Self { standard: standard.clone(), selector, rules, schema }) } else { Err(flaws) }
    }

    /// The standard.
    pub fn standard(&self) -> &Standard {
        &self.standard
    }

    /// Whether the standard is about a product. A selector that gives no answer, as when it reads what the product does
    /// not say, selects it: who says nothing does not get away.
    pub fn applies(&self, document: &Document) -> bool {
        let Some(selector) = &self.selector else { return true };
        Evaluator::new(document.root()).truth(selector).unwrap_or(true)
    }

    /// Every rule asked, where the standard is about the product.
    pub fn evaluate(&self, document: &Document) -> Evaluation {
        let applies = self.applies(document);
        let mut evaluation = Evaluation {
            standard: self.standard.id.clone(),
            version: self.standard.version,
            applies,
            results: Vec::new(),
            violations: Vec::new(),
        };
        if !applies {
            return evaluation;
        }
        for rule in &self.rules {
            let violation = rule.ask(document);
            evaluation.results.push((rule.rule.id.clone(), violation.is_none()));
            evaluation.violations.extend(violation);
        }
        if let Some(schema) = &self.schema {
            let violations = schema.ask(&self.standard, document);
            evaluation.results.push((self.standard.id.clone(), violations.is_empty()));
            evaluation.violations.extend(violations);
        }
        evaluation
    }

    /// The test cases whose products are not judged as they say; none when all is well.
    pub fn run_tests(&self) -> Vec<TestFailure> {
        let failure = |test: &mesh_model::TestCase| {
            let document = Document::of_json(&test.product).expect("parsed when the standard was compiled");
            let violations = self.evaluate(&document).violations;
            let as_said = violations.is_empty() == (test.expect == Expectation::Pass);
            (!as_said).then(|| TestFailure { test: test.name.clone(), expect: test.expect, violations })
        };
        self.standard.tests.iter().filter_map(failure).collect()
    }

    /// The products that must pass this standard, and that one of those in force would refuse.
    pub fn conflicts<'s>(&self, in_force: impl IntoIterator<Item = &'s Self>) -> Vec<Conflict> {
        let passing: Vec<_> = self.standard.tests.iter().filter(|test| test.expect == Expectation::Pass).collect();
        let mut conflicts = Vec::new();
        for other in in_force {
            // An earlier version of the same standard is what this one takes the place of.
            if other.standard.enforcement != Enforcement::Block || other.standard.id == self.standard.id {
                continue;
            }
            for test in &passing {
                let document = Document::of_json(&test.product).expect("parsed when the standard was compiled");
                let evaluation = other.evaluate(&document);
                if !evaluation.compliant() {
                    conflicts.push(Conflict { test: test.name.clone(), evaluation });
                }
            }
        }
        conflicts
    }
}

/// Asks rules of a product once, without a standard around them: `mesh policy check`, and `enforce` in Python.
///
/// # Errors
/// Everything that is wrong with the rules, at once.
pub fn check_rules(rules: &[Rule], document: &Document) -> Result<Vec<Violation>, Vec<StandardFlaw>> {
    let mut flaws = Vec::new();
    let compiled = compile_rules(rules, &mut flaws);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    Ok(compiled.iter().filter_map(|rule| rule.ask(document)).collect())
}

/// Rules of bare expressions, as the guide's `Policy` has them: `rule-1`, `rule-2`, …, each with itself as its message.
pub fn plain_rules<'e>(expressions: impl IntoIterator<Item = &'e str>) -> Vec<Rule> {
    let rule = |(at, expression): (usize, &str)| Rule {
        id: Name::parse(&format!("rule-{}", at + 1)).expect("a number is part of a name"),
        expression: expression.to_owned(),
        severity: mesh_model::RuleSeverity::High,
        message: format!("expected {expression}"),
        remediation: String::new(),
    };
    expressions.into_iter().enumerate().map(rule).collect()
}

fn compile_rules(rules: &[Rule], flaws: &mut Vec<StandardFlaw>) -> Vec<CompiledRule> {
    let mut compiled = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        match rule::compile(&rule.expression) {
            Ok(node) => compiled.push(CompiledRule { rule: rule.clone(), node }),
            Err(error) => flaws.push(StandardFlaw::rule(format!("rules[{at}].expression"), error)),
        }
    }
    compiled
}

impl CompiledRule {
    /// The violation, unless the rule holds. Whatever is not a plain yes is one.
    fn ask(&self, document: &Document) -> Option<Violation> {
        let Blame { path, found } = match Evaluator::new(document.root()).truth(&self.node) {
            Ok(true) => return None,
            Ok(false) => blame(document.root(), &self.node),
            Err(fault) => Blame { path: fault.path(), found: fault.found() },
        };
        let Rule { id, severity, message, remediation, .. } = self.rule.clone();
        Some(Violation { rule: id, severity, path, found, message, remediation })
    }
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expect {
            Expectation::Pass => write!(f, "'{}': expected to pass, found violations: ", self.test)?,
            Expectation::Fail => write!(f, "'{}': expected to fail, found no violation", self.test)?,
        }
        for (at, violation) in self.violations.iter().enumerate() {
            let separator = if at > 0 { "; " } else { "" };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}
