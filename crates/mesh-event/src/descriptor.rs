//! The descriptor's message form and back. One direction builds, the other parses; nothing half-valid comes out.

use mesh_model as model;
use mesh_model::{Descriptor, Digest};
use prost::Message as _;

use crate::convert::{Malformed, decimal, decimal_message, digest, optional_digest, text};
use crate::proto;

/// The message's bytes. Sealed bytes are the client's own; this is for building a new payload.
pub fn encode_descriptor(descriptor: &Descriptor) -> Vec<u8> {
    to_message(descriptor).encode_to_vec()
}

/// How long [`encode_descriptor`] would be, in bytes.
pub fn encoded_len(descriptor: &Descriptor) -> usize {
    to_message(descriptor).encoded_len()
}

/// SHA-256 over the descriptor's own encoding: equal descriptors have equal digests. It names content in plans and
/// conflicts; signatures are over exact bytes, never over this.
pub fn descriptor_digest(descriptor: &Descriptor) -> Digest {
    Digest::of(&encode_descriptor(descriptor))
}

/// Decodes a descriptor.
///
/// # Errors
/// [`Malformed`] names the field.
pub fn decode_descriptor(bytes: &[u8]) -> Result<Descriptor, Malformed> {
    from_message(proto::Descriptor::decode(bytes).map_err(|error| Malformed::new("descriptor", error))?)
}

/// Pairs of enum values, both ways, from one table.
macro_rules! enums {
    ($($to:ident $from:ident $model:ty, $message:ident { $($variant:ident),* };)*) => {
        $(
            pub(crate) fn $to(value: $model) -> i32 {
                match value { $(<$model>::$variant => proto::$message::$variant as i32,)* }
            }
            pub(crate) fn $from(field: &str, value: i32) -> Result<$model, Malformed> {
                match proto::$message::try_from(value) {
                    $(Ok(proto::$message::$variant) => Ok(<$model>::$variant),)*
                    _ => Err(Malformed::new(field, format!("{value} is no {}", stringify!($message)))),
                }
            }
        )*
    };
}

pub(crate) use enums;

enums! {
    status_message status model::ProductStatus, ProductStatus { Draft, Active };
    type_message product_type model::ProductType, ProductType { SourceAligned, Aggregate, ConsumerAligned };
    role_message role model::Role, Role {
        DataProductOwner, DomainDataEngineer, DataGovernanceSteward, DataMeshArchitect, DataPlatformEngineer
    };
    port_kind_message port_kind model::PortKind, PortKind { Api, Batch, Stream, Sql, File };
    severity_message severity model::Severity, Severity { Error, Warning };
    purpose_message purpose model::AttachmentPurpose, AttachmentPurpose { Original, Overflow, Contract, People };
    overflow_part_message overflow_part model::OverflowPart, OverflowPart { Texts, Fields, Ports };
}

pub(crate) fn to_message(d: &Descriptor) -> proto::Descriptor {
    proto::Descriptor {
        domain: d.domain.to_string(),
        name: d.name.to_string(),
        version: d.version.to_string(),
        title: d.title.clone(),
        description: d.description.clone(),
        status: status_message(d.status),
        r#type: d.product_type.map_or(0, type_message),
        tags: d.tags.clone(),
        owner: Some(owner_message(&d.owner)),
        license: d.license.clone(),
        datasets: d.datasets.iter().map(dataset_message).collect(),
        inputs: d.inputs.iter().map(input_message).collect(),
        outputs: d.outputs.iter().map(output_message).collect(),
        quality_rules: d.quality_rules.iter().map(rule_message).collect(),
        quality: d.quality.iter().map(metric_message).collect(),
        sla: d.sla.iter().map(level_message).collect(),
        storage: Some(proto::Storage {
            encryption: d
                .storage
                .encryption
                .as_ref()
                .map(|e| proto::Encryption { enabled: e.enabled, method: e.method.clone() }),
            residency: d.storage.residency.clone(),
        }),
        access: Some(proto::Access {
            mode: d.access.mode.clone(),
            audit_logging: (d.access.audit_logging.as_ref())
                .map(|a| proto::AuditLogging { enabled: a.enabled, description: a.description.clone() }),
        }),
        retention_period: d.retention_period.clone(),
        compliance: Some(proto::Compliance {
            regulations: d.compliance.regulations.clone(),
            statements: d.compliance.statements.clone(),
        }),
        documentation: Some(proto::Documentation {
            fields_url: d.documentation.fields_url.clone(),
            examples_url: d.documentation.examples_url.clone(),
            support_contact: d.documentation.support_contact.clone(),
            links: (d.documentation.links.iter())
                .map(|l| proto::Link { title: l.title.clone(), url: l.url.clone() })
                .collect(),
        }),
        extensions: (d.extensions.iter())
            .map(|(key, json)| proto::Extension { key: key.clone(), json: json.to_string() })
            .collect(),
        attachments: d.attachments.iter().map(attachment_message).collect(),
        overflow: (d.overflow.iter())
            .map(|o| proto::Overflow {
                part: overflow_part_message(o.part),
                digest: o.digest.0.to_vec(),
                count: o.count,
            })
            .collect(),
        source: d.source.as_ref().map(|s| proto::SourceFile { format: s.format.clone(), id: s.id.clone() }),
    }
}

fn bytes(digest: Option<Digest>) -> Vec<u8> {
    digest.map_or_else(Vec::new, |digest| digest.0.to_vec())
}

fn owner_message(owner: &model::Owner) -> proto::Owner {
    proto::Owner {
        team: owner.team.clone(),
        role_holders: (owner.role_holders.iter())
            .map(|r| proto::RoleHolder { role: role_message(r.role), holder: r.holder.clone() })
            .collect(),
        support: (owner.support.iter())
            .map(|s| proto::SupportChannel {
                channel: s.channel.clone(),
                address: s.address.clone(),
                description: s.description.clone(),
                response_time: s.response_time.clone(),
            })
            .collect(),
        people: bytes(owner.people),
    }
}

fn dataset_message(dataset: &model::Dataset) -> proto::Dataset {
    proto::Dataset {
        name: dataset.name.clone(),
        description: dataset.description.clone(),
        fields: (dataset.fields.iter())
            .map(|f| proto::Field {
                name: f.name.clone(),
                r#type: f.logical_type.clone(),
                nullable: f.nullable,
                unique: f.unique,
                classification: f.classification.clone(),
                pii: f.pii,
                tags: f.tags.clone(),
                term: f.term.clone(),
                description: f.description.clone(),
            })
            .collect(),
    }
}

fn input_message(port: &model::InputPort) -> proto::InputPort {
    proto::InputPort {
        name: port.name.to_string(),
        source: port.source.to_string(),
        frequency: port.frequency.clone(),
        description: port.description.clone(),
        required: port.required,
    }
}

fn output_message(port: &model::OutputPort) -> proto::OutputPort {
    proto::OutputPort {
        name: port.name.to_string(),
        kind: port_kind_message(port.kind),
        enabled: port.enabled,
        description: port.description.clone(),
        format: port.format.clone(),
        location: port.location.clone(),
        protocol: port.protocol.clone(),
        partition_by: port.partition_by.clone(),
        rate_limit: port.rate_limit.map(decimal_message),
        topic: port.topic.clone(),
        schema_registry: port.schema_registry,
        frequency: port.frequency.clone(),
        contract: (port.contract.as_ref()).map(|c| proto::ContractRef {
            id: c.id.clone(),
            version: c.version.clone(),
            digest: bytes(c.digest),
        }),
        classification: port.classification.clone(),
        datasets: port.datasets.clone(),
    }
}

fn rule_message(rule: &model::QualityRule) -> proto::QualityRule {
    proto::QualityRule {
        name: rule.name.clone(),
        check: rule.check.clone(),
        severity: severity_message(rule.severity),
        dimension: rule.dimension.clone(),
        description: rule.description.clone(),
    }
}

fn quantity_message(quantity: &model::Quantity) -> proto::Quantity {
    proto::Quantity {
        comparison: quantity.comparison.clone(),
        value: Some(decimal_message(quantity.value)),
        unit: quantity.unit.clone(),
    }
}

fn metric_message(metric: &model::Metric) -> proto::Metric {
    proto::Metric {
        name: metric.name.clone(),
        target: metric.target.as_ref().map(quantity_message),
        scope: metric.scope.clone(),
        measured: metric.measured.clone(),
        description: metric.description.clone(),
    }
}

fn level_message(level: &model::ServiceLevel) -> proto::ServiceLevel {
    proto::ServiceLevel {
        name: level.name.clone(),
        target: level.target.as_ref().map(quantity_message),
        percentile: level.percentile.map(decimal_message),
        measured: level.measured.clone(),
        description: level.description.clone(),
    }
}

fn attachment_message(attachment: &model::Attachment) -> proto::Attachment {
    proto::Attachment {
        digest: attachment.digest.0.to_vec(),
        name: attachment.name.clone(),
        media_type: attachment.media_type.clone(),
        size: attachment.size,
        purpose: purpose_message(attachment.purpose),
        private: attachment.private,
    }
}

/// Converts each item, naming its place when one does not fit.
fn list<M, T>(path: &str, items: Vec<M>, convert: impl Fn(M) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
    (items.into_iter().enumerate())
        .map(|(at, item)| convert(item).map_err(|error| error.within(format_args!("{path}[{at}]"))))
        .collect()
}

pub(crate) fn from_message(m: proto::Descriptor) -> Result<Descriptor, Malformed> {
    let storage = m.storage.unwrap_or_default();
    let access = m.access.unwrap_or_default();
    let compliance = m.compliance.unwrap_or_default();
    let documentation = m.documentation.unwrap_or_default();
    let mut extensions = std::collections::BTreeMap::new();
    for extension in m.extensions {
        let json = model::JsonText::parse(&extension.json)
            .map_err(|error| Malformed::new(format!("extensions.{}", extension.key), error))?;
        if extensions.insert(extension.key.clone(), json).is_some() {
            return Err(Malformed::new("extensions", format!("the key '{}' stands there twice", extension.key)));
        }
    }
    Ok(Descriptor {
        domain: text("domain", &m.domain)?,
        name: text("name", &m.name)?,
        version: text("version", &m.version)?,
        title: m.title,
        description: m.description,
        status: status("status", m.status)?,
        product_type: if m.r#type == 0 { None } else { Some(product_type("type", m.r#type)?) },
        tags: m.tags,
        owner: owner(m.owner.unwrap_or_default()).map_err(|error| error.within("owner"))?,
        license: m.license,
        datasets: m.datasets.into_iter().map(dataset).collect(),
        inputs: list("inputs", m.inputs, input)?,
        outputs: list("outputs", m.outputs, output)?,
        quality_rules: list("quality_rules", m.quality_rules, |rule| {
            Ok(model::QualityRule {
                severity: severity("severity", rule.severity)?,
                name: rule.name,
                check: rule.check,
                dimension: rule.dimension,
                description: rule.description,
            })
        })?,
        quality: list("quality", m.quality, |metric| {
            Ok(model::Metric {
                target: metric.target.map(quantity).transpose()?,
                name: metric.name,
                scope: metric.scope,
                measured: metric.measured,
                description: metric.description,
            })
        })?,
        sla: list("sla", m.sla, |level| {
            Ok(model::ServiceLevel {
                target: level.target.map(quantity).transpose()?,
                percentile: level.percentile.map(|value| decimal("percentile", &value)).transpose()?,
                name: level.name,
                measured: level.measured,
                description: level.description,
            })
        })?,
        storage: model::Storage {
            encryption: storage.encryption.map(|e| model::Encryption { enabled: e.enabled, method: e.method }),
            residency: storage.residency,
        },
        access: model::Access {
            mode: access.mode,
            audit_logging: access
                .audit_logging
                .map(|a| model::AuditLogging { enabled: a.enabled, description: a.description }),
        },
        retention_period: m.retention_period,
        compliance: model::Compliance { regulations: compliance.regulations, statements: compliance.statements },
        documentation: model::Documentation {
            fields_url: documentation.fields_url,
            examples_url: documentation.examples_url,
            support_contact: documentation.support_contact,
            links: documentation.links.into_iter().map(|l| model::Link { title: l.title, url: l.url }).collect(),
        },
        extensions,
        attachments: list("attachments", m.attachments, |a| {
            Ok(model::Attachment {
                digest: digest("digest", &a.digest)?,
                purpose: purpose("purpose", a.purpose)?,
                name: a.name,
                media_type: a.media_type,
                size: a.size,
                private: a.private,
            })
        })?,
        overflow: list("overflow", m.overflow, |o| {
            Ok(model::Overflow {
                part: overflow_part("part", o.part)?,
                digest: digest("digest", &o.digest)?,
                count: o.count,
            })
        })?,
        source: m.source.map(|s| model::SourceFile { format: s.format, id: s.id }),
    })
}

fn owner(m: proto::Owner) -> Result<model::Owner, Malformed> {
    Ok(model::Owner {
        team: m.team,
        role_holders: list("role_holders", m.role_holders, |r| {
            Ok(model::RoleHolder { role: role("role", r.role)?, holder: r.holder })
        })?,
        support: (m.support.into_iter())
            .map(|s| model::SupportChannel {
                channel: s.channel,
                address: s.address,
                description: s.description,
                response_time: s.response_time,
            })
            .collect(),
        people: optional_digest("people", &m.people)?,
    })
}

fn dataset(m: proto::Dataset) -> model::Dataset {
    model::Dataset {
        name: m.name,
        description: m.description,
        fields: (m.fields.into_iter())
            .map(|f| model::Field {
                name: f.name,
                logical_type: f.r#type,
                nullable: f.nullable,
                unique: f.unique,
                classification: f.classification,
                pii: f.pii,
                tags: f.tags,
                term: f.term,
                description: f.description,
            })
            .collect(),
    }
}

fn input(m: proto::InputPort) -> Result<model::InputPort, Malformed> {
    Ok(model::InputPort {
        name: text("name", &m.name)?,
        source: text("source", &m.source)?,
        frequency: m.frequency,
        required: m.required,
        description: m.description,
    })
}

fn output(m: proto::OutputPort) -> Result<model::OutputPort, Malformed> {
    Ok(model::OutputPort {
        name: text("name", &m.name)?,
        kind: port_kind("kind", m.kind)?,
        enabled: m.enabled,
        description: m.description,
        format: m.format,
        location: m.location,
        protocol: m.protocol,
        partition_by: m.partition_by,
        rate_limit: m.rate_limit.map(|value| decimal("rate_limit", &value)).transpose()?,
        topic: m.topic,
        schema_registry: m.schema_registry,
        frequency: m.frequency,
        contract: (m.contract)
            .map(|c| -> Result<_, Malformed> {
                let digest = optional_digest("contract.digest", &c.digest)?;
                Ok(model::ContractRef { id: c.id, version: c.version, digest })
            })
            .transpose()?,
        classification: m.classification,
        datasets: m.datasets,
    })
}

fn quantity(m: proto::Quantity) -> Result<model::Quantity, Malformed> {
    let value = m.value.ok_or_else(|| Malformed::missing("target.value"))?;
    Ok(model::Quantity { comparison: m.comparison, value: decimal("target.value", &value)?, unit: m.unit })
}
