//! Domain types as the messages that show them.

use mesh_event::proto;
use mesh_model::{Descriptor, Role};
use mesh_proto::v1::{HistoryItem, ProductSummary, ProductVersion, VersionSummary};
use prost::Message as _;

use crate::reads;

/// The signed message's type, rebuilt for reading; nobody verifies it.
pub(super) fn descriptor(descriptor: &Descriptor) -> proto::Descriptor {
    proto::Descriptor::decode(mesh_event::encode_descriptor(descriptor).as_slice()).expect("encoded right here")
}

pub(super) fn product(view: &reads::ProductView) -> ProductVersion {
    ProductVersion {
        descriptor: Some(descriptor(&view.descriptor)),
        status: view.status.to_string(),
        sunset: view.sunset.clone(),
        successor: view.successor.clone(),
        reason: view.reason.clone(),
        ledger_index: view.ledger_index,
        sealed_unix_ms: view.sealed_unix_ms,
        author: view.author.0.to_vec(),
        descriptor_digest: view.digest.0.to_vec(),
    }
}

pub(super) fn versions(view: &reads::ProductView) -> Vec<VersionSummary> {
    (view.versions.iter())
        .map(|row| VersionSummary {
            version: row.version.to_string(),
            status: row.status.to_string(),
            ledger_index: row.ledger_index,
            sealed_unix_ms: row.sealed_unix_ms,
        })
        .collect()
}

pub(super) fn summary(view: &reads::ProductView) -> ProductSummary {
    let d = &view.descriptor;
    ProductSummary {
        id: d.id().to_string(),
        version: d.version.to_string(),
        status: view.status.to_string(),
        title: d.title.clone(),
        description: d.description.chars().take(200).collect(),
        owner: d.owner.team.clone(),
        tags: d.tags.clone(),
        ledger_index: view.ledger_index,
    }
}

pub(super) fn history(item: reads::HistoryItem) -> HistoryItem {
    HistoryItem {
        ledger_index: item.ledger_index,
        at_unix_ms: item.at_unix_ms,
        kind: item.kind.to_owned(),
        version: item.version,
        author: item.author.map_or_else(Vec::new, |key| key.0.to_vec()),
        code: item.code.number(),
        detail: item.detail,
        reason: item.reason,
    }
}

pub(super) fn role(role: Role) -> i32 {
    i32::try_from(role.number()).expect("five roles")
}
