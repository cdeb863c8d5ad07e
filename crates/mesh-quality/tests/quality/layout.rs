//! Tables of several files, and folders that are columns.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use mesh_model::Field;
use mesh_quality::{DataSource, Table, Verdict};

use crate::support::{Files, check, field, line, metric, outcome, rule, table, table_of, why};

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_are_one_table() {
    let files = Files::new();
    files.write("csv/a.csv", "id,name\n1,x\n2,y\n");
    // Columns have names: their order does not matter.
    files.write("csv/b.csv", "name,id\nz,3\n");
    files.write("json/a.json", "[{\"id\": 1, \"name\": \"x\"}, {\"id\": 2, \"name\": \"y\"}]");
    files.write("json/b.jsonl", "{\"id\": 3.5, \"name\": \"z\"}\n");
    files.parquet(
        "parquet/a.parquet",
        vec![("id", ints(&[1, 2])), ("name", Arc::new(StringArray::from(vec!["x", "y"])))],
    );
    files.parquet("parquet/b.parquet", vec![("name", Arc::new(StringArray::from(vec!["z"]))), ("id", ints(&[3]))]);
    // What tools leave behind is no data.
    files.write("parquet/_SUCCESS", "");
    files.write("parquet/.a.parquet.crc", "x");
    for folder in ["csv", "json", "parquet"] {
        let rules = vec![rule("z", "name <> 'z' OR id >= 3"), rule("none", "id > 99")];
        let found = outcome(vec![table("t", &files.path(folder))], rules, vec![]).await;
        assert_eq!(line(&found, "z"), "Passed 0/3 of t", "{folder}");
        assert_eq!(line(&found, "none"), "Failed 3/3 of t", "{folder}");
        assert_eq!((found.tables[0].files, found.tables[0].rows), (2, 3), "{folder}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_a_file_lacks_is_null_there_and_does_not_conform() {
    let files = Files::new();
    files.write("csv/a.csv", "id,note\n1,x\n");
    files.write("csv/b.csv", "id\n2\n");
    files.parquet("parquet/a.parquet", vec![("id", ints(&[1])), ("note", Arc::new(StringArray::from(vec!["x"])))]);
    files.parquet("parquet/b.parquet", vec![("id", ints(&[2]))]);
    for folder in ["csv", "parquet"] {
        let fields = vec![field("id", "integer"), field("note", "string")];
        let notes = table_of("notes", fields, &files.path(folder), None);
        let found = outcome(vec![notes], vec![rule("note", "note IS NOT NULL")], vec![]).await;
        assert_eq!(line(&found, "note"), "Failed 1/2 of notes", "{folder}");
        let sentence = why(&found, "notes.conforms", Verdict::Failed);
        assert!(sentence.contains("has no 'note'") && sentence.contains("/b."), "{folder}: {sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_two_types_is_told() {
    let files = Files::new();
    let words: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    files.parquet("t/a.parquet", vec![("id", ints(&[1]))]);
    files.parquet("t/b.parquet", vec![("id", words)]);
    let found = outcome(vec![table("t", &files.path("t"))], vec![], vec![]).await;
    let sentence = why(&found, "t.conforms", Verdict::Error);
    assert!(sentence.contains("b.parquet has 'id' as") && sentence.contains("expected Int64 as in"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_columns() {
    let files = Files::new();
    let prices: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    files.parquet("p/country=DE/date=2026-01-01/x.parquet", vec![("price", prices.clone())]);
    files.parquet("p/country=AT/date=2026-02-01/x.parquet", vec![("price", prices)]);
    files.write("c/country=DE/date=2026-01-01/x.csv", "price\n1\n2\n");
    files.write("c/country=AT/date=2026-02-01/x.csv", "price\n1\n2\n");
    for folder in ["p", "c"] {
        let fields = vec![field("price", "double"), field("country", "string"), field("date", "date")];
        let location = format!("{}/", files.path(folder).display());
        let split = ["country".to_owned(), "date".to_owned()];
        let source = DataSource::parse(&[location], None, &split).unwrap();
        let sales = Table::new("sales", fields, source).unwrap();
        let rules = vec![
            rule("known", "country IN ('DE', 'AT')"),
            rule("german", "country = 'DE'"),
            rule("january", "date < DATE '2026-02-01'"),
        ];
        let found = outcome(vec![sales], rules, vec![metric("rowCount", "= 4 ", "sales")]).await;
        assert_eq!(line(&found, "known"), "Passed 0/4 of sales", "{folder}");
        assert_eq!(line(&found, "german"), "Failed 2/4 of sales", "{folder}");
        assert_eq!(line(&found, "january"), "Failed 2/4 of sales", "{folder}");
        assert_eq!(check(&found, "sales.conforms").verdict, Verdict::Passed, "{folder}: {found:#?}");
    }
    files.write("c/oops.csv", "price\n1\n");
    let found = outcome(vec![table("sales", &files.path("c"))], vec![], vec![]).await;
    assert!(why(&found, "sales.conforms", Verdict::Error).contains("in folders of other partitions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_fields_are_columns_with_dots() {
    let files = Files::new();
    let text = "{\"id\": 1, \"address\": {\"City\": \"Bern\"}}\n{\"id\": 2, \"address\": {}}\n{\"id\": 3}\n";
    let fields = vec![field("id", "integer"), Field { nullable: false, ..field("address.city", "string") }];
    let people = table_of("people", fields, &files.write("people.json", text), None);
    let rules = vec![rule("city", "address.city IS NOT NULL")];
    let found = outcome(vec![people], rules, vec![metric("completeness", ">= 50 %", "required fields")]).await;
    assert_eq!(line(&found, "city"), "Failed 2/3 of people");
    assert_eq!(line(&found, "completeness (required fields)"), "Failed 2/3 of people.address.city");
    assert_eq!(check(&found, "people.conforms").verdict, Verdict::Passed, "{found:#?}");
}
