//! JSON to YAML text that reads back as the same JSON.

use serde_json::Value;

use super::scalar;

/// A block-style document; keys in their order.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0),
        other => {
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
    out
}

fn mapping(out: &mut String, map: &serde_json::Map<String, Value>, indent: usize) {
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 || indent == 0 {
            pad(out, indent);
        }
        out.push_str(&text(key));
        out.push(':');
        below(out, value, indent);
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 || indent == 0 {
            pad(out, indent);
        }
        out.push('-');
        match item {
            Value::Object(map) if !map.is_empty() => {
                out.push(' ');
                mapping(out, map, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push(' ');
                sequence(out, items, indent + 2);
            }
            other => {
                out.push(' ');
                out.push_str(&inline(other));
                out.push('\n');
            }
        }
    }
}

fn below(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            mapping(out, map, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            sequence(out, items, indent + 2);
        }
        other => {
            out.push(' ');
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        Value::Array(_) => "[]".into(),
        Value::Object(_) => "{}".into(),
        other => other.to_string(),
    }
}

/// A plain scalar where that is safe in every position, else a double-quoted one: JSON's quoting is YAML's.
fn text(string: &str) -> String {
    let first = string.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let inside =
        string.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '@' | '+'));
    // Readers of older YAML would take some words for truth values, dates or numbers: they are quoted for them.
    let word = string.chars().any(|c| c.is_ascii_alphabetic())
        && !scalar::is_number(string)
        && !string.chars().next().is_some_and(|c| c.is_ascii_digit());
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = first && inside && word && !string.ends_with(' ') && !reserved.contains(&&*string.to_ascii_lowercase());
    if plain { string.to_owned() } else { quoted(string) }
}

fn quoted(string: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(string.len() + 2);
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Line separators and the byte order mark are not safe unescaped; other control characters are not allowed.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                write!(out, "\\U{:08x}", u32::from(c)).expect("strings take any text");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::load;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Value {
        let mut problems = Vec::new();
        let root = load(text, &mut problems);
        assert_eq!(problems, [], "{text}");
        root.unwrap().to_json()
    }

    #[test]
    fn blocks_look_as_people_write_them() {
        let value =
            json!({"name": "x", "tags": ["a", "no"], "list": [{"k": 1, "m": {"deep": []}}, [[1], "2"]], "e": {}});
        let yaml = "name: x\ntags:\n  - a\n  - \"no\"\nlist:\n  - k: 1\n    m:\n      deep: []\n  - - - 1\n    - \"2\"\ne: {}\n";
        assert_eq!(to_yaml(&value), yaml);
        assert_eq!(read(yaml), value);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[ -~]{0,8}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_json()) {
            prop_assert_eq!(read(&to_yaml(&value)), value);
        }
    }
}
