//! Ten standards over one product: what admission and `apply` pay for policy. The target is 1 ms.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/policy/common/mod.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "shared with the tests")]
mod common;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mesh_model::{AuditLogging, Dataset, Descriptor, Encryption, Field};
use mesh_policy::{CompiledStandard, Document};

/// The guide's product, mended, with a number of fields.
fn product(fields: usize) -> Descriptor {
    let mut product = common::guides_product();
    product.storage.encryption = Some(Encryption { enabled: true, method: None });
    product.access.audit_logging = Some(AuditLogging { enabled: true, description: None });
    product.retention_period = Some("3 years".into());
    let field = |at: usize| Field {
        name: format!("field_{at}"),
        logical_type: "string".into(),
        classification: Some("confidential".into()),
        pii: at.is_multiple_of(3),
        tags: vec!["pii".into()],
        ..Field::default()
    };
    let fields = (0..fields).map(field).collect();
    product.datasets = vec![Dataset { name: "profiles".into(), fields, ..Dataset::default() }];
    product
}

fn standards(c: &mut Criterion) {
    let standards: Vec<_> =
        common::compiled().into_iter().filter(|standard| !standard.standard().rules.is_empty()).collect();
    let ten = &standards[..10];
    for fields in [20, 200] {
        let product = product(fields);
        c.bench_function(&format!("ten standards over one product of {fields} fields"), |b| {
            b.iter(|| {
                let document = Document::of(black_box(&product));
                ten.iter().map(|standard| standard.evaluate(&document).violations.len()).sum::<usize>()
            });
        });
        let document = Document::of(&product);
        c.bench_function(&format!("the same, the document made before, {fields} fields"), |b| {
            b.iter(|| ten.iter().filter(|standard| standard.evaluate(black_box(&document)).compliant()).count());
        });
    }
    let files = common::standards();
    c.bench_function("compile ten standards", |b| {
        b.iter(|| files.iter().take(10).map(|(_, of)| CompiledStandard::compile(of).unwrap()).collect::<Vec<_>>());
    });
}

criterion_group!(benches, standards);
criterion_main!(benches);
