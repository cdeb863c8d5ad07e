//! The guide's product, with its two rules as they are written there, over each format.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, StringArray};
use mesh_model::Severity;
use mesh_quality::{CheckKind, Verdict};

use crate::support::{Files, check, line, outcome, rule, table, why};

const EMAIL: &str = r"regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$')";
const NAME: &str = "NOT(first_name IS NULL OR last_name IS NULL)";

/// Id, address, first and last name.
type Customer = (i64, Option<&'static str>, Option<&'static str>, Option<&'static str>);

/// Four customers: one with a bad address, one without any, one without a name.
const CUSTOMERS: [Customer; 4] = [
    (1, Some("ada@example.com"), Some("Ada"), Some("Lovelace")),
    (2, Some("alan"), Some("Alan"), Some("Turing")),
    (3, None, Some("Grace"), Some("Hopper")),
    (4, Some("barbara@example.org"), None, Some("Liskov")),
];

fn written(files: &Files, format: &str) -> PathBuf {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let json = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), |value| format!("\"{value}\""));
    let objects: Vec<String> = CUSTOMERS
        .iter()
        .map(|(id, email, first, last)| {
            let (email, first, last) = (json(*email), json(*first), json(*last));
            format!("{{\"id\": {id}, \"email\": {email}, \"first_name\": {first}, \"last_name\": {last}}}")
        })
        .collect();
    match format {
        "csv" => {
            let lines = CUSTOMERS
                .iter()
                .map(|(id, email, first, last)| format!("{id},{},{},{}\n", text(*email), text(*first), text(*last)));
            let lines: String = lines.collect();
            files.write("customers.csv", format!("id,email,first_name,last_name\n{lines}"))
        }
        "jsonl" => files.write("customers.jsonl", objects.join("\n")),
        "json" => files.write("customers.json", format!("[\n{}\n]\n", objects.join(",\n"))),
        _ => files.parquet(
            "customers.parquet",
            vec![
                ("id", Arc::new(Int64Array::from_iter_values(CUSTOMERS.iter().map(|row| row.0)))),
                ("email", Arc::new(CUSTOMERS.iter().map(|row| row.1).collect::<StringArray>())),
                ("first_name", Arc::new(CUSTOMERS.iter().map(|row| row.2).collect::<StringArray>())),
                ("last_name", Arc::new(CUSTOMERS.iter().map(|row| row.3).collect::<StringArray>())),
            ],
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_rules_say_the_same_of_every_format() {
    for format in ["csv", "jsonl", "json", "parquet"] {
        let files = Files::new();
        let customers = table("customers", &written(&files, format));
        let mut name = rule("name_present", NAME);
        name.severity = Severity::Warning;
        let found = outcome(vec![customers], vec![rule("email_valid", EMAIL), name], vec![]).await;
        assert_eq!(line(&found, "email_valid"), "Failed 2/4 of customers", "{format}");
        assert_eq!(line(&found, "name_present"), "Failed 1/4 of customers", "{format}");
        assert_eq!(why(&found, "email_valid", Verdict::Failed), "2 of 4 rows do not pass");
        let name = check(&found, "name_present");
        assert_eq!((name.kind, name.severity), (CheckKind::Rule, Severity::Warning));
        let read = &found.tables[0];
        assert_eq!((read.rows, read.files, read.bytes > 0), (4, 1, true), "{format}");
    }
}

/// What a value is that is not there is not known, so no condition on it is true.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_fails_also_under_not() {
    for (condition, failed) in [
        ("NOT regexp_match(email, '^alan')", 2),
        ("NOT (regexp_match(email, '^alan') AND id > 0)", 2),
        ("email IS NULL OR regexp_match(EMAIL, '@')", 1),
        ("regexp_match(email, '^(a)')[1] = 'a'", 2),
        ("regexp_match(email, '@') IS NULL", 2),
        ("regexp_like(email, '@')", 2),
        ("id BETWEEN 1 AND 3", 1),
        ("customers.id IN (1, 2)", 2),
        ("1 = 1", 0),
    ] {
        for format in ["csv", "parquet"] {
            let files = Files::new();
            let customers = table("customers", &written(&files, format));
            let found = outcome(vec![customers], vec![rule("r", condition)], vec![]).await;
            let check = check(&found, "r");
            assert_eq!(
                (check.failed, check.sentence.contains("cannot")),
                (failed, false),
                "{format} {condition}: {check:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rule_that_is_wrong_takes_no_other_with_it() {
    let files = Files::new();
    let customers = table("customers", &written(&files, "parquet"));
    let rules = vec![
        rule("good", "id > 0"),
        rule("cast", "CAST(email AS INT) > 0"),
        rule("zero", "id / 0 = 1"),
        rule("pattern", "regexp_match(email, '[')"),
        rule("type", "id + 1"),
        rule("function", "no_such_function(id)"),
        rule("column", "emial IS NOT NULL"),
        rule("syntax", "id >"),
        rule("good", "email IS NOT NULL"),
    ];
    let found = outcome(vec![customers], rules, vec![]).await;
    assert_eq!(line(&found, "good"), "Passed 0/4 of customers");
    assert_eq!(line(&found, "good-2"), "Failed 1/4 of customers");
    for name in ["cast", "zero", "pattern", "type", "function", "column", "syntax"] {
        let why = why(&found, name, Verdict::Error);
        assert!(!why.is_empty() && !why.contains("alan") && !why.contains("ada@"), "{name}: {why}");
    }
    let column = why(&found, "column", Verdict::Error);
    assert!(column.contains("no column 'emial'") && column.contains("columns: id, email"), "{column}");
}
