//! A descriptor to a product file, which reads back as the same descriptor.

use mesh_model::{
    Attachment, Dataset, Descriptor, Digest, Field, InputPort, OutputPort, ProductStatus, QualityRule, Quantity,
    Severity,
};
use serde::Serialize;
use serde_json::Value as Json;

use super::layout::Layout;
use super::ports::input_name;
use crate::quantity::write_quantity;
use crate::write::WriteError;

/// Writes the file.
///
/// # Errors
/// [`WriteError`] when an extension nests deeper, or has more keys, than a file that is read back may.
pub(crate) fn write(descriptor: &Descriptor) -> Result<String, WriteError> {
    let content = Digest::of(file(descriptor, None)?.as_bytes());
    file(descriptor, Some(content))
}

/// The file, with or without the line that says what digest it has without that line.
fn file(descriptor: &Descriptor, content: Option<Digest>) -> Result<String, WriteError> {
    let mut out = Layout::default();
    let name = descriptor.name.as_str();
    out.try_block("resource", &["data_product", name], |out| body(out, descriptor, content))?;
    Ok(out.finish())
}

fn body(out: &mut Layout, d: &Descriptor, content: Option<Digest>) -> Result<(), WriteError> {
    out.text("name", d.name.as_str());
    out.text("domain", d.domain.as_str());
    out.text("version", &d.version.to_string());
    out.some_text("title", &d.title);
    out.some_text("description", &d.description);
    if d.status != ProductStatus::Active {
        out.text("status", &word(&d.status));
    }
    if let Some(product_type) = &d.product_type {
        out.text("type", &word(product_type));
    }
    out.option("license", d.license.as_deref());
    out.texts("tags", &d.tags);
    out.some_text("owner", &d.owner.team);
    out.option("retention_period", d.retention_period.as_deref());
    for holder in &d.owner.role_holders {
        out.block("role", &[], |out| {
            out.text("role", holder.role.as_str());
            out.some_text("holder", &holder.holder);
        });
    }
    for support in &d.owner.support {
        out.block("support", &[], |out| {
            out.some_text("channel", &support.channel);
            out.some_text("address", &support.address);
            out.some_text("description", &support.description);
            out.option("response_time", support.response_time.as_deref());
        });
    }
    d.datasets.iter().for_each(|dataset| write_dataset(out, dataset));
    d.inputs.iter().for_each(|input| write_input(out, input));
    if !d.outputs.is_empty() {
        out.block("output", &[], |out| d.outputs.iter().for_each(|port| write_output(out, port, &d.attachments)));
    }
    if !d.quality_rules.is_empty() {
        out.block("quality_rules", &[], |out| d.quality_rules.iter().for_each(|rule| write_rule(out, rule)));
    }
    promises(out, d);
    facts(out, d);
    extensions(out, d)?;
    sealed(out, d, content);
    Ok(())
}

/// The word that an enum is serialised as.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Json::String(word)) => word,
        other => unreachable!("plain enums serialise as strings: {other:?}"),
    }
}

fn write_dataset(out: &mut Layout, dataset: &Dataset) {
    out.block("dataset", &[&dataset.name], |out| {
        out.some_text("description", &dataset.description);
        for field in &dataset.fields {
            out.block("field", &[&field.name], |out| write_field(out, field));
        }
    });
}

fn write_field(out: &mut Layout, field: &Field) {
    out.some_text("type", &field.logical_type);
    if !field.nullable {
        out.line("nullable", "false");
    }
    if field.unique {
        out.line("unique", "true");
    }
    out.option("classification", field.classification.as_deref());
    if field.pii {
        out.line("pii", "true");
    }
    out.texts("tags", &field.tags);
    out.option("term", field.term.as_deref());
    out.some_text("description", &field.description);
}

fn write_input(out: &mut Layout, input: &InputPort) {
    let label = input.name.as_str();
    let labels = if input_name(&input.source) == input.name { vec![] } else { vec![label] };
    out.block("input", &labels, |out| {
        out.text("source", &input.source.to_string());
        out.option("frequency", input.frequency.as_deref());
        if input.required {
            out.line("required", "true");
        }
        out.some_text("description", &input.description);
    });
}

fn write_output(out: &mut Layout, port: &OutputPort, attachments: &[Attachment]) {
    let kind = port.kind.as_str();
    let labels = if port.name.as_str() == kind { vec![] } else { vec![port.name.as_str()] };
    out.block(kind, &labels, |out| {
        if !port.enabled {
            out.line("enabled", "false");
        }
        out.some_text("description", &port.description);
        out.option("format", port.format.as_deref());
        out.option("location", port.location.as_deref());
        out.option("protocol", port.protocol.as_deref());
        out.texts("partition_by", &port.partition_by);
        if let Some(rate_limit) = port.rate_limit {
            out.line("rate_limit", &rate_limit.to_string());
        }
        out.option("topic", port.topic.as_deref());
        if let Some(registered) = port.schema_registry {
            out.line("schema_registry", &registered.to_string());
        }
        out.option("frequency", port.frequency.as_deref());
        out.option("classification", port.classification.as_deref());
        out.texts("datasets", &port.datasets);
        if let Some(contract) = &port.contract {
            out.block("contract", &[], |out| {
                out.some_text("id", &contract.id);
                out.some_text("version", &contract.version);
                if let Some(digest) = contract.digest {
                    if let Some(file) = attachments.iter().find(|attachment| attachment.digest == digest) {
                        out.text("file", &file.name);
                    }
                    out.text("digest", &digest.to_string());
                }
            });
        }
    });
}

fn write_rule(out: &mut Layout, rule: &QualityRule) {
    out.block("rule", &[&rule.name], |out| {
        out.text("check", &rule.check);
        if rule.severity != Severity::Error {
            out.text("severity", &word(&rule.severity));
        }
        out.option("dimension", rule.dimension.as_deref());
        out.some_text("description", &rule.description);
    });
}

fn promises(out: &mut Layout, d: &Descriptor) {
    for metric in &d.quality {
        out.block("metric", &[&metric.name], |out| {
            target(out, metric.target.as_ref());
            out.some_text("scope", &metric.scope);
            out.some_text("measured", &metric.measured);
            out.some_text("description", &metric.description);
        });
    }
    for level in &d.sla {
        out.block("sla", &[&level.name], |out| {
            target(out, level.target.as_ref());
            if let Some(percentile) = level.percentile {
                out.line("percentile", &percentile.to_string());
            }
            out.some_text("measured", &level.measured);
            out.some_text("description", &level.description);
        });
    }
}

/// As one text where that says it all, else in its three parts.
fn target(out: &mut Layout, target: Option<&Quantity>) {
    let Some(quantity) = target else { return };
    match write_quantity(quantity) {
        Some(text) => out.text("target", &text),
        None => out.block("target", &[], |out| {
            out.text("comparison", &quantity.comparison);
            out.line("value", &quantity.value.to_string());
            out.text("unit", &quantity.unit);
        }),
    }
}

fn facts(out: &mut Layout, d: &Descriptor) {
    if d.storage != mesh_model::Storage::default() {
        out.block("storage", &[], |out| {
            if let Some(encryption) = &d.storage.encryption {
                out.block("encryption", &[], |out| {
                    out.line("enabled", &encryption.enabled.to_string());
                    out.option("method", encryption.method.as_deref());
                });
            }
            out.texts("residency", &d.storage.residency);
        });
    }
    if d.access != mesh_model::Access::default() {
        out.block("access", &[], |out| {
            out.option("mode", d.access.mode.as_deref());
            if let Some(logging) = &d.access.audit_logging {
                out.block("audit_logging", &[], |out| {
                    out.line("enabled", &logging.enabled.to_string());
                    out.option("description", logging.description.as_deref());
                });
            }
        });
    }
    if d.compliance != mesh_model::Compliance::default() {
        out.block("compliance", &[], |out| {
            out.texts("regulations", &d.compliance.regulations);
            out.texts("statements", &d.compliance.statements);
        });
    }
    let documentation = &d.documentation;
    if *documentation != mesh_model::Documentation::default() {
        out.block("documentation", &[], |out| {
            out.option("fields_url", documentation.fields_url.as_deref());
            out.option("examples_url", documentation.examples_url.as_deref());
            out.option("support_contact", documentation.support_contact.as_deref());
            for link in &documentation.links {
                out.block("link", &[], |out| {
                    out.some_text("title", &link.title);
                    out.some_text("url", &link.url);
                });
            }
        });
    }
}

fn extensions(out: &mut Layout, d: &Descriptor) -> Result<(), WriteError> {
    if d.extensions.is_empty() {
        return Ok(());
    }
    let pairs = d.extensions.iter().map(|(key, json)| (key.clone(), json.value())).collect();
    out.json("extensions", &Json::Object(pairs))
}

fn sealed(out: &mut Layout, d: &Descriptor, content: Option<Digest>) {
    out.block("sealed", &[], |out| {
        if let Some(content) = content {
            out.text("content", &content.to_string());
        }

        if let Some(people) = d.owner.people {
            out.text("people", &people.to_string());
        }
        if let Some(source) = &d.source {
            out.block("source", &[], |out| {
                out.some_text("format", &source.format);
                out.option("id", source.id.as_deref());
            });
        }
        for attachment in &d.attachments {
            out.block("attachment", &[&attachment.digest.to_string()], |out| {
                out.some_text("name", &attachment.name);
                out.some_text("media_type", &attachment.media_type);
                out.line("size", &attachment.size.to_string());
                out.text("purpose", &word(&attachment.purpose));
                out.line("private", &attachment.private.to_string());
            });
        }
        for overflow in &d.overflow {
            out.block("overflow", &[], |out| {
                out.text("part", &word(&overflow.part));
                out.text("digest", &overflow.digest.to_string());
                out.line("count", &overflow.count.to_string());
            });
        }
    });
}
