//! Conditions on the whole data, as importers make them of data contracts.

use mesh_quality::Verdict;

use crate::support::{Files, check, field, line, measured, outcome, rule, table, table_of, why};

fn orders(files: &Files) -> mesh_quality::Table {
    let text = "id,customer,total\n1,a,10\n2,,20.5\n3,b,\n";
    table_of("orders", vec![field("total", "decimal(10,2)")], &files.write("orders.csv", text), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_on_the_whole_data_are_one_verdict() {
    let files = Files::new();
    let cases = [
        ("(SELECT COUNT(*) FROM orders WHERE customer IS NULL) = 0", "Failed 1"),
        ("(SELECT COUNT(*) FROM shop.Orders WHERE customer IS NULL) <= 1", "Passed 1"),
        ("(SELECT SUM(total) FROM orders) BETWEEN 30 AND 31", "Passed 30.5"),
        ("(SELECT COUNT(*) FROM orders) NOT BETWEEN 1 AND 5", "Failed 3"),
        ("SELECT COUNT(*) = 3 FROM orders", "Passed"),
        ("SELECT COUNT(*) > 3 FROM orders", "Failed"),
        ("WITH o AS (SELECT * FROM orders) SELECT bool_and(id IS NOT NULL) FROM o", "Passed"),
        ("(SELECT MAX(customer) FROM orders) = 'x'", "Failed"),
        ("(SELECT COUNT(*) FROM orders WHERE NOT regexp_match(customer, 'a')) = 1", "Passed 1"),
    ];
    let rules = cases.iter().enumerate().map(|(at, (check, _))| rule(&format!("r{at}"), check)).collect();
    let found = outcome(vec![orders(&files)], rules, vec![]).await;
    for (at, (check, expected)) in cases.iter().enumerate() {
        assert_eq!(measured(&found, &format!("r{at}")), *expected, "{check}: {:?}", found.checks[at]);
    }
    assert_eq!(line(&found, "r0"), "Failed 0/3 of orders");
    assert_eq!(why(&found, "r0", Verdict::Failed), "the value is 1; expected: the value = 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_gives_no_boolean_is_an_error() {
    let files = Files::new();
    let cases = [
        ("SELECT id > 0 FROM orders", "several rows"),
        ("SELECT id > 0, id FROM orders LIMIT 1", "2 columns"),
        ("SELECT id > 0 FROM orders WHERE id = 99", "0 rows"),
        ("SELECT COUNT(*) FROM orders", "expected a boolean"),
        ("(SELECT COUNT(*) FROM nowhere) = 0", "no table of the product (tables: orders)"),
        ("(SELECT id, total FROM orders) = 0", ""),
    ];
    let rules = cases.iter().enumerate().map(|(at, (check, _))| rule(&format!("r{at}"), check)).collect();
    let found = outcome(vec![orders(&files)], rules, vec![]).await;
    for (at, (check, expected)) in cases.iter().enumerate() {
        let why = why(&found, &format!("r{at}"), Verdict::Error);
        assert!(why.contains(expected) && !why.is_empty(), "{check}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn placeholders_are_filled_or_the_check_is_not_run() {
    let files = Files::new();
    let returns = table("returns", &files.write("returns.csv", "id,reason\n1,x\n"));
    let rules = vec![
        rule("orders.customer.sql", "(SELECT COUNT(*) FROM ${object} WHERE ${property} IS NULL) = 1"),
        rule("returns.sql", "(SELECT COUNT(*) FROM {table}) = 1"),
        rule("no place", "(SELECT COUNT(*) FROM {object}) = 1"),
    ];
    let found = outcome(vec![orders(&files), returns], rules, vec![]).await;
    assert_eq!(check(&found, "orders.customer.sql").verdict, Verdict::Passed, "{found:#?}");
    assert_eq!(check(&found, "returns.sql").verdict, Verdict::Passed);
    assert!(why(&found, "no place", Verdict::NotRun).contains("does not say which"));
}

/// A condition on rows that asks a query is counted alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_rows_condition_may_ask_another_table() {
    let files = Files::new();
    let customers = table("customers", &files.write("customers.csv", "name\na\n"));
    let rules = vec![rule("known", "customer IN (SELECT name FROM customers)")];
    let found = outcome(vec![orders(&files), customers], rules, vec![]).await;
    assert_eq!(line(&found, "known"), "Failed 2/3 of orders");
}
