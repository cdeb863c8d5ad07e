//! Given a schema, when it is edited so, then these are the ways in which it breaks.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "schemas are written where they are used")]

use serde_json::{Value, json};

use super::*;

const BACKWARD: (bool, bool) = (true, false);
const FORWARD: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);
const NEITHER: (bool, bool) = (false, false);

fn ways(before: &Value, after: &Value) -> (bool, bool) {
    let changes = compare_json_schemas(&before.to_string(), &after.to_string()).unwrap();
    (changes.iter().any(|change| change.breaks_backward), changes.iter().any(|change| change.breaks_forward))
}

/// Both directions at once: what an edit breaks backward, its reverse breaks forward.
fn check(before: Value, after: Value, expected: (bool, bool)) {
    assert_eq!(ways(&before, &after), expected, "{before} -> {after}");
    assert_eq!(ways(&after, &before), (expected.1, expected.0), "{after} -> {before}");
    assert_eq!(ways(&before, &before), NEITHER, "{before}");
}

fn property(schema: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {"a": schema}})
}

#[test]
fn types_and_values() {
    for (before, after, expected) in [
        (json!({"type": "integer"}), json!({"type": "number"}), FORWARD),
        (json!({"type": "string"}), json!({"type": ["string", "null"]}), FORWARD),
        (json!({"type": "string"}), json!({"type": "integer"}), BOTH),
        (json!({}), json!({"type": "string"}), BACKWARD),
        (json!(true), json!({"type": "string"}), BACKWARD),
        (json!({"type": "string"}), json!(false), BACKWARD),
        (json!({"enum": ["a", "b"]}), json!({"enum": ["b", "a", "c"]}), FORWARD),
        (json!({"enum": ["a"]}), json!({"const": "a"}), NEITHER),
        (json!({"type": "string"}), json!({"type": "string", "enum": ["a"]}), BACKWARD),
        // null is no listed value, so it was never allowed.
        (json!({"type": "string", "enum": ["a"]}), json!({"type": ["string", "null"], "enum": ["a"]}), NEITHER),
        (
            json!({"type": ["string", "null"], "enum": ["a"]}),
            json!({"type": ["string", "null"], "enum": ["a", null]}),
            FORWARD,
        ),
        (json!({"type": "string", "title": "x"}), json!({"type": "string", "description": "y", "default": 1}), NEITHER),
    ] {
        check(before.clone(), after.clone(), expected);
        check(property(before), property(after), expected);
    }
}

#[test]
fn bounds() {
    let number = |more: Value| {
        let mut schema = json!({"type": "number"});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    for (before, after, expected) in [
        (json!({"minimum": 1}), json!({"minimum": 2}), BACKWARD),
        (json!({"maximum": 1}), json!({"maximum": 2}), FORWARD),
        (json!({"minimum": 1}), json!({"minimum": 1.0}), NEITHER),
        (json!({"minimum": 1}), json!({"exclusiveMinimum": 1}), BACKWARD),
        // Draft 4 says the same otherwise.
        (json!({"minimum": 1, "exclusiveMinimum": true}), json!({"exclusiveMinimum": 1}), NEITHER),
        (json!({"minimum": 1, "exclusiveMinimum": 5}), json!({"exclusiveMinimum": 5}), NEITHER),
        (json!({"minimum": 1}), json!({"minimum": 2, "maximum": 3}), BACKWARD),
        (json!({"minimum": 1, "maximum": 9}), json!({"minimum": 2, "maximum": 10}), BOTH),
        (json!({"multipleOf": 4}), json!({"multipleOf": 2}), FORWARD),
        (json!({"multipleOf": 4}), json!({"multipleOf": 6}), BOTH),
        (json!({"multipleOf": 0.1}), json!({"multipleOf": 0.10}), NEITHER),
        // Lengths are of strings.
        (json!({}), json!({"minLength": 3}), NEITHER),
    ] {
        check(number(before), number(after), expected);
    }
    check(json!({"type": "string"}), json!({"type": "string", "minLength": 0}), NEITHER);
    check(json!({"type": "string"}), json!({"type": "string", "maxLength": 9}), BACKWARD);
    check(json!({"type": "string", "pattern": "a"}), json!({"type": "string", "pattern": "b"}), BOTH);
    check(json!({"type": "string"}), json!({"type": "string", "format": "date"}), BACKWARD);
    check(json!({"if": {}, "then": true}), json!({"if": {}, "then": false}), BOTH);
}

#[test]
fn properties() {
    let closed = |properties: Value| json!({"type": "object", "properties": properties, "additionalProperties": false});
    let open = |properties: Value| json!({"type": "object", "properties": properties});
    let (a, ab) = (json!({"a": {"type": "string"}}), json!({"a": {"type": "string"}, "b": {"type": "string"}}));
    check(closed(a.clone()), closed(ab.clone()), FORWARD);
    // In an open one, data of before may have a `b` of any kind.
    check(open(a.clone()), open(ab.clone()), BACKWARD);
    check(open(a.clone()), open(json!({"a": {"type": "string"}, "b": {}})), NEITHER);
    check(open(a.clone()), closed(a.clone()), BACKWARD);
    check(open(ab.clone()), closed(a.clone()), BACKWARD);
    let mut required = closed(ab.clone());
    required["required"] = json!(["b"]);
    check(closed(ab.clone()), required.clone(), BACKWARD);
    // New and required: data of before lacks it, and readers of before don't know it.
    check(closed(a), required, BOTH);
    let typed = |schema: Value| json!({"type": "object", "additionalProperties": schema});
    check(typed(json!({"type": "integer"})), typed(json!({"type": "number"})), FORWARD);
    // What is allowed for any property has come to be said of one.
    let said = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "integer"}});
    check(typed(json!({"type": "integer"})), said, NEITHER);
}

#[test]
fn items_and_choices() {
    let list = |items: Value| json!({"type": "array", "items": items});
    check(list(json!({"type": "integer"})), list(json!({"type": "number"})), FORWARD);
    check(json!({"type": "array"}), list(json!({"type": "number"})), BACKWARD);
    check(json!({"type": "array"}), json!({"type": "array", "uniqueItems": true}), BACKWARD);
    let old = json!({"type": "array", "items": [{"type": "string"}], "additionalItems": false});
    let new = json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false});
    check(old, new, NEITHER);
    let choice = |key: &str, of: Value| json!({key: of});
    let (one, two) = (json!([{"type": "string"}]), json!([{"type": "string"}, {"type": "null"}]));
    check(choice("anyOf", one.clone()), choice("anyOf", two.clone()), FORWARD);
    let (both, all) =
        (json!([{"minLength": 1}, {"maxLength": 9}]), json!([{"minLength": 1}, {"maxLength": 9}, {"pattern": "a"}]));
    check(choice("allOf", both), choice("allOf", all), BACKWARD);
    check(json!({}), choice("oneOf", two.clone()), BACKWARD);
    check(choice("anyOf", two), choice("anyOf", json!([{"type": "null"}, {"type": "string"}])), NEITHER);
    check(
        choice("oneOf", json!([{"type": "string", "maxLength": 3}])),
        choice("oneOf", json!([{"type": "string", "maxLength": 4}])),
        FORWARD,
    );
}

#[test]
fn references() {
    let with = |definition: Value, reference: &str| json!({"definitions": {"x": definition}, "type": "object", "properties": {"a": {"$ref": reference}}});
    let text = || json!({"type": "string"});
    check(with(text(), "#/definitions/x"), with(json!({"type": "integer"}), "#/definitions/x"), BOTH);
    check(with(text(), "#/definitions/x"), json!({"type": "object", "properties": {"a": text()}}), NEITHER);
    check(with(json!({"type": "string", "$anchor": "t"}), "#t"), with(text(), "#/definitions/%78"), NEITHER);
    check(with(text(), "http://other.example/x"), with(text(), "http://other.example/y"), BOTH);
    check(with(text(), "http://other.example/x"), with(json!({}), "http://other.example/x"), NEITHER);
    check(
        json!({"properties": {"a": {"$ref": "http://other.example/x"}}}),
        json!({"properties": {"a": {"$ref": "http://other.example/x", "maxLength": 3}}}),
        BACKWARD,
    );
    // A tree of itself, whose leaves change.
    let tree = |value: Value| {
        json!({"$ref": "#/definitions/node", "definitions": {"node": {"type": "object", "properties": {
            "value": value, "next": {"$ref": "#/definitions/node"}, "all": {"type": "array", "items": {"$ref": "#"}}}}}})
    };
    check(tree(json!({"type": "integer"})), tree(json!({"type": "number"})), FORWARD);
    // Each step of a chain may say more.
    let chain = |more: Value| json!({"properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": {"a": more, "b": {"type": "string"}}});
    check(chain(json!({"$ref": "#/$defs/b"})), chain(json!({"$ref": "#/$defs/b", "minLength": 5})), BACKWARD);
    // By its own address it is the same document; by those of its parts, or dynamically, it is compared as a whole.
    let own = |kind: &str, reference: &str| json!({"$id": "https://e.example/s", "properties": {"x": {"$ref": reference}}, "$defs": {"q": {"type": kind}}});
    check(own("string", "https://e.example/s#/$defs/q"), own("integer", "#/$defs/q"), BOTH);
    check(own("string", "https://e.example/s#/$defs/q"), own("string", "#/$defs/q"), NEITHER);
    let bundled = |kind: &str| json!({"$ref": "item.json", "$defs": {"i": {"$id": "item.json", "type": kind}}});
    check(bundled("string"), bundled("integer"), BOTH);
    check(json!({"$dynamicRef": "#p"}), json!({"$dynamicRef": "#q"}), BOTH);
    // Longer than a stack is deep.
    let long = |kind: &str| {
        let mut definitions: serde_json::Map<String, Value> = (0..2_000)
            .map(|at| (format!("d{at}"), json!({"properties": {"n": {"$ref": format!("#/$defs/d{}", at + 1)}}})))
            .collect();
        definitions.insert("d2000".to_owned(), json!({"type": kind}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    };
    check(long("integer"), long("number"), FORWARD);
    // One that means nothing ends, too.
    let ring = json!({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}});
    check(ring.clone(), ring, NEITHER);
}

/// Keywords that mean something else with other neighbours, or that only a prover could compare: whatever changes is told.
#[test]
fn what_cant_be_told_apart_breaks_both_ways() {
    let closed = |more: Value| {
        let mut schema = json!({"type": "object", "additionalProperties": false});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let defined = |schema: Value, definition: &str| {
        let mut schema = schema;
        schema["$defs"] = json!({"a": {"type": definition}});
        schema
    };
    check(closed(json!({"patternProperties": {"^x": {}}})), closed(json!({})), BOTH);
    let pattern = json!({"patternProperties": {"^f": {"type": "string"}}});
    let mut named = pattern.clone();
    named["properties"] = json!({"foo": {"maxLength": 3}});
    check(closed(pattern), closed(named), BOTH);
    for hidden in [
        json!({"patternProperties": {"^x": {"$ref": "#/$defs/a"}}}),
        json!({"not": {"$ref": "#/$defs/a"}}),
        json!({"if": {"$ref": "#/$defs/a"}, "then": {"maxLength": 3}}),
        json!({"contains": {"$ref": "#/$defs/a"}}),
    ] {
        check(defined(hidden.clone(), "string"), defined(hidden.clone(), "integer"), BOTH);
        // Definitions that are the same hide nothing.
        let mut described = defined(hidden.clone(), "string");
        described["description"] = json!("in other words");
        check(defined(hidden, "string"), described, NEITHER);
    }
    check(
        json!({"properties": {"a": {}}, "unevaluatedProperties": false}),
        json!({"properties": {}, "unevaluatedProperties": false}),
        BOTH,
    );
    check(json!({"contains": {}, "minContains": 0}), json!({"contains": {}}), BOTH);
    let overlapping = json!({"oneOf": [{"type": "integer"}, {"type": "number"}]});
    check(json!({"oneOf": [{"type": "integer"}, {"type": "string"}]}), overlapping, BOTH);
    check(json!({"const": 1}), json!({"const": 1, "enum": [2]}), BACKWARD);
}

#[test]
fn numbers_of_any_size() {
    let most = |number: &str| format!(r#"{{"type": "number", "maximum": {number}}}"#);
    let ways = |before: &str, after: &str| {
        let changes = compare_json_schemas(before, after).unwrap();
        (changes.iter().any(|change| change.breaks_backward), changes.iter().any(|change| change.breaks_forward))
    };
    assert_eq!(ways(&most("1e30"), &most("1e20")), BACKWARD);
    assert_eq!(ways(r#"{"type": "number"}"#, &most("18446744073709551615")), BACKWARD);
    assert_eq!(ways(r#"{"type": "number"}"#, &most("-1e30")), BACKWARD);
    assert_eq!(ways(&most("9223372036854775807"), &most("9223372036854775806")), BACKWARD);
    // Too long to be told apart.
    assert_eq!(ways(&most("1e30"), &most("1.0e30")), BOTH);
}

#[test]
fn a_type_that_becomes_a_choice_is_compared_with_each() {
    check(json!({"type": "string"}), json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), FORWARD);
    let of = |schema: Value| json!({"$defs": {"a": {"type": "object"}}, "properties": {"x": schema}});
    let reference = || json!({"$ref": "#/$defs/a"});
    check(of(reference()), of(json!({"anyOf": [reference(), {"type": "null"}]})), FORWARD);
    check(of(reference()), of(json!({"allOf": [reference()]})), NEITHER);
    check(json!({"type": "string"}), json!({"oneOf": [{"type": "integer"}, {"type": "null"}]}), BOTH);
    let kind = |name: &str, more: u32| json!({"type": "object", "required": ["kind"], "properties": {"kind": {"const": name}, "n": {"type": "integer", "maximum": more}}});
    // Choices that a property tells apart don't overlap, so one may take more.
    check(json!({"oneOf": [kind("a", 1), kind("b", 1)]}), json!({"oneOf": [kind("a", 1), kind("b", 2)]}), FORWARD);
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    let refused = |text: &str, why: &str| {
        let error = compare_json_schemas(text, text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("{", "it is no JSON");
    refused("3", "#: expected a schema");
    refused(r#"{"properties": {"a": 3}}"#, "#/properties/a: expected a schema");
    refused(r#"{"type": "text"}"#, "#/type: expected a type or a list of types; found \"text\"");
    refused(r#"{"enum": "a"}"#, "#/enum: expected a list of values");
    let nested = |depth: usize| format!("{}{{}}{}", r#"{"items": "#.repeat(depth), "}".repeat(depth));
    compare_json_schemas(&nested(DEEPEST - 1), &nested(DEEPEST - 1)).unwrap();
    assert!(matches!(compare_json_schemas(&nested(DEEPEST), &nested(DEEPEST)), Err(SchemaError::TooDeep(_))));
}

#[test]
fn a_mode_says_which_ways_and_which_versions_count() {
    let version = |most: u32| json!({"type": "string", "maxLength": most}).to_string();
    // Shorter than the first, longer than the last.
    let (before, new) = ([version(9), version(3)], version(5));
    let refused = |mode: Mode| -> Vec<&str> {
        let is_refused = |old: &&String| {
            let changes = compare_json_schemas(old, &new).unwrap();
            changes.iter().any(|change| mode.rules_out(change))
        };
        mode.counting(&before).iter().filter(is_refused).map(String::as_str).collect()
    };
    let [first, last] = [before[0].as_str(), before[1].as_str()];
    assert!(refused(Mode::None).is_empty());
    assert!(refused(Mode::Backward).is_empty());
    assert_eq!(refused(Mode::BackwardTransitive), [first]);
    assert_eq!(refused(Mode::Forward), [last]);
    assert_eq!(refused(Mode::ForwardTransitive), [last]);
    assert_eq!(refused(Mode::Full), [last]);
    assert_eq!(refused(Mode::FullTransitive), [first, last]);
    for mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
        assert_eq!(mode.name().to_uppercase().replace('-', "_").parse(), Ok(mode));
    }
    assert!("sideways".parse::<Mode>().unwrap_err().contains("full-transitive"));
}

#[test]
fn avro_by_its_rules_of_resolution() {
    let record = |fields: Value| json!({"type": "record", "name": "order", "fields": fields}).to_string();
    let id = json!({"name": "id", "type": "int"});
    let with = |more: Value| record(json!([id, more]));
    let symbols = |more: Value| {
        let mut schema = json!({"type": "enum", "name": "state"});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema.to_string()
    };
    let amount =
        |scale: u32| json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale}).to_string();
    let moment = |logical: &str| json!({"type": "long", "logicalType": logical}).to_string();
    // A type of itself, by its full name and by its short one.
    let tree = |value: &str| {
        json!({"type": "record", "name": "node", "namespace": "t", "fields": [
            {"name": "value", "type": value},
            {"name": "next", "type": ["null", "t.node"], "default": null},
            {"name": "all", "type": {"type": "map", "values": "node"}, "default": {}}]})
        .to_string()
    };
    let named = |name: &str| json!({"type": "record", "name": name, "fields": []}).to_string();
    let ways = |before: &str, after: &str| {
        let changes = compare_schemas(before, after).unwrap();
        (changes.iter().any(|change| change.breaks_backward), changes.iter().any(|change| change.breaks_forward))
    };
    for (before, after, expected) in [
        // A reader fills in what has a default, and skips what it doesn't know.
        (record(json!([id])), with(json!({"name": "note", "type": "string", "default": ""})), NEITHER),
        (record(json!([id])), with(json!({"name": "note", "type": "string"})), BACKWARD),
        (record(json!([id])), record(json!([{"name": "id", "type": "long"}])), FORWARD),
        (record(json!([id])), record(json!([{"name": "id", "type": "string"}])), BOTH),
        (record(json!([id])), record(json!([{"name": "id", "type": ["null", "int"]}])), FORWARD),
        (record(json!([id])), record(json!([id])), NEITHER),
        (record(json!([id])), record(json!([{"name": "number", "aliases": ["id"], "type": "int"}])), FORWARD),
        (symbols(json!({"symbols": ["a"]})), symbols(json!({"symbols": ["a", "b"]})), FORWARD),
        (symbols(json!({"symbols": ["a"], "default": "a"})), symbols(json!({"symbols": ["a", "b"]})), NEITHER),
        (json!(["null", "int"]).to_string(), json!(["null", "long", "string"]).to_string(), FORWARD),
        (json!("string").to_string(), json!("bytes").to_string(), NEITHER),
        (amount(2), amount(3), BOTH),
        // Both are longs, and mean other times.
        (moment("timestamp-millis"), moment("timestamp-micros"), BOTH),
        (json!("long").to_string(), moment("timestamp-micros"), NEITHER),
        // The name goes before an alias, whatever the order of the writer's fields.
        (
            record(json!([{"name": "b", "type": "int"}, {"name": "a", "type": "string"}])),
            record(json!([{"name": "a", "aliases": ["b"], "type": "int"}])),
            BOTH,
        ),
        (tree("int"), tree("long"), FORWARD),
        (tree("int"), tree("string"), BOTH),
        // Names count without their namespace; other names are other types.
        (named("a.order"), named("b.order"), NEITHER),
        (named("order"), named("sale"), BOTH),
    ] {
        assert_eq!(ways(&before, &after), expected, "{before} -> {after}");
        assert_eq!(ways(&after, &before), (expected.1, expected.0), "{after} -> {before}");
    }
    // Each of a long chain names the next one twice, and the last differs: found without walking every way through it.
    let chain = |last: &str| {
        let mut schema = json!({"type": "record", "name": "r0", "fields": [{"name": "v", "type": last}]});
        for at in 1..20 {
            let next = format!("r{}", at - 1);
            schema = json!({"type": "record", "name": format!("r{at}"), "fields": [
                {"name": "a", "type": ["null", schema]}, {"name": "b", "type": ["null", next]}]});
        }
        schema.to_string()
    };
    assert_eq!(ways(&chain("int"), &chain("string")), BOTH);
    assert!(matches!(compare_schemas(&record(json!([id])), "{}"), Err(SchemaError::Kinds(..))));
    let refused = |text: &str, why: &str| {
        let error = compare_schemas(&record(json!([id])), text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&record(json!(3)), "#: expected a record with fields");
    refused(&with(json!({"name": "n", "type": "unheard"})), "#/fields/n: expected a type that is defined before");
    refused(r#"{"type": "record", "fields": []}"#, "with a name");
    refused(&with(json!({"name": "n", "type": "string", "default": null})), "#/fields/n: expected a default");
    refused(&symbols(json!({"symbols": ["a"], "default": "b"})), "one of the symbols");
    refused(r#"["null", {"type": "fixed", "name": "f"}]"#, "#/1: expected a fixed with a size");
    refused(&with(json!({"name": "n", "type": {"type": "enum", "name": "order", "symbols": []}})), "defined once");
}

mod soundness {
    //! What a comparison doesn't name, doesn't break: for any two schemas and any value, by the definition of validity.

    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use serde_json::{Map, Value, json};

    use super::super::compare_json_schemas;

    /// Whether a schema of the keywords below takes a value.
    fn takes(schema: &Value, value: &Value) -> bool {
        let Value::Object(schema) = schema else { return *schema == Value::Bool(true) };
        let is = |kind: &str| match kind {
            "integer" => value.is_i64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "null" => value.is_null(),
            "array" => value.is_array(),
            _ => value.is_object(),
        };
        schema.iter().all(|(key, said)| match (key.as_str(), value) {
            ("type", _) => match said {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
                kind => is(kind.as_str().unwrap()),
            },
            ("enum", _) => said.as_array().unwrap().contains(value),
            ("minimum", Value::Number(number)) => number.as_f64() >= said.as_f64(),
            ("exclusiveMaximum", Value::Number(number)) => number.as_f64() < said.as_f64(),
            ("maxLength", Value::String(text)) => text.len() as u64 <= said.as_u64().unwrap(),
            ("minItems", Value::Array(list)) => list.len() as u64 >= said.as_u64().unwrap(),
            ("items", Value::Array(list)) => list.iter().all(|item| takes(said, item)),
            ("required", Value::Object(map)) => {
                said.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))
            }
            ("properties", Value::Object(map)) => {
                said.as_object().unwrap().iter().all(|(name, of)| map.get(name).is_none_or(|value| takes(of, value)))
            }
            ("patternProperties", Value::Object(map)) => {
                map.iter().all(|(name, value)| !name.starts_with('b') || takes(&said["^b"], value))
            }
            ("additionalProperties", Value::Object(map)) => {
                let patterned = schema.contains_key("patternProperties");
                let named = |name: &str| {
                    (patterned && name.starts_with('b'))
                        || schema.get("properties").is_some_and(|named| named.get(name).is_some())
                };
                map.iter().all(|(name, value)| named(name) || takes(said, value))
            }
            ("anyOf", _) => said.as_array().unwrap().iter().any(|one| takes(one, value)),
            ("oneOf", _) => said.as_array().unwrap().iter().filter(|one| takes(one, value)).count() == 1,
            ("not", _) => !takes(said, value),
            ("contains", Value::Array(list)) => {
                let least = schema.get("minContains").and_then(Value::as_u64).unwrap_or(1);
                list.iter().filter(|item| takes(said, item)).count() as u64 >= least
            }
            ("allOf", _) => said.as_array().unwrap().iter().all(|one| takes(one, value)),
            _ => true,
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf =
            select(vec![json!(null), json!(0), json!(1), json!(2), json!(1.5), json!(""), json!("a"), json!("bb")]);
        leaf.prop_recursive(2, 8, 2, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map(select(vec!["a".to_owned(), "b".to_owned()]), inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn schema() -> impl Strategy<Value = Value> {
        let kinds = vec!["integer", "number", "string", "null", "array", "object"];
        let listed = vec![json!(null), json!(0), json!(1), json!(1.5), json!("a"), json!("bb"), json!([])];
        let leaf = prop_oneof![
            Just(json!(true)),
            Just(json!(false)),
            subsequence(kinds.clone(), 1..4).prop_map(|kinds| json!({"type": kinds})),
            subsequence(listed, 1..4).prop_map(|values| json!({"enum": values})),
            (0..3).prop_map(|least| json!({"type": "number", "minimum": least})),
            (0..3).prop_map(|most| json!({"exclusiveMaximum": most})),
            (0..3).prop_map(|most| json!({"type": ["string", "null"], "maxLength": most})),
        ];
        leaf.prop_recursive(3, 16, 3, move |inner| {
            let names = || subsequence(vec!["a", "b"], 0..3);
            prop_oneof![
                (inner.clone(), 0..3)
                    .prop_map(|(items, least)| json!({"type": "array", "items": items, "minItems": least})),
                (names(), inner.clone(), inner.clone(), names(), proptest::option::of(inner.clone())).prop_map(
                    |(names, first, second, required, others)| {
                        let named: Map<String, Value> =
                            names.into_iter().zip([first, second]).map(|(name, of)| (name.to_owned(), of)).collect();
                        let mut schema = json!({"properties": named, "required": required});
                        if let Some(others) = others {
                            schema["additionalProperties"] = others;
                        }
                        schema
                    }
                ),
                (inner.clone(), 0..3).prop_map(|(of, least)| json!({"contains": of, "minContains": least})),
                (inner.clone(), inner.clone()).prop_map(|(of, others)| {
                    json!({"patternProperties": {"^b": of}, "additionalProperties": others, "properties": {"a": {"type": "integer"}}})
                }),
                inner.clone().prop_map(|of| json!({"not": of})),
                (select(vec!["anyOf", "allOf", "oneOf"]), proptest::collection::vec(inner, 1..3))
                    .prop_map(|(key, of)| json!({key: of})),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_value_that_is_lost_or_won_is_told(old in schema(), new in schema(), values in proptest::collection::vec(value(), 8)) {
            let changes = compare_json_schemas(&old.to_string(), &new.to_string()).unwrap();
            let backward = changes.iter().any(|change| change.breaks_backward);
            let forward = changes.iter().any(|change| change.breaks_forward);
            for value in values {
                let (was, is) = (takes(&old, &value), takes(&new, &value));
                prop_assert!(backward || !was || is, "{value} is lost: {changes:?}");
                prop_assert!(forward || was || !is, "{value} is won: {changes:?}");
            }
        }
    }
}
