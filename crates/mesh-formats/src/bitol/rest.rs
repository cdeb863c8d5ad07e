//! What has no place in a descriptor, and comes back when the descriptor is written.
//!
//! [`keep_rest`] puts what nobody took into extensions, one for each top-level field: `odps.tenant`,
//! `odps.outputPorts`. Lists keep their indices: an item that is in the descriptor whole leaves `{}` behind, so that
//! [`merged`] finds the other items' places again.
//!
//! The other way round, what a descriptor says and the standard has no field for is written as a custom property
//! `mesh.<field>` with the field's value, or `mesh.<field>.json` with its JSON as text where it nests too deep for a
//! product file. [`apply_own_properties`] reads it again.

use mesh_model::limits::NESTING;
use mesh_model::{Descriptor, Digest, JsonText};
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::yaml::{Node, path_of};

/// Most bytes of JSON that one file's own fields may take in a descriptor of at most 48 KiB.
const EXTENSION_BYTES: usize = 16 * 1024;
/// How custom properties begin that hold a descriptor's field.
const OWN: &str = "mesh.";
/// How they end when they hold it as JSON text.
const AS_TEXT: &str = ".json";
/// Levels of nesting that a field's value may have beside those of the document around it.
const VALUE_NESTING: usize = NESTING - 8;
/// The descriptor's fields that a custom property may hold. Identity, attachments and source are the file's own.
pub(super) const OWN_FIELDS: [&str; 19] = [
    "title",
    "description",
    "type",
    "tags",
    "owner",
    "license",
    "datasets",
    "inputs",
    "outputs",
    "quality_rules",
    "quality",
    "sla",
    "storage",
    "access",
    "retention_period",
    "compliance",
    "documentation",
    "status",
    "extensions",
];

/// The custom property that holds a field.
pub(super) fn own_property(field: &str, value: &Value) -> Value {
    if fits(value) {
        serde_json::json!({ "property": format!("{OWN}{field}"), "value": value })
    } else {
        serde_json::json!({ "property": format!("{OWN}{field}{AS_TEXT}"), "value": value.to_string() })
    }
}

/// Whether a value may stand in a product file: no deeper than its nesting.
fn fits(value: &Value) -> bool {
    let mut level: Vec<&Value> = vec![value];
    for _ in 0..VALUE_NESTING {
        level = level
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            })
            .collect();
        if level.is_empty() {
            return true;
        }
    }
    false
}

/// Takes over what custom properties `mesh.*` say, and marks them as taken.
pub(crate) fn apply_own_properties(root: &Node, descriptor: &mut Descriptor, problems: &mut Vec<Problem>) {
    let people = descriptor.owner.people;
    let digests: Vec<(_, Option<Digest>)> = descriptor
        .outputs
        .iter()
        .map(|port| (port.name.clone(), port.contract.as_ref().and_then(|contract| contract.digest)))
        .collect();
    for (at, item) in root.list("customProperties").iter().enumerate() {
        let Some(field) = item.text("property").and_then(|property| property.strip_prefix(OWN)) else {
            continue;
        };
        let Some(value) = item.get("value") else {
            continue;
        };
        let path = format!("customProperties[{at}].value");
        let (field, as_text) = field.strip_suffix(AS_TEXT).map_or((field, false), |field| (field, true));
        if !OWN_FIELDS.contains(&field) {
            let expected = format!("one of the fields {}", OWN_FIELDS.join(", "));
            problems.push(Problem::warning(item.place(), path, expected, format!("'{field}'")));
            continue;
        }
        let json = match value.as_str() {
            Some(text) if as_text => serde_json::from_str(text),
            _ => Ok(value.to_json()),
        };
        match json.and_then(|json| replaced(descriptor, field, json)) {
            Ok(with) => {
                *descriptor = with;
                item.take();
            }
            Err(error) => {
                let expected = format!("the descriptor's field '{field}' as JSON");
                problems.push(Problem::error(value.place(), path, expected, error.to_string()));
            }
        }
    }
    descriptor.owner.people = people;
    for port in &mut descriptor.outputs {
        let digest = digests.iter().find(|(name, _)| *name == port.name).and_then(|(_, digest)| *digest);
        if let Some(contract) = &mut port.contract {
            contract.digest = digest;
        }
    }
}

fn replaced(descriptor: &Descriptor, field: &str, value: Value) -> Result<Descriptor, serde_json::Error> {
    let mut json = serde_json::to_value(descriptor)?;
    match (&mut json[field], value) {
        (Value::Object(known), Value::Object(more)) if field == "extensions" => known.extend(more),
        (place, value) => *place = value,
    }
    serde_json::from_value(json)
}

/// Puts what is left of the document into the descriptor's extensions.
pub(crate) fn keep_rest(root: &Node, prefix: &str, descriptor: &mut Descriptor, problems: &mut Vec<Problem>) {
    let Some(Value::Object(mut rest)) = root.rest() else {
        return;
    };
    if let Some(Value::Array(properties)) = rest.get_mut("customProperties") {
        // Blanks are the `mesh.*` ones: these go by their name and not by their place.
        properties.retain(|property| property.as_object().is_none_or(|map| !map.is_empty()));
    }
    let mut room = EXTENSION_BYTES;
    let mut kept: Vec<_> = rest.into_iter().map(|(key, value)| (key, JsonText::new(&value))).collect();
    // The small ones first: one large field shall not push out the others.
    kept.sort_by_key(|(key, text)| (text.as_str().len(), key.clone()));
    for (key, text) in kept {
        let bytes = text.as_str().len();
        if bytes > room {
            let entry = root.entries().iter().find(|entry| entry.key == key);
            let place = entry.map_or((0, 0), |entry| (entry.line, entry.column));
            let expected = format!("at most {EXTENSION_BYTES} bytes of fields that a descriptor has none for");
            let found = format!("{bytes} bytes more, which only the attached original keeps");
            problems.push(Problem::warning(place, key, expected, found));
            continue;
        }
        room -= bytes;
        descriptor.extensions.insert(path_of(prefix, &key), text);
    }
}

/// Puts the rest back into what was written of the descriptor. Lists of different length don't belong together (the
/// descriptor's may have overflowed): then what was written stays as it is.
pub(super) fn merged(written: Value, rest: Value) -> Value {
    match (written, rest) {
        (Value::Object(mut written), Value::Object(rest)) => {
            // What was kept goes last, in its order: so it is found again in the same order.
            for (key, rest) in rest {
                let value = match written.shift_remove(&key) {
                    Some(value) => merged(value, rest),
                    None => rest,
                };
                written.insert(key, value);
            }
            written.into()
        }
        (Value::Array(written), Value::Array(rest)) if written.len() == rest.len() => {
            written.into_iter().zip(rest).map(|(written, rest)| merged(written, rest)).collect()
        }
        (written @ (Value::Array(_) | Value::Object(_)), _) | (written, Value::Null) => written,
        (_, rest) => rest,
    }
}

/// The extensions of a prefix as the document that they came from, without any that nests too deep for it.
pub(super) fn rest_of(descriptor: &Descriptor, prefix: &str) -> Map<String, Value> {
    let mut rest = Map::new();
    for (path, text) in &descriptor.extensions {
        let Some(after) = path.strip_prefix(prefix) else {
            continue;
        };
        let key = match after.strip_prefix('.') {
            Some(key) => key.to_owned(),
            None => match serde_json::from_str::<Vec<String>>(after).ok().and_then(|mut keys| keys.pop()) {
                Some(key) => key,
                None => continue,
            },
        };
        let value = text.value();
        if fits(&value) {
            rest.insert(key, value);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_come_together_by_index_or_not_at_all() {
        let written = json!({"a": 1, "ports": [{"name": "x"}, {"name": "y"}]});
        assert_eq!(
            merged(written.clone(), json!({"b": 2, "ports": [{}, {"sbom": []}]})),
            json!({"a": 1, "ports": [{"name": "x"}, {"name": "y", "sbom": []}], "b": 2})
        );
        assert_eq!(merged(written.clone(), json!({"ports": [{"sbom": []}]})), written);
        assert_eq!(merged(json!({"a": 1}), json!({"a": "one"})), json!({"a": "one"}));
    }
}
