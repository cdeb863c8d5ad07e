//! Any expression over any product: an answer or a fault, never a panic, never more steps than there are.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Evaluator, Fault, STEPS, blame};
use crate::document::Document;
use crate::rule::compile;

const PRODUCT: &str = r#"{
  "name": "orders", "tags": ["a", "b", null], "owner": {"team": "t", "support": []}, "retention_period": null,
  "fields": [{"name": "x", "pii": true, "tags": ["pii"]}, {"name": "y", "pii": false, "tags": []}],
  "sla": [{"name": "l", "percentile": 99.95, "target": {"value": 0.1, "unit": "ms"}}],
  "extensions": {"a.b": [1, [2, {"c": -3.5}]]}
}"#;

/// Expressions that are well formed and mean anything.
fn expression() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "name",
        "tags",
        "fields",
        "owner",
        "owner.team",
        "owner.support",
        "retention_period",
        "sla[0].percentile",
        "sla[0].target",
        "extensions",
        "extensions[\"a.b\"]",
        "storage.encryption.enabled",
        "x",
        "x.pii",
        "x.name",
        "x.tags",
        "y",
        "1",
        "0",
        "99.95",
        "79228162514264337593543950335",
        "0.0000000000000000000000000001",
        "'a'",
        "'pii'",
        "true",
        "false",
        "[]",
        "[1, 'a']",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 48, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (pair.clone(), select(vec!["==", "!=", "<", ">=", "&&", "||", "+", "-", "*", "%", "in"]))
                .prop_map(|((a, b), sign)| format!("({a} {sign} {b})")),
            (inner.clone(), select(vec!["!", "-", "!!", "-!"])).prop_map(|(a, sign)| format!("{sign}{a}")),
            (pair.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a} ? {b} : {c})")),
            (pair.clone(), select(vec!["all", "exists", "exists_one", "filter", "map"]), select(vec!["x", "y"]))
                .prop_map(|((a, b), each, name)| format!("{a}.{each}({name}, {b})")),
            (pair.clone(), inner.clone(), select(vec!["all", "any"]))
                .prop_map(|((a, b), c, form)| format!("{form}(x in {a} where {b}: {c})")),
            (pair.clone(), select(vec!["startsWith", "endsWith", "contains"]))
                .prop_map(|((a, b), function)| format!("{a}.{function}({b})")),
            pair.prop_map(|(a, b)| format!("{a}[{b}]")),
            inner.clone().prop_map(|a| format!("{a}.matches(r'^[a-z]+$')")),
            inner.clone().prop_map(|a| format!("size({a}).lowerAscii()")),
            inner.clone().prop_map(|a| format!("({a}) == null")),
            inner.prop_map(|a| format!("[{a}, {a}]")),
        ]
    })
    // Names of elements are in scope everywhere.
    .prop_map(|body| format!("all(y in tags: all(x in fields: {body}))"))
}

/// Texts that are mostly no expressions.
fn text() -> impl Strategy<Value = String> {
    let words = select(vec![
        "all(", "any(", "x", " in ", "fields", " where ", ":", ")", "(", "[", "]", ".", ",", "?", "!", "-", "&&", "||",
        "==", "null", "true", "'a'", "r'\\'", "\"", "1", "1.5", "has(", "size(", ".filter(", "tags", "//", "\n", "{",
        "t0", "all_0", "`", "@", "ä", ".?", "[?", "=", "\\",
    ]);
    prop_oneof![vec(words, 0..40).prop_map(|words| words.concat()), any::<String>(), "\\PC{0,60}"]
}

fn judge(source: &str) -> Result<(), TestCaseError> {
    let Ok(node) = compile(source) else { return Ok(()) };
    let document = Document::parse(PRODUCT).map_err(|e| TestCaseError::fail(e.to_string()))?;
    let mut evaluator = Evaluator::new(document.root());
    let answer = evaluator.truth(&node);
    let within = evaluator.steps <= STEPS || answer == Err(Fault::Budget);
    prop_assert!(within, "{} steps: {source}", evaluator.steps);
    prop_assert_eq!(&answer, &Evaluator::new(document.root()).truth(&node));
    if answer == Ok(false) {
        blame(document.root(), &node);
    }
    Ok(())
}

/// How many expressions are tried: `MESH_FUZZ_CASES`, to go on for as long as somebody wants, or as many as a test run can afford.
fn cases() -> u32 {
    std::env::var("MESH_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn any_expression_has_an_answer_within_its_steps(source in expression()) {
        judge(&source)?;
    }

    #[test]
    fn any_text_is_compiled_or_refused(source in text()) {
        if let Err(error) = compile(&source) {
            prop_assert!(error.position >= 1 && error.position <= source.chars().count() + 1, "{error}");
        }
        judge(&source)?;
    }
}

#[test]
fn the_generated_expressions_are_mostly_some() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let generated = (0..300).filter_map(|_| expression().new_tree(&mut runner).ok());
    let compiled = generated.filter(|tree| compile(&tree.current()).is_ok()).count();
    assert!(compiled > 200, "{compiled} of 300");
}

/// Sources that go down as many levels as they may, and one more: the first is an answer or a fault, the second is refused.
fn deep() -> Vec<(String, String)> {
    let both = |make: &dyn Fn(usize) -> String, most: usize| (make(most), make(most + 1));
    let within = crate::rule::LEVELS - 1;
    vec![
        both(&|n| format!("{}true", "!".repeat(n)), 16),
        both(&|n| format!("{}1", "-".repeat(n)), 16),
        both(&|n| format!("{}true{}", "!(".repeat(n), ")".repeat(n)), 16),
        both(&|n| format!("{}true", "true ? true : ".repeat(n)), 16),
        both(&|n| format!("1{}", " + 1".repeat(n)), within),
        both(&|n| format!("owner{}", ".team".repeat(n)), within),
        both(&|n| format!("owner{}", "[0]".repeat(n)), within),
        both(&|n| format!("name{}", ".lowerAscii()".repeat(n)), within),
        both(&|n| format!("{}[]{}", "[".repeat(n), "]".repeat(n)), 15),
        both(&|n| format!("{}true{}", "tags.all(x, ".repeat(n), ")".repeat(n)), 16),
    ]
}

#[test]
fn the_deepest_rule_needs_half_a_threads_stack_and_a_deeper_one_is_refused() {
    // Threads of a node have 2 MiB; this build is not optimised.
    let on_a_small_stack = |source: String| {
        let judged = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
            let compiled = compile(&source).map(drop).map_err(|error| error.to_string());
            (compiled, judge(&source).is_ok())
        });
        judged.expect("a thread").join().expect("no panic")
    };
    for (deepest, deeper) in deep() {
        let said: String = deeper.chars().take(40).collect();
        let (compiled, judged) = on_a_small_stack(deepest);
        assert!(compiled.is_ok() && judged, "{said}: {compiled:?}");
        let refused = on_a_small_stack(deeper).0;
        assert!(refused.as_ref().is_err_and(|why| why.contains("at most")), "{said}: {refused:?}");
    }
    // Long is not deep.
    for long in ["true && ", "false || "] {
        let source = format!("{}true", long.repeat(120));
        assert_eq!(on_a_small_stack(source), (Ok(()), true));
    }
}
