//! The tables against the standards' own JSON schemas.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::yaml::{Object, Shape};

/// Every field of the schema is in the table and the other way round, and the same ones are required. Fields of which
/// the schema speaks in conditions are left out. Skipped with a message where the schemas are absent.
pub(crate) fn compare_with_schema(object: &Object, version: u16, file: &str, conditional: &[&str]) {
    let path = format!("{}/../../../shared/data/bitol-schemas/{file}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {file} is not beside the repository");
        return;
    };
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut comparison = Comparison { schema: &schema, version, conditional, seen: BTreeSet::new(), depth: 0 };
    comparison.object(object, &schema, file);
    assert!(comparison.seen.len() > 10, "{:?}", comparison.seen);
}

struct Comparison<'a> {
    schema: &'a Value,
    version: u16,
    conditional: &'a [&'a str],
    seen: BTreeSet<String>,
    depth: usize,
}

impl<'a> Comparison<'a> {
    fn object(&mut self, object: &Object, schema: &'a Value, path: &str) {
        // Columns contain columns: the same table again, deeper.
        if self.depth > 6 {
            return;
        }
        self.seen.insert(path.to_owned());
        let (mut fields, mut required) = (BTreeMap::new(), BTreeSet::new());
        self.collect(schema, &mut fields, &mut required);
        let known: BTreeSet<&str> = object.fields.iter().filter(|f| f.since <= self.version).map(|f| f.name).collect();
        let told: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        let differs = |left: &BTreeSet<&str>, right: &BTreeSet<&str>| {
            left.difference(right).filter(|name| !self.conditional.contains(name)).count() > 0
        };
        assert!(!differs(&known, &told) && !differs(&told, &known), "{path}: table {known:?}, schema {told:?}");
        let asked: BTreeSet<&str> = object
            .fields
            .iter()
            .filter(|f| f.since <= self.version && self.version < f.required_below)
            .map(|f| f.name)
            .collect();
        assert_eq!(asked, required.iter().map(String::as_str).collect::<BTreeSet<_>>(), "{path}: required");
        for field in object.fields.iter().filter(|field| !self.conditional.contains(&field.name)) {
            if let Some(schema) = fields.get(field.name) {
                self.depth += 1;
                self.shape(&field.shape, schema, &format!("{path}.{}", field.name));
                self.depth -= 1;
            }
        }
    }

    fn shape(&mut self, shape: &Shape, schema: &'a Value, path: &str) {
        let schema = self.resolved(schema);
        match shape {
            Shape::Map(object) => self.object(object, schema, path),
            Shape::List(item) => self.shape(item, &schema["items"], path),
            Shape::OrMap(other, object) => {
                let choices = schema["oneOf"].as_array().unwrap();
                for choice in choices {
                    let choice = self.resolved(choice);
                    if choice["type"] == "object" {
                        self.object(object, choice, path);
                    } else {
                        self.shape(other, choice, path);
                    }
                }
            }
            Shape::Word(words) => {
                let told: BTreeSet<&str> =
                    schema["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
                let known: BTreeSet<&str> =
                    words.iter().filter(|(_, since)| *since <= self.version).map(|(word, _)| *word).collect();
                assert_eq!(known, told, "{path}");
            }
            Shape::Text | Shape::Date | Shape::Moment | Shape::Pattern(_) => {
                assert_eq!(schema["type"], "string", "{path}");
            }
            Shape::Flag => assert_eq!(schema["type"], "boolean", "{path}"),
            Shape::Number => assert_eq!(schema["type"], "number", "{path}"),
            Shape::Integer => assert_eq!(schema["type"], "integer", "{path}"),
            Shape::Port(_) | Shape::Scalar | Shape::Any | Shape::Open => {}
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.schema.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }

    fn collect(&self, schema: &'a Value, fields: &mut BTreeMap<String, &'a Value>, required: &mut BTreeSet<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            fields.extend(properties.iter().map(|(name, schema)| (name.clone(), schema)));
        }
        if let Some(names) = schema["required"].as_array() {
            required.extend(names.iter().map(|name| name.as_str().unwrap().to_owned()));
        }
        let parts = schema["allOf"].as_array().into_iter().flatten().filter(|part| part["if"].is_null());
        for part in parts {
            self.collect(self.resolved(part), fields, required);
        }
        if schema["$ref"].is_string() {
            self.collect(self.resolved(schema), fields, required);
        }
    }
}
