//! A descriptor as a document of one of the standards, so that reading it gives the same descriptor.
//!
//! The standard's own fields are written first, then what was kept of the file. Then the document is read again; a
//! field of the descriptor that did not come back as it was is added as a custom property. So nothing is lost,
//! whatever the standard has no word for, and a gap in the mapping costs beauty, not content.
//!
//! People, attachments and overflow don't travel in the document: they are the attachments' own.

use mesh_model::{Descriptor, JsonText};
use serde_json::{Map, Value};

use super::rest::{OWN_FIELDS, merged, own_property, rest_of};
use crate::parsed::{Context, Product};
use crate::problem::{Problem, Severity};
use crate::yaml::to_yaml;

/// One of the two standards.
pub(crate) struct Standard {
    /// How the keys of its extensions begin: `odps`, `odcs`.
    pub(crate) prefix: &'static str,
    /// What the standard has fields for.
    pub(crate) base: fn(&Descriptor) -> Map<String, Value>,
    /// Its reader.
    pub(crate) parse: fn(&str, &mut Context<'_>, &mut Vec<Problem>) -> Vec<Product>,
}

/// The document as YAML.
pub(crate) fn write(descriptor: &Descriptor, standard: &Standard) -> String {
    let wanted = fields(descriptor);
    let base: Value = (standard.base)(descriptor).into();
    let with_rest = merged(base.clone(), rest_of(descriptor, standard.prefix).into());
    // Extensions that another hand wrote may make another product of it, or none: then they go by their names alone.
    let same = |found: &Descriptor| found.version_id() == descriptor.version_id();
    let kept = read_back(&with_rest, standard).filter(same);
    let (document, found) = if kept.is_some() {
        (with_rest, kept)
    } else {
        let found = read_back(&base, standard);
        (base, found)
    };
    let Value::Object(mut document) = document else { unreachable!("two mappings merge to one") };

    let mut properties = match document.remove("customProperties") {
        Some(Value::Array(properties)) => properties,
        _ => Vec::new(),
    };
    let found_fields = found.as_ref().map(fields);
    for field in OWN_FIELDS.into_iter().filter(|field| *field != "extensions") {
        if found_fields.as_ref().is_none_or(|found| found[field] != wanted[field]) {
            properties.push(own_property(field, &wanted[field]));
        }
    }
    let foreign: Map<_, _> = descriptor
        .extensions
        .iter()
        .filter(|(key, text)| found.as_ref().and_then(|found| found.extensions.get(*key)) != Some(text))
        .map(|(key, text)| (key.clone(), JsonText::value(text)))
        .collect();
    if !foreign.is_empty() {
        properties.push(own_property("extensions", &foreign.into()));
    }
    if !properties.is_empty() {
        document.insert("customProperties".into(), properties.into());
    }
    to_yaml(&document.into())
}

fn read_back(document: &Value, standard: &Standard) -> Option<Descriptor> {
    let mut salt = || [0; 16];
    let mut ctx = Context { domain: None, salt: &mut salt, encoded_len: &|_| 0, file_name: "", load: &|_| None };
    let mut problems = Vec::new();
    let product = (standard.parse)(&to_yaml(document), &mut ctx, &mut problems).pop()?;
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    (!refused).then_some(product.descriptor)
}

/// The descriptor as JSON, without the digests of what lies outside of it.
fn fields(descriptor: &Descriptor) -> Value {
    let mut plain = descriptor.clone();
    plain.owner.people = None;
    for contract in plain.outputs.iter_mut().filter_map(|port| port.contract.as_mut()) {
        contract.digest = None;
    }
    serde_json::to_value(plain).expect("a descriptor is plain data")
}
