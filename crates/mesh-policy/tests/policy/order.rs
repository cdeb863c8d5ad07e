//! A verdict doesn't depend on the order in which maps, fields or standards come.

use mesh_model::{Dataset, Field};
use mesh_policy::{CompiledStandard, Document};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// The same JSON with the keys of every map turned by a number of places.
fn turned(value: &Value, by: usize) -> Value {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (key.clone(), turned(value, by))).collect();
            let places = by % entries.len().max(1);
            entries.rotate_left(places);
            if by % 2 == 1 {
                entries.reverse();
            }
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| turned(item, by)).collect(),
        other => other.clone(),
    }
}

fn verdicts(standards: &[CompiledStandard], document: &Document) -> Vec<Vec<u8>> {
    standards.iter().map(|standard| standard.evaluate(document).verdict()).collect()
}

fn field() -> impl Strategy<Value = Field> {
    let words = prop::sample::select(vec!["pii", "key", "PII"]);
    let class = prop::option::of(prop::sample::select(vec!["public", "confidential", "pii", "secret"]));
    ("[a-zA-Z_]{1,6}", any::<(bool, bool)>(), prop::collection::vec(words, 0..3), class).prop_map(
        |(name, (pii, nullable), tags, class)| Field {
            name,
            pii,
            nullable,
            tags: tags.into_iter().map(ToOwned::to_owned).collect(),
            classification: class.map(ToOwned::to_owned),
            ..Field::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_keys_changes_nothing(by in 0_usize..50) {
        let standards = crate::common::compiled();
        for standard in &standards {
            for test in &standard.standard().tests {
                let json = test.product.value();
                let other = Document::parse(&turned(&json, by).to_string()).unwrap();
                let document = Document::of_json(&test.product).unwrap();
                prop_assert_eq!(&other, &document);
                for standard in &standards {
                    // Not only the verdict: each path and text as well.
                    prop_assert_eq!(standard.evaluate(&other), standard.evaluate(&document));
                }
            }
        }
    }

    #[test]
    fn the_order_of_fields_changes_no_verdict(
        fields in prop::collection::vec(field(), 0..12),
        order in any::<prop::sample::Index>(),
    ) {
        let standards = crate::common::compiled();
        let mut product = crate::common::guides_product();
        let datasets = |fields: Vec<Field>| vec![Dataset { name: "d".into(), fields, ..Dataset::default() }];
        product.datasets = datasets(fields.clone());
        let before = verdicts(&standards, &Document::of(&product));
        let mut shuffled = fields;
        shuffled.reverse();
        let places = order.index(shuffled.len().max(1));
        shuffled.rotate_left(places);
        product.datasets = datasets(shuffled);
        prop_assert_eq!(before, verdicts(&standards, &Document::of(&product)));
    }
}
