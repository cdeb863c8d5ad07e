#![allow(clippy::unwrap_used)]

use super::*;

const EMAIL: &str = r"regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$')";
const NAME: &str = "NOT(first_name IS NULL OR last_name IS NULL)";

/// What a check is, and its tree as SQL.
fn read(text: &str) -> Result<String, String> {
    Ok(match parse(text)? {
        Check::Row(rule) => format!("row{}: {}", if rule.has_subquery { " with query" } else { "" }, rule.condition),
        Check::Data(DataRule::Select(query)) => format!("select: {query}"),
        Check::Data(DataRule::Condition { condition, subject }) => {
            let condition = condition.to_string().replace(SUBJECT, "value");
            format!("data: {condition} of {}", subject.map_or_else(|| "none".to_owned(), |subject| subject.to_string()))
        }
    })
}

#[test]
fn a_check_is_a_condition_on_a_row_or_on_the_whole_data() {
    assert_eq!(read(EMAIL).unwrap(), format!("row: {}", EMAIL.replace("regexp_match", "regexp_like")));
    for (text, expected) in [
        (NAME, "row: NOT (first_name IS NULL OR last_name IS NULL)"),
        ("total >= 0;", "row: total >= 0"),
        ("1 = 1", "row: 1 = 1"),
        ("id IN (SELECT id FROM t)", "row with query: id IN (SELECT id FROM t)"),
        (
            "(SELECT COUNT(*) FROM t WHERE x IS NULL) = 0",
            "data: \"value\" = 0 of (SELECT COUNT(*) FROM t WHERE x IS NULL)",
        ),
        ("(SELECT AVG(x) FROM t) BETWEEN 1 AND 2.5", "data: \"value\" BETWEEN 1 AND 2.5 of (SELECT AVG(x) FROM t)"),
        ("0 = (SELECT COUNT(*) FROM t)", "data: 0 = (SELECT COUNT(*) FROM t) of none"),
        ("EXISTS (SELECT 1 FROM t)", "data: EXISTS (SELECT 1 FROM t) of none"),
        ("SELECT COUNT(*) > 0 FROM t", "select: SELECT COUNT(*) > 0 FROM t"),
        ("WITH a AS (SELECT 1 AS n) SELECT n = 1 FROM a", "select: WITH a AS (SELECT 1 AS n) SELECT n = 1 FROM a"),
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_match_is_a_truth_where_a_truth_is_expected() {
    for (text, expected) in [
        ("NOT REGEXP_MATCH(a, 'x')", "NOT regexp_like(a, 'x')"),
        ("(regexp_match(a, 'x')) AND b", "(regexp_like(a, 'x')) AND b"),
        ("a IS NULL OR regexp_match(a, 'x', 'i')", "a IS NULL OR regexp_like(a, 'x', 'i')"),
        ("regexp_match(a, 'x') IS NOT TRUE", "regexp_like(a, 'x') IS NOT TRUE"),
        (
            "CASE WHEN regexp_match(a, 'x') THEN b ELSE regexp_match(c, 'y') END",
            "CASE WHEN regexp_like(a, 'x') THEN b ELSE regexp_like(c, 'y') END",
        ),
        ("coalesce(NOT regexp_match(a, 'x'), b)", "coalesce(NOT regexp_like(a, 'x'), b)"),
        // A list is expected.
        ("regexp_match(a, 'x') IS NOT NULL", "regexp_match(a, 'x') IS NOT NULL"),
        ("regexp_match(a, '(x)')[1] = 'x'", "regexp_match(a, '(x)')[1] = 'x'"),
        ("CASE regexp_match(a, 'x') WHEN b THEN c END", "CASE regexp_match(a, 'x') WHEN b THEN c END"),
    ] {
        assert_eq!(read(text).unwrap(), format!("row: {expected}"), "{text}");
    }
    let inside = "(SELECT COUNT(*) FROM t WHERE NOT regexp_match(a, 'x')) = 0";
    assert!(read(inside).unwrap().contains("WHERE NOT regexp_like(a, 'x')"));
}

#[test]
fn nothing_but_conditions_and_queries_is_run() {
    for (text, why) in [
        ("INSERT INTO t VALUES (1)", "a statement (INSERT)"),
        ("COPY t TO 'x.csv'", "a statement (COPY)"),
        ("create external table x stored as csv location '/etc/passwd'", "a statement (CREATE)"),
        ("SET datafusion.catalog.information_schema = true", "a statement (SET)"),
        ("EXPLAIN SELECT 1", "a statement (EXPLAIN)"),
        ("DROP TABLE t", "a statement (DROP)"),
        ("SELECT 1; SELECT 2", "several statements"),
        ("a = 1; DROP TABLE t", "several statements"),
        ("SELECT 1 INTO x FROM t", "SELECT INTO"),
        ("SELECT * FROM generate_series(1, 10)", "from a function"),
        ("SELECT * FROM t, UNNEST([1])", "from a function"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "only conditions and SELECT are run"),
        ("SELECT a FROM t FOR UPDATE", "locks"),
        ("(SELECT 1 INTO x FROM t) = 0", "SELECT INTO"),
        ("count(*) > 0", "count looks at all rows"),
        ("a = ", "no condition in SQL"),
        ("a b c", "no condition in SQL: unexpected b"),
        ("'open", "no condition in SQL"),
        ("", "no condition in SQL"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    // A column may be called like a statement.
    assert_eq!(read("\"set\" = 1").unwrap(), "row: \"set\" = 1");
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    for (text, why) in [
        (format!("{}a{}", "(".repeat(200), ")".repeat(200)), "nested too deeply"),
        (vec!["a"; 400].join(" + "), "words and signs"),
        (format!("a = '{}'", "x".repeat(BYTES)), "bytes"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let long = format!("a IN ({})", vec!["'x'"; 5_000].join(", "));
    assert!(read(&long).is_ok());
}
