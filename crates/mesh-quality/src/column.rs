//! Columns by the names that fields and rules give them.

use datafusion::arrow::datatypes::{DataType, Field, Schema};

/// A name as an identifier of SQL that means exactly it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name as a text of SQL.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Whether two names of tables mean the same: people write `customer-profile` and `customer_profile`.
pub(crate) fn is_same_name(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> String {
        name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
    };
    letters(one) == letters(other)
}

/// The one of these that a name means: it alone, or the only one that differs by upper and lower case.
pub(crate) fn find<'a>(fields: impl Iterator<Item = &'a Field>, name: &str) -> Option<&'a Field> {
    let mut alike = fields.filter(|field| is_alike(field.name(), name));
    let first = alike.next()?;
    if first.name() == name {
        return Some(first);
    }
    let mut others = alike.peekable();
    if others.peek().is_none() { Some(first) } else { others.find(|field| field.name() == name) }
}

/// Whether two names are the same but for upper and lower case. Tables may have thousands of columns, so most are told apart without new texts.
pub(crate) fn is_alike(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

/// A column, or a field of a nested one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it is called in the data; nested ones are dotted.
    pub(crate) name: String,
    /// The column of the table that it is, or is in.
    pub(crate) top: String,
    /// The names within that column.
    pub(crate) nested: Vec<String>,
    /// Its type as it is read.
    pub(crate) data_type: DataType,
}

impl Column {
    /// The column that a declared name means: one of that name, or one within others that the dots lead to.
    pub(crate) fn find(schema: &Schema, name: &str) -> Option<Self> {
        let fields = || schema.fields().iter().map(|field| &**field);
        if let Some(field) = find(fields(), name) {
            let top = field.name().clone();
            return Some(Self { name: top.clone(), top, nested: Vec::new(), data_type: field.data_type().clone() });
        }
        let mut parts = name.split('.');
        let mut field = find(fields(), parts.next()?)?;
        let (top, mut nested) = (field.name().clone(), Vec::new());
        for part in parts {
            let DataType::Struct(within) = field.data_type() else { return None };
            field = find(within.iter().map(|field| &**field), part)?;
            nested.push(field.name().clone());
        }
        let name = std::iter::once(&top).chain(&nested).map(String::as_str).collect::<Vec<_>>().join(".");
        Some(Self { name, data_type: field.data_type().clone(), top, nested })
    }

    /// The column in SQL.
    pub(crate) fn sql(&self) -> String {
        if self.nested.is_empty() {
            return quoted(&self.top);
        }
        let path: Vec<String> = self.nested.iter().map(|name| text(name)).collect();
        format!("get_field({}, {})", quoted(&self.top), path.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_columns() {
        let geo = DataType::Struct(vec![Field::new("Lat", DataType::Float64, true)].into());
        let schema = Schema::new(vec![
            Field::new("Email", DataType::Utf8, true),
            Field::new("id", DataType::Int64, true),
            Field::new("ID", DataType::Int64, true),
            Field::new("a.b", DataType::Utf8, true),
            Field::new("geo", geo, true),
        ]);
        let sql = |name: &str| Column::find(&schema, name).map(|column| column.sql());
        for (name, expected) in [
            ("email", Some("\"Email\"")),
            ("id", Some("\"id\"")),
            ("ID", Some("\"ID\"")),
            ("Id", None),
            ("a.b", Some("\"a.b\"")),
            ("geo.lat", Some("get_field(\"geo\", 'Lat')")),
            ("geo.lon", None),
            ("id.x", None),
            ("", None),
        ] {
            assert_eq!(sql(name).as_deref(), expected, "{name}");
        }
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert!(is_same_name("Customer-Profile", "customer_profile") && !is_same_name("orders", "order"));
    }
}
