//! Placeholders of data contracts: `${table}`, `{property}` and the like stand for the table and the column that a check is declared at.
//!
//! A descriptor does not say where that is. It is known when there is one table, or when the rule has no name of its own: then it is called after its
//! place, `orders.total.sql`.

use super::names::Known;
use crate::column::{Column, is_same_name, quoted};

/// Words that stand for the table, and for the column.
const TABLE: [&str; 5] = ["object", "table", "model", "schema", "dataset"];
const COLUMN: [&str; 3] = ["property", "column", "field"];

/// What a check is declared at, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    table: Option<String>,
    column: Option<String>,
}

impl About {
    /// What a rule of this name is declared at.
    pub(crate) fn of(rule: &str, tables: &[Known]) -> Self {
        let unnumbered = rule.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('-').unwrap_or(rule);
        let place = unnumbered.strip_suffix(".sql").unwrap_or(unnumbered);
        for table in tables {
            let name = Some(table.name.clone());
            if is_same_name(place, &table.name) {
                return Self { table: name, column: None };
            }
            // Names of tables may have dots in them.
            let mut within = place.match_indices('.').filter(|(at, _)| is_same_name(&place[..*at], &table.name));
            if let Some(column) = within.find_map(|(at, _)| Column::find(&table.schema, &place[at + 1..])) {
                return Self { table: name, column: Some(column.name) };
            }
        }
        let only = match tables {
            [table] => Some(table.name.clone()),
            _ => None,
        };
        Self { table: only, column: None }
    }
}

/// The check with its placeholders filled.
///
/// # Errors
/// A sentence, when there is one and what it stands for is not known.
pub(crate) fn fill(check: &str, about: &About) -> Result<String, String> {
    let mut filled = String::with_capacity(check.len());
    let mut quote: Option<char> = None;
    let mut rest = check;
    while let Some(letter) = rest.chars().next() {
        if let Some((word, has_dollar, behind)) = placeholder(rest) {
            let word = word.to_lowercase();
            let meant = if TABLE.contains(&word.as_str()) {
                Some(("table", &about.table))
            } else if COLUMN.contains(&word.as_str()) {
                Some(("column", &about.column))
            } else {
                None
            };
            match meant {
                Some((_, Some(name))) => {
                    filled.push_str(&written(name, quote));
                    rest = behind;
                    continue;
                }
                Some((what, None)) => {
                    return Err(format!("it stands for a {what} in '{{{word}}}', and a descriptor does not say which"));
                }
                None if has_dollar => return Err(format!("it has a placeholder that is not known: '${{{word}}}'")),
                // Braces of something else, such as a class of letters in a pattern.
                None => {}
            }
        }
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '\'' | '"' | '`') => quote = Some(letter),
            _ => {}
        }
        filled.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    Ok(filled)
}

/// A name where it stands: alone, or within quotation marks.
fn written(name: &str, quote: Option<char>) -> String {
    match quote {
        Some(mark) => name.replace(mark, &format!("{mark}{mark}")),
        None => quoted(name),
    }
}

/// The word of a placeholder that a text begins with, whether it has a `$`, and what stands behind it.
fn placeholder(text: &str) -> Option<(&str, bool, &str)> {
    let (has_dollar, inner) = match text.strip_prefix("${") {
        Some(inner) => (true, inner),
        None => (false, text.strip_prefix('{')?),
    };
    let (inner, close) = match inner.strip_prefix('{') {
        Some(inner) => (inner, "}}"),
        None => (inner, "}"),
    };
    let (word, behind) = inner.split_once(close)?;
    let word = word.trim();
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    is_word.then_some((word, has_dollar, behind))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn tables() -> Vec<Known> {
        let known = |name: &str, column: &str| {
            let schema = Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, true)]));
            Known { name: name.to_owned(), schema }
        };
        vec![known("shop.orders", "total"), known("returns", "reason")]
    }

    #[test]
    fn a_rule_without_a_name_of_its_own_says_its_place() {
        let about = |rule: &str, tables: &[Known]| {
            let About { table, column } = About::of(rule, tables);
            (table.unwrap_or_default(), column.unwrap_or_default())
        };
        let pair = |table: &str, column: &str| (table.to_owned(), column.to_owned());
        let all = tables();
        assert_eq!(about("shop.orders.total.sql", &all), pair("shop.orders", "total"));
        assert_eq!(about("shop.orders.TOTAL.sql-2", &all), pair("shop.orders", "total"));
        assert_eq!(about("returns.sql", &all), pair("returns", ""));
        assert_eq!(about("no negative totals", &all), pair("", ""));
        assert_eq!(about("no negative totals", &all[..1]), pair("shop.orders", ""));
    }

    #[test]
    fn placeholders_are_filled_where_they_are_known() {
        let about = About { table: Some("orders".into()), column: Some("to\"tal".into()) };
        for (check, expected) in [
            ("SELECT COUNT(*) FROM ${table}", "SELECT COUNT(*) FROM \"orders\""),
            ("{{ object }}.`{property}` = '{column}'", "\"orders\".`to\"tal` = 'to\"tal'"),
            ("\"${column}\"", "\"to\"\"tal\""),
            (r"a ~ '^\p{Lu}{2,}$'", r"a ~ '^\p{Lu}{2,}$'"),
        ] {
            assert_eq!(fill(check, &about).unwrap(), expected);
        }
        let nothing = About::default();
        assert!(fill("{column} > 0", &nothing).unwrap_err().contains("does not say which"));
        assert!(fill("${threshold} > 0", &about).unwrap_err().contains("not known: '${threshold}'"));
    }
}
