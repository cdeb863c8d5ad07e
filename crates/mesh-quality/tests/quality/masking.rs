//! What an outcome may show of the data.

use mesh_model::Field;
use mesh_quality::{MASK, SAMPLES, Verdict};
use serde_json::json;

use crate::support::{Files, check, field, outcome, rule, table, table_of};

#[tokio::test(flavor = "multi_thread")]
async fn samples_show_declared_values_that_everybody_may_see() {
    let files = Files::new();
    let text = "id,email,salary,city,note,phone\n1,a@b.co,100,Bern,secret,\n";
    let fields = vec![
        field("id", "integer"),
        Field { pii: true, ..field("email", "string") },
        Field { classification: Some("internal".into()), ..field("salary", "integer") },
        Field { classification: Some("Public".into()), ..field("city", "string") },
        Field { pii: true, ..field("phone", "string") },
    ];
    let people = table_of("people", fields, &files.write("people.csv", text), None);
    let found = outcome(vec![people], vec![rule("nobody", "city = 'Rome'")], vec![]).await;
    assert_eq!(found.samples.len(), 1);
    let sample = &found.samples[0];
    assert_eq!((sample.rule.as_str(), sample.table.as_str()), ("nobody", "people"));
    let expected = json!({"id": 1, "email": MASK, "salary": MASK, "city": "Bern", "note": MASK, "phone": null});
    assert_eq!(serde_json::Value::Object(sample.row.clone()), expected);
    let text = serde_json::to_string(&found).unwrap();
    for secret in ["a@b.co", "secret"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_few_and_of_every_rule_that_fails() {
    let files = Files::new();
    let rows: String = (0..50).map(|id| format!("{id}\n")).collect::<Vec<_>>().concat();
    let many = table("many", &files.write("many.csv", format!("id\n{rows}")));
    let rules = vec![rule("a", "id < 0"), rule("passes", "id >= 0"), rule("b", "id > 99"), rule("c", "id = 7")];
    let found = outcome(vec![many], rules, vec![]).await;
    let of = |rule: &str| found.samples.iter().filter(|sample| sample.rule == rule).count();
    assert_eq!((found.samples.len(), of("a"), of("b"), of("c"), of("passes")), (SAMPLES, 4, 3, 3, 0));
}

/// An error of the engine says the value that it stumbled over; an outcome does not.
#[tokio::test(flavor = "multi_thread")]
async fn errors_hold_no_values() {
    let files = Files::new();
    let people = table("people", &files.write("people.csv", "email,born\nmia@secret.example,19991231\n"));
    let rules = vec![
        rule("cast", "CAST(email AS BIGINT) > 0"),
        rule("time", "CAST(email AS TIMESTAMP) > now()"),
        rule("divided", "1 / (CAST(born AS BIGINT) - 19991231) > 0"),
    ];
    let found = outcome(vec![people], rules, vec![]).await;
    for name in ["cast", "time", "divided"] {
        assert_eq!(check(&found, name).verdict, Verdict::Error, "{found:#?}");
    }
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains("secret") && !text.contains("19991231"), "{text}");
}
