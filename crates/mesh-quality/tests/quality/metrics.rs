//! Metrics against their targets.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use datafusion::arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};
use mesh_model::{Field, Severity};
use mesh_quality::{Table, Verdict};

use crate::support::{Files, NOW, check, field, line, measured, metric, outcome, rule, table, table_of, why};

const HOUR_US: i64 = 3_600_000_000;

/// Four orders: ids 1, 2, 2 and 3; two notes are missing, one is empty; the newest is two hours old.
fn orders(files: &Files) -> Table {
    let now = i64::try_from(NOW).unwrap() * 1_000;
    let path = files.parquet(
        "orders.parquet",
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 2, 3]))),
            ("note", Arc::new(StringArray::from(vec![Some("x"), None, Some(""), None]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![now - 2 * HOUR_US, 0, now - 9 * HOUR_US, 1]))),
        ],
    );
    let fields = vec![
        Field { unique: true, nullable: false, ..field("id", "integer") },
        field("note", "string"),
        Field { tags: vec!["event-time".into()], ..field("at", "timestamp") },
    ];
    table_of("orders", fields, &path, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metric_is_measured_against_its_target() {
    let cases = [
        ("Completeness", ">= 99.5 %", "required fields", "Passed 100 %", 0, 4),
        ("completeness", ">= 99.5 %", "note", "Failed 50 %", 2, 4),
        ("completeness", " 75 %", "id, note", "Passed 75 %", 2, 8),
        ("uniqueness", ">= 100 %", "", "Failed 50 %", 2, 4),
        ("uniqueness", ">= 100 %", "orders.note", "Passed 100 %", 0, 2),
        ("accuracy", ">= 75 %", "", "Passed 75 %", 1, 4),
        ("Accuracy", "= 100 %", "orders", "Failed 75 %", 1, 4),
        ("timeliness", "<= 3 hours", "from the shop to the topic", "Passed 2 hours", 0, 4),
        ("freshness", " 90 minutes", "orders.at", "Failed 120 minutes", 0, 4),
        ("rowCount", "= 4 ", "orders", "Passed 4", 0, 4),
        ("row_count", "> 4 rows", "orders", "Failed 4 rows", 0, 4),
        ("nullValues", "= 0 ", "orders.note", "Failed 2", 2, 4),
        ("null-values", "<= 50 %", "orders.note", "Passed 50 %", 2, 4),
        ("missingValues", "< 3 rows", "orders.note", "Failed 3 rows", 3, 4),
        ("duplicateValues", "= 0 ", "orders.id", "Failed 2", 2, 4),
        ("duplicateValues", "= 0 ", "orders", "Passed 0", 0, 4),
    ];
    let files = Files::new();
    let metrics = cases.iter().map(|(name, target, scope, ..)| metric(name, target, scope)).collect();
    let mut warning = rule("warning", "id > 99");
    warning.severity = Severity::Warning;
    let rules = vec![rule("ids", "id <> 1"), warning, rule("notes", "note IS NULL OR note <> 'y'")];
    let found = outcome(vec![orders(&files)], rules, metrics).await;
    // Rules come first.
    for (case, check) in cases.iter().zip(&found.checks[3..]) {
        let (.., expected, failed, rows) = case;
        assert_eq!(measured(&found, &check.name), *expected, "{case:?}: {check:?}");
        assert_eq!((check.failed, check.rows), (*failed, *rows), "{case:?}: {check:?}");
        assert_eq!(check.sentence.is_empty(), check.verdict == Verdict::Passed, "{check:?}");
    }
    assert_eq!(why(&found, "completeness (note)", Verdict::Failed), "50% was measured; promised is at least 99.5%");
    assert_eq!(check(&found, "completeness (id, note)").of, "orders.id, orders.note");
    assert_eq!(found.tables[0].newest_unix_ms, Some(NOW - 2 * 3_600_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_measured_is_not_run_and_says_why() {
    let cases = [
        ("elegance", ">= 1 %", "", "no metric that can be measured here"),
        ("completeness", "", "", "no target"),
        ("completeness", "between 5 %", "", "no two bounds"),
        ("completeness", ">= 5 rows", "", "measured in %"),
        ("timeliness", ">= 99 %", "", "measured in a time"),
        ("timeliness", "<= 1 business days", "", "no unit"),
        ("nullValues", "= 0 ", "orders.nope", "names 'orders.nope'"),
        ("freshness", "<= 1 h", "orders.id", "no time"),
        ("accuracy", ">= 1 %", "", "no row rule"),
    ];
    let files = Files::new();
    let metrics = cases.iter().map(|(name, target, scope, _)| metric(name, target, scope)).collect();
    let found = outcome(vec![orders(&files)], vec![], metrics).await;
    for (case, check) in cases.iter().zip(&found.checks) {
        assert!(check.verdict == Verdict::NotRun && check.sentence.contains(case.3), "{case:?}: {check:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accuracy_is_not_told_when_a_rule_could_not_be_run() {
    let files = Files::new();
    let rules = vec![rule("good", "id > 0"), rule("bad", "CAST(note AS INT) > 0")];
    let found = outcome(vec![orders(&files)], rules, vec![metric("accuracy", ">= 1 %", "")]).await;
    assert!(why(&found, "accuracy", Verdict::Error).contains("could not be run"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_event_time_data_is_as_old_as_its_newest_file() {
    let files = Files::new();
    let path = files.write("plain.csv", "id\n1\n");
    let written = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW - 3_600_000);
    File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    let found = outcome(vec![table("plain", &path)], vec![], vec![metric("freshness", "<= 1 h", "")]).await;
    assert_eq!(measured(&found, "freshness"), "Passed 1 h");
    assert_eq!(found.tables[0].newest_unix_ms, Some(NOW - 3_600_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_conforms_when_it_has_what_is_declared_and_text_reads_as_its_type() {
    let files = Files::new();
    let text = "id,day,price,flag\n1,2026-01-01,1.50,true\nx,2026-13-01,n/a,maybe\n3,,,\n";
    let path = files.write("t.csv", text);
    let types = [("id", "integer"), ("day", "date"), ("price", "decimal(10,2)"), ("flag", "boolean")];
    let mut fields: Vec<Field> = types.iter().map(|(name, of)| field(name, of)).collect();
    let rules = vec![rule("price", "price >= 1 OR price IS NULL")];
    let found = outcome(vec![table_of("t", fields.clone(), &path, None)], rules, vec![]).await;
    assert_eq!(line(&found, "t.conforms"), "Failed 4/3 of t");
    let sentence = why(&found, "t.conforms", Verdict::Failed);
    for part in
        ["1 of 'id' as integer", "1 of 'day' as date", "1 of 'price' as decimal(10,2)", "1 of 'flag' as boolean"]
    {
        assert!(sentence.contains(part), "{sentence}");
    }
    // What does not read as its type is null to rules.
    assert_eq!(line(&found, "price"), "Passed 0/3 of t");
    fields.push(field("gone", "string"));
    let found = outcome(vec![table_of("t", fields, &path, None)], vec![], vec![]).await;
    assert!(why(&found, "t.conforms", Verdict::Failed).contains("the data has no 'gone'"));
    let found = outcome(vec![table("t", &path)], vec![], vec![]).await;
    assert!(why(&found, "t.conforms", Verdict::NotRun).contains("no fields are declared"));
}
