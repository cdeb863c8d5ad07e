//! Files that cannot be read: each with a sentence that names what, where, and what was expected and found.

use std::fs;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, StringArray};
use mesh_quality::{DataSource, Input, QualityError, Table, Verdict};

use crate::support::{Files, check, line, outcome, rule, table, table_of, why};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_told() {
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(300), "]".repeat(300));
    let wide = (0..=5_000).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
    let cases: [(&str, Option<&str>, &[u8], &str); 19] = [
        ("empty.csv", None, b"", "is empty: expected CSV; found no byte"),
        ("empty.parquet", None, b"", "is empty: expected Parquet"),
        ("spaces.csv", None, b"\n\n", "found white space"),
        ("ragged.csv", None, b"a,b\n1,2\n3\n", "ragged.csv is no proper CSV: incorrect number of fields for line 3"),
        ("twice.csv", None, b"a,a\n1,2\n", "has the column 'a' twice"),
        ("wide.csv", None, wide.as_bytes(), "has 5001 columns: expected at most 5000"),
        ("latin.csv", None, b"a\n\xe4\n", "invalid UTF-8"),
        ("is_json.csv", None, b"{\"a\": 1}\n", "is not CSV: expected CSV; found JSON"),
        ("is_parquet.csv", None, b"PAR1....PAR1", "is not CSV: expected CSV; found Parquet"),
        ("is_csv.json", None, b"a,b\n1,2\n", "is not JSON: expected JSON; found something else, perhaps CSV"),
        ("is_csv.parquet", None, b"a,b\n1,2\n", "is not Parquet: expected Parquet"),
        ("short.parquet", None, b"PAR1", "was cut off: expected PAR1 at the end"),
        ("rotten.parquet", None, b"PAR1\x01\x02\x03\x04\xff\xff\xff\x00PAR1", "is no Parquet that can be read"),
        ("deep.json", None, deep.as_bytes(), "nested more than 128 deep"),
        ("open.json", None, b"[{\"a\": 1}", "expected closing bracket"),
        (
            "mixed.json",
            None,
            b"{\"a\": 1}\n{\"a\": {}}\n",
            "has at 'a' an object, and a single value elsewhere (record 2)",
        ),
        ("packed.csv.gz", None, b"\x1f\x8b\x08", "is compressed, which is not read: unpack it"),
        ("packed.csv", None, b"\x1f\x8b\x08", "is not CSV: expected CSV; found gzip"),
        ("nothing", None, b"a\n1\n", "does not tell its format: declare it"),
    ];
    for (name, format, content, expected) in cases {
        let files = Files::new();
        let broken = table_of("broken", vec![], &files.write(name, content), format);
        let good = table("good", &files.write("good.csv", "id\n1\n"));
        let rules = vec![rule("over good", "id = 1"), rule("over broken", "a = 1")];
        let found = outcome(vec![broken, good], rules, vec![]).await;
        let sentence = why(&found, "broken.conforms", Verdict::Error);
        assert!(sentence.contains(expected) && sentence.contains(name), "{name}: {sentence}");
        // The other table is looked at all the same.
        assert_eq!(line(&found, "over good"), "Passed 0/1 of good", "{name}");
        let rule = why(&found, "over broken", Verdict::Error);
        assert!(rule.contains("broken cannot be read"), "{name}: {rule}");
        assert_eq!((found.tables[0].rows, found.tables[0].files), (0, 0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_where_nothing_is_is_told() {
    let files = Files::new();
    fs::create_dir_all(files.path("folder")).unwrap();
    files.write("other/read.me", "x");
    files.write("mixed/a.csv", "a\n1\n");
    files.write("mixed/b.json", "{}");
    files.write("empties/a.csv", "");
    for (name, format, expected) in [
        ("missing.csv", None, "does not exist: expected a file or a folder"),
        ("folder", None, "is a folder without files"),
        ("other", None, "does not tell its format"),
        ("mixed", None, "declare the port's format"),
        ("mixed", Some("parquet"), "has no Parquet files"),
        ("empties", None, "is empty"),
    ] {
        let table = table_of("t", vec![], &files.path(name), format);
        let found = outcome(vec![table], vec![], vec![]).await;
        let sentence = why(&found, "t.conforms", Verdict::Error);
        assert!(sentence.contains(expected), "{name} {format:?}: {sentence}");
    }
}

/// The footer is whole and a page is not: what needs the page fails, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_parquet_that_is_rotten_is_an_error_of_what_reads_it() {
    let files = Files::new();
    let values: Vec<String> = (0..1_000).map(|at| format!("value {at}")).collect();
    let columns: Vec<(&str, datafusion::arrow::array::ArrayRef)> =
        vec![("text", Arc::new(StringArray::from(values))), ("id", Arc::new(Int64Array::from_iter_values(0..1_000)))];
    let path = files.parquet("rotten.parquet", columns);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4..200].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let found = outcome(vec![table("rotten", &path)], vec![rule("r", "text <> ''")], vec![]).await;
    assert_eq!(check(&found, "r").verdict, Verdict::Error, "{found:#?}");
}

#[test]
fn what_is_no_input_is_refused() {
    let source = |location: &str, format| DataSource::parse(&[location], format, &[]);
    assert!(matches!(source("gs://bucket/x", None), Err(QualityError::Location { .. })));
    assert!(matches!(DataSource::parse::<&str>(&[], None, &[]), Err(QualityError::Location { .. })));
    assert_eq!(source("x", Some("avro")).unwrap_err(), QualityError::Format("avro".into()));
    let table = |name: &str| Table::new(name, vec![], source("x.csv", None).unwrap());
    assert_eq!(table(" ").unwrap_err(), QualityError::NoName);
    let twice = vec![table("a").unwrap(), table("A").unwrap()];
    assert_eq!(Input::new(twice, vec![], vec![]).unwrap_err(), QualityError::TwoTables("A".into()));
    assert_eq!(Input::new(vec![], vec![], vec![]).unwrap_err(), QualityError::NoTables);
}
