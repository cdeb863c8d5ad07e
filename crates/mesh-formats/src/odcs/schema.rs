//! The schema of a contract: tables to datasets, columns to fields, and back.
//!
//! A column within a column is a field with a dotted name: `address.street`. The columns of a list's items are columns
//! of the list. Lists of lists, and the sides of a map, stay in the extensions.

use mesh_model::{Dataset, Field, Metric, QualityRule};
use serde_json::{Map, Value, json};

use super::columns::LOGICAL_TYPES;
use super::quality;
use crate::yaml::Node;

/// What the schema says.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) datasets: Vec<Dataset>,
    pub(super) rules: Vec<QualityRule>,
    pub(super) metrics: Vec<Metric>,
    /// The columns by which data is split, in their order.
    pub(super) partition_by: Vec<String>,
}

/// Reads the `schema` of a contract.
pub(super) fn read(tables: &[Node]) -> Schema {
    let mut schema = Schema::default();
    let mut partitions = Vec::new();
    for table in tables {
        let name = table.take_text("name").unwrap_or_default().to_owned();
        let description = table.take_text("description").unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        columns(table, "", &mut |column, field| {
            if column.flag("partitioned") == Some(true) {
                let position = column.get("partitionKeyPosition").and_then(Node::as_decimal);
                partitions.push((position, field.name.clone()));
            }
            let scope = format!("{name}.{}", field.name);
            quality::read(column.list("quality"), &scope, &mut schema.rules, &mut schema.metrics);
            fields.push(field);
        });
        quality::read(table.list("quality"), &name, &mut schema.rules, &mut schema.metrics);
        schema.datasets.push(Dataset { name, description, fields });
    }
    partitions.sort_by_key(|(position, _)| *position);
    for (_, name) in partitions {
        if !schema.partition_by.contains(&name) {
            schema.partition_by.push(name);
        }
    }
    schema
}

fn columns(parent: &Node, prefix: &str, found: &mut impl FnMut(&Node, Field)) {
    let columns = parent.list("properties");
    let is_key = |column: &&Node| column.flag("primaryKey") == Some(true);
    let single_key = columns.iter().filter(is_key).count() == 1;
    for column in columns {
        let mut field = field(column, prefix);
        field.unique |= single_key && is_key(&column);
        let name = field.name.clone();
        let is_list = field.logical_type == "array";
        found(column, field);
        if let (true, Some(items)) = (is_list, column.get("items")) {
            self::columns(items, &name, found);
        } else {
            self::columns(column, &name, found);
        }
    }
}

fn field(column: &Node, prefix: &str) -> Field {
    let name = column.take_text("name").unwrap_or_default();
    let logical_type = column.take_text("logicalType").unwrap_or_else(|| {
        let physical_type = column.text("physicalType").unwrap_or_default();
        // Where it is the name of a logical type, it is written as one, and both are kept.
        let written = if is_logical(physical_type) { "" } else { physical_type };
        column.take_same("physicalType", written).unwrap_or_default()
    });
    let flag = |key: &str| {
        column.take_text(key);
        column.flag(key) == Some(true)
    };
    let tags = column.take_texts("tags");
    let classification = column.take_text("classification").map(ToOwned::to_owned);
    let pii = tags.iter().map(String::as_str).chain(classification.as_deref()).any(is_personal) || marked(column);
    Field {
        name: if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") },
        logical_type: logical_type.to_owned(),
        nullable: !flag("required"),
        unique: flag("unique"),
        classification,
        pii,
        tags,
        term: term(column),
        description: column.take_text("description").unwrap_or_default().to_owned(),
    }
}

fn is_logical(text: &str) -> bool {
    LOGICAL_TYPES.iter().any(|(word, _)| *word == text)
}

/// Words that say that a column identifies people.
fn is_personal(word: &str) -> bool {
    let letters: String = word.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    matches!(letters.as_str(), "pii" | "personaldata" | "personal" | "personallyidentifiable" | "gdpr")
}

/// A custom property such as `pii: true` says the same.
fn marked(column: &Node) -> bool {
    column.list("customProperties").iter().any(|property| {
        property.text("property").is_some_and(is_personal)
            && property.text("value").is_some_and(|value| !matches!(value, "false" | "no" | "none"))
    })
}

/// The business definition is the glossary term that the column stands for.
fn term(column: &Node) -> Option<String> {
    column.list("authoritativeDefinitions").iter().find_map(|definition| {
        let kind: String = definition.text("type")?.chars().filter(char::is_ascii_alphabetic).collect();
        kind.eq_ignore_ascii_case("businessDefinition").then(|| definition.text("url").map(ToOwned::to_owned))?
    })
}

/// Writes datasets as a `schema`.
pub(super) fn write(datasets: &[Dataset]) -> Value {
    let table = |dataset: &Dataset| {
        let mut table = json!({ "name": dataset.name });
        if !dataset.description.is_empty() {
            table["description"] = dataset.description.as_str().into();
        }
        if !dataset.fields.is_empty() {
            table["properties"] = tree(&dataset.fields, "").into();
        }
        table
    };
    datasets.iter().map(table).collect()
}

/// The fields whose names begin with the prefix, each with those below it.
fn tree(fields: &[Field], prefix: &str) -> Vec<Value> {
    let mut columns = Vec::new();
    let mut rest = fields;
    while let Some((field, after)) = rest.split_first() {
        let below = format!("{}.", field.name);
        let children = after.iter().take_while(|field| field.name.starts_with(&below)).count();
        let mut column = column(field, prefix);
        if children > 0 {
            let properties: Value = tree(&after[..children], &below).into();
            if field.logical_type == "array" {
                column.insert("items".into(), json!({ "properties": properties }));
            } else {
                column.insert("properties".into(), properties);
            }
        }
        columns.push(column.into());
        rest = &after[children..];
    }
    columns
}

fn column(field: &Field, prefix: &str) -> Map<String, Value> {
    let mut column = Map::new();
    let mut put = |key: &str, value: Value| column.insert(key.to_owned(), value);
    put("name", field.name.strip_prefix(prefix).unwrap_or(&field.name).into());
    if is_logical(&field.logical_type) {
        put("logicalType", field.logical_type.as_str().into());
    } else if !field.logical_type.is_empty() {
        put("physicalType", field.logical_type.as_str().into());
    }
    if !field.nullable {
        put("required", true.into());
    }
    if field.unique {
        put("unique", true.into());
    }
    if let Some(classification) = &field.classification {
        put("classification", classification.as_str().into());
    }
    if !field.tags.is_empty() {
        put("tags", field.tags.clone().into());
    }
    if !field.description.is_empty() {
        put("description", field.description.as_str().into());
    }
    column
}
