//! Descriptors that are too large move whole parts into attachments, and come back whole.

use std::collections::BTreeMap;

use crate::common::descriptor::descriptor;
use crate::common::{json_len, with_context};
use mesh_formats::{Problems, Product, RestoreError, fit, overflow_text, restore};
use mesh_model::{Dataset, Descriptor, Digest, DomainName, Field, Name, OutputPort, OverflowPart, PortKind, limits};
use proptest::prelude::*;

fn empty() -> Descriptor {
    let mut d = Descriptor::new(DomainName::parse("sales").unwrap(), Name::parse("orders").unwrap());
    d.owner.team = "desk".into();
    d
}

fn fitted(descriptor: Descriptor) -> Result<Product, Problems> {
    let mut product = Product::new(descriptor, true);
    with_context("a.hcl", |ctx| fit(&mut product, ctx))?;
    assert!(json_len(&product.descriptor) <= limits::DESCRIPTOR_BYTES);
    Ok(product)
}

fn bodies(product: &Product) -> BTreeMap<Digest, Vec<u8>> {
    product.attachments.iter().map(|a| (a.attachment.digest, a.body.clone())).collect()
}

fn fields(count: usize, description: &str, pii: bool) -> Vec<Field> {
    let field = |at| Field { name: format!("f{at}"), description: description.into(), pii, ..Field::default() };
    (0..count).map(field).collect()
}

fn ports(count: usize) -> Vec<OutputPort> {
    let port = |at| OutputPort::new(Name::parse(&format!("p{at}")).unwrap(), PortKind::Api);
    (0..count).map(port).collect()
}

#[test]
fn what_fits_stays_as_it_is() {
    let mut d = empty();
    d.description = "x".repeat(limits::DESCRIPTOR_BYTES / 2);
    let product = fitted(d.clone()).unwrap();
    assert_eq!((product.descriptor, product.attachments), (d, vec![]));
}

/// Given these parts, then these overflow.
#[test]
fn parts_overflow_whole_and_in_order() {
    use OverflowPart::{Fields, Ports, Texts};
    let long = "long text ".repeat(30);
    let datasets = |fields: Vec<Field>| vec![Dataset { name: "t".into(), fields, ..Dataset::default() }];
    let with = |edit: &dyn Fn(&mut Descriptor)| {
        let mut d = empty();
        edit(&mut d);
        d
    };
    let table = [
        (with(&|d| d.description = "x".repeat(60_000)), vec![(Texts, 1)]),
        (with(&|d| d.datasets = datasets(fields(200, &long, true))), vec![(Texts, 200)]),
        (with(&|d| d.datasets = datasets(fields(1000, "short", false))), vec![(Fields, 1000)]),
        (with(&|d| d.datasets = datasets(fields(1000, &long, false))), vec![(Texts, 1000), (Fields, 1000)]),
        (with(&|d| d.outputs = ports(400)), vec![(Ports, 400)]),
        // Short texts of marked fields go last, before the product is refused.
        (with(&|d| d.datasets = datasets(fields(240, &"y".repeat(200), true))), vec![(Texts, 240)]),
    ];
    for (descriptor, expected) in table {
        let product = fitted(descriptor.clone()).unwrap();
        let overflow = &product.descriptor.overflow;
        assert_eq!(overflow.iter().map(|o| (o.part, o.count)).collect::<Vec<_>>(), expected);
        assert_eq!(product.descriptor.check(), vec![]);
        assert!(product.attachments.iter().all(|a| a.attachment.size == a.body.len() as u64 && !a.attachment.private));
        assert_eq!(restore(&product.descriptor, &bodies(&product)).unwrap(), descriptor);
        // The same descriptor overflows into the same bytes.
        assert_eq!(fitted(descriptor).unwrap(), product);
    }
}

#[test]
fn marked_fields_stay_inline_or_the_product_is_refused_with_the_limit() {
    let mut d = empty();
    d.datasets = vec![Dataset { name: "t".into(), ..Dataset::default() }];
    d.datasets[0].fields = [fields(300, "", false), fields(100, "", true)].concat();
    d.datasets[0].fields[50].tags = vec!["core".into()];
    for (at, field) in d.datasets[0].fields.iter_mut().enumerate() {
        field.name = format!("f{at}");
    }
    let product = fitted(d.clone()).unwrap();
    assert_eq!(product.descriptor.datasets[0].fields.len(), 101);
    assert!(product.descriptor.fields().all(|(_, field)| field.is_marked()));
    assert_eq!(restore(&product.descriptor, &bodies(&product)).unwrap(), d);

    d.datasets[0].fields = fields(1000, "", true);
    let error = fitted(d).unwrap_err().to_string();
    assert!(error.contains("at most 49152 bytes encoded") && error.contains("1000 fields marked pii"), "{error}");
}

#[test]
fn parts_over_four_mebibytes_are_split() {
    let mut d = empty();
    d.datasets =
        vec![Dataset { name: "t".into(), fields: fields(1500, &"z".repeat(6000), false), ..Dataset::default() }];
    let product = fitted(d.clone()).unwrap();
    assert!(product.attachments.len() > 2);
    assert!(product.attachments.iter().all(|a| a.body.len() <= limits::ATTACHMENT_BYTES));
    assert_eq!(restore(&product.descriptor, &bodies(&product)).unwrap(), d);
}

#[test]
fn more_attachments_than_the_limit_are_refused_with_it() {
    let mut product = Product::new(empty(), true);
    for at in 0..=limits::ATTACHMENTS {
        let purpose = mesh_model::AttachmentPurpose::Contract;
        product.attach(mesh_formats::AttachmentBody::public("c", "text/plain", purpose, at.to_string().into_bytes()));
    }
    let error = with_context("a.hcl", |ctx| fit(&mut product, ctx)).unwrap_err().to_string();
    assert!(error.contains("at most 64 attachments"), "{error}");
}

#[test]
fn overflowed_texts_can_be_searched() {
    let mut d = empty();
    d.description = "needle ".repeat(10_000);
    d.datasets = vec![Dataset { name: "t".into(), fields: fields(1000, "hay", false), ..Dataset::default() }];
    d.outputs = ports(1000);
    let product = fitted(d).unwrap();
    let text: Vec<String> = product
        .descriptor
        .overflow
        .iter()
        .zip(&product.attachments)
        .flat_map(|(overflow, body)| overflow_text(overflow.part, &body.body).unwrap())
        .collect();
    for word in ["needle", "hay", "f999", "p999"] {
        assert!(text.iter().any(|text| text.contains(word)), "{word}");
    }
}

#[test]
fn attachments_that_are_missing_or_others_are_not_put_back() {
    let mut d = empty();
    d.outputs = ports(400);
    let product = fitted(d).unwrap();
    let digest = product.descriptor.overflow[0].digest;
    assert_eq!(restore(&product.descriptor, &BTreeMap::new()), Err(RestoreError::Missing(digest)));
    let other = BTreeMap::from([(digest, b"[]".to_vec())]);
    assert!(matches!(restore(&product.descriptor, &other), Err(RestoreError::Digest { .. })));

    // A body that the descriptor does name, but that is no such part.
    for (body, part, count) in [
        ("[]", OverflowPart::Ports, 1),
        ("{", OverflowPart::Ports, 0),
        ("[{\"path\":\"nowhere\",\"text\":\"x\"}]", OverflowPart::Texts, 1),
        ("[{\"dataset\":7,\"at\":0,\"field\":FIELD}]", OverflowPart::Fields, 1),
        ("[{\"dataset\":0,\"at\":18446744073709551615,\"field\":FIELD}]", OverflowPart::Fields, 1),
    ] {
        let body = body.replace("FIELD", &serde_json::to_string(&Field::default()).unwrap()).into_bytes();
        let mut d = empty();
        d.datasets = vec![Dataset { name: "t".into(), ..Dataset::default() }];
        let digest = Digest::of(&body);
        d.overflow = vec![mesh_model::Overflow { part, digest, count }];
        assert!(restore(&d, &BTreeMap::from([(digest, body)])).is_err(), "{part:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_descriptor_comes_back_whole(mut before in descriptor(), at in 0_usize..3) {
        before.overflow.clear();
        // Too large in one way or another.
        match at {
            0 => before.description = "x".repeat(50_000),
            1 => before.datasets.push(Dataset { name: "big".into(), fields: fields(700, "d", false), ..Dataset::default() }),
            _ => before.outputs.extend(ports(300)),
        }
        let mut product = Product::new(before.clone(), true);
        if with_context("a.hcl", |ctx| fit(&mut product, ctx)).is_ok() {
            prop_assert!(!product.descriptor.overflow.is_empty());
            prop_assert_eq!(restore(&product.descriptor, &bodies(&product)).unwrap(), before);
        }
    }
}
