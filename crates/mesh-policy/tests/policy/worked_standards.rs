//! Every standard under `config/standards`, and every rule of a domain's own under `config/rules`.

use crate::common::{compiled, own_rules, standards};
use mesh_model::{Expectation, StandardKind};
use mesh_policy::{Document, check_references};

#[test]
fn there_is_one_of_each_kind_that_products_need() {
    let names: Vec<_> = standards()
        .into_iter()
        .map(|(name, standard)| {
            assert_eq!(name, format!("{}.yaml", standard.id));
            standard.id.to_string()
        })
        .collect();
    let expected = [
        "classification",
        "contract-on-every-output-port",
        "customer-id",
        "customer",
        "deprecation-notice",
        "naming",
        "ownership-and-support",
        "pii-handling",
        "retention",
        "sla-completeness",
        "utc-event-time",
    ];
    for expected in expected {
        assert!(names.iter().any(|name| name == expected), "{expected}");
    }
}

#[test]
fn every_test_case_comes_out_as_it_says() {
    assert_eq!(own_rules().len(), 3, "the guide's: quality rules, access patterns, update frequencies");
    for standard in compiled().into_iter().chain(own_rules()) {
        let failures: Vec<_> = standard.run_tests().iter().map(ToString::to_string).collect();
        assert_eq!(failures, [""; 0], "{}", standard.standard().id);
        let tests = &standard.standard().tests;
        let has = |expect| tests.iter().any(|test| test.expect == expect);
        assert!(has(Expectation::Pass), "{}", standard.standard().id);
        assert!(has(Expectation::Fail) || standard.standard().kind == StandardKind::GlossaryTerm);
    }
}

#[test]
fn every_rule_is_broken_by_a_test_case() {
    for standard in compiled().into_iter().chain(own_rules()) {
        let failing = standard.standard().tests.iter().filter(|test| test.expect == Expectation::Fail);
        let evaluations: Vec<_> =
            failing.map(|test| standard.evaluate(&Document::of_json(&test.product).unwrap())).collect();
        assert!(evaluations.iter().all(|evaluation| evaluation.applies));
        for rule in &standard.standard().rules {
            let broken = evaluations.iter().any(|evaluation| evaluation.results.contains(&(rule.id.clone(), false)));
            assert!(broken, "{} of {}", rule.id, standard.standard().id);
        }
    }
}

#[test]
fn what_passes_one_standard_passes_all_the_others() {
    let all = compiled();
    for standard in &all {
        assert_eq!(standard.conflicts(&all), vec![], "{}", standard.standard().id);
        for test in standard.standard().tests.iter().filter(|test| test.expect == Expectation::Pass) {
            let document = Document::of_json(&test.product).unwrap();
            for other in &all {
                let violations = other.evaluate(&document).violations;
                assert_eq!(violations, vec![], "{} of {}", test.name, standard.standard().id);
            }
            assert_eq!(check_references(&all, &document), vec![]);
        }
    }
}

#[test]
fn a_field_that_stands_for_an_identifier_has_its_type() {
    let all = compiled();
    let check = |field: &str| {
        let document = Document::parse(&format!(r#"{{"fields": [{{"name": "id"}}, {field}]}}"#)).unwrap();
        let violations = check_references(&all, &document);
        violations.into_iter().map(|v| format!("{} {}: {}", v.rule, v.path, v.found)).collect::<Vec<_>>()
    };
    assert_eq!(check(r#"{"name": "c", "term": "customer-id", "type": "String"}"#), [""; 0]);
    assert_eq!(check(r#"{"name": "c", "term": "customer", "type": "int"}"#), [""; 0]);
    assert_eq!(
        check(r#"{"name": "c", "term": "customer-id", "type": "int"}"#),
        ["customer-id fields[1].type: 'int' in 'c'"]
    );
    assert_eq!(check(r#"{"name": "c", "term": "customer-id"}"#), ["customer-id fields[1].type: nothing in 'c'"]);
    // utc-event-time goes in steps of a millisecond.
    for fits in ["timestamp", "TIMESTAMP(6)", "timestamp(3)"] {
        assert_eq!(
            check(&format!(r#"{{"name": "t", "term": "utc-event-time", "type": "{fits}"}}"#)),
            [""; 0],
            "{fits}"
        );
    }
    for (other, found) in [("date", "'date'"), ("timestamp(0)", "'timestamp(0)'"), ("string", "'string'")] {
        let field = format!(r#"{{"name": "t", "term": "utc-event-time", "type": "{other}"}}"#);
        assert_eq!(check(&field), [format!("utc-event-time fields[1].type: {found} in 't'")]);
    }
}
