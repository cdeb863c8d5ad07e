//! Any descriptor that the model takes, with texts that are awkward to write.

use std::collections::BTreeMap;

use mesh_model::{
    Access, Attachment, AttachmentPurpose, AuditLogging, Compliance, ContractRef, Dataset, Descriptor, Digest,
    Documentation, DomainName, Encryption, Field, InputPort, JsonText, Link, Metric, Name, OutputPort, Overflow,
    OverflowPart, Owner, PortKind, ProductStatus, ProductType, QualityRule, Quantity, Role, RoleHolder, ServiceLevel,
    Severity, Source, SourceFile, Storage, SupportChannel, Version,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;
use serde_json::Value as Json;

/// Texts: mostly such as HCL reads otherwise than they stand.
fn text() -> impl Strategy<Value = String> {
    let awkward = [
        "", "plain", "\"", "\\", "\n", "\r\n", "\t", "${x}", "$${", "%{", "%{if}", "%%{2,}", "$", "%", "{", "}", "#",
        "//", "/*", "<<EOT", "\u{0}", "\u{7f}", "\u{80}", "ö", "𝛼", "\u{feff}", "'", "EOT", "null", "99.5%", "\\u0080",
        " ",
    ];
    prop_oneof![
        vec(select(awkward.to_vec()), 0..5).prop_map(|parts| parts.concat()),
        "[a-z0-9 ]{0,12}",
        any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = Name> {
    "[a-z][a-z0-9_-]{0,8}".prop_map(|name| Name::parse(&name).unwrap())
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0_u32..=28).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let comparison = prop_oneof![select(vec!["<", "<=", ">", ">=", "=", "!=", "=="]).prop_map(String::from), text()];
    let unit = prop_oneof![select(vec!["%", "ms", "minutes", "business days", ""]).prop_map(String::from), text()];
    (comparison, decimal(), unit).prop_map(|(comparison, value, unit)| Quantity { comparison, value, unit })
}

/// Keeps the first of each name, as the model wants it, and none that is blank.
fn distinct<T>(items: Vec<T>, name: impl Fn(&T) -> String) -> Vec<T> {
    let mut seen = std::collections::BTreeSet::new();
    items.into_iter().filter(|item| !name(item).trim().is_empty() && seen.insert(name(item))).collect()
}

fn field() -> impl Strategy<Value = Field> {
    (text(), text(), any::<(bool, bool, bool)>(), of(text()), vec(text(), 0..3), of(text()), text()).prop_map(
        |(name, logical_type, (nullable, unique, pii), classification, tags, term, description)| Field {
            name,
            logical_type,
            nullable,
            unique,
            classification,
            pii,
            tags,
            term,
            description,
        },
    )
}

fn datasets() -> impl Strategy<Value = Vec<Dataset>> {
    let dataset = (text(), text(), vec(field(), 0..4)).prop_map(|(name, description, fields)| Dataset {
        name,
        description,
        fields: distinct(fields, |field| field.name.clone()),
    });
    vec(dataset, 0..4).prop_map(|datasets| distinct(datasets, |dataset| dataset.name.clone()))
}

fn inputs() -> impl Strategy<Value = Vec<InputPort>> {
    let source = prop_oneof![
        text().prop_filter_map("a source", |text| Source::parse(&text).ok()),
        select(vec!["a/b", "a/b@^1", "a/b@>=1, <3", "postgres.x", "s3://b/k"]).prop_map(|s| Source::parse(s).unwrap()),
    ];
    let input = (name(), source, of(text()), any::<bool>(), text()).prop_map(
        |(name, source, frequency, required, description)| InputPort { name, source, frequency, required, description },
    );
    vec(input, 0..3).prop_map(|ports| distinct(ports, |port| port.name.to_string()))
}

fn outputs() -> impl Strategy<Value = Vec<OutputPort>> {
    let contract = (text(), text(), of(digest())).prop_map(|(id, version, digest)| ContractRef { id, version, digest });
    let said = (of(text()), of(text()), of(text()), of(text()), of(text()), of(text()));
    let listed = (vec(text(), 0..3), of(decimal()), of(any::<bool>()), of(contract));
    let named = prop_oneof![name(), select(PortKind::ALL.to_vec()).prop_map(|k| Name::parse(k.as_str()).unwrap())];
    let output = (named, select(PortKind::ALL.to_vec()), any::<bool>(), text(), said, listed).prop_map(
        |(name, kind, enabled, description, said, listed)| {
            let (format, location, protocol, topic, frequency, classification) = said;
            let (partition_by, rate_limit, schema_registry, contract) = listed;
            OutputPort {
                name,
                kind,
                enabled,
                description,
                format,
                location,
                protocol,
                partition_by,
                rate_limit,
                topic,
                schema_registry,
                frequency,
                contract,
                classification,
                datasets: Vec::new(),
            }
        },
    );
    vec(output, 0..4).prop_map(|ports| distinct(ports, |port| port.name.to_string()))
}

fn owner() -> impl Strategy<Value = Owner> {
    let holder = (select(Role::ALL.to_vec()), text()).prop_map(|(role, holder)| RoleHolder { role, holder });
    let support = (text(), text(), text(), of(text())).prop_map(|(channel, address, description, response_time)| {
        SupportChannel { channel, address, description, response_time }
    });
    let team = text().prop_map(|team| format!("team{}", team.replace('@', "")));
    (team, vec(holder, 0..3), vec(support, 0..3)).prop_map(|(team, role_holders, support)| Owner {
        team,
        role_holders,
        support,
        people: None,
    })
}

/// Floats that JSON's reader takes back as they were printed; it is not exact for all.
fn stable(float: f64) -> Json {
    let text = Json::from(float).to_string();
    let kept = JsonText::parse(&text).unwrap().as_str() == text;
    if kept { Json::from(float) } else { Json::from(text) }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(stable),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            vec((text(), inner), 0..4).prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

fn rules() -> impl Strategy<Value = Vec<QualityRule>> {
    let severity = select(vec![Severity::Error, Severity::Warning]);
    let check = text().prop_map(|text| format!("x{text}"));
    let rule =
        (text(), check, severity, of(text()), text()).prop_map(|(name, check, severity, dimension, description)| {
            QualityRule { name, check, severity, dimension, description }
        });
    vec(rule, 0..3).prop_map(|rules| distinct(rules, |rule| rule.name.clone()))
}

fn promises() -> impl Strategy<Value = (Vec<Metric>, Vec<ServiceLevel>)> {
    let metric = (text(), of(quantity()), text(), text(), text())
        .prop_map(|(name, target, scope, measured, description)| Metric { name, target, scope, measured, description });
    let level = (text(), of(quantity()), of(decimal()), text(), text()).prop_map(
        |(name, target, percentile, measured, description)| ServiceLevel {
            name,
            target,
            percentile,
            measured,
            description,
        },
    );
    (vec(metric, 0..3), vec(level, 0..3))
}

fn facts() -> impl Strategy<Value = (Storage, Access, Compliance, Documentation)> {
    let encryption = (any::<bool>(), of(text())).prop_map(|(enabled, method)| Encryption { enabled, method });
    let storage =
        (of(encryption), vec(text(), 0..3)).prop_map(|(encryption, residency)| Storage { encryption, residency });
    let logging = (any::<bool>(), of(text())).prop_map(|(enabled, description)| AuditLogging { enabled, description });
    let access = (of(text()), of(logging)).prop_map(|(mode, audit_logging)| Access { mode, audit_logging });
    let compliance = (vec(text(), 0..3), vec(text(), 0..3))
        .prop_map(|(regulations, statements)| Compliance { regulations, statements });
    let link = (text(), text()).prop_map(|(title, url)| Link { title, url });
    let documentation = (of(text()), of(text()), of(text()), vec(link, 0..3)).prop_map(
        |(fields_url, examples_url, support_contact, links)| Documentation {
            fields_url,
            examples_url,
            support_contact,
            links,
        },
    );
    (storage, access, compliance, documentation)
}

type Attached = (Vec<Attachment>, Vec<Overflow>, Option<Digest>);

fn attached() -> impl Strategy<Value = Attached> {
    let purposes = vec![
        AttachmentPurpose::Original,
        AttachmentPurpose::Overflow,
        AttachmentPurpose::Contract,
        AttachmentPurpose::People,
    ];
    let one = (text(), text(), 0_u64..4_194_304, select(purposes), any::<bool>());
    let parts = select(vec![OverflowPart::Texts, OverflowPart::Fields, OverflowPart::Ports]);
    (btree_map(digest(), one, 0..4), vec((parts, any::<u32>()), 0..3)).prop_map(|(attachments, parts)| {
        let attachments: Vec<Attachment> = attachments
            .into_iter()
            .map(|(digest, (name, media_type, size, purpose, private))| Attachment {
                digest,
                name,
                media_type,
                size,
                purpose,
                private,
            })
            .collect();
        let overflow = attachments
            .iter()
            .zip(parts)
            .map(|(attachment, (part, count))| Overflow { part, digest: attachment.digest, count: count.into() })
            .collect();
        let people = attachments.iter().find(|a| a.private && a.purpose == AttachmentPurpose::People).map(|a| a.digest);
        (attachments, overflow, people)
    })
}

/// A descriptor of which every part may be there or not.
pub(crate) fn descriptor() -> impl Strategy<Value = Descriptor> {
    let product_types = vec![ProductType::SourceAligned, ProductType::Aggregate, ProductType::ConsumerAligned];
    let identity = (
        (name(), name(), any::<(u32, u32, u32)>()),
        (text(), text(), select(vec![ProductStatus::Draft, ProductStatus::Active]), of(select(product_types))),
        (vec(text(), 0..3), owner(), of(text()), of(text())),
    );
    let extensions = vec((text(), json()), 0..3).prop_map(|pairs| {
        let pairs = pairs.into_iter().map(|(key, value)| (key, JsonText::new(&value)));
        pairs.collect::<BTreeMap<_, _>>()
    });
    let source = of((text(), of(text())).prop_map(|(format, id)| SourceFile { format, id }));
    let ports = (datasets(), inputs(), outputs());
    (identity, ports, rules(), promises(), facts(), extensions, attached(), source).prop_map(
        |(identity, ports, rules, promises, facts, extensions, attached, source)| {
            let (
                (domain, name, version),
                (title, description, status, product_type),
                (tags, owner, license, retention),
            ) = identity;
            let mut d = Descriptor::new(DomainName::from(domain), name);
            d.version = Version::new(version.0, version.1, version.2);
            (d.title, d.description, d.status, d.product_type) = (title, description, status, product_type);
            (d.tags, d.owner, d.license, d.retention_period) = (tags, owner, license, retention);
            (d.datasets, d.inputs, d.outputs) = ports;
            d.quality_rules = rules;
            (d.quality, d.sla) = promises;
            (d.storage, d.access, d.compliance, d.documentation) = facts;
            d.extensions = extensions;
            (d.attachments, d.overflow, d.owner.people) = attached;
            d.source = source;
            let names: Vec<_> = d.datasets.iter().map(|dataset| dataset.name.clone()).collect();
            for port in &mut d.outputs {
                port.datasets.clone_from(&names);
            }
            d
        },
    )
}
