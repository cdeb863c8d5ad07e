//! The product document: every path that rules can read, and nothing else.

use std::collections::BTreeSet;

use crate::common::product;
use mesh_model::{Attachment, AttachmentPurpose, Digest, JsonText, Overflow, OverflowPart, SourceFile, Version};
use mesh_policy::{Deprecation, Document, FIRST_LEVEL, PATHS, check_rules, document_markdown, plain_rules};
use serde_json::{Value, json};

/// A product that says everything.
const WHOLE: &str = r#"
resource "data_product" "orders" {
  domain      = "sales"
  version     = "2.1.0"
  title       = "Orders"
  description = "All orders of all shops"
  type        = "aggregate"
  license     = "CC-BY-4.0"
  tags        = ["orders"]
  owner       = "shop_team"
  role {
    role   = "data-product-owner"
    holder = "shop leads"
  }
  support {
    channel       = "chat"
    address       = "https://chat.example/orders"
    description   = "Questions"
    response_time = "same day"
  }
  dataset "orders" {
    description = "One row an order"
    field "id" {
      type           = "string"
      nullable       = false
      unique         = true
      classification = "internal"
      tags           = ["key"]
      term           = "order-id"
      description    = "The number on the invoice"
    }
  }
  input {
    source      = "sales/carts@^1"
    frequency   = "hourly"
    description = "What was in the basket"
  }
  output {
    api {
      description     = "One order"
      format          = "json"
      location        = "https://api.example/orders"
      protocol        = "https"
      partition_by    = ["day"]
      rate_limit      = 99.5
      topic           = "orders"
      schema_registry = true
      frequency       = "daily"
      classification  = "internal"
      datasets        = ["orders"]
    }
  }
  quality_rules {
    rule {
      name        = "id_present"
      check       = "id IS NOT NULL"
      dimension   = "completeness"
      description = "No order without a number"
    }
  }
  metric "completeness" {
    target      = "99.5%"
    scope       = "required fields"
    measured    = "daily"
    description = "Over all shops"
  }
  sla "latency" {
    target      = "< 500 ms"
    percentile  = 95
    measured    = "at the gateway"
    description = "Fast"
  }
  storage {
    encryption {
      enabled = true
      method  = "AES-256"
    }
    residency = ["EU"]
  }
  access {
    mode = "request"
    audit_logging {
      enabled     = true
      description = "Every read"
    }
  }
  retention_period = "3 years"
  compliance {
    regulations = ["GDPR"]
    statements  = ["Deletes within 30 days"]
  }
  documentation {
    fields_url      = "https://docs.example/fields"
    examples_url    = "https://docs.example/examples"
    support_contact = "orders@example.com"
    link {
      title = "Handbook"
      url   = "https://docs.example/handbook"
    }
  }
}
"#;

fn whole() -> Document {
    let mut descriptor = product(WHOLE);
    let digest = Digest::of(b"x");
    descriptor.outputs[0].contract =
        Some(mesh_model::ContractRef { id: "orders".into(), version: "1.0.0".into(), digest: Some(digest) });
    descriptor.extensions.insert("acme.cost".into(), JsonText::new(&json!({"centre": 4711})));
    descriptor.attachments = vec![Attachment {
        digest,
        name: "orders.hcl".into(),
        media_type: "text/plain".into(),
        size: 12,
        purpose: AttachmentPurpose::Original,
        private: false,
    }];
    descriptor.source = Some(SourceFile { format: "hcl".into(), id: Some("o-1".into()) });
    descriptor.overflow = vec![Overflow { part: OverflowPart::Texts, digest, count: 3 }];
    let notice = Deprecation {
        announced: "2026-01-01".into(),
        sunset: "2026-04-01".into(),
        successor: "sales/orders_2".into(),
        reason: "Replaced".into(),
    };
    Document::of(&descriptor).with_previous(Some(Version::new(2, 0, 3))).with_deprecation(Some(&notice))
}

/// Every path that leads to something, as the table writes it, with what stands there.
fn paths(value: &Value, path: String, found: &mut BTreeSet<(String, String)>) {
    if path == "extensions" {
        found.insert(("extensions.*".into(), "anything".into()));
        return;
    }
    match value {
        Value::Object(entries) if path == "datasets[].fields[]" => {
            assert!(!entries.is_empty());
            found.insert((path, "map".into()));
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                paths(value, below, found);
            }
        }
        Value::Array(items) => {
            assert!(!items.is_empty(), "{path} is empty, so its paths are not seen");
            for item in items {
                paths(item, format!("{path}[]"), found);
            }
        }
        Value::String(_) => drop(found.insert((path, "text".into()))),
        Value::Number(_) => drop(found.insert((path, "number".into()))),
        Value::Bool(_) => drop(found.insert((path, "truth value".into()))),
        Value::Null => panic!("{path} is null, so what stands there is not seen"),
    }
}

#[test]
fn the_table_has_the_paths_that_there_are() {
    let document = whole();
    let mut found = BTreeSet::new();
    paths(&document.to_json(), String::new(), &mut found);
    let known: BTreeSet<_> = PATHS.iter().map(|(path, what, _)| ((*path).to_owned(), (*what).to_owned())).collect();
    assert_eq!(found.difference(&known).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    assert_eq!(known.difference(&found).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    let first: BTreeSet<_> = PATHS.iter().map(|(path, ..)| path.split(['.', '[']).next().unwrap()).collect();
    assert_eq!(first.into_iter().collect::<Vec<_>>(), FIRST_LEVEL);
    assert_eq!(document.unknown_paths(), [""; 0]);
    assert!(PATHS.iter().all(|(path, ..)| document_markdown().contains(&format!("| `{path}` |"))));
}

#[test]
fn docs_page_is_the_generated_one() {
    let page = crate::common::repository().join("docs/product-document.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, document_markdown()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(page).unwrap(), document_markdown(), "UPDATE_DOCS=1 writes it");
}

#[test]
fn the_document_says_what_the_descriptor_does() {
    let json = whole().to_json();
    assert_eq!(json["outputs"][0]["rate_limit"], json!(99.5));
    assert_eq!(json["inputs"][0]["product"], "sales/carts");
    assert_eq!(json["inputs"][0]["versions"], "^1");
    assert_eq!(json["fields"][0]["dataset"], "orders");
    assert_eq!(json["extensions"]["acme.cost"]["centre"], 4711);
    assert_eq!((&json["previous"], &json["deprecation"]["notice_days"]), (&json!("2.0.3"), &json!(90)));
}

#[test]
fn what_is_not_said_is_null_and_no_empty_text() {
    let document = Document::of(&crate::common::guides_product()).to_json();
    for path in ["/title", "/type", "/fields", "/license", "/previous", "/deprecation", "/retention_period"] {
        assert_eq!(document.pointer(path), Some(&Value::Null), "{path}");
    }
    assert_eq!(document["datasets"], json!([]));
    assert_eq!(document["outputs"][0]["contract"], Value::Null);
    assert_eq!(document["quality_rules"][0]["description"], Value::Null);
}

#[test]
fn what_overflowed_cannot_be_read_not_even_compared_with_null() {
    let mut descriptor = product(WHOLE);
    let overflow = |part| Overflow { part, digest: Digest::of(b"x"), count: 3 };
    descriptor.overflow = [OverflowPart::Texts, OverflowPart::Fields, OverflowPart::Ports].map(overflow).to_vec();
    descriptor.description = String::new();
    let document = Document::of(&descriptor);
    for expression in [
        "fields == null",
        "!has(fields)",
        "all(f in fields: true)",
        "datasets[0].fields == null || true",
        "all(d in datasets: d.fields == null)",
        "size(outputs) == 0 || true",
        "all(i in inputs: i.required)",
        "description == null",
    ] {
        let violations = check_rules(&plain_rules([expression]), &document).unwrap();
        assert_eq!(violations.len(), 1, "{expression}");
        assert_eq!(violations[0].found, "it lies in an attachment, which rules don't read", "{expression}");
    }
    let inline =
        check_rules(&plain_rules(["all(d in datasets: d.description != null)", "name == 'orders'"]), &document);
    assert_eq!(inline.unwrap(), vec![]);
}

#[test]
fn test_cases_are_read_strictly() {
    let error = |json: &str| Document::parse(json).unwrap_err().to_string();
    assert_eq!(error("[]"), "expected a map of the product's fields, found a list");
    assert_eq!(
        error(r#"{"nmae": "x", "owner": {}, "tag": []}"#),
        "expected fields of the product document, found 'nmae', 'tag'"
    );
    assert!(error("{").starts_with("expected JSON, found text that is none: "));
    assert!(error(&"[".repeat(100_000)).contains("recursion limit"));
    let document = Document::parse(
        r#"{"storage": {"encrpytion": {}}, "fields": [{"pi": 1}], "datasets": [{"fields": [{"x": 1}]}], "extensions": {"a": {"b": 1}}}"#,
    );
    assert_eq!(document.unwrap().unknown_paths(), ["datasets[0].fields[0].x", "fields[0].pi", "storage.encrpytion"]);
}
