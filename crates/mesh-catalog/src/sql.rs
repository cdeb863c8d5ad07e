//! The columns that a quality rule's SQL expression speaks of.

/// Words of SQL that are no columns, sorted.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "both",
    "by",
    "case",
    "cast",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "day",
    "days",
    "desc",
    "distinct",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "for",
    "from",
    "full",
    "group",
    "having",
    "hour",
    "hours",
    "ilike",
    "in",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "leading",
    "left",
    "like",
    "limit",
    "minute",
    "minutes",
    "month",
    "months",
    "not",
    "null",
    "nulls",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "regexp",
    "right",
    "rlike",
    "rows",
    "select",
    "similar",
    "some",
    "table",
    "then",
    "timestamp",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "unknown",
    "using",
    "values",
    "when",
    "where",
    "with",
    "year",
    "years",
];

/// The columns of an expression, in order, each once. It is a reading aid for search, not a parser: what is neither
/// literal, comment, number, keyword nor called as a function counts as a column, whatever the dialect.
pub(crate) fn columns(expression: &str) -> Vec<&str> {
    let mut columns = Vec::new();
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' => quoted(rest, '\''),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '"' | '`' | '[' => {
                let length = quoted(rest, if c == '[' { ']' } else { c });
                note(&mut columns, rest[..length].trim_matches(['"', '`', '[', ']']));
                length
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || "_.$".contains(c))).unwrap_or(rest.len());
                let (word, after) = rest.split_at(length);
                let lower = word.to_ascii_lowercase();
                let called = after.trim_start().starts_with('(');
                if !c.is_numeric() && !called && KEYWORDS.binary_search(&lower.as_str()).is_err() {
                    note(&mut columns, word.trim_matches('.'));
                }
                length
            }
            _ => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    columns
}

fn note<'a>(columns: &mut Vec<&'a str>, column: &'a str) {
    if !column.is_empty() && !columns.contains(&column) {
        columns.push(column);
    }
}

/// The length of a quoted piece, quotes included; the rest of the text when it is not closed.
fn quoted(text: &str, close: char) -> usize {
    let open = text.chars().next().map_or(0, char::len_utf8);
    text[open..].find(close).map_or(text.len(), |at| open + at + close.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_columns_and_nothing_else() {
        for (expression, expected) in [
            (r"regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$')", vec!["email"]),
            ("NOT(first_name IS NULL OR last_name IS NULL)", vec!["first_name", "last_name"]),
            ("o.amount >= 0 AND \"Net Price\" < 1e6 -- amount", vec!["o.amount", "Net Price"]),
            ("count (x) = 3 /* y */ and `z` in ('it''s', 'w')", vec!["x", "z"]),
            ("'never closed, email", vec![]),
            ("größe > 0", vec!["größe"]),
            ("", vec![]),
        ] {
            assert_eq!(columns(expression), expected, "{expression}");
        }
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }
}
