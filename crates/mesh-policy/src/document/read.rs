//! A descriptor as the document that rules see.

use mesh_model::{
    Attachment, AttachmentPurpose, Dataset, Descriptor, Field, InputPort, Metric, OutputPort, Overflow, OverflowPart,
    Owner, ProductStatus, ProductType, QualityRule, Quantity, ServiceLevel, Severity, Source,
};
use std::sync::Arc;

use super::person::says_person;
use crate::value::{Key, Value};

/// What of a descriptor lies in attachments.
#[derive(Clone, Copy)]
struct Away {
    texts: bool,
    fields: bool,
    ports: bool,
}

/// The document, sorted by name.
pub(super) fn read(d: &Descriptor) -> Value {
    let overflowed = |part| d.overflow.iter().any(|overflow| overflow.part == part);
    let away = Away {
        texts: overflowed(OverflowPart::Texts),
        fields: overflowed(OverflowPart::Fields),
        ports: overflowed(OverflowPart::Ports),
    };
    let by_dataset: Vec<Vec<Value>> =
        d.datasets.iter().map(|dataset| dataset.fields.iter().map(|f| field(dataset, f, away)).collect()).collect();
    let fields = fields(by_dataset.iter().flatten().cloned(), away);
    let datasets = d.datasets.iter().zip(by_dataset).map(|(of, its_fields)| {
        Value::map([
            ("name", Value::said(&of.name)),
            ("description", prose(&of.description, away)),
            ("fields", self::fields(its_fields.into_iter(), away)),
        ])
    });
    let extensions = d.extensions.iter().map(|(name, json)| (Key::Owned(name.clone()), Value::of_json(&json.value())));
    Value::map([
        ("name", Value::text(d.name.as_str())),
        ("domain", Value::text(d.domain.as_str())),
        ("version", Value::text(d.version.to_string())),
        ("title", Value::said(&d.title)),
        ("description", prose(&d.description, away)),
        ("status", Value::text(status(d.status))),
        ("type", Value::or_null(d.product_type, |of| Value::text(product_type(of)))),
        ("tags", texts(&d.tags)),
        ("owner", owner(&d.owner, away)),
        ("license", said(d.license.as_ref())),
        ("fields", fields),
        ("datasets", Value::list(datasets)),
        ("inputs", ports(d.inputs.iter().map(|port| input(port, away)), away)),
        ("outputs", ports(d.outputs.iter().map(|port| output(port, away)), away)),
        ("quality_rules", Value::list(d.quality_rules.iter().map(|rule| quality_rule(rule, away)))),
        ("quality", Value::list(d.quality.iter().map(|of| metric(of, away)))),
        ("sla", Value::list(d.sla.iter().map(|level| service_level(level, away)))),
        ("storage", storage(d)),
        ("access", access(d, away)),
        ("retention_period", said(d.retention_period.as_ref())),
        (
            "compliance",
            Value::map([
                ("regulations", texts(&d.compliance.regulations)),
                ("statements", texts(&d.compliance.statements)),
            ]),
        ),
        ("documentation", documentation(d)),
        ("extensions", Value::Map(Arc::new(extensions.collect()))),
        ("attachments", Value::list(d.attachments.iter().map(attachment))),
        ("overflow", Value::list(d.overflow.iter().map(overflow))),
        (
            "source",
            Value::or_null(d.source.as_ref(), |of| {
                Value::map([("format", Value::said(&of.format)), ("id", said(of.id.as_ref()))])
            }),
        ),
        ("previous", Value::Null),
        ("deprecation", Value::Null),
    ])
}

fn said(text: Option<&String>) -> Value {
    Value::or_null(text, Value::said)
}

fn texts(items: &[String]) -> Value {
    Value::list(items.iter().map(Value::text))
}

/// A description, which may be among those that were moved.
fn prose(text: &str, away: Away) -> Value {
    match Value::said(text) {
        Value::Null if away.texts => Value::Elsewhere,
        value => value,
    }
}

/// Nothing, rather than none, when no field is declared: a rule about all fields must not hold for want of them.
fn fields(fields: impl Iterator<Item = Value>, away: Away) -> Value {
    if away.fields {
        return Value::Elsewhere;
    }
    let fields: Vec<_> = fields.collect();
    if fields.is_empty() { Value::Null } else { Value::list(fields) }
}

fn ports(ports: impl Iterator<Item = Value>, away: Away) -> Value {
    if away.ports { Value::Elsewhere } else { Value::list(ports) }
}

fn field(of: &Dataset, field: &Field, away: Away) -> Value {
    let words = [field.classification.as_deref(), field.term.as_deref()];
    let pii = field.pii || words.into_iter().flatten().any(says_person);
    Value::map([
        ("name", Value::said(&field.name)),
        ("dataset", Value::said(&of.name)),
        ("type", Value::said(&field.logical_type)),
        ("nullable", Value::Bool(field.nullable)),
        ("unique", Value::Bool(field.unique)),
        ("classification", said(field.classification.as_ref())),
        ("pii", Value::Bool(pii)),
        ("tagged_as_pii", Value::Bool(field.tags.iter().any(|tag| tag.trim().eq_ignore_ascii_case("pii")))),
        ("tags", texts(&field.tags)),
        ("term", said(field.term.as_ref())),
        ("description", prose(&field.description, away)),
    ])
}

fn owner(owner: &Owner, away: Away) -> Value {
    let role_holders = owner.role_holders.iter().map(|holder| {
        Value::map([("role", Value::text(holder.role.to_string())), ("holder", Value::said(&holder.holder))])
    });
    let support = owner.support.iter().map(|support| {
        Value::map([
            ("channel", Value::said(&support.channel)),
            ("address", Value::said(&support.address)),
            ("description", prose(&support.description, away)),
            ("response_time", said(support.response_time.as_ref())),
        ])
    });
    Value::map([
        ("team", Value::said(&owner.team)),
        ("role_holders", Value::list(role_holders)),
        ("support", Value::list(support)),
        ("people", Value::Bool(owner.people.is_some())),
    ])
}

fn input(port: &InputPort, away: Away) -> Value {
    let (product, versions) = match &port.source {
        Source::Product { product, versions } => {
            (Value::text(product.to_string()), Value::or_null(versions.as_ref(), |of| Value::text(of.to_string())))
        }
        Source::External(_) => (Value::Null, Value::Null),
    };
    Value::map([
        ("name", Value::text(port.name.as_str())),
        ("source", Value::text(port.source.to_string())),
        ("product", product),
        ("versions", versions),
        ("frequency", said(port.frequency.as_ref())),
        ("required", Value::Bool(port.required)),
        ("description", prose(&port.description, away)),
    ])
}

fn output(port: &OutputPort, away: Away) -> Value {
    let contract = Value::or_null(port.contract.as_ref(), |contract| {
        Value::map([
            ("id", Value::said(&contract.id)),
            ("version", Value::said(&contract.version)),
            ("digest", Value::or_null(contract.digest, |digest| Value::text(digest.to_string()))),
        ])
    });
    Value::map([
        ("name", Value::text(port.name.as_str())),
        ("kind", Value::text(port.kind.as_str())),
        ("enabled", Value::Bool(port.enabled)),
        ("description", prose(&port.description, away)),
        ("format", said(port.format.as_ref())),
        ("location", said(port.location.as_ref())),
        ("protocol", said(port.protocol.as_ref())),
        ("partition_by", texts(&port.partition_by)),
        ("rate_limit", Value::or_null(port.rate_limit, Value::Number)),
        ("topic", said(port.topic.as_ref())),
        ("schema_registry", Value::or_null(port.schema_registry, Value::Bool)),
        ("frequency", said(port.frequency.as_ref())),
        ("contract", contract),
        ("classification", said(port.classification.as_ref())),
        ("datasets", texts(&port.datasets)),
    ])
}

fn quality_rule(rule: &QualityRule, away: Away) -> Value {
    let severity = match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    Value::map([
        ("name", Value::said(&rule.name)),
        ("check", Value::said(&rule.check)),
        ("severity", Value::text(severity)),
        ("dimension", said(rule.dimension.as_ref())),
        ("description", prose(&rule.description, away)),
    ])
}

fn target(target: Option<&Quantity>) -> Value {
    Value::or_null(target, |of| {
        Value::map([
            ("comparison", Value::said(&of.comparison)),
            ("value", Value::Number(of.value)),
            ("unit", Value::said(&of.unit)),
        ])
    })
}

fn metric(metric: &Metric, away: Away) -> Value {
    Value::map([
        ("name", Value::said(&metric.name)),
        ("target", target(metric.target.as_ref())),
        ("scope", Value::said(&metric.scope)),
        ("measured", Value::said(&metric.measured)),
        ("description", prose(&metric.description, away)),
    ])
}

fn service_level(level: &ServiceLevel, away: Away) -> Value {
    Value::map([
        ("name", Value::said(&level.name)),
        ("target", target(level.target.as_ref())),
        ("percentile", Value::or_null(level.percentile, Value::Number)),
        ("measured", Value::said(&level.measured)),
        ("description", prose(&level.description, away)),
    ])
}

fn storage(d: &Descriptor) -> Value {
    let encryption = Value::or_null(d.storage.encryption.as_ref(), |of| {
        Value::map([("enabled", Value::Bool(of.enabled)), ("method", said(of.method.as_ref()))])
    });
    Value::map([("encryption", encryption), ("residency", texts(&d.storage.residency))])
}

fn access(d: &Descriptor, away: Away) -> Value {
    let audit_logging = Value::or_null(d.access.audit_logging.as_ref(), |of| {
        let description = prose(of.description.as_deref().unwrap_or_default(), away);
        Value::map([("enabled", Value::Bool(of.enabled)), ("description", description)])
    });
    Value::map([("mode", said(d.access.mode.as_ref())), ("audit_logging", audit_logging)])
}

fn documentation(d: &Descriptor) -> Value {
    let of = &d.documentation;
    let links =
        of.links.iter().map(|link| Value::map([("title", Value::said(&link.title)), ("url", Value::said(&link.url))]));
    Value::map([
        ("fields_url", said(of.fields_url.as_ref())),
        ("examples_url", said(of.examples_url.as_ref())),
        ("support_contact", said(of.support_contact.as_ref())),
        ("links", Value::list(links)),
    ])
}

fn attachment(of: &Attachment) -> Value {
    let purpose = match of.purpose {
        AttachmentPurpose::Original => "original",
        AttachmentPurpose::Overflow => "overflow",
        AttachmentPurpose::Contract => "contract",
        AttachmentPurpose::People => "people",
    };
    Value::map([
        ("name", Value::said(&of.name)),
        ("media_type", Value::said(&of.media_type)),
        ("purpose", Value::text(purpose)),
        ("private", Value::Bool(of.private)),
        ("size", Value::Number(of.size.into())),
        ("digest", Value::text(of.digest.to_string())),
    ])
}

fn overflow(of: &Overflow) -> Value {
    let part = match of.part {
        OverflowPart::Texts => "texts",
        OverflowPart::Fields => "fields",
        OverflowPart::Ports => "ports",
    };
    Value::map([("part", Value::text(part)), ("count", Value::Number(of.count.into()))])
}

fn status(of: ProductStatus) -> &'static str {
    match of {
        ProductStatus::Draft => "draft",
        ProductStatus::Active => "active",
    }
}

fn product_type(of: ProductType) -> &'static str {
    match of {
        ProductType::SourceAligned => "source-aligned",
        ProductType::Aggregate => "aggregate",
        ProductType::ConsumerAligned => "consumer-aligned",
    }
}
