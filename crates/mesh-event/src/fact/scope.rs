//! Which ports, and which of their fields, as they are signed.

use std::collections::BTreeSet;

use mesh_model::Name;
use serde::{Deserialize, Serialize};

use crate::convert::{Malformed, text};
use crate::proto;

/// Most ports, and fields of a port, that a scope names.
pub const SCOPE_ITEMS: usize = 64;
/// Longest name of a field, in bytes.
pub const FIELD_BYTES: usize = 255;

/// A port, or some of its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortScope {
    /// The output port.
    pub port: Name,
    /// Its fields as the source names them; empty for all, also those that come later.
    pub fields: Vec<String>,
}

pub(crate) fn to_messages(scope: &[PortScope]) -> Vec<proto::PortScope> {
    let one = |scope: &PortScope| proto::PortScope { port: scope.port.to_string(), fields: scope.fields.clone() };
    scope.iter().map(one).collect()
}

/// Each port once, each field of it once: what is wider than another reading of the same bytes would be a trap.
pub(crate) fn from_messages(items: Vec<proto::PortScope>) -> Result<Vec<PortScope>, Malformed> {
    let many = |what: &str, found: usize| {
        let text = format!("expected at most {SCOPE_ITEMS} {what}; found {found}");
        (found > SCOPE_ITEMS).then(|| Malformed::new("scope", text)).map_or(Ok(()), Err)
    };
    many("ports", items.len())?;
    let mut ports = BTreeSet::new();
    let mut scope = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        many("fields", item.fields.len())?;
        let port: Name = text("port", &item.port).map_err(|error| error.within(format!("scope[{at}]")))?;
        let fields: BTreeSet<&str> = item.fields.iter().map(String::as_str).collect();
        let is_odd = |field: &&str| field.is_empty() || field.len() > FIELD_BYTES;
        if fields.len() != item.fields.len() || fields.iter().any(is_odd) {
            let text = format!("expected different fields of 1 to {FIELD_BYTES} bytes");
            return Err(Malformed::new(format!("scope[{at}].fields"), text));
        }
        if !ports.insert(port.clone()) {
            return Err(Malformed::new(format!("scope[{at}].port"), format!("{port} stands there twice")));
        }
        scope.push(PortScope { port, fields: item.fields });
    }
    Ok(scope)
}
