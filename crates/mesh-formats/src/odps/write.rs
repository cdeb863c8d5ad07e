//! A descriptor as an ODPS document.

use mesh_model::{Descriptor, ProductType};
use serde_json::{Map, Value, json};

use super::read;
use crate::bitol::{self, Standard};
use crate::names::map_name;

/// What a descriptor is written as that came from no ODPS file: 1.1.0 asks least of ports.
const DEFAULT_VERSION: &str = "1.1.0";

/// The descriptor as an ODPS document, in the version of its source where that was ODPS.
///
/// Reading the document gives the same descriptor; people and attachments don't travel in it.
pub(crate) fn write(descriptor: &Descriptor) -> String {
    bitol::write(descriptor, &Standard { prefix: "odps", base, parse: read::parse })
}

fn base(descriptor: &Descriptor) -> Map<String, Value> {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    let source = descriptor.source.as_ref();
    let version = source.and_then(|source| source.format.strip_prefix("odps/")).unwrap_or(DEFAULT_VERSION);
    put("apiVersion", format!("v{version}").into());
    put("kind", "DataProduct".into());
    let id = source.and_then(|source| source.id.clone()).unwrap_or_else(|| descriptor.id().to_string());
    put("id", id.into());
    let title = &descriptor.title;
    let named = !title.is_empty() && map_name(title) == descriptor.name;
    put("name", if named { title.as_str().into() } else { descriptor.name.as_str().into() });
    put("version", descriptor.version.to_string().into());
    put("status", serde_json::to_value(descriptor.status).expect("a word"));
    put("domain", descriptor.domain.as_str().into());
    if let (Some(product_type), "1.1.0") = (descriptor.product_type, version) {
        let word = match product_type {
            ProductType::SourceAligned => "source-aligned",
            ProductType::Aggregate => "aggregate",
            ProductType::ConsumerAligned => "consumer-aligned",
        };
        put("type", word.into());
    }
    if !descriptor.description.is_empty() {
        put("description", json!({ "purpose": descriptor.description }));
    }
    if !descriptor.tags.is_empty() {
        put("tags", descriptor.tags.clone().into());
    }
    if !descriptor.inputs.is_empty() {
        let port = |port: &mesh_model::InputPort| {
            let mut written = json!({ "name": port.name, "contractId": port.source });
            if version != DEFAULT_VERSION {
                written["version"] = "1.0.0".into();
            }
            written
        };
        put("inputPorts", descriptor.inputs.iter().map(port).collect());
    }
    if !descriptor.outputs.is_empty() {
        let port = |port: &mesh_model::OutputPort| {
            let mut written = json!({ "name": port.name, "type": port.kind.as_str() });
            if version != DEFAULT_VERSION {
                // Asked for below 1.1.0; what the file said comes with the rest.
                written["version"] = "1.0.0".into();
            }
            if !port.description.is_empty() {
                written["description"] = port.description.as_str().into();
            }
            if let Some(contract) = &port.contract {
                written["contractId"] = contract.id.as_str().into();
                if !contract.version.is_empty() {
                    written["version"] = contract.version.as_str().into();
                }
            }
            written
        };
        put("outputPorts", descriptor.outputs.iter().map(port).collect());
    }
    put("team", json!({ "name": descriptor.owner.team }));
    document
}
