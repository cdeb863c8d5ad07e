//! Which texts of a product are searched, each with the name by which an explanation calls it, and its level.

use std::borrow::Cow;

use mesh_model::{Descriptor, Field, OutputPort};
use serde_json::Value;

use crate::level::Level;
use crate::sql;

/// A text of a product.
pub(crate) struct Part<'a> {
    /// What an explanation calls it.
    pub(crate) field: &'static str,
    /// Where it ranks.
    pub(crate) level: Level,
    /// The text.
    pub(crate) text: Cow<'a, str>,
}

/// The names of overflowed text in explanations.
pub(crate) const OVERFLOW: &str = "overflow";
/// The name of the product's name in explanations.
pub(crate) const NAME: &str = "name";

/// All texts of a product but the overflowed ones.
pub(crate) fn parts(descriptor: &Descriptor) -> Vec<Part<'_>> {
    let mut parts = Parts(Vec::new());
    let d = descriptor;
    parts.add(Level::Name, NAME, d.name.as_str());
    parts.add(Level::Label, "domain", d.domain.as_str());
    parts.add(Level::Label, "title", &d.title);
    parts.add(Level::Prose, "title", &d.title); // a second time by its stems
    parts.all(Level::Label, "tag", &d.tags);
    if let Some(source) = &d.source {
        parts.opt(Level::Label, "source_id", source.id.as_deref());
    }
    parts.add(Level::Prose, "description", &d.description);

    parts.add(Level::Structure, "owner", &d.owner.team);
    for holder in &d.owner.role_holders {
        parts.add(Level::Structure, "owner", &holder.holder);
    }
    for channel in &d.owner.support {
        parts.add(Level::Structure, "contact", &channel.address);
        parts.add(Level::Prose, "contact_description", &channel.description);
    }
    parts.opt(Level::Structure, "contact", d.documentation.support_contact.as_deref());
    for link in &d.documentation.links {
        parts.add(Level::Structure, "link", &link.title);
    }
    for dataset in &d.datasets {
        parts.add(Level::Structure, "dataset", &dataset.name);
        parts.add(Level::Prose, "dataset_description", &dataset.description);
        dataset.fields.iter().for_each(|field| parts.field(field));
    }
    for rule in &d.quality_rules {
        parts.add(Level::Structure, "rule", &rule.name);
        for column in sql::columns(&rule.check) {
            parts.add(Level::Structure, "rule_column", column);
        }
        parts.opt(Level::Structure, "rule", rule.dimension.as_deref());
        parts.add(Level::Prose, "rule_description", &rule.description);
    }
    for metric in &d.quality {
        parts.add(Level::Structure, "metric", &metric.name);
        parts.add(Level::Prose, "metric_description", &metric.scope);
        parts.add(Level::Prose, "metric_description", &metric.measured);
        parts.add(Level::Prose, "metric_description", &metric.description);
    }
    for level in &d.sla {
        parts.add(Level::Structure, "service_level", &level.name);
        parts.add(Level::Prose, "service_level_description", &level.description);
    }
    d.outputs.iter().for_each(|port| parts.port(port));
    for input in &d.inputs {
        parts.add(Level::Structure, "input", input.name.as_str());
        parts.owned(Level::Structure, "input", input.source.to_string());
        parts.add(Level::Prose, "input_description", &input.description);
    }
    parts.opt(Level::Structure, "license", d.license.as_deref());
    parts.all(Level::Structure, "regulation", &d.compliance.regulations);
    parts.all(Level::Prose, "compliance_statement", &d.compliance.statements);
    parts.all(Level::Structure, "residency", &d.storage.residency);
    for (key, value) in &d.extensions {
        parts.add(Level::Prose, "extension", key);
        parts.json(&value.value());
    }
    parts.0
}

struct Parts<'a>(Vec<Part<'a>>);

impl<'a> Parts<'a> {
    fn add(&mut self, level: Level, field: &'static str, text: &'a str) {
        if !text.trim().is_empty() {
            self.0.push(Part { field, level, text: Cow::Borrowed(text) });
        }
    }

    fn owned(&mut self, level: Level, field: &'static str, text: String) {
        self.0.push(Part { field, level, text: Cow::Owned(text) });
    }

    fn opt(&mut self, level: Level, field: &'static str, text: Option<&'a str>) {
        self.add(level, field, text.unwrap_or_default());
    }

    fn all(&mut self, level: Level, field: &'static str, texts: &'a [String]) {
        for text in texts {
            self.add(level, field, text);
        }
    }

    fn field(&mut self, field: &'a Field) {
        self.add(Level::Structure, "field", &field.name);
        self.all(Level::Structure, "field_tag", &field.tags);
        self.opt(Level::Structure, "term", field.term.as_deref());
        self.opt(Level::Structure, "field_classification", field.classification.as_deref());
        self.add(Level::Prose, "field_description", &field.description);
    }

    fn port(&mut self, port: &'a OutputPort) {
        self.add(Level::Structure, "port", port.name.as_str());
        self.add(Level::Structure, "port_kind", port.kind.as_str());
        self.opt(Level::Structure, "port_format", port.format.as_deref());
        self.opt(Level::Structure, "port_location", port.location.as_deref());
        self.opt(Level::Structure, "port_protocol", port.protocol.as_deref());
        self.opt(Level::Structure, "port_topic", port.topic.as_deref());
        self.all(Level::Structure, "port_partition", &port.partition_by);
        if let Some(contract) = &port.contract {
            self.add(Level::Structure, "contract", &contract.id);
        }
        self.add(Level::Prose, "port_description", &port.description);
    }

    /// The texts within an extension; `JsonText` was parsed with a depth limit, so this ends.
    fn json(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.owned(Level::Prose, "extension", text.clone()),
            Value::Array(items) => items.iter().for_each(|item| self.json(item)),
            Value::Object(members) => members.values().for_each(|member| self.json(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
