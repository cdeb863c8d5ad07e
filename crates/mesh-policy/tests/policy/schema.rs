//! Standards that are a JSON Schema.

use mesh_model::{Enforcement, JsonText, Name, Standard, StandardDetail, StandardKind, Version};
use mesh_policy::{CompiledStandard, Document, StandardFlaw};
use serde_json::{Value, json};

fn compile(schema: &Value) -> Result<CompiledStandard, Vec<StandardFlaw>> {
    CompiledStandard::compile(&Standard {
        id: Name::parse("shape").unwrap(),
        version: Version::FIRST,
        title: "Shape".into(),
        kind: StandardKind::Schema,
        text: "Why.".into(),
        selector: String::new(),
        rules: Vec::new(),
        enforcement: Enforcement::Block,
        effective_from: String::new(),
        grace_days: 0,
        tests: Vec::new(),
        detail: Some(StandardDetail::Schema { json_schema: JsonText::new(schema) }),
    })
}

fn wrong(schema: &Value, document: &Value) -> Vec<String> {
    let evaluation = compile(schema).unwrap().evaluate(&Document::parse(&document.to_string()).unwrap());
    evaluation.violations.into_iter().map(|v| format!("{}: {}", v.path, v.found)).collect()
}

#[test]
fn every_place_that_does_not_fit_is_named() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["license", "owner"],
        "properties": {
            "license": {"type": "string", "pattern": "^CC", "maxLength": 9},
            "tags": {"type": "array", "minItems": 2, "items": {"enum": ["a", "b"]}},
            "owner": {"type": "object", "additionalProperties": false, "properties": {"team": {"type": "string"}}},
            "sla": {"items": {"properties": {"percentile": {"type": "number", "minimum": 50, "maximum": 99.9}}}},
            "name": {"not": {"const": "x"}, "anyOf": [{"minLength": 2}, {"const": "y"}], "allOf": [true]}
        }
    });
    let fits = json!({"license": "CC0-1.0", "tags": ["a", "b"], "owner": {"team": "t", "people": null},
                      "sla": [{"percentile": 95}, {}], "name": "y"});
    assert_eq!(wrong(&schema, &fits), [""; 0]);
    let broken = json!({"license": "MIT", "tags": ["c"], "owner": {"people": true}, "sla": [{"percentile": 99.95}],
                        "name": "x"});
    let mut found = wrong(&schema, &broken);
    found.sort();
    assert_eq!(
        found,
        [
            "license: 'MIT'",
            "name: 'x'",
            "name: 'x'",
            "owner.people: true",
            "sla[0].percentile: 99.95",
            "tags: a list of 1",
            "tags[0]: 'c'",
        ]
    );
    assert_eq!(wrong(&schema, &json!({"owner": {}, "name": "ab"})), ["license: nothing"]);
}

#[test]
fn a_keyword_that_is_not_understood_is_a_flaw() {
    let flaws =
        compile(&json!({"$ref": "#/x", "properties": {"a": {"minimum": "1", "format": "uri"}}, "type": "text"}));
    let said: Vec<_> = flaws.unwrap_err().iter().map(|flaw| flaw.path.clone()).collect();
    assert_eq!(
        said,
        [
            "detail.json_schema.$ref",
            "detail.json_schema.properties.a.minimum",
            "detail.json_schema.properties.a.format",
            "detail.json_schema.type",
        ]
    );
    let deep = (0..40).fold(json!(true), |below, _| json!({"not": below}));
    assert!(compile(&deep).unwrap_err()[0].to_string().contains("at most 16 nested schemas"));
}
