//! A YAML document as a tree in which every value knows its place, and whether somebody used it.

use std::cell::Cell;
use std::str::FromStr;

use rust_decimal::Decimal;

/// A value with its place.
///
/// Readers mark what they carried into the descriptor ([`Node::take`]) and what names people ([`Node::keep_private`]);
/// [`Node::rest`] is what neither happened to, and goes to the extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// What stands there.
    pub(crate) value: Value,
    used: Cell<bool>,
    personal: Cell<bool>,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as the file writes it.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the file's order; keys are distinct.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: String,
    /// The key's line, from 1.
    pub(crate) line: usize,
    /// The key's column, from 1.
    pub(crate) column: usize,
    /// The value.
    pub(crate) node: Node,
}

impl Node {
    /// A value that nobody used yet.
    pub(crate) fn new((line, column): (usize, usize), value: Value) -> Self {
        Self { line, column, value, used: Cell::new(false), personal: Cell::new(false) }
    }

    /// Line and column.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.line, self.column)
    }

    /// The value under a key; `None` where there is no such key, where it is null, and in anything but a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let node = &self.entries().iter().find(|entry| entry.key == key)?.node;
        (node.value != Value::Null).then_some(node)
    }

    /// The keys of a mapping; none in anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The values of a list; none in anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::Seq(items) => items,
            _ => &[],
        }
    }

    /// The values of the list under a key.
    pub(crate) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::items)
    }

    /// A text.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A text, or the source text of a number or truth value.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// The text under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// The truth value under a key.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// The number, where it is finite and within 28 digits.
    pub(crate) fn as_decimal(&self) -> Option<Decimal> {
        match &self.value {
            Value::Number(text) => decimal(text),
            _ => None,
        }
    }

    /// Says that the whole value is in the descriptor.
    pub(crate) fn take(&self) {
        self.used.set(true);
    }

    /// The text under a key, taken.
    pub(crate) fn take_text(&self, key: &str) -> Option<&str> {
        let node = self.get(key)?;
        node.take();
        node.as_text()
    }

    /// The text under a key; taken only when it is what writing the descriptor gives back.
    pub(crate) fn take_same(&self, key: &str, written: &str) -> Option<&str> {
        let node = self.get(key)?;
        let text = node.as_str()?;
        if text == written {
            node.take();
        }
        Some(text)
    }

    /// The texts of the list under a key, taken.
    pub(crate) fn take_texts(&self, key: &str) -> Vec<String> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let texts: Vec<_> = node.items().iter().filter_map(Self::as_str).map(ToOwned::to_owned).collect();
        // A list with anything else in it would not come back whole.
        if texts.len() == node.items().len() {
            node.take();
        }
        texts
    }

    /// Says that the whole value names people: it never enters a descriptor.
    pub(crate) fn keep_private(&self) {
        self.personal.set(true);
    }

    /// The value without what is in the descriptor or names people; `None` when nothing is left.
    ///
    /// List items that are taken whole leave `{}` or null behind, so that the others keep their index.
    pub(crate) fn rest(&self) -> Option<serde_json::Value> {
        if self.used.get() || self.personal.get() {
            return None;
        }
        match &self.value {
            Value::Map(entries) if !entries.is_empty() => {
                let rest: serde_json::Map<_, _> =
                    entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.node.rest()?))).collect();
                (!rest.is_empty()).then(|| rest.into())
            }
            Value::Seq(items) if !items.is_empty() => {
                let rest: Vec<_> = items.iter().map(Self::rest).collect();
                let blank = |item: &Self| match item.value {
                    Value::Map(_) => serde_json::Value::Object(serde_json::Map::new()),
                    _ => serde_json::Value::Null,
                };
                rest.iter()
                    .any(Option::is_some)
                    .then(|| items.iter().zip(rest).map(|(item, rest)| rest.unwrap_or_else(|| blank(item))).collect())
            }
            _ => Some(self.to_json()),
        }
    }

    /// The value as JSON, without what names people.
    pub(crate) fn public_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Seq(items) => items.iter().filter(|item| !item.personal.get()).map(Self::public_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .filter(|entry| !entry.node.personal.get())
                .map(|entry| (entry.key.clone(), entry.node.public_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            _ => self.to_json(),
        }
    }

    /// The value as JSON. A number that JSON's reader would round stays as text.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(text) => number(text).map_or_else(|| text.as_str().into(), serde_json::Value::Number),
            Value::String(text) => text.as_str().into(),
            Value::Seq(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// What stands here, for people: `the number 1.0`, `a list of 3`.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Bool(flag) => format!("the truth value {flag}"),
            Value::Number(text) => format!("the number {text}"),
            Value::String(text) => {
                let short: String = text.chars().take(60).collect();
                let dots = if short.len() < text.len() { "…" } else { "" };
                format!("'{short}{dots}'")
            }
            Value::Seq(items) => format!("a list of {}", items.len()),
            Value::Map(_) => "a mapping".into(),
        }
    }
}

/// A decimal of a YAML number; `None` for infinities, not-a-number and what needs more than 28 digits.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(Decimal::from);
    if let Some(octal) = text.strip_prefix("0o") {
        return radix(octal, 8);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return radix(hex, 16);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { Decimal::from_str_exact(text).ok() }
}

/// JSON's number of a YAML one; `None` where JSON's would be another.
fn number(text: &str) -> Option<serde_json::Number> {
    // What prints as it stands in the file is it. Floats are only the way to JSON's number, nobody computes with them.
    let whole = text.parse::<i64>().map(Into::into).or_else(|_| text.parse::<u64>().map(serde_json::Number::from)).ok();
    let float = || serde_json::Number::from_f64(f64::from_str(text).ok()?);
    if let Some(same) = whole.or_else(float).filter(|number| number.to_string() == text) {
        return Some(same);
    }
    let exact = decimal(text)?;
    if exact.fract().is_zero() {
        return i64::from_str(&exact.normalize().to_string()).ok().map(Into::into);
    }
    float().filter(|float| decimal(&float.to_string()) == Some(exact))
}

/// `parent.key`, with quotes where the key is no plain word.
pub(crate) fn path_of(parent: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '&'));
    match (plain, parent.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{parent}.{key}"),
        (false, _) => format!("{parent}[{}]", serde_json::Value::from(key)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::load;
    use super::*;

    fn node(text: &str) -> Node {
        load(text, &mut Vec::new()).unwrap()
    }

    #[test]
    fn the_rest_keeps_indices_and_leaves_people_out() {
        let root = node("a: 1\nlist:\n- {x: 1, y: 2}\n- {x: 3}\nteam: [{username: jo}]\nempty: []\n");
        root.take_text("a").unwrap();
        for item in root.list("list") {
            item.take_text("x").unwrap();
        }
        root.get("team").unwrap().keep_private();
        assert_eq!(root.rest().unwrap().to_string(), r#"{"list":[{"y":2},{}],"empty":[]}"#);
        assert_eq!(root.public_json().to_string(), r#"{"a":1,"list":[{"x":1,"y":2},{"x":3}],"empty":[]}"#);
    }

    #[test]
    fn json_has_the_number_or_its_text_but_never_another_number() {
        let root = node(
            "[1, 1.0, 1.50, 0x10, 1e3, 0.1234567890123456789, 18446744073709551615, 18446744073709551616, .inf, 007]",
        );
        let json =
            r#"[1,1.0,1.5,16,1000,"0.1234567890123456789",18446744073709551615,"18446744073709551616",".inf",7]"#;
        assert_eq!(root.to_json().to_string(), json);
    }
}
