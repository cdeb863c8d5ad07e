//! What records of JSON are made of: the columns of all of them, with types that hold every value.
//!
//! Two values that differ are brought together where that loses nothing: whole numbers and others are numbers, other scalars are text. A scalar
//! here and an object there is a mistake in the data, and says where.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde_json::Value;

use super::COLUMNS;

/// What the values of one place are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Shape {
    /// Nothing but null so far.
    #[default]
    Unknown,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Shape>),
    Object(BTreeMap<String, Shape>),
}

/// The columns of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shapes {
    columns: BTreeMap<String, Shape>,
    /// Columns so far, those of nested values included.
    count: usize,
}

impl Shapes {
    /// Takes a record in.
    pub(super) fn add(&mut self, record: &Value) -> Result<(), String> {
        let Value::Object(fields) = record else {
            return Err(format!("is {}: expected an object", kind(record)));
        };
        for (name, value) in fields {
            let column = at(&mut self.columns, name, &mut self.count).map_err(|why| format!("has {why}"))?;
            column.add(value, &mut self.count).map_err(|(path, why)| {
                let path: Vec<&str> = std::iter::once(name).chain(path.iter().rev()).map(String::as_str).collect();
                format!("has at '{}' {why}", path.join("."))
            })?;
        }
        Ok(())
    }

    /// The columns, by name.
    pub(super) fn fields(&self) -> Fields {
        fields(&self.columns)
    }
}

/// The path to where it does not fit, innermost first, and why.
type Misfit = (Vec<String>, String);

impl Shape {
    fn add(&mut self, value: &Value, count: &mut usize) -> Result<(), Misfit> {
        let misfit = |shape: &Self| (Vec::new(), format!("{}, and {} elsewhere", kind(value), shape.word()));
        match (&mut *self, value) {
            (_, Value::Null) => {}
            (Self::Object(columns), Value::Object(fields)) => {
                for (name, value) in fields {
                    let place = at(columns, name, count).map_err(|why| (Vec::new(), why))?;
                    place.add(value, count).map_err(|(mut path, why)| {
                        path.push(name.clone());
                        (path, why)
                    })?;
                }
            }
            (Self::List(items), Value::Array(values)) => values.iter().try_for_each(|value| items.add(value, count))?,
            (Self::Unknown, Value::Object(_)) => {
                *self = Self::Object(BTreeMap::new());
                self.add(value, count)?;
            }
            (Self::Unknown, Value::Array(_)) => {
                *self = Self::List(Box::default());
                self.add(value, count)?;
            }
            (Self::Object(_) | Self::List(_), _) | (_, Value::Object(_) | Value::Array(_)) => return Err(misfit(self)),
            (known, _) => *known = known.with(&Self::of(value)),
        }
        Ok(())
    }

    fn of(scalar: &Value) -> Self {
        match scalar {
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Int,
            // A whole number that fits no column of whole numbers; as a float it would be another one.
            Value::Number(number) if number.is_u64() => Self::Text,
            Value::Number(_) => Self::Float,
            _ => Self::Text,
        }
    }

    fn with(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Unknown, known) => known.clone(),
            (one, other) if one == other => one.clone(),
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            _ => Self::Text,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::List(_) => "a list",
            _ => "a single value",
        }
    }

    /// None where there is nothing to read: an object that never has a field.
    fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Unknown | Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::List(items) => DataType::List(Arc::new(Field::new_list_field(items.data_type()?, true))),
            Self::Object(columns) => {
                let fields = fields(columns);
                if fields.is_empty() {
                    return None;
                }
                DataType::Struct(fields)
            }
        })
    }
}

fn fields(columns: &BTreeMap<String, Shape>) -> Fields {
    let fields = columns.iter().filter_map(|(name, shape)| Some(Field::new(name, shape.data_type()?, true)));
    fields.collect()
}

fn at<'a>(columns: &'a mut BTreeMap<String, Shape>, name: &str, count: &mut usize) -> Result<&'a mut Shape, String> {
    // Not the entry: it would make a text of every key of every record.
    if !columns.contains_key(name) {
        *count += 1;
        if *count > COLUMNS {
            return Err(format!("more than {COLUMNS} columns, nested ones included: expected at most as many"));
        }
        columns.insert(name.to_owned(), Shape::default());
    }
    columns.get_mut(name).ok_or_else(|| format!("no place for '{name}'"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shape(records: &str) -> Result<String, String> {
        let mut shapes = Shapes::default();
        for record in records.lines() {
            shapes.add(&serde_json::from_str(record).unwrap())?;
        }
        Ok(shapes
            .fields()
            .iter()
            .map(|field| format!("{}:{}", field.name(), field.data_type()))
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn columns_hold_every_value() {
        for (records, expected) in [
            ("{\"a\": 1}\n{\"a\": null, \"b\": true}", "a:Int64 b:Boolean"),
            ("{\"a\": 1}\n{\"a\": 1.5}", "a:Float64"),
            ("{\"a\": 1}\n{\"a\": \"x\"}", "a:Utf8"),
            ("{\"a\": 18446744073709551615}", "a:Utf8"),
            ("{\"a\": null, \"b\": {}}", "a:Utf8"),
        ] {
            assert_eq!(shape(records).unwrap(), expected, "{records}");
        }
        assert!(shape("{\"a\": {\"b\": [1]}}").unwrap().starts_with("a:Struct("));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (records, expected) in [
            ("{\"a\": {\"b\": 1}}\n{\"a\": {\"b\": [1]}}", "has at 'a.b' a list, and a single value elsewhere"),
            ("{\"a\": 1}\n{\"a\": {}}", "has at 'a' an object, and a single value elsewhere"),
            ("[1]", "is a list: expected an object"),
        ] {
            assert_eq!(shape(records).unwrap_err(), expected, "{records}");
        }
        let wide: String = (0..=COLUMNS).map(|at| format!("{{\"c{at}\": 1}}\n")).collect::<Vec<_>>().concat();
        assert!(shape(&wide).unwrap_err().contains("more than 5000 columns"));
    }
}
