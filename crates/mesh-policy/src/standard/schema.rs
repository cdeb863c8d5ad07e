//! JSON Schema (draft 2020-12) over the product document: a fixed subset, bounded, the same on every node.
//!
//! Keywords: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties` (true or false), `items`,
//! `minItems`, `maxItems`, `minLength`, `maxLength`, `pattern`, `minimum`, `maximum`, `allOf`, `anyOf`, `not`, and those
//! that only describe. Any other is a flaw, `$ref` included: a schema that is half understood must not be enacted. What a
//! product does not say (null) counts as absent.

use std::collections::BTreeMap;

use mesh_model::{RuleSeverity, Standard};
use regex::bytes::Regex;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::{StandardFlaw, Violation};
use crate::document::Document;
use crate::eval::STEPS;
use crate::rule::pattern;
use crate::value::{Value, quoted};

/// Deepest nesting of schemas.
const DEPTH: usize = 16;
/// Most places that are reported of one product.
const REPORTED: usize = 20;
/// Keywords that say nothing about values.
const DESCRIBING: [&str; 8] =
    ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"];
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

/// A compiled schema.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    never: bool,
    types: Vec<String>,
    any: Option<Vec<Value>>,
    properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    closed: bool,
    items: Option<Box<Schema>>,
    /// Least and most elements, characters, value.
    counts: (Option<Decimal>, Option<Decimal>),
    lengths: (Option<Decimal>, Option<Decimal>),
    range: (Option<Decimal>, Option<Decimal>),
    pattern: Option<(String, Regex)>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    not: Option<Box<Schema>>,
}

/// Everything that is wrong with a schema.
pub(super) fn check(json: &Json, flaws: &mut Vec<StandardFlaw>) {
    if let Err(found) = Schema::compile(json) {
        flaws.extend(found);
    }
}

impl Schema {
    pub(super) fn compile(json: &Json) -> Result<Self, Vec<StandardFlaw>> {
        let mut flaws = Vec::new();
        let schema = read(json, "detail.json_schema", 0, &mut flaws);
        if flaws.is_empty() { Ok(schema) } else { Err(flaws) }
    }

    /// Where a product does not fit, the first places of it.
    pub(super) fn ask(&self, standard: &Standard, document: &Document) -> Vec<Violation> {
        let mut asking = Asking { steps: 0, wrong: Vec::new() };
        asking.value(self, document.root(), "");
        let violation = |(path, expected, found): (String, String, String)| Violation {
            rule: standard.id.clone(),
            severity: RuleSeverity::High,
            message: format!("the product document does not fit the schema: expected {expected}"),
            remediation: if path.is_empty() {
                String::new()
            } else {
                format!("change what the product says at {path}")
            },
            path,
            found,
        };
        asking.wrong.into_iter().take(REPORTED).map(violation).collect()
    }
}

fn read(json: &Json, path: &str, depth: usize, flaws: &mut Vec<StandardFlaw>) -> Schema {
    let mut schema = Schema::default();
    let object = match json {
        _ if depth > DEPTH => {
            flaws.push(StandardFlaw::new(path, format!("at most {DEPTH} nested schemas"), "one more"));
            return schema;
        }
        Json::Bool(takes) => {
            schema.never = !takes;
            return schema;
        }
        Json::Object(object) => object,
        other => {
            flaws.push(StandardFlaw::new(path, "a schema", Value::of_json(other).kind()));
            return schema;
        }
    };
    for (keyword, value) in object {
        let path = format!("{path}.{keyword}");
        let mut wrong = |expected: &str| {
            flaws.push(StandardFlaw::new(&path, expected, Value::of_json(value).describe()));
        };
        let number = match Value::of_json(value) {
            Value::Number(number) => Some(number),
            _ => None,
        };
        match (keyword.as_str(), value) {
            ("type", Json::String(name)) if TYPES.contains(&name.as_str()) => schema.types = vec![name.clone()],
            ("type", Json::Array(names)) if names.iter().all(|n| n.as_str().is_some_and(|n| TYPES.contains(&n))) => {
                schema.types = names.iter().filter_map(Json::as_str).map(ToOwned::to_owned).collect();
            }
            ("const", value) => schema.any = Some(vec![Value::of_json(value)]),
            ("enum", Json::Array(values)) => schema.any = Some(values.iter().map(Value::of_json).collect()),
            ("properties", Json::Object(properties)) => {
                let below = |(name, json): (&String, &Json)| {
                    (name.clone(), read(json, &format!("{path}.{name}"), depth + 1, flaws))
                };
                schema.properties = properties.iter().map(below).collect();
            }
            ("required", Json::Array(names)) if names.iter().all(Json::is_string) => {
                schema.required = names.iter().filter_map(Json::as_str).map(ToOwned::to_owned).collect();
            }
            ("additionalProperties", Json::Bool(allowed)) => schema.closed = !allowed,
            ("items", items) => schema.items = Some(Box::new(read(items, &path, depth + 1, flaws))),
            ("not", of) => schema.not = Some(Box::new(read(of, &path, depth + 1, flaws))),
            ("allOf" | "anyOf", Json::Array(of)) if !of.is_empty() => {
                let below = |(at, json): (usize, &Json)| read(json, &format!("{path}[{at}]"), depth + 1, flaws);
                let of = of.iter().enumerate().map(below).collect();
                *(if keyword == "allOf" { &mut schema.all_of } else { &mut schema.any_of }) = of;
            }
            ("pattern", Json::String(text)) => match pattern::compile(text) {
                Ok(regex) => schema.pattern = Some((text.clone(), regex)),
                Err(why) => flaws.push(StandardFlaw::new(&path, "a regular expression within bounds", why)),
            },
            ("minItems", _) if number.is_some() => schema.counts.0 = number,
            ("maxItems", _) if number.is_some() => schema.counts.1 = number,
            ("minLength", _) if number.is_some() => schema.lengths.0 = number,
            ("maxLength", _) if number.is_some() => schema.lengths.1 = number,
            ("minimum", _) if number.is_some() => schema.range.0 = number,
            ("maximum", _) if number.is_some() => schema.range.1 = number,
            (keyword, _) if DESCRIBING.contains(&keyword) => {}
            (
                "type"
                | "enum"
                | "properties"
                | "required"
                | "additionalProperties"
                | "allOf"
                | "anyOf"
                | "pattern"
                | "minItems"
                | "maxItems"
                | "minLength"
                | "maxLength"
                | "minimum"
                | "maximum",
                _,
            ) => wrong("what JSON Schema has for this keyword"),
            _ => wrong("a keyword of the subset that standards have"),
        }
    }
    schema
}

/// Path, what is expected, what was found.
type Wrong = (String, String, String);

struct Asking {
    steps: u64,
    wrong: Vec<Wrong>,
}

impl Asking {
    /// Whether a value fits, with a list of its own of what does not.
    fn fits(&mut self, schema: &Schema, value: &Value, path: &str) -> bool {
        let before = std::mem::take(&mut self.wrong);
        self.value(schema, value, path);
        std::mem::replace(&mut self.wrong, before).is_empty()
    }

    /// Recursion is as deep as the schema.
    fn value(&mut self, schema: &Schema, value: &Value, path: &str) {
        self.steps += 1;
        if self.steps > STEPS {
            if self.steps == STEPS + 1 {
                self.wrong.push((String::new(), format!("at most {STEPS} steps"), "more for this product".into()));
            }
            return;
        }
        let wrong = |expected: String| (path.to_owned(), expected, value.describe());
        if schema.never || *value == Value::Elsewhere {
            self.wrong.push(wrong("nothing there".into()));
            return;
        }
        if !schema.types.is_empty() && !schema.types.iter().any(|name| is_type(name, value)) {
            self.wrong.push(wrong(schema.types.join(" or ")));
            return;
        }
        if let Some(any) = &schema.any
            && !any.contains(value)
        {
            let words: Vec<_> = any.iter().map(Value::describe).collect();
            self.wrong.push(wrong(words.join(" or ")));
        }
        match value {
            Value::Map(entries) => {
                for name in &schema.required {
                    if value.get(name) == Value::Null {
                        self.wrong.push((join(path, name), "a value".into(), "nothing".into()));
                    }
                }
                for (name, below) in entries.iter().filter(|(_, below)| **below != Value::Null) {
                    match schema.properties.get(name.as_ref()) {
                        Some(schema) => self.value(schema, below, &join(path, name)),
                        None if schema.closed => {
                            self.wrong.push((join(path, name), "nothing there".into(), below.describe()));
                        }
                        None => {}
                    }
                }
            }
            Value::List(items) => {
                if !within(schema.counts, items.len().into()) {
                    self.wrong.push(wrong(format!("{} elements", bounds(schema.counts))));
                }
                if let Some(schema) = &schema.items {
                    for (at, item) in items.iter().enumerate() {
                        self.value(schema, item, &format!("{path}[{at}]"));
                    }
                }
            }
            Value::Text(text) => {
                self.steps += text.len() as u64;
                if !within(schema.lengths, text.chars().count().into()) {
                    self.wrong.push(wrong(format!("{} characters", bounds(schema.lengths))));
                }
                if let Some((pattern, regex)) = &schema.pattern
                    && !regex.is_match(text.as_bytes())
                {
                    self.wrong.push(wrong(format!("a text that matches {}", quoted(pattern))));
                }
            }
            Value::Number(number) if !within(schema.range, *number) => {
                self.wrong.push(wrong(bounds(schema.range)));
            }
            _ => {}
        }
        for part in &schema.all_of {
            self.value(part, value, path);
        }
        if !schema.any_of.is_empty() {
            let mut fits = false;
            for part in &schema.any_of {
                fits |= self.fits(part, value, path);
            }
            if !fits {
                self.wrong.push(wrong("one of the alternatives".into()));
            }
        }
        if let Some(not) = &schema.not
            && self.fits(not, value, path)
        {
            self.wrong.push(wrong("what the schema does not exclude".into()));
        }
        if self.steps > STEPS && self.wrong.is_empty() {
            self.wrong.push((String::new(), format!("at most {STEPS} steps"), "more for this product".into()));
        }
    }
}

fn is_type(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("object", Value::Map(_))
        | ("array", Value::List(_))
        | ("number", Value::Number(_))
        | ("string", Value::Text(_)) => true,
        ("integer", Value::Number(number)) => number.fract().is_zero(),
        _ => false,
    }
}

fn within((least, most): (Option<Decimal>, Option<Decimal>), number: Decimal) -> bool {
    least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
}

fn bounds(bounds: (Option<Decimal>, Option<Decimal>)) -> String {
    match bounds {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any number of".into(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
