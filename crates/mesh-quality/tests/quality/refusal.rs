//! Rules read the tables of the product, and do nothing else.

use std::fs;

use mesh_quality::Verdict;

use crate::support::{Files, outcome, rule, table, why};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_and_no_other_file_is_read() {
    let files = Files::new();
    let path = files.write("t.csv", "id\n1\n");
    let secret = files.write("secret.csv", "word\nopensesame\n");
    let out = files.path("out.csv");
    let (secret, out) = (secret.display().to_string(), out.display().to_string());
    let checks = [
        format!("COPY t TO '{out}' STORED AS CSV"),
        format!("COPY (SELECT 1) TO '{out}'"),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{secret}'"),
        format!("(SELECT COUNT(*) FROM '{secret}') >= 0"),
        format!("(SELECT COUNT(*) FROM \"{secret}\") >= 0"),
        format!("id IN (SELECT word FROM \"{secret}\")"),
        format!("(SELECT COUNT(*) FROM read_csv('{secret}')) >= 0"),
        "INSERT INTO t VALUES (2)".to_owned(),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "DROP TABLE t".to_owned(),
        "SET datafusion.catalog.information_schema = true".to_owned(),
        "SELECT id INTO x FROM t".to_owned(),
        "SELECT 1 = 1; DROP TABLE t".to_owned(),
        "id = 1; COPY t TO 'x'".to_owned(),
        "(SELECT COUNT(*) FROM generate_series(1, 1000000)) > 0".to_owned(),
        "(SELECT COUNT(*) FROM information_schema.tables) > 0".to_owned(),
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT MAX(n) > 0 FROM r".to_owned(),
    ];
    let rules = checks.iter().enumerate().map(|(at, check)| rule(&format!("r{at}"), check)).collect();
    let found = outcome(vec![table("t", &path)], rules, vec![]).await;
    for (at, check) in checks.iter().enumerate() {
        assert!(!why(&found, &format!("r{at}"), Verdict::Error).is_empty(), "{check}");
    }
    assert!(fs::metadata(&out).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "id\n1\n");
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains("opensesame"), "{text}");
}
