//! Choices: `anyOf` and `oneOf`, and whether a value may be taken by two of one.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::json_numbers::canonical;
use super::json_refs::resolve;
use super::json_values::Values;

/// With more, nobody looks at all pairs.
const MOST_CHOICES: usize = 256;

/// The choices of a schema that is nothing but a choice.
pub(super) fn choices(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    let (key, value) = schema.iter().next().filter(|_| schema.len() == 1)?;
    if ["anyOf", "oneOf"].contains(&key.as_str()) { value.as_array() } else { None }
}

/// Whether two schemas of objects ask for one property each and allow no common value of it, or one asks for what the other rules out.
fn tells_apart(one: &Map<String, Value>, other: &Map<String, Value>, only_objects: bool) -> bool {
    let listed = |schema: &Map<String, Value>, name: &str| -> Option<HashSet<String>> {
        let required = schema.get("required").and_then(Value::as_array)?;
        let property = schema.get("properties")?.get(name)?.as_object()?;
        let values = Values::of("", property).ok()?.listed?;
        required.iter().any(|one| one == name).then(|| values.into_iter().map(canonical).collect())
    };
    let is_object =
        |schema: &Map<String, Value>| only_objects || schema.get("type").is_some_and(|kind| kind == "object");
    let rules_out = |schema: &Map<String, Value>, name: &str| {
        schema.get("additionalProperties") == Some(&Value::Bool(false))
            && !schema.contains_key("patternProperties")
            && schema.get("properties").is_none_or(|named| named.get(name).is_none())
    };
    let asks_in_vain = |one: &Map<String, Value>, other: &Map<String, Value>| {
        let required = one.get("required").and_then(Value::as_array).into_iter().flatten();
        required.filter_map(Value::as_str).any(|name| rules_out(other, name))
    };
    if is_object(one) && is_object(other) && (asks_in_vain(one, other) || asks_in_vain(other, one)) {
        return true;
    }
    let names = one.get("properties").and_then(Value::as_object).into_iter().flatten();
    is_object(one)
        && is_object(other)
        && names.into_iter().any(|(name, _)| {
            listed(one, name).zip(listed(other, name)).is_some_and(|(one, other)| one.is_disjoint(&other))
        })
}

/// Whether no value is taken by two of a schema's `oneOf`: they are of other types, or a property that each asks for has other values.
pub(super) fn exclude_each_other(root: &Value, schema: &Map<String, Value>) -> bool {
    let Some(Value::Array(list)) = schema.get("oneOf") else { return true };
    if list.len() > MOST_CHOICES {
        return false;
    }
    let only_objects = schema.get("type").is_some_and(|kind| kind == "object");
    let parts: Vec<_> = list.iter().map(|one| resolve(root, one).as_object()).collect();
    parts.iter().enumerate().all(|(place, one)| {
        parts[..place].iter().all(|other| match (types_of(*one), types_of(*other)) {
            (Some(a), Some(b)) if !a.overlaps(&b) => true,
            _ => one.zip(*other).is_some_and(|(one, other)| tells_apart(one, other, only_objects)),
        })
    })
}

fn types_of(part: Option<&Map<String, Value>>) -> Option<Values<'_>> {
    part.and_then(|part| Values::of("", part).ok())
}
