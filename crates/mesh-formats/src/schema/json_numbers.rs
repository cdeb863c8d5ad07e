//! Bounds of numbers and lengths: which of two allows more.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::number::decimal;

/// From which side a bound limits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Least,
    Most,
}

/// Keywords that bound a length or a count.
pub(super) const LENGTHS: [(&str, Side); 6] = [
    ("minLength", Side::Least),
    ("maxLength", Side::Most),
    ("minItems", Side::Least),
    ("maxItems", Side::Most),
    ("minProperties", Side::Least),
    ("maxProperties", Side::Most),
];

/// A number of any size: exact where it fits, else as near as a float comes.
#[derive(Clone, Copy)]
struct Number {
    exact: Option<Decimal>,
    near: f64,
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        let number = value.as_number()?;
        Some(Self { exact: decimal(&number.to_string()), near: number.as_f64()? })
    }

    /// `None` where both are too long to be told apart.
    fn order(self, other: Self) -> Option<Ordering> {
        match (self.exact, other.exact) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => self.near.partial_cmp(&other.near).filter(|order| *order != Ordering::Equal),
        }
    }
}

/// A bound, and whether its value itself is out.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    value: Number,
    is_exclusive: bool,
}

/// A length; one of 0 from below says nothing.
pub(super) fn length(schema: &Map<String, Value>, key: &str, side: Side) -> Option<Bound> {
    let value = Number::of(schema.get(key)?)?;
    (side == Side::Most || value.near > 0.0).then_some(Bound { value, is_exclusive: false })
}

/// `minimum` and `exclusiveMinimum`, or those from above: the tighter of both. Before draft 6 the second was a flag of the first.
pub(super) fn limit(schema: &Map<String, Value>, side: Side) -> Option<Bound> {
    let (plain, exclusive) = match side {
        Side::Least => ("minimum", "exclusiveMinimum"),
        Side::Most => ("maximum", "exclusiveMaximum"),
    };
    let flag = schema.get(exclusive).and_then(Value::as_bool) == Some(true);
    let one = schema.get(plain).and_then(Number::of).map(|value| Bound { value, is_exclusive: flag });
    let other = schema.get(exclusive).and_then(Number::of).map(|value| Bound { value, is_exclusive: true });
    match (one, other) {
        (Some(one), Some(other)) => Some(if order(one, other, side) == Some(Ordering::Less) { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// How much of the values two bounds leave: `Less` where the first leaves more than the second; `None` where nobody can tell.
fn order(one: Bound, other: Bound, side: Side) -> Option<Ordering> {
    let by_value = match side {
        Side::Least => one.value.order(other.value),
        Side::Most => other.value.order(one.value),
    };
    Some(by_value?.then(one.is_exclusive.cmp(&other.is_exclusive)))
}

/// Whether the new bound rules out what the old one allowed, and whether it allows what the old one ruled out.
pub(super) fn compare(old: Option<Bound>, new: Option<Bound>, side: Side) -> (bool, bool) {
    match (old, new) {
        (None, None) => (false, false),
        (None, Some(_)) => (true, false),
        (Some(_), None) => (false, true),
        (Some(old), Some(new)) => match order(old, new, side) {
            Some(Ordering::Less) => (true, false),
            Some(Ordering::Equal) => (false, false),
            Some(Ordering::Greater) => (false, true),
            None => (true, true),
        },
    }
}

/// `multipleOf`: a step that divides the other allows more.
pub(super) fn step(old: Option<&Value>, new: Option<&Value>) -> (bool, bool) {
    match (old, new) {
        (None, None) => (false, false),
        (None, Some(_)) => (true, false),
        (Some(_), None) => (false, true),
        (Some(old), Some(new)) if old == new => (false, false),
        (Some(old), Some(new)) => {
            let exact = |value| Number::of(value).and_then(|number| number.exact);
            let divides = |small: Option<Decimal>, large: Option<Decimal>| {
                large.and_then(|large| large.checked_rem(small?)).is_some_and(|rest| rest.is_zero())
            };
            (!divides(exact(new), exact(old)), !divides(exact(old), exact(new)))
        }
    }
}

/// A value as a text that equal values share, whatever way their numbers are written.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            decimal(&number.to_string()).map_or_else(|| number.to_string(), |exact| exact.normalize().to_string())
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let mut members: Vec<String> =
                map.iter().map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value))).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}
