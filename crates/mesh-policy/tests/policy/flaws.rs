//! What is wrong with a standard, all at once.

use StandardKind::{Convention, GlossaryTerm, Identifier};
use mesh_model::{
    Enforcement, Expectation, JsonText, Name, Rule, RuleSeverity, Standard, StandardDetail, StandardKind, TestCase,
    Version,
};
use mesh_policy::{CompiledStandard, Document};
use serde_json::json;

fn rule(id: &str, expression: &str) -> Rule {
    Rule {
        id: Name::parse(id).unwrap(),
        expression: expression.into(),
        severity: RuleSeverity::High,
        message: "Not so.".into(),
        remediation: "Make it so.".into(),
    }
}

fn standard(kind: StandardKind, rules: Vec<Rule>, detail: Option<StandardDetail>) -> Standard {
    Standard {
        id: Name::parse("example").unwrap(),
        version: Version::FIRST,
        title: "Example".into(),
        kind,
        text: "Why.".into(),
        selector: String::new(),
        rules,
        enforcement: Enforcement::Block,
        effective_from: String::new(),
        grace_days: 0,
        tests: Vec::new(),
        detail,
    }
}

fn flaws(standard: &Standard) -> Vec<String> {
    CompiledStandard::compile(standard).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn test(name: &str, expect: Expectation, product: &serde_json::Value) -> TestCase {
    TestCase { name: name.into(), expect, product: JsonText::new(product) }
}

#[test]
fn all_flaws_are_found_at_once() {
    let mut broken = standard(
        StandardKind::Policy,
        vec![rule("a", "nmae == 'x'"), rule("a", "name = 'x'"), rule("b", "name.matches('[')")],
        Some(StandardDetail::Schema { json_schema: JsonText::new(&json!(true)) }),
    );
    broken.title = " ".into();
    broken.selector = "all(x in".into();
    broken.effective_from = "2026-02-30".into();
    broken.grace_days = 731;
    broken.rules[2].message = String::new();
    broken.tests = vec![
        test("one", Expectation::Pass, &json!({"storage": {"encrpytion": {}}})),
        test("one", Expectation::Fail, &json!({"nmae": "x"})),
    ];
    let flaws = flaws(&broken);
    let expected = [
        "title: expected a text, found nothing",
        "effective_from: expected a day such as 2026-01-31, or nothing, found '2026-02-30'",
        "grace_days: expected at most 730, found 731",
        "rules[1].id: expected an id of its own, found 'a'",
        "rules[2].message: expected a text, found nothing",
        "tests[0].product: expected paths of the product document, found 'storage.encrpytion'",
        "tests[1].name: expected a name of its own, found 'one'",
        "tests[1].product: expected a product document, found expected fields of the product document, found 'nmae'",
        "detail: expected no details of a policy, found those of a schema",
        "selector: at character 9: expected ')', found the end",
        "rules[0].expression: at character 1: expected a field of the product document (",
        "rules[1].expression: at character 6: expected '==' to compare, found '='",
        "rules[2].expression: at character 14: expected a regular expression within bounds, found a pattern with an error",
    ];
    assert_eq!(flaws.len(), expected.len(), "{flaws:#?}");
    for (flaw, expected) in flaws.iter().zip(expected) {
        assert!(flaw.starts_with(expected), "{flaw}\n{expected}");
    }
}

#[test]
fn counts_are_bounded() {
    let many = (0..33).map(|n| rule(&format!("r{n}"), "name != null")).collect();
    assert_eq!(flaws(&standard(StandardKind::Policy, many, None)), ["rules: expected at most 32, found 33"]);
    let none = standard(StandardKind::Policy, Vec::new(), None);
    assert_eq!(flaws(&none), ["rules: expected at least one rule of a policy, found none"]);
}

#[test]
fn kinds_have_their_details() {
    let identifier = |pattern: &str, checksum: &str, examples: &[&str]| StandardDetail::Identifier {
        entity: "customer".into(),
        pattern: pattern.into(),
        checksum: checksum.into(),
        examples: examples.iter().map(|e| (*e).to_owned()).collect(),
        data_type: String::new(),
    };
    let of = |kind, detail| flaws(&standard(kind, Vec::new(), Some(detail)));
    assert_eq!(
        of(Identifier, identifier("[0-9]+", "luhn", &["18", "0"])),
        ["detail.examples[1]: expected a value that is well formed, found '0', whose check digit is wrong"]
    );
    assert_eq!(
        of(Identifier, identifier("[0-9]+", "", &["18x"])),
        ["detail.examples[0]: expected a value that is well formed, found '18x', which the pattern does not match"]
    );
    let wrong = of(Identifier, identifier("[", "crc", &[]));
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert_eq!(
        flaws(&standard(Identifier, Vec::new(), None)),
        ["detail: expected details of an identifier scheme, found none"]
    );
    let term = |owner: &str| StandardDetail::GlossaryTerm {
        definition: "Who buys.".into(),
        synonyms: vec![],
        owner: owner.into(),
        data_type: String::new(),
    };
    assert_eq!(of(GlossaryTerm, term("sales")), [""; 0]);
    assert_eq!(
        of(GlossaryTerm, term("Sales")),
        ["detail.owner: expected the name of the domain that answers for it, found 'Sales'"]
    );
    let time = |zone: &str, granularity: &str, time: &str| StandardDetail::Time {
        zone: zone.into(),
        granularity: granularity.into(),
        calendar: "gregorian".into(),
        time: time.into(),
    };
    assert_eq!(of(Convention, time("Europe/Berlin", "P1D", "processing")), [""; 0]);
    assert_eq!(of(Convention, time("CET?", "1 day", "later")).len(), 3);
    assert_eq!(
        of(Convention, term("sales")),
        ["detail: expected details of a time convention, or none, found those of a glossary term"]
    );
}

#[test]
fn test_cases_that_come_out_otherwise_are_named() {
    let mut of = standard(StandardKind::Policy, vec![rule("a", "license != null")], None);
    of.tests = vec![
        test("no licence", Expectation::Pass, &json!({})),
        test("a licence", Expectation::Fail, &json!({"license": "MIT"})),
        test("a good one", Expectation::Pass, &json!({"license": "MIT"})),
    ];
    let failures = CompiledStandard::compile(&of).unwrap().run_tests();
    let said: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "'no licence': expected to pass, found violations: a: Not so. (license: nothing); Make it so.",
            "'a licence': expected to fail, found no violation",
        ]
    );
}

#[test]
fn a_selector_without_an_answer_selects() {
    let mut of = standard(StandardKind::Policy, vec![rule("a", "license != null")], None);
    of.selector = "type == 'aggregate'".into();
    let compiled = CompiledStandard::compile(&of).unwrap();
    let verdict = |json: &str| {
        let evaluation = compiled.evaluate(&Document::parse(json).unwrap());
        (evaluation.applies, evaluation.compliant(), String::from_utf8(evaluation.verdict()).unwrap())
    };
    assert_eq!(
        verdict(r#"{"type": "source-aligned"}"#),
        (false, true, "mesh-policy verdict 1\nexample@1.0.0 not-applicable\n".into())
    );
    assert_eq!(verdict("{}"), (true, false, "mesh-policy verdict 1\nexample@1.0.0 applies\na violated\n".into()));
    assert_eq!(
        verdict(r#"{"type": "aggregate", "license": "MIT"}"#).2,
        "mesh-policy verdict 1\nexample@1.0.0 applies\na holds\n"
    );
}

#[test]
fn only_standards_that_block_are_in_conflict() {
    let mut new = standard(StandardKind::Policy, vec![rule("a", "name != null")], None);
    new.id = Name::parse("new").unwrap();
    new.tests = vec![test("named", Expectation::Pass, &json!({"name": "x"}))];
    let new = CompiledStandard::compile(&new).unwrap();
    let mut old = standard(StandardKind::Policy, vec![rule("a", "license != null")], None);
    let compiled = CompiledStandard::compile(&old).unwrap();
    let conflicts = new.conflicts([&compiled]);
    assert_eq!((conflicts.len(), conflicts[0].test.as_str()), (1, "named"));
    old.enforcement = Enforcement::Warn;
    assert_eq!(new.conflicts([&CompiledStandard::compile(&old).unwrap()]), vec![]);
}
