//! Types and listed values of a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::SchemaError;
use super::json::excerpt;
use super::json_numbers::canonical;

const TYPES: [&str; 6] = ["null", "boolean", "object", "array", "number", "string"];

/// Types and listed values of a schema.
pub(super) struct Values<'s> {
    /// `integer` only where `number` is not among them.
    pub(super) types: BTreeSet<&'s str>,
    /// Of these types only.
    pub(super) listed: Option<Vec<&'s Value>>,
}

impl<'s> Values<'s> {
    pub(super) fn of(path: &str, schema: &'s Map<String, Value>) -> Result<Self, SchemaError> {
        let wrong = |found: &Value| SchemaError::Shape {
            path: format!("{path}/type"),
            expected: "a type or a list of types",
            found: excerpt(found),
        };
        let known = |value: &'s Value| match value.as_str() {
            Some(kind) if kind == "integer" || TYPES.contains(&kind) => Ok(kind),
            _ => Err(wrong(value)),
        };
        let mut types: BTreeSet<&str> = match schema.get("type") {
            None => TYPES.into(),
            Some(Value::Array(list)) => list.iter().map(known).collect::<Result<_, _>>()?,
            Some(one) => [known(one)?].into(),
        };
        if types.contains("number") {
            types.remove("integer");
        }
        let listed = match schema.get("enum") {
            None => None,
            Some(Value::Array(list)) => Some(list.iter().collect::<Vec<_>>()),
            Some(other) => {
                let (path, found) = (format!("{path}/enum"), excerpt(other));
                return Err(SchemaError::Shape { path, expected: "a list of values", found });
            }
        };
        let listed = match (schema.get("const"), listed) {
            (None, listed) => listed,
            (Some(one), None) => Some(vec![one]),
            (Some(one), Some(listed)) => {
                Some(listed.into_iter().filter(|value| canonical(value) == canonical(one)).collect())
            }
        };
        let listed: Option<Vec<&Value>> =
            listed.map(|values| values.into_iter().filter(|value| covers(&types, type_of(value))).collect());
        if let Some(values) = &listed {
            types = values.iter().map(|value| type_of(value)).collect();
            if types.contains("number") {
                types.remove("integer");
            }
        }
        Ok(Self { types, listed })
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        !self.types.is_disjoint(&other.types) || (self.takes_numbers() && other.takes_numbers())
    }

    pub(super) fn takes_numbers(&self) -> bool {
        self.types.contains("number") || self.types.contains("integer")
    }

    pub(super) fn words(&self) -> String {
        if TYPES.iter().all(|kind| self.types.contains(kind)) {
            return "any".to_owned();
        }
        self.types.iter().copied().collect::<Vec<_>>().join(" or ")
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => "number",
        Value::Number(_) => "integer",
    }
}

pub(super) fn covers(types: &BTreeSet<&str>, kind: &str) -> bool {
    types.contains(kind) || (kind == "integer" && types.contains("number"))
}
