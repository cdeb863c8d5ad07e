//! A product for people's eyes: every part that its descriptor has, and nothing for those it has not.

use std::fmt::Write as _;

use mesh_formats::write_quantity;
use mesh_model::{Dataset, Descriptor, Field, OutputPort, Quantity};

use crate::commands::show::Shown;
use crate::output::printable;
use crate::style::Style;

struct Page {
    text: String,
    style: Style,
}

/// The page of one product version.
pub(crate) fn page(shown: &Shown, style: Style) -> String {
    let d = &shown.descriptor;
    let mut page = Page { text: String::new(), style };
    page.head(shown);
    page.owner(shown);
    page.ports(d);
    page.datasets(d);
    page.promises(d);
    page.rest(d);
    page.versions(shown);
    page.text
}

impl Page {
    fn raw(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        let title = self.style.bold(title);
        let _infallible = write!(self.text, "\n{title}\n");
    }

    /// A line of a section; nothing when there is nothing to say.
    fn fact(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            let name = self.style.dim(&format!("{name}:"));
            self.raw(&format!("  {name} {}", printable(value)));
        }
    }

    fn item(&mut self, text: &str) {
        self.raw(&format!("  - {}", printable(text).trim_end()));
    }

    fn head(&mut self, shown: &Shown) {
        let d = &shown.descriptor;
        let status = match shown.lifecycle.status.as_str() {
            "active" => self.style.green("active"),
            "deprecated" => self.style.yellow("deprecated"),
            other => self.style.red(other),
        };
        let id = self.style.bold(&d.version_id().to_string());
        self.raw(&format!("{id}  {status}"));
        if !d.title.is_empty() {
            self.raw(&printable(&d.title));
        }
        if !d.description.is_empty() {
            for line in d.description.trim().lines() {
                self.raw(&format!("  {}", printable(line)));
            }
        }
        self.fact("until", shown.lifecycle.sunset.as_deref().unwrap_or_default());
        self.fact("use instead", shown.lifecycle.successor.as_deref().unwrap_or_default());
        self.fact("why", shown.lifecycle.reason.as_deref().unwrap_or_default());
        self.fact("type", &d.product_type.map_or_else(String::new, |kind| word(&kind)));
        self.fact("tags", &d.tags.join(", "));
        self.fact("license", d.license.as_deref().unwrap_or_default());
        if shown.pending {
            self.fact("sealed", "not yet: pending in its domain's feed; the ledger may still refuse it");
        } else {
            self.fact("sealed", &format!("ledger index {} at {}", shown.ledger_index, shown.sealed_at));
        }
        self.fact("published by", &shown.author.fingerprint());
    }

    fn owner(&mut self, shown: &Shown) {
        let owner = &shown.descriptor.owner;
        self.section("Owner");
        self.fact("team", &owner.team);
        for holder in &owner.role_holders {
            self.fact(holder.role.as_str(), &holder.holder);
        }
        for channel in &owner.support {
            let within = channel.response_time.as_deref().map_or_else(String::new, |time| format!(" (within {time})"));
            let what =
                if channel.description.is_empty() { String::new() } else { format!(": {}", channel.description) };
            self.fact(&channel.channel, &format!("{}{within}{what}", channel.address));
        }
        match (&shown.people, owner.people) {
            (Some(people), _) => {
                for person in people {
                    let role = person.role.as_deref().unwrap_or("person");
                    let email = person.email.as_deref().map_or_else(String::new, |email| format!(" <{email}>"));
                    self.fact(role, format!("{}{email}", person.name).trim());
                }
            }
            (None, Some(_)) if shown.people_erased => self.fact("people", "erased"),
            (None, Some(_)) => self.fact("people", "private; a key of the domain shows them"),
            (None, None) => {}
        }
    }

    fn ports(&mut self, d: &Descriptor) {
        if !d.inputs.is_empty() {
            self.section("Inputs");
            for port in &d.inputs {
                let often = port.frequency.as_deref().map_or_else(String::new, |often| format!(", {often}"));
                let optional = if port.required { "" } else { ", optional" };
                self.item(&format!("{}: {}{often}{optional} {}", port.name, port.source, port.description));
            }
        }
        if !d.outputs.is_empty() {
            self.section("Outputs");
            for port in &d.outputs {
                self.item(&output_line(port));
                if let Some(contract) = &port.contract {
                    self.raw(&format!("      contract {} {}", printable(&contract.id), printable(&contract.version)));
                }
                if !port.description.is_empty() {
                    self.raw(&format!("      {}", printable(&port.description)));
                }
            }
        }
    }

    fn datasets(&mut self, d: &Descriptor) {
        for dataset in &d.datasets {
            self.section(&format!("Dataset {}", printable(&dataset.name)));
            if !dataset.description.is_empty() {
                self.raw(&format!("  {}", printable(&dataset.description)));
            }
            self.fields(dataset);
        }
    }

    fn fields(&mut self, dataset: &Dataset) {
        let width = |text: fn(&Field) -> &str, most: usize| {
            dataset.fields.iter().map(|field| text(field).chars().count()).max().unwrap_or(0).min(most)
        };
        let (name, kind) = (width(|field| &field.name, 40), width(|field| &field.logical_type, 20));
        for field in &dataset.fields {
            let line = format!("{:name$}  {:kind$}  {}", field.name, field.logical_type, field_marks(field));
            let line = printable(&line);
            self.raw(&format!("  {}", line.trim_end()));
        }
    }

    fn promises(&mut self, d: &Descriptor) {
        if !d.quality_rules.is_empty() || !d.quality.is_empty() {
            self.section("Quality");
        }
        for rule in &d.quality_rules {
            self.item(&format!("{} ({}): {}", rule.name, word(&rule.severity), rule.check));
        }
        for metric in &d.quality {
            let line = [
                quantity(metric.target.as_ref()),
                metric.scope.clone(),
                metric.measured.clone(),
                metric.description.clone(),
            ];
            self.fact(&metric.name, &joined(&line));
        }
        if !d.sla.is_empty() {
            self.section("Service levels");
        }
        for level in &d.sla {
            let percentile = level.percentile.map_or_else(String::new, |p| format!("p{p}"));
            let line = [percentile, quantity(level.target.as_ref()), level.measured.clone(), level.description.clone()];
            self.fact(&level.name, &joined(&line));
        }
    }

    fn rest(&mut self, d: &Descriptor) {
        let encryption = d.storage.encryption.as_ref().map_or_else(String::new, |encryption| {
            joined(&[switch(encryption.enabled), encryption.method.clone().unwrap_or_default()])
        });
        let audit = d.access.audit_logging.as_ref().map_or_else(String::new, |audit| {
            joined(&[switch(audit.enabled), audit.description.clone().unwrap_or_default()])
        });
        let facts = [
            ("encryption at rest", encryption),
            ("residency", d.storage.residency.join(", ")),
            ("access", d.access.mode.clone().unwrap_or_default()),
            ("audit", audit),
            ("retention", d.retention_period.clone().unwrap_or_default()),
            ("regulations", d.compliance.regulations.join(", ")),
        ];
        if facts.iter().any(|(_, value)| !value.is_empty()) || !d.compliance.statements.is_empty() {
            self.section("Storage, access, compliance");
            for (name, value) in &facts {
                self.fact(name, value);
            }
            for statement in &d.compliance.statements {
                self.item(statement);
            }
        }
        let links = &d.documentation;
        let documented = [
            ("fields", links.fields_url.as_deref()),
            ("examples", links.examples_url.as_deref()),
            ("support", links.support_contact.as_deref()),
        ];
        if documented.iter().any(|(_, value)| value.is_some()) || !links.links.is_empty() {
            self.section("Documentation");
            for (name, value) in documented {
                self.fact(name, value.unwrap_or_default());
            }
            for link in &links.links {
                self.item(&joined(&[link.title.clone(), link.url.clone()]));
            }
        }
        if !d.extensions.is_empty() {
            self.section("Extensions");
            for (key, json) in &d.extensions {
                self.fact(key, &json.to_string());
            }
        }
        if !d.attachments.is_empty() {
            self.section("Attachments");
            for attachment in &d.attachments {
                let private = if attachment.private { ", private" } else { "" };
                let (name, size, digest) = (&attachment.name, attachment.size, attachment.digest.short());
                self.item(&format!("{name} ({}, {size} bytes{private}) {digest}", word(&attachment.purpose)));
            }
        }
    }

    fn versions(&mut self, shown: &Shown) {
        if shown.versions.len() > 1 {
            self.section("Versions");
            for version in &shown.versions {
                let place =
                    if version.pending { String::new() } else { format!(" (ledger index {})", version.ledger_index) };
                self.item(&format!("{} {}{place}", version.version, version.status));
            }
        }
    }
}

fn output_line(port: &OutputPort) -> String {
    let closed = if port.enabled { "" } else { " (closed)" };
    let facts = [
        port.format.clone(),
        port.protocol.clone(),
        port.location.clone(),
        port.topic.as_ref().map(|topic| format!("topic {topic}")),
        port.schema_registry.map(|on| format!("schema registry {}", switch(on))),
        port.rate_limit.map(|limit| format!("{limit} requests/s")),
        (!port.partition_by.is_empty()).then(|| format!("by {}", port.partition_by.join(", "))),
        port.frequency.clone(),
        port.classification.clone(),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    format!("{}: {}{closed} {}", port.name, port.kind.as_str(), facts.join(", "))
}

fn field_marks(field: &Field) -> String {
    let mut marks: Vec<String> = Vec::new();
    if !field.nullable {
        marks.push("required".into());
    }
    if field.unique {
        marks.push("unique".into());
    }
    if field.pii {
        marks.push("pii".into());
    }
    for mark in field.classification.iter().chain(&field.tags) {
        // A file may say the same twice, as a flag and as a tag.
        if !marks.contains(mark) {
            marks.push(mark.clone());
        }
    }
    let marks = if marks.is_empty() { String::new() } else { format!("[{}] ", marks.join(", ")) };
    format!("{marks}{}", field.description)
}

fn quantity(quantity: Option<&Quantity>) -> String {
    let plain = |q: &Quantity| format!("{} {} {}", q.comparison, q.value, q.unit);
    quantity.map_or_else(String::new, |quantity| write_quantity(quantity).unwrap_or_else(|| plain(quantity)))
}

fn switch(on: bool) -> String {
    if on { "on".into() } else { "off".into() }
}

fn joined(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

/// The word that files use for a value of an enum.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
