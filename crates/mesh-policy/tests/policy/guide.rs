//! The guide's four rules against the guide's product, both word for word.

use crate::common::{GUIDE_RULES, guides_product};
use mesh_model::{AuditLogging, Dataset, Encryption, Field, Overflow, OverflowPart};
use mesh_policy::{CompiledStandard, Document, check_rules, plain_rules};

fn field(name: &str, pii: bool, tags: &[&str]) -> Field {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Field { name: name.into(), pii, tags, ..Field::default() }
}

#[test]
fn the_guides_product_as_written_breaks_all_four() {
    let document = Document::of(&guides_product());
    let violations = check_rules(&plain_rules(GUIDE_RULES), &document).unwrap();
    let said: Vec<_> = violations.iter().map(|v| (v.rule.as_str(), v.path.as_str(), v.found.as_str())).collect();
    assert_eq!(
        said,
        [
            ("rule-1", "storage.encryption.enabled", "nothing is said about it"),
            ("rule-2", "fields", "nothing is said about it"),
            ("rule-3", "access.audit_logging.enabled", "nothing is said about it"),
            ("rule-4", "retention_period", "nothing"),
        ]
    );
}

#[test]
fn the_product_passes_once_mended_and_breaks_one_rule_for_each_mistake() {
    let mut product = guides_product();
    product.storage.encryption = Some(Encryption { enabled: true, method: None });
    product.access.audit_logging = Some(AuditLogging { enabled: true, description: None });
    product.retention_period = Some("3 years".into());
    let fields = vec![field("email", true, &["PII"]), field("country", false, &[])];
    product.datasets = vec![Dataset { name: "profiles".into(), fields, ..Dataset::default() }];
    let violated = |product: &mesh_model::Descriptor| {
        let violations = check_rules(&plain_rules(GUIDE_RULES), &Document::of(product)).unwrap();
        violations.into_iter().map(|v| format!("{} {}: {}", v.rule, v.path, v.found)).collect::<Vec<_>>()
    };
    assert_eq!(violated(&product), [""; 0]);

    let mut untagged = product.clone();
    untagged.datasets[0].fields.extend([
        Field { classification: Some("restricted.PII".into()), ..field("phone", false, &[]) },
        Field { term: Some("personal-name".into()), ..field("name", false, &["core"]) },
    ]);
    assert_eq!(violated(&untagged), ["rule-2 fields[2].tagged_as_pii: false in 'phone', and 1 more"]);

    let mut open = product.clone();
    open.storage.encryption = Some(Encryption::default());
    assert_eq!(violated(&open), ["rule-1 storage.encryption.enabled: false"]);

    let mut overflowed = product.clone();
    overflowed.overflow.push(Overflow { part: OverflowPart::Fields, digest: mesh_model::Digest::of(b"x"), count: 9 });
    assert_eq!(violated(&overflowed), ["rule-2 fields: it lies in an attachment, which rules don't read"]);
}

#[test]
fn the_worked_standard_has_exactly_the_guides_rules() {
    let standards = crate::common::standards();
    let (_, standard) = standards.iter().find(|(name, _)| name == "pii-handling.yaml").unwrap();
    let expressions: Vec<_> = standard.rules.iter().map(|rule| rule.expression.as_str()).collect();
    assert_eq!(expressions, GUIDE_RULES);
    let compiled = CompiledStandard::compile(standard).unwrap();
    let evaluation = compiled.evaluate(&Document::of(&guides_product()));
    assert_eq!(evaluation.violations.len(), 4);
    assert_eq!(
        String::from_utf8(evaluation.verdict()).unwrap(),
        "mesh-policy verdict 1\npii-handling@1.0.0 applies\nencrypted-at-rest violated\npii-tagged violated\n\
         access-logged violated\nretention-defined violated\n"
    );
    // The ledger holds this digest: another one is another protocol version.
    assert_eq!(evaluation.digest().short(), "fd9d2452");
}
