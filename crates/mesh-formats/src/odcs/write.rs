//! A descriptor as an ODCS document.

use mesh_model::Descriptor;
use serde_json::{Map, Value, json};

use super::{read, schema};
use crate::bitol::{self, Standard};
use crate::names::map_name;

/// What a descriptor is written as that came from no ODCS file.
const DEFAULT_VERSION: &str = "3.1.0";

/// The descriptor as an ODCS document, in the version of its source where that was ODCS.
///
/// Reading the document gives the same descriptor; people and attachments don't travel in it.
pub(crate) fn write(descriptor: &Descriptor) -> String {
    bitol::write(descriptor, &Standard { prefix: "odcs", base, parse: read::parse })
}

fn base(descriptor: &Descriptor) -> Map<String, Value> {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    let source = descriptor.source.as_ref();
    let version = source.and_then(|source| source.format.strip_prefix("odcs/")).unwrap_or(DEFAULT_VERSION);
    put("apiVersion", format!("v{version}").into());
    put("kind", "DataContract".into());
    let id = source.and_then(|source| source.id.clone()).unwrap_or_else(|| descriptor.id().to_string());
    put("id", id.into());
    let title = &descriptor.title;
    let named = !title.is_empty() && map_name(title) == descriptor.name;
    let name = if named { title.as_str() } else { descriptor.name.as_str() };
    // Where the contract had a name of its own, the product's stood beside it.
    let own_name = descriptor.extensions.contains_key("odcs.name");
    put(if own_name { "dataProduct" } else { "name" }, name.into());
    put("version", descriptor.version.to_string().into());
    put("status", serde_json::to_value(descriptor.status).expect("a word"));
    put("domain", descriptor.domain.as_str().into());
    if !descriptor.description.is_empty() {
        put("description", json!({ "purpose": descriptor.description }));
    }
    if !descriptor.tags.is_empty() {
        put("tags", descriptor.tags.clone().into());
    }
    put("team", json!({ "name": descriptor.owner.team }));
    if !descriptor.datasets.is_empty() {
        put("schema", schema::write(&descriptor.datasets));
    }
    document
}
