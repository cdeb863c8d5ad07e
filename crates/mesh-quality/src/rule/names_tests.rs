#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};

use super::super::parse::{Check, parse};
use super::*;

fn tables() -> Vec<Known> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let geo = Field::new("geo", DataType::Struct(Fields::from(vec![Field::new("Lat", DataType::Float64, true)])), true);
    let number = Field::new("total", DataType::Int64, true);
    let known = |name: &str, fields: Vec<Field>| Known { name: name.to_owned(), schema: Arc::new(Schema::new(fields)) };
    vec![
        known("customer-profile", vec![text("Email"), text("id"), geo]),
        known("orders", vec![text("id"), number, text("note")]),
    ]
}

fn row(text: &str, table: usize) -> String {
    let tables = tables();
    let Check::Row(rule) = parse(text).unwrap() else { return "not a row's".to_owned() };
    match for_row(&rule, &tables[table], &tables) {
        Ok(Resolved::Ready(condition)) => condition.to_string(),
        Ok(Resolved::Missing(names)) => format!("missing {}", names.into_iter().collect::<Vec<_>>().join(" ")),
        Err(why) => why,
    }
}

#[test]
fn names_in_a_rows_condition_are_columns_of_the_table() {
    for (text, table, expected) in [
        ("email IS NOT NULL", 0, "\"Email\" IS NOT NULL"),
        ("customer_profile.EMAIL = 'x'", 0, "\"Email\" = 'x'"),
        ("crm.customer_profile.email = 'x'", 0, "\"Email\" = 'x'"),
        ("geo.lat > 1", 0, "\"geo\".\"Lat\" > 1"),
        ("email = nope AND geo.lon = 1", 0, "missing geo.lon nope"),
        ("email IS NULL", 1, "missing email"),
        ("id IN (SELECT ID FROM Orders)", 0, "\"id\" IN (SELECT \"id\" FROM \"orders\")"),
        (
            "id IN (SELECT id FROM '/etc/passwd')",
            0,
            "it reads ''/etc/passwd'', which is no table of the product (tables: customer-profile, orders)",
        ),
    ] {
        assert_eq!(row(text, table), expected, "{text}");
    }
}

#[test]
fn text_is_compared_with_numbers_as_a_number() {
    for (text, expected) in [
        ("note >= 0", "TRY_CAST(\"note\" AS DOUBLE) >= 0"),
        ("-1.5 < note", "-1.5 < TRY_CAST(\"note\" AS DOUBLE)"),
        ("note BETWEEN 0 AND 10", "TRY_CAST(\"note\" AS DOUBLE) BETWEEN 0 AND 10"),
        ("note IN (1, 2)", "TRY_CAST(\"note\" AS DOUBLE) IN (1, 2)"),
        ("total > 0 AND note = '1'", "\"total\" > 0 AND \"note\" = '1'"),
    ] {
        assert_eq!(row(text, 1), expected, "{text}");
    }
}

fn data(text: &str) -> String {
    let Check::Data(rule) = parse(text).unwrap() else { return "not the data's".to_owned() };
    match for_data(&rule, &tables()) {
        Ok(DataRule::Select(query)) => query.to_string(),
        Ok(DataRule::Condition { subject, .. }) => subject.map(|subject| subject.to_string()).unwrap_or_default(),
        Err(why) => why,
    }
}

#[test]
fn names_in_a_query_are_changed_where_there_is_no_doubt() {
    for (text, expected) in [
        (
            "(SELECT COUNT(*) FROM crm.Customer_Profile WHERE email IS NULL) = 0",
            "(SELECT COUNT(*) FROM \"customer-profile\" WHERE \"Email\" IS NULL)",
        ),
        (
            "SELECT COUNT(*) = 0 FROM customer_profile c WHERE c.email = 'x'",
            "SELECT COUNT(*) = 0 FROM \"customer-profile\" c WHERE c.\"Email\" = 'x'",
        ),
        ("SELECT MAX(orders.total) > 0 FROM orders", "SELECT MAX(\"orders\".\"total\") > 0 FROM \"orders\""),
        (
            "WITH orders AS (SELECT 1 AS n) SELECT n = 1 FROM orders",
            "WITH orders AS (SELECT 1 AS n) SELECT n = 1 FROM orders",
        ),
        (
            "(SELECT COUNT(*) FROM information_schema.tables) = 0",
            "it reads 'information_schema.tables', which is no table of the product (tables: customer-profile, orders)",
        ),
    ] {
        assert_eq!(data(text), expected, "{text}");
    }
}
