//! The guide's own examples: its product file word for word, and its template line by line.

use std::path::PathBuf;

use crate::common::product;
use mesh_formats::{Format, People, write};
use mesh_model::{AttachmentPurpose, Digest, PortKind, Severity, Source};
use rust_decimal::Decimal;

fn example(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)).unwrap()
}

/// A file of the guide, where the guide's material lies beside the repository.
fn seed(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seed").join(name);
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        eprintln!("skipped: {name} of the guide is not beside this repository");
    }
    text
}

#[test]
fn the_guides_file_reads_word_for_word() {
    let text = example("customer_profile.hcl");
    let product = product(&text);
    let d = &product.descriptor;
    assert_eq!(d.id().to_string(), "customer_experience/customer_profile");
    assert!(!product.version_given);
    assert_eq!(d.owner.team, "customer_team");
    assert_eq!(d.inputs[0].name.as_str(), "postgres-customers-profiles");
    assert_eq!(d.inputs[0].source, Source::External("postgres.customers.profiles".into()));
    assert_eq!(d.inputs[0].frequency.as_deref(), Some("streaming"));
    assert_eq!(d.quality_rules[0].check, r"regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$')");
    assert_eq!(d.quality_rules[1].severity, Severity::Warning);
    let kinds: Vec<_> = d.outputs.iter().map(|port| (port.name.as_str(), port.kind, port.enabled)).collect();
    assert_eq!(
        kinds,
        [("api", PortKind::Api, true), ("batch", PortKind::Batch, true), ("stream", PortKind::Stream, true)]
    );
    assert_eq!(d.outputs[0].rate_limit, Some(Decimal::from(1000)));
    assert_eq!(d.outputs[1].partition_by, ["country", "date"]);
    assert_eq!(d.outputs[2].schema_registry, Some(true));
    assert_eq!(d.documentation.support_contact.as_deref(), Some("customer-data-owners@company.com"));
    // It names no person, so it stays public.
    let original = &product.attachments[0];
    assert_eq!(original.attachment.purpose, AttachmentPurpose::Original);
    assert!(!original.attachment.private);
    assert_eq!((original.body.as_slice(), original.attachment.digest), (text.as_bytes(), Digest::of(text.as_bytes())));
    assert_eq!(d.check(), vec![]);
}

#[test]
fn the_example_is_the_guides_file_byte_for_byte() {
    if let Some(seed) = seed("customer_profile.hcl") {
        assert_eq!(example("customer_profile.hcl"), seed);
    }
}

#[test]
fn what_the_guides_file_says_survives_writing_and_reading() {
    let before = product(&example("customer_profile.hcl")).descriptor;
    let text = write(&before, Format::Hcl).unwrap();
    assert_eq!(product(&text).descriptor, before, "{text}");
}

/// Each line of the template, and where its content is found again.
const TEMPLATE: &[(&str, &[&str])] = &[
    ("# Data Product Template", &[]),
    ("## Metadata", &[]),
    ("Product Name: Customer 360 Data Product", &["Customer 360 Data Product"]),
    ("Domain: Customer Experience", &["Customer Experience", "customer_experience"]),
    ("Owner: Jane Smith (jane.smith@company.com)", &["Jane Smith", "jane.smith@company.com"]),
    ("## Content", &[]),
    ("Datasets Included:", &[]),
    ("- Customer Profile (identity, preferences, segments)", &["Customer Profile", "identity, preferences, segments"]),
    (
        "- Customer Interactions (support tickets, calls, emails)",
        &["Customer Interactions", "support tickets, calls, emails"],
    ),
    ("- Customer Feedback (NPS scores, surveys, reviews)", &["Customer Feedback", "NPS scores, surveys, reviews"]),
    ("## Interface", &[]),
    ("Access Methods:", &[]),
    ("- REST API for real-time access", &["REST API for real-time access"]),
    ("- Daily snapshots via S3 for batch processing", &["Daily snapshots via S3 for batch processing"]),
    ("- Change data capture stream via Kafka", &["Change data capture stream via Kafka"]),
    ("## Quality & Governance", &[]),
    ("Data Quality Metrics:", &[]),
    ("- Completeness: 99.5% for required fields", &["Completeness", "\"99.5\"", "required fields"]),
    ("- Accuracy: 98% verified email addresses", &["Accuracy", "\"98\"", "verified email addresses"]),
    (
        "- Timeliness: Updated within 15 minutes of source changes",
        &["Timeliness", "Updated within 15 minutes of source changes", "\"15\"", "\"minutes\""],
    ),
    ("Compliance:", &[]),
    ("- PII handling compliant with GDPR", &["PII handling compliant with GDPR"]),
    ("- Access controls enforced via IAM", &["Access controls enforced via IAM"]),
    ("- Full audit trail of data changes", &["Full audit trail of data changes"]),
    ("## SLAs", &[]),
    ("- API Availability: 99.9%", &["API Availability", "\"99.9\""]),
    ("- Query Performance: p95 < 500ms", &["Query Performance: p95 < 500ms", "\"percentile\":\"95\"", "\"500\""]),
    ("- Support Response: Same business day", &["Support Response: Same business day"]),
];

#[test]
fn every_line_of_the_guides_template_is_found_again() {
    let product = product(&example("customer_360.hcl"));
    let descriptor = serde_json::to_string(&product.descriptor).unwrap();
    let people = product.attachments.iter().find(|a| a.attachment.purpose == AttachmentPurpose::People).unwrap();
    let people = std::str::from_utf8(&people.body).unwrap();
    for (line, parts) in TEMPLATE {
        let place = if line.starts_with("Owner:") { people } else { &descriptor };
        for part in *parts {
            assert!(place.contains(part), "{line}: {part} is not in {place}");
        }
    }
    if let Some(template) = seed("data_product_template.txt") {
        let lines: Vec<_> = template.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines, TEMPLATE.iter().map(|(line, _)| *line).collect::<Vec<_>>());
    }
}

#[test]
fn people_stay_out_of_the_descriptor_and_the_file_goes_private_with_them() {
    let text = example("customer_360.hcl");
    let product = product(&text);
    let json = serde_json::to_string(&product.descriptor).unwrap();
    assert!(!json.contains("Jane") && !json.contains("jane.smith"), "{json}");
    for body in &product.attachments {
        let salt = body.salt.unwrap();
        assert!(body.attachment.private);
        assert_eq!(body.attachment.digest, Digest::salted(&salt, &body.body));
    }
    let people = product.descriptor.owner.people.unwrap();
    let body = &product.attachments.iter().find(|a| a.attachment.digest == people).unwrap().body;
    let people = People::parse(body).unwrap().people;
    assert_eq!((people[0].name.as_str(), people[0].role.as_deref()), ("Jane Smith", Some("owner")));
    assert_eq!(product.descriptor.check(), vec![]);
}
