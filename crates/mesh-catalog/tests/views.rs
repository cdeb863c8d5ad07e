//! What `mesh show -o json` prints.
#![allow(clippy::unwrap_used)]

mod corpus;

use std::collections::BTreeSet;

use corpus::customer_profile;
use mesh_catalog::Lifecycle;
use mesh_catalog::views::{Freshness, LifecycleView, ProductView, Stamp, VersionView};
use mesh_model::{Digest, PublicKey, Version};

#[test]
fn a_product_shows_its_descriptor_and_its_state_side_by_side() {
    let descriptor = customer_profile();
    let view = ProductView {
        id: descriptor.id(),
        lifecycle: LifecycleView { sunset: Some(Stamp(1_800_000_000_000)), ..LifecycleView::of(Lifecycle::Deprecated) },
        ledger_index: 42,
        sealed_at: Stamp(1_767_225_600_123),
        author: PublicKey([7; 32]),
        digest: Digest::of(b"x"),
        versions: vec![VersionView { version: Version::FIRST, status: Lifecycle::Deprecated, ledger_index: 42 }],
        freshness: Freshness { ledger_index: Some(50), as_of: Some(Stamp(0)), age_ms: None },
        descriptor: &descriptor,
    };
    let text = serde_json::to_string(&view).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["id"], "customer_experience/customer_profile");
    assert_eq!(json["sealed_at"], "2026-01-01T00:00:00.123Z");
    assert_eq!(json["lifecycle"]["sunset"], "2027-01-15T08:00:00Z");
    assert_eq!(json["lifecycle"]["status"], "deprecated");
    assert_eq!(json["status"], "active", "the descriptor's own");
    assert_eq!(json["quality_rules"][0]["name"], "email_valid");
    assert_eq!(json["versions"][0]["version"], "1.0.0");
    assert_eq!(json["freshness"]["as_of"], "1970-01-01T00:00:00Z");

    // No key of the descriptor is hidden by one of the view.
    let own = serde_json::to_value(&descriptor).unwrap();
    let own: BTreeSet<_> = own.as_object().unwrap().keys().cloned().collect();
    assert_eq!(json.as_object().unwrap().len(), own.len() + 8);
}

#[test]
fn an_instant_beyond_the_calendar_is_still_shown() {
    assert_eq!(Stamp(u64::MAX).to_string()[..5], *"9999-");
}
