//! Domain types as the messages that show them.

use mesh_event::proto;
use mesh_model::{Descriptor, Role};
use mesh_proto::v1::{HistoryItem, ProductSummary, ProductVersion, VersionSummary};
use prost::Message as _;

use crate::pending::PendingVersion;
use crate::reads;

/// The status of what is not sealed.
const PENDING: &str = "pending";

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
        pending: false,
    }
}

/// A version that is not sealed, in the place of one that is.
pub(super) fn pending(version: &PendingVersion) -> ProductVersion {
    ProductVersion {
        descriptor: Some(descriptor(&version.descriptor)),
        status: PENDING.to_owned(),
        author: version.author.0.to_vec(),
        descriptor_digest: version.digest.0.to_vec(),
        pending: true,
        ..ProductVersion::default()
    }
}

pub(super) fn pending_versions(versions: &[PendingVersion]) -> Vec<VersionSummary> {
    let row = |one: &PendingVersion| VersionSummary {
        version: one.descriptor.version.to_string(),
        status: PENDING.to_owned(),
        pending: true,
        ..VersionSummary::default()
    };
    // Newest first, as sealed ones are.
    versions.iter().rev().map(row).collect()
}

pub(super) fn pending_summary(version: &PendingVersion) -> ProductSummary {
    ProductSummary { status: PENDING.to_owned(), pending: true, ledger_index: 0, ..summary_of(&version.descriptor) }
}

pub(super) fn versions(view: &reads::ProductView) -> Vec<VersionSummary> {
    (view.versions.iter())
        .map(|row| VersionSummary {
            version: row.version.to_string(),
            status: row.status.to_string(),
            ledger_index: row.ledger_index,
            sealed_unix_ms: row.sealed_unix_ms,
            pending: false,
        })
        .collect()
}

pub(super) fn summary(view: &reads::ProductView) -> ProductSummary {
    let (status, ledger_index) = (view.status.to_string(), view.ledger_index);
    ProductSummary { status, ledger_index, ..summary_of(&view.descriptor) }
}

fn summary_of(d: &Descriptor) -> ProductSummary {
    ProductSummary {
        id: d.id().to_string(),
        version: d.version.to_string(),
        status: String::new(),
        title: d.title.clone(),
        description: d.description.chars().take(200).collect(),
        owner: d.owner.team.clone(),
        tags: d.tags.clone(),
        ledger_index: 0,
        pending: false,
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
