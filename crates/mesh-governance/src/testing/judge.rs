//! An evaluator for tests: rules of one form, `no-field NAME`, over the names of a product's fields.

use mesh_model::{Digest, Enforcement, Expectation, Name, Rule, RuleSeverity, Standard, StandardKind, TestCase};

use crate::judge::{Case, InForce, Judge, Verdict, Violation};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Judges `no-field NAME`. A test case's product is `{"fields": ["NAME", ...]}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TestJudge;

fn broken<'a>(standard: &'a Standard, fields: &[String]) -> Option<&'a Rule> {
    let forbids = |rule: &&Rule| {
        let name = rule.expression.strip_prefix("no-field ").unwrap_or_default();
        fields.iter().any(|field| field == name)
    };
    standard.rules.iter().find(forbids)
}

fn fields_of(case: &TestCase) -> Vec<String> {
    let value = case.product.value();
    let names = value.get("fields").and_then(|fields| fields.as_array()).cloned().unwrap_or_default();
    names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

impl Judge for TestJudge {
    fn judge(&self, case: &Case<'_>) -> Verdict {
        let fields: Vec<String> = case.descriptor.fields().map(|(_, field)| field.name.clone()).collect();
        let mut violations = Vec::new();
        for InForce { standard, enacted_at, enacted_unix_ms, .. } in case.standards {
            let Some(rule) = broken(standard, &fields) else { continue };
            let is_old = case.first_sealed.is_some_and(|first| first.index < *enacted_at);
            let grace = enacted_unix_ms.saturating_add(u64::from(standard.grace_days) * DAY_MS);
            let spared =
                case.waivers.iter().any(|waiver| waiver.standard == standard.id) || (is_old && case.now < grace);
            violations.push(Violation {
                standard: standard.id.clone(),
                version: standard.version,
                rule: Some(rule.id.clone()),
                message: rule.message.clone(),
                blocks: standard.enforcement == Enforcement::Block && !spared,
            });
        }
        let texts: Vec<String> =
            violations.iter().map(|violation| format!("{violation} {}\n", violation.blocks)).collect();
        let refused = violations.iter().any(|violation| violation.blocks);
        Verdict { refused, digest: Digest::of(texts.concat().as_bytes()), violations }
    }

    fn check_standard(&self, standard: &Standard, in_force: &[InForce]) -> Result<(), Vec<String>> {
        let mut flaws = Vec::new();
        for rule in standard.rules.iter().filter(|rule| !rule.expression.starts_with("no-field ")) {
            flaws.push(format!("rule {} is no rule", rule.id));
        }
        for case in &standard.tests {
            let (name, fields) = (&case.name, fields_of(case));
            let passes = broken(standard, &fields).is_none();
            if passes != (case.expect == Expectation::Pass) {
                flaws.push(format!("test case {name} comes out otherwise"));
            }
            let must_pass = case.expect == Expectation::Pass;
            let refuses = |other: &&InForce| must_pass && broken(&other.standard, &fields).is_some();
            if let Some(other) = in_force.iter().find(refuses) {
                flaws.push(format!("test case {name} would be refused by {}", other.standard.id));
            }
        }
        if flaws.is_empty() { Ok(()) } else { Err(flaws) }
    }
}

/// A blocking standard with the rule `no-field FORBIDDEN`.
///
/// # Panics
/// When the id or the version does not parse.
pub fn standard(id: &str, version: &str, forbidden: &str) -> Standard {
    let name = |text: &str| Name::parse(text).expect("a name");
    Standard {
        id: name(id),
        version: version.parse().expect("a version such as 1.0.0"),
        title: format!("no {forbidden}"),
        kind: StandardKind::Policy,
        text: String::new(),
        selector: String::new(),
        rules: vec![Rule {
            id: name("forbidden"),
            expression: format!("no-field {forbidden}"),
            severity: RuleSeverity::High,
            message: format!("the field {forbidden} must not be there"),
            remediation: "leave it out".into(),
        }],
        enforcement: Enforcement::Block,
        effective_from: String::new(),
        grace_days: 0,
        tests: Vec::new(),
        detail: None,
    }
}
