//! What is not said, not comparable or too much is a violation wherever it stands.

use crate::common::ask;

const PRODUCT: &str = r#"{
  "name": "orders", "tags": ["a", "b"], "license": null,
  "owner": {"team": "shop"},
  "sla": [{"name": "availability", "target": {"value": 99.5, "unit": "%"}}, {"name": "latency", "target": null}],
  "fields": [{"name": "id", "pii": false, "tags": []}, {"name": "mail", "pii": true, "tagged_as_pii": false}]
}"#;

/// The path that a rule is violated at.
fn at(expression: &str) -> String {
    ask(expression, PRODUCT).unwrap_or_else(|| panic!("{expression} holds")).0
}

fn holds(expression: &str) {
    assert_eq!(ask(expression, PRODUCT), None, "{expression}");
}

#[test]
fn a_missing_path_is_named_wherever_it_stands() {
    for (expression, path) in [
        ("license == 'CC0-1.0'", "license"),
        ("license != 'CC0-1.0'", "license"),
        ("!(license == 'CC0-1.0')", "license"),
        ("name == 'orders' || license == 'CC0-1.0'", "license"),
        ("license == 'CC0-1.0' || name == 'orders'", "license"),
        ("!(name == 'other' && license == 'CC0-1.0')", "license"),
        ("storage.encryption.enabled == true || true", "storage.encryption.enabled"),
        ("owner.support[0].channel == 'chat' || true", "owner.support[0].channel"),
        ("tags[2] == 'c' || true", "tags[2]"),
        ("sla.exists(l, l.target.value > 1)", "sla[1].target.value"),
        ("any(l in sla: l.target.value > 1)", "sla[1].target.value"),
        ("!sla.all(l, l.target.value > 100)", "sla[1].target.value"),
        ("all(l in sla where l.target.value > 1: true)", "sla[1].target.value"),
        ("sla.exists_one(l, l.target.value > 1)", "sla[1].target.value"),
        ("size(sla.map(l, l.target)) > 0", "sla[1].target"),
        ("fields.exists(f, f.tagged_as_pii == false)", "fields[0].tagged_as_pii"),
        ("'x' in ['x', license]", "license"),
        ("has(owner.team) && size(license) > 0 || true", "license"),
        ("retention_period", "retention_period"),
    ] {
        assert_eq!(at(expression), path, "{expression}");
    }
}

#[test]
fn null_may_be_asked_for() {
    for expression in [
        "license == null",
        "null == license",
        "!(license != null)",
        "!has(license)",
        "storage.encryption.enabled == null",
        "!has(storage.encryption.enabled)",
        "tags[2] == null",
        "has(tags[1])",
        "license == null ? true : license == 'CC0-1.0'",
        "all(l in sla where l.target != null: l.target.value >= 99.50 && l.target.unit == '%')",
        "all(l in sla where has(l.target): any(m in sla where has(m.target): m.target == l.target))",
        "(true ? license : name) == null",
    ] {
        holds(expression);
    }
}

#[test]
fn no_plain_yes_is_a_no() {
    for (expression, found) in [
        ("name", "the rule needs a truth value at its character 1, and this is a text"),
        ("size(tags)", "the rule needs a truth value at its character 1, and this is a number"),
        ("name == 1", "the rule needs a text at its character 9, and this is a number"),
        ("name != 1", "the rule needs a text at its character 9, and this is a number"),
        ("true || name == 1", "the rule needs a text at its character 17, and this is a number"),
        ("!name", "the rule needs a truth value at its character 2, and this is a text"),
        ("name > 1", "the rule needs a text at its character 8, and this is a number"),
        ("owner > owner", "the rule needs a number or a text at its character 1, and this is a map"),
        ("all(x in name: true)", "the rule needs a list at its character 10, and this is a text"),
        ("name.team == 'x'", "the rule needs a map at its character 1, and this is a text"),
        ("tags['a'] == 'x'", "the rule needs a whole number at its character 6, and this is a text"),
        (
            "1 % 0 == 1",
            "the rule needs a result of at most 28 digits at its character 1, and this is one that is longer, \
                        or a division by zero",
        ),
        (
            "tags.all(a, tags.all(b, tags.all(c, true))) && size(name) == 'x'.size() || name.contains(1)",
            "the rule needs a text at its character 90, and this is a number",
        ),
    ] {
        let said = ask(expression, PRODUCT).unwrap_or_else(|| panic!("{expression} holds"));
        assert_eq!(said.1, found, "{expression}");
    }
}

#[test]
fn too_much_work_is_a_violation_that_says_so() {
    let tags: Vec<_> = (0..200).map(|n| format!("\"t{n}\"")).collect();
    let document = format!("{{\"tags\": [{}]}}", tags.join(","));
    let deep = "tags.all(a, tags.all(b, tags.all(c, true)))";
    let (path, found) = ask(deep, &document).unwrap();
    assert_eq!((path.as_str(), found.as_str()), ("", "the rule takes more than 1000000 steps for this product"));
    assert!(ask(&format!("!({deep})"), &document).is_some());
    assert!(ask(&format!("true || {deep}"), &document).is_some());
    assert_eq!(ask("tags.all(a, tags.exists(b, a == b))", &document), None);
    // Shared lists: a value of 268 million, of two hundred words.
    let shared = format!("['a']{}", ".map(x, [x, x, x, x])".repeat(14));
    assert!(ask(&format!("{shared} == ['b']"), "{}").unwrap().1.contains("a list"));
    let halves = format!("['a']{}", ".map(x, [x, x])".repeat(9));
    assert_eq!(ask(&format!("{halves} == {halves}"), "{}"), None);
    let large = format!("[{shared}].all(x, x == x)");
    assert!(ask(&large, "{}").unwrap().1.contains("more than 1000000 steps"));
}

#[test]
fn a_violation_names_what_is_to_blame() {
    for (expression, path, found) in [
        ("owner.team == 'crm'", "owner.team", "'shop'"),
        ("name == 'orders' && owner.team == 'crm'", "owner.team", "'shop'"),
        ("!(name == 'orders')", "name", "'orders'"),
        ("all(t in tags: t == 'a')", "tags[1]", "'b'"),
        ("any(t in tags: t == 'z')", "tags", "0 of 2"),
        ("!any(t in tags: t == 'b')", "tags[1]", "'b'"),
        ("tags.exists_one(t, t != 'z')", "tags", "2 of 2"),
        ("all(f in fields where f.pii: f.tagged_as_pii)", "fields[1].tagged_as_pii", "false in 'mail'"),
        ("all(f in fields: !(f.name in ['mail', 'id']))", "fields[0].name", "'id' in 'id', and 1 more"),
        ("size(tags) > 2", "tags", "2"),
        ("name.startsWith('x')", "name", "'orders'"),
        ("license != null", "license", "nothing"),
        ("1 > 2", "", "1"),
    ] {
        assert_eq!(ask(expression, PRODUCT), Some((path.into(), found.into())), "{expression}");
    }
}

#[test]
fn expressions_mean_what_cel_means() {
    for expression in [
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 % 3 == 1 && -2 + 1 == -1 && 0.1 + 0.2 == 0.30",
        "name == 'or' + 'ders' && name.size() == 6 && size('äö') == 2",
        "name.matches(r'^[a-z]+$') && !name.matches('^rders') && name.contains('der') && name.endsWith('s')",
        "'TEAM'.lowerAscii() == 'team' && 'a' < 'b' && !('a' >= 'b') && 2 <= 2",
        "'team' in owner && !('people' in owner) && 'a' in tags && !('z' in tags)",
        "false || true && !false == true && (false ? false : true)",
        "tags.filter(t, t > 'a') == ['b'] && tags.map(t, t + '!') == ['a!', 'b!']",
        "owner['team'] == owner.team && tags[0] == 'a' && !!true && --1 == 1",
        "[1, 2].exists(n, n == 2) && [].all(n, false) && !([].exists(n, true))",
        "any(t in tags where t != 'a': t == 'b') && all(where in tags where where == 'a': where == 'a')",
    ] {
        holds(expression);
    }
}
