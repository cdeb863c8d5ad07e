//! Literal values: what an attribute may hold.

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::template::{Element, Template};
use serde_json::Value as Json;

use super::source::Source;
use crate::number::decimal;

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As written, without spaces.
    Number(String),
    Text(String),
    List(Vec<Placed>),
    Object(Vec<(String, Placed)>),
}

/// A literal and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub value: Value,
    pub offset: usize,
}

impl Placed {
    /// What stands there, for a message.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) => format!("the number {}", excerpt(text)),
            Value::Text(text) => format!("the string \"{}\"", excerpt(text)),
            Value::List(_) => "a list".into(),
            Value::Object(_) => "an object".into(),
        }
    }
}

/// The first 40 characters.
pub(super) fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

/// Reads an expression as a literal; reports anything that would have to be computed.
pub(super) fn literal(source: &Source<'_>, path: &str, expression: &Expression) -> Option<Placed> {
    let offset = expression.span().map_or(0, |span| span.start);
    let computed = |what: String| {
        let expected = "a literal value, since product files have no variables, functions or expressions";
        source.error(offset, path, expected, what);
        None
    };
    let value = match expression {
        Expression::Null(_) => Value::Null,
        Expression::Bool(value) => Value::Bool(*value.value()),
        Expression::Number(_) => Value::Number(number_text(source, expression)),
        Expression::String(text) => Value::Text(source.plain(text.value())),
        Expression::StringTemplate(template) => Value::Text(literal_template(source, template)?),
        Expression::HeredocTemplate(heredoc) => Value::Text(literal_template(source, &heredoc.template)?),
        Expression::Parenthesis(inner) => return literal(source, path, inner.inner()),
        Expression::Array(items) => {
            // Not collected into an Option at once: each element's mistake is reported.
            let items: Vec<_> = items.iter().map(|item| literal(source, path, item)).collect();
            Value::List(items.into_iter().collect::<Option<_>>()?)
        }
        Expression::Object(object) => {
            let pairs: Vec<_> = object.iter().map(|(key, value)| pair(source, path, key, value.expr())).collect();
            Value::Object(pairs.into_iter().collect::<Option<_>>()?)
        }
        Expression::Variable(name) => {
            return computed(format!("the variable '{}'", excerpt(name.as_str())));
        }
        Expression::FuncCall(call) => {
            return computed(format!("the function '{}'", excerpt(call.name.name.as_str())));
        }
        Expression::Traversal(_) => return computed("a reference".into()),
        Expression::Conditional(_) => return computed("a conditional".into()),
        Expression::UnaryOp(_) | Expression::BinaryOp(_) => return computed("an operation".into()),
        Expression::ForExpr(_) => return computed("a 'for' expression".into()),
    };
    Some(Placed { value, offset })
}

fn pair(source: &Source<'_>, path: &str, key: &ObjectKey, value: &Expression) -> Option<(String, Placed)> {
    let key = match key {
        ObjectKey::Ident(ident) => Some(ident.as_str().to_owned()),
        ObjectKey::Expression(Expression::Variable(name)) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(expression) => match literal(source, path, expression) {
            Some(Placed { value: Value::Text(text) | Value::Number(text), .. }) => Some(text),
            Some(other) => {
                source.error(other.offset, path, "a name before '='", other.describe());
                None
            }
            None => None,
        },
    };
    let value = literal(source, path, value);
    Some((key?, value?))
}

/// The number as its author wrote it: the parser's own value may be a float.
fn number_text(source: &Source<'_>, expression: &Expression) -> String {
    let span = expression.span().expect("parsed expressions have a place");
    source.text[span].chars().filter(|char| !char.is_whitespace()).collect()
}

/// The text of a template without template sequences. Those that there were have been reported and blanked.
fn literal_template(source: &Source<'_>, template: &Template) -> Option<String> {
    template
        .iter()
        .map(|element| match element {
            Element::Literal(text) => Some(source.plain(text.value())),
            Element::Interpolation(_) | Element::Directive(_) => {
                let offset = element.span().map_or(0, |span| span.start);
                source.error(offset, "", "plain text, since product files have no templates", "a template sequence");
                None
            }
        })
        .collect()
}

/// The value as JSON. A number that JSON's own numbers would change is carried as text, with a warning.
pub(super) fn json(source: &Source<'_>, path: &str, placed: &Placed) -> Json {
    match &placed.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(|item| json(source, path, item)).collect()),
        Value::Object(pairs) => {
            Json::Object(pairs.iter().map(|(key, value)| (key.clone(), json(source, path, value))).collect())
        }
        Value::Number(text) => json_number(text).unwrap_or_else(|| {
            let expected = "a number that JSON carries unchanged";
            let found = format!("{}, carried as text", excerpt(text));
            source.warning(placed.offset, path, expected, found);
            Json::String(text.clone())
        }),
    }
}

fn json_number(text: &str) -> Option<Json> {
    let exact = decimal(text);
    // JSON forbids leading zeros, HCL does not.
    let written: Option<Json> = serde_json::from_str(text).ok();
    let value = match (written, exact) {
        (Some(value), _) => value,
        (None, Some(exact)) => serde_json::from_str(&exact.to_string()).ok()?,
        (None, None) => return None,
    };
    let printed = value.to_string();
    let same = printed == text || exact.is_some_and(|exact| decimal(&printed) == Some(exact));
    same.then_some(value)
}
