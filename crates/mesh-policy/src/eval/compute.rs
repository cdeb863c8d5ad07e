//! Operators and functions. Numbers are exact: what 28 digits don't hold is a fault, never rounded.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::{Evaluator, Fault, STEPS};
use crate::rule::Node;
use crate::rule::node::{Arithmetic, Comparison, Function};
use crate::value::Value;

/// Longest text that a rule may make, in bytes.
const TEXT_BYTES: usize = 64 * 1024;
/// Bytes of text that cost one step.
const BYTES_A_STEP: usize = 16;

impl<'n> Evaluator<'n> {
    pub(super) fn minus(&mut self, of: &'n Node) -> Result<Value, Fault> {
        match self.value(of)? {
            Value::Number(number) => Ok(Value::Number(-number)),
            other => Err(self.kind(of, "a number", &other)),
        }
    }

    pub(super) fn compare(&mut self, comparison: Comparison, items: &'n [Node; 2]) -> Result<bool, Fault> {
        let (left, right) = (self.value(&items[0])?, self.value(&items[1])?);
        if matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            let same = self.same(&items[1], &left, &right)?;
            return Ok(same == (comparison == Comparison::Equal));
        }
        let order = match (&left, &right) {
            (Value::Number(a), Value::Number(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => {
                self.take(a.len().min(b.len()) / BYTES_A_STEP)?;
                a.cmp(b)
            }
            (Value::Number(_), other) => return Err(self.kind(&items[1], "a number", other)),
            (Value::Text(_), other) => return Err(self.kind(&items[1], "a text", other)),
            (other, _) => return Err(self.kind(&items[0], "a number or a text", other)),
        };
        Ok(comparison.takes(order))
    }

    /// Whether two values are the same; values of different kinds are not comparable, which nobody means to ask.
    fn same(&mut self, at: &Node, left: &Value, right: &Value) -> Result<bool, Fault> {
        let expected = match (left, right) {
            (Value::Bool(a), Value::Bool(b)) => return Ok(a == b),
            (Value::Number(a), Value::Number(b)) => return Ok(a.cmp(b) == Ordering::Equal),
            (Value::Text(a), Value::Text(b)) => {
                self.take(a.len().min(b.len()) / BYTES_A_STEP)?;
                return Ok(a == b);
            }
            (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
                self.take(size(left, STEPS).min(size(right, STEPS)))?;
                return Ok(left == right);
            }
            (other, _) => other.kind(),
        };
        Err(self.kind(at, expected, right))
    }

    pub(super) fn contained(&mut self, items: &'n [Node; 2]) -> Result<bool, Fault> {
        let (what, within) = (self.value(&items[0])?, self.value(&items[1])?);
        match (&what, &within) {
            (_, Value::List(list)) => {
                self.take(list.len())?;
                let mut found = false;
                for item in list.iter() {
                    if *item == Value::Null {
                        return Err(Fault::Missing { path: self.path(&items[1]) });
                    }
                    found |= self.same(&items[1], &what, item)?;
                }
                Ok(found)
            }
            (Value::Text(key), Value::Map(map)) => Ok(map.get(key.as_ref()).is_some_and(|value| *value != Value::Null)),
            (other, Value::Map(_)) => Err(self.kind(&items[0], "a text", other)),
            (_, other) => Err(self.kind(&items[1], "a list or a map", other)),
        }
    }

    pub(super) fn compute(&mut self, arithmetic: Arithmetic, items: &'n [Node; 2]) -> Result<Value, Fault> {
        let (left, right) = (self.value(&items[0])?, self.value(&items[1])?);
        let (a, b) = match (&left, &right) {
            (Value::Number(a), Value::Number(b)) => (*a, *b),
            (Value::Text(a), Value::Text(b)) if arithmetic == Arithmetic::Add => {
                let bytes = a.len() + b.len();
                self.take(bytes / BYTES_A_STEP)?;
                if bytes > TEXT_BYTES {
                    return Err(Fault::Budget);
                }
                return Ok(Value::text([a.as_ref(), b.as_ref()].concat()));
            }
            (Value::Number(_), other) => return Err(self.kind(&items[1], "a number", other)),
            (Value::Text(_), other) if arithmetic == Arithmetic::Add => {
                return Err(self.kind(&items[1], "a text", other));
            }
            (other, _) => return Err(self.kind(&items[0], "a number", other)),
        };
        match exactly(arithmetic, a, b) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(Fault::Kind {
                path: self.path(&items[0]),
                expected: "a result of at most 28 digits",
                found: "one that is longer, or a division by zero".into(),
                position: items[0].position,
            }),
        }
    }

    pub(super) fn call(&mut self, function: &'n Function, items: &'n [Node]) -> Result<Value, Fault> {
        let first = self.value(&items[0])?;
        if let Function::Size = function {
            let size = match &first {
                Value::Text(text) => {
                    self.take(text.len() / BYTES_A_STEP)?;
                    text.chars().count()
                }
                Value::List(items) => items.len(),
                Value::Map(entries) => entries.len(),
                other => return Err(self.kind(&items[0], "a text, a list or a map", other)),
            };
            return Ok(Value::Number(size.into()));
        }
        let Value::Text(text) = &first else { return Err(self.kind(&items[0], "a text", &first)) };
        self.take(text.len() / BYTES_A_STEP)?;
        let second = items.get(1).map(|item| self.value(item)).transpose()?;
        let part = match &second {
            Some(Value::Text(part)) => part.as_ref(),
            Some(other) => return Err(self.kind(&items[1], "a text", other)),
            None => "",
        };
        Ok(Value::Bool(match function {
            Function::StartsWith => text.starts_with(part),
            Function::EndsWith => text.ends_with(part),
            Function::Contains => text.contains(part),
            Function::Matches(pattern) => {
                self.take(text.len())?;
                pattern.is_match(text.as_bytes())
            }
            Function::LowerAscii => return Ok(Value::text(text.to_ascii_lowercase())),
            Function::Size => unreachable!("answered above"),
        }))
    }
}

/// The result where it is exact.
fn exactly(arithmetic: Arithmetic, a: Decimal, b: Decimal) -> Option<Decimal> {
    // Trailing zeros would count as digits.
    let (a, b) = (a.normalize(), b.normalize());
    let (result, scale) = match arithmetic {
        Arithmetic::Add => (a.checked_add(b)?, a.scale().max(b.scale())),
        Arithmetic::Subtract => (a.checked_sub(b)?, a.scale().max(b.scale())),
        Arithmetic::Multiply => (a.checked_mul(b)?, a.scale() + b.scale()),
        Arithmetic::Remainder => return a.checked_rem(b),
    };
    // The library rounds by giving up scale.
    (result.scale() == scale || result.is_zero() && (a.is_zero() || b.is_zero() || a == b || a == -b)).then_some(result)
}

/// How many values there are in a value, itself included; what is over the given number is not counted on. Lists may
/// share their elements, so a short expression can make a value that is larger than anything that can be walked.
fn size(value: &Value, most: u64) -> usize {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut count, mut open) = (0, vec![value]);
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            Value::List(items) => open.extend(items.iter()),
            Value::Map(entries) => open.extend(entries.values()),
            Value::Text(text) => count += text.len() / BYTES_A_STEP,
            _ => {}
        }
        if count > most {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn arithmetic_is_exact_or_a_fault() {
        let number = |text: &str| Decimal::from_str_exact(text).unwrap();
        let result = |arithmetic, a: &str, b: &str| exactly(arithmetic, number(a), number(b)).map(|n| n.normalize());
        assert_eq!(result(Arithmetic::Add, "0.1", "0.2"), Some(number("0.3")));
        assert_eq!(result(Arithmetic::Subtract, "1.10", "1.1"), Some(number("0")));
        assert_eq!(result(Arithmetic::Multiply, "1.5", "0.20"), Some(number("0.3")));
        assert_eq!(result(Arithmetic::Multiply, "0", "0.20"), Some(number("0")));
        assert_eq!(result(Arithmetic::Remainder, "7", "3"), Some(number("1")));
        assert_eq!(result(Arithmetic::Remainder, "7", "0"), None);
        assert_eq!(result(Arithmetic::Add, "79228162514264337593543950335", "0.1"), None);
        assert_eq!(result(Arithmetic::Add, "79228162514264337593543950335", "1"), None);
        assert_eq!(result(Arithmetic::Multiply, "0.000000000000001", "0.00000000000001"), None);
    }
}
