//! What of a document says something about values, and what of it the comparison can't follow.

use serde_json::{Map, Value};

use super::json_refs::target;

/// Keywords whose value is a map from names to schemas: its keys are names, whatever they look like.
const MAPS: [&str; 6] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

fn is_annotation(key: &str, value: &Value) -> bool {
    match key {
        "title" | "description" | "$comment" | "$schema" => value.is_string(),
        "examples" => value.is_array(),
        "default" | "example" | "self" => true,
        "deprecated" | "readOnly" | "writeOnly" => value.is_boolean(),
        _ => false,
    }
}

/// A document without its annotations; references to itself by its own address are written as such, and a combination of one part is that
/// part.
pub(super) fn bare(document: &Value) -> Value {
    let own = ["$id", "id"].iter().find_map(|key| document.get(key)?.as_str());
    let mut bare = schema(document, own.map(|address| address.trim_end_matches('#')).unwrap_or_default());
    if let Value::Object(map) = &mut bare {
        map.remove("$id");
        if map.get("id").is_some_and(Value::is_string) {
            map.remove("id");
        }
    }
    bare
}

fn schema(value: &Value, own: &str) -> Value {
    match value {
        Value::Object(map) => {
            let mut kept: Map<String, Value> = (map.iter())
                .filter(|(key, value)| !is_annotation(key, value))
                .map(|(key, value)| (key.clone(), keyword(key, value, own)))
                .collect();
            if kept.len() == 1
                && let Some((key, Value::Array(parts))) = kept.iter_mut().next()
                && ["allOf", "anyOf", "oneOf"].contains(&key.as_str())
                && parts.len() == 1
            {
                return parts.remove(0);
            }
            Value::Object(kept)
        }
        Value::Array(list) => list.iter().map(|one| schema(one, own)).collect(),
        other => other.clone(),
    }
}

fn keyword(key: &str, value: &Value, own: &str) -> Value {
    match (key, value) {
        ("enum" | "const", value) => value.clone(),
        ("$ref", Value::String(reference)) if !own.is_empty() && reference.starts_with(&format!("{own}#")) => {
            Value::from(&reference[own.len()..])
        }
        (key, Value::Object(map)) if MAPS.contains(&key) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), schema(value, own))).collect())
        }
        (_, value) => schema(value, own),
    }
}

/// Whether a bare document refers in ways that only a whole implementation of JSON Schema follows: parts with addresses of their own, dynamic
/// references, names that are nowhere.
pub(super) fn is_beyond(document: &Value) -> bool {
    fn any(root: &Value, value: &Value, is_map: bool) -> bool {
        match value {
            Value::Object(map) if is_map => map.values().any(|value| any(root, value, false)),
            Value::Object(map) => map.iter().any(|(key, value)| match (key.as_str(), value) {
                ("enum" | "const", _) => false,
                ("$dynamicRef" | "$recursiveRef", _) => true,
                ("$id" | "id", Value::String(address)) => !address.starts_with('#'),
                ("$ref", Value::String(reference)) => reference.starts_with('#') && target(root, reference).is_none(),
                (key, value) => any(root, value, MAPS.contains(&key)),
            }),
            Value::Array(list) => list.iter().any(|value| any(root, value, false)),
            _ => false,
        }
    }
    any(document, document, false)
}

/// Whether a part refers to others.
pub(super) fn refers(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(refers),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

/// Whether a part refers to something that is no definition, such as the whole or a property.
pub(super) fn refers_elsewhere(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| match value {
            Value::String(reference) if key == "$ref" => {
                !["#/$defs/", "#/definitions/"].iter().any(|start| reference.starts_with(start))
            }
            value => refers_elsewhere(value),
        }),
        Value::Array(list) => list.iter().any(refers_elsewhere),
        _ => false,
    }
}
