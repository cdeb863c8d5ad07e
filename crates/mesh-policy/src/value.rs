//! What rules compute with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

/// A key of a map.
pub(crate) type Key = Cow<'static, str>;

/// A value of the product document or of an expression. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing is said.
    Null,
    /// A truth value.
    Bool(bool),
    /// An exact number.
    Number(Decimal),
    /// A text.
    Text(Arc<str>),
    /// Values in their order.
    List(Arc<[Self]>),
    /// Values by name, in the order of the names.
    Map(Arc<BTreeMap<Key, Self>>),
    /// Something is said, but in an attachment, which rules don't read.
    Elsewhere,
}

impl Value {
    /// A text.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A text, or null when it is blank: models say nothing with an empty text.
    pub(crate) fn said(text: impl AsRef<str>) -> Self {
        if text.as_ref().trim().is_empty() { Self::Null } else { Self::text(text) }
    }

    /// A value, or null.
    pub(crate) fn or_null<T>(value: Option<T>, of: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, of)
    }

    /// A list.
    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// A map with keys that stand in the source.
    pub(crate) fn map<const N: usize>(entries: [(&'static str, Self); N]) -> Self {
        Self::Map(Arc::new(entries.into_iter().map(|(key, value)| (Key::Borrowed(key), value)).collect()))
    }

    /// A value of JSON. A number that no decimal holds becomes a text that says so: how it
    /// prints is up to the library.
    pub(crate) fn of_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => {
                exact(&number.to_string()).map_or_else(|| Self::text("(a number of more than 28 digits)"), Self::Number)
            }
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::list(items.iter().map(Self::of_json)),
            Json::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (Key::Owned(key.clone()), Self::of_json(value)));
                Self::Map(Arc::new(entries.collect()))
            }
        }
    }

    /// The value as JSON, numbers as texts where JSON's would be another.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Number(number) => {
                let text = number.normalize().to_string();
                text.parse::<serde_json::Number>()
                    .ok()
                    .filter(|json| json.to_string() == text)
                    .map_or_else(|| text.into(), Json::Number)
            }
            Self::Text(text) => text.as_ref().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone().into_owned(), value.to_json()));
                Json::Object(entries.collect())
            }
            Self::Elsewhere => "(in an attachment)".into(),
        }
    }

    /// The value under a name; null where there is none.
    pub(crate) fn get(&self, key: &str) -> Self {
        match self {
            Self::Map(entries) => entries.get(key).cloned().unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// What it is, for people: `nothing`, `false`, `'gold'`, `a list of 3`.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(truth) => truth.to_string(),
            Self::Number(number) => number.normalize().to_string(),
            Self::Text(text) => quoted(text),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Map(_) => "a map".into(),
            Self::Elsewhere => "what lies in an attachment, which rules don't read".into(),
        }
    }

    /// What kind of value it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Elsewhere => "something in an attachment",
        }
    }
}

/// A text in quotes, cut to 60 characters.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("'{short}{dots}'")
}

/// A decimal that is exactly the number written; `None` where 28 digits don't hold it.
pub(crate) fn exact(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { Decimal::from_str_exact(text).ok() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_of_json_stay_what_they_are() {
        let json: serde_json::Value = serde_json::from_str("[99.5, 0.1, 1e3, 1e300, 12345678901234567890]").unwrap();
        let Value::List(items) = Value::of_json(&json) else { panic!("a list") };
        let shown: Vec<_> = items.iter().map(Value::describe).collect();
        assert_eq!(shown, ["99.5", "0.1", "1000", "'(a number of more than 28 digits)'", "12345678901234567890"]);
    }
}
