//! A resource's body to a descriptor.

use std::collections::BTreeMap;

use mesh_model::{
    Access, AuditLogging, Compliance, Dataset, Descriptor, Documentation, DomainName, Encryption, Field, Link, Name,
    ProductType, RoleHolder, Storage, SupportChannel, Version,
};

use super::section::Section;
use super::source::Source;
use super::{ports, promises, value};
use crate::parsed::{AttachmentBody, Context};
use crate::people::Person;

/// What one resource says.
pub(super) struct Resource {
    pub descriptor: Descriptor,
    pub version_given: bool,
    pub people: Vec<Person>,
    /// Contracts that were read from files beside this one.
    pub contracts: Vec<AttachmentBody>,
    /// Whether a `sealed` block says what was attached when the version was sealed.
    pub sealed: bool,
}

/// Reads a resource. `None` when its name or domain is missing or wrong; whatever is wrong is in the source's errors.
pub(super) fn resource(section: &Section<'_, '_>, ctx: &mut Context<'_>) -> Option<Resource> {
    let source = section.source;

    let name = name(section);
    let domain = domain(section, ctx.domain);
    let version = section.parsed("version", Version::parse);
    // Placeholders let the rest be read, and its errors found, when the name or domain is wrong.
    let placeholder = || Name::parse("x").expect("a letter is a name");
    let known = name.is_some() && domain.is_some();
    let mut descriptor =
        Descriptor::new(domain.unwrap_or_else(|| placeholder().into()), name.unwrap_or_else(placeholder));

    let d = &mut descriptor;
    d.version = version.unwrap_or(Version::FIRST);
    d.title = section.text("title").unwrap_or_default();
    d.description = section.text("description").unwrap_or_default();
    d.status = section.word("status").unwrap_or(d.status);
    d.product_type = section.word::<ProductType>("type");
    d.license = section.text("license");
    d.tags = section.texts("tags");
    d.retention_period = section.text("retention_period");
    let people = owner(section, d);
    d.datasets = datasets(section);
    d.inputs = ports::inputs(section);
    let mut contracts = Vec::new();
    d.outputs = ports::outputs(section, ctx, &mut contracts);
    d.quality_rules = promises::rules(section);
    d.quality = promises::metrics(section);
    d.sla = promises::service_levels(section);
    d.storage = storage(section);
    d.access = access(section);
    d.compliance = compliance(section);
    d.documentation = documentation(section);
    for (key, placed) in section.object("extensions") {
        source.extend(placed.offset, &key, &value::json(source, "extensions", &placed));
    }
    d.extensions = source.extensions.take();
    d.source = Some(super::hcl_source());

    let sealed = section.one("sealed").map(|sealed| super::sealed::read(&sealed, d)).is_some();
    let version_given = version.is_some();
    known.then_some(Resource { descriptor, version_given, people, contracts, sealed })
}

fn name(section: &Section<'_, '_>) -> Option<Name> {
    let (text, offset) = match (section.text_at("name"), &section.label) {
        (Some(name), _) => name,
        (None, Some(label)) => label.clone(),
        (None, None) => {
            section.missing("name", "a name");
            return None;
        }
    };
    section.source.part("name", offset);
    parse_name(section.source, offset, "name", &text)
}

/// Reads a name, or reports why it is none.
pub(super) fn parse_name(source: &Source<'_>, offset: usize, path: &str, text: &str) -> Option<Name> {
    let name = Name::parse(text).ok();
    if name.is_none() {
        let expected = "a name of the form [a-z][a-z0-9_-]{0,62}";
        source.error(offset, path, expected, format!("\"{}\"", value::excerpt(text)));
    }
    name
}

fn domain(section: &Section<'_, '_>, default: Option<&DomainName>) -> Option<DomainName> {
    if let Some((text, offset)) = section.text_at("domain") {
        return parse_name(section.source, offset, "domain", &text).map(DomainName::from);
    }
    if default.is_none() && !section.says("domain") {
        section.missing("domain", "the owning domain");
    }
    default.cloned()
}

fn owner(section: &Section<'_, '_>, descriptor: &mut Descriptor) -> Vec<Person> {
    let owner = &mut descriptor.owner;
    let (team, same) = (section.text_at("owner_team"), section.text_at("owner"));
    if let (Some((team, _)), Some((owner, offset))) = (&team, &same)
        && team != owner
    {
        let expected = format!("the same as owner_team (\"{}\"), or one of the two", value::excerpt(team));
        section.source.error(*offset, "owner", expected, format!("\"{}\"", value::excerpt(owner)));
    }
    if let Some((team, offset)) = team.or(same) {
        section.source.part("owner.team", offset);
        if team.contains('@') {
            let expected = "a team; a person belongs into `owner_person { name email }`, which is kept private";
            section.source.warning(offset, "owner", expected, "an address");
        }
        owner.team = team;
    }
    for role in section.many("role") {
        let holder = role.text("holder").unwrap_or_default();
        match role.word("role") {
            Some(word) => owner.role_holders.push(RoleHolder { role: word, holder }),
            None if !role.says("role") => role.missing("role", "a role"),
            None => {}
        }
    }
    for support in section.many("support") {
        owner.support.push(SupportChannel {
            channel: support.text("channel").unwrap_or_default(),
            address: support.text("address").unwrap_or_default(),
            description: support.text("description").unwrap_or_default(),
            response_time: support.text("response_time"),
        });
    }

    let mut people = Vec::new();
    let person = |section: &Section<'_, '_>, role: Option<String>| Person {
        name: section.text("name").unwrap_or_default(),
        email: section.text("email"),
        role,
        details: section.take_unknown(),
    };
    if let Some(owner) = section.one("owner_person") {
        people.push(person(&owner, Some("owner".into())));
    }
    for group in section.many("people") {
        for one in group.many("person") {
            people.push(person(&one, one.text("role")));
        }
    }
    people
}

fn datasets(section: &Section<'_, '_>) -> Vec<Dataset> {
    let source = section.source;
    let mut datasets = Vec::new();
    for (at, dataset) in section.many("dataset").into_iter().enumerate() {
        let path = format!("datasets[{at}]");
        let (name, offset) = dataset.name_at().unwrap_or_else(|| (String::new(), dataset.offset));
        source.part(format!("{path}.name"), offset);
        let mut fields = Vec::new();
        for (at, field) in dataset.many("field").into_iter().enumerate() {
            let (name, offset) = field.name_at().unwrap_or_else(|| (String::new(), field.offset));
            source.part(format!("{path}.fields[{at}].name"), offset);
            let unsaid = Field::default();
            fields.push(Field {
                name,
                logical_type: field.text("type").unwrap_or_default(),
                nullable: field.boolean("nullable").unwrap_or(unsaid.nullable),
                unique: field.boolean("unique").unwrap_or(unsaid.unique),
                classification: field.text("classification"),
                pii: field.boolean("pii").unwrap_or(unsaid.pii),
                tags: field.texts("tags"),
                term: field.text("term"),
                description: field.text("description").unwrap_or_default(),
            });
        }
        datasets.push(Dataset { name, description: dataset.text("description").unwrap_or_default(), fields });
    }
    datasets
}

fn storage(section: &Section<'_, '_>) -> Storage {
    let Some(storage) = section.one("storage") else {
        return Storage::default();
    };
    Storage {
        encryption: storage.one("encryption").map(|encryption| Encryption {
            enabled: required(&encryption, "enabled"),
            method: encryption.text("method"),
        }),
        residency: storage.texts("residency"),
    }
}

fn access(section: &Section<'_, '_>) -> Access {
    let Some(access) = section.one("access") else {
        return Access::default();
    };
    Access {
        mode: access.text("mode"),
        audit_logging: access.one("audit_logging").map(|logging| AuditLogging {
            enabled: required(&logging, "enabled"),
            description: logging.text("description"),
        }),
    }
}

/// Rules decide by these: leaving one out says nothing, so it must be said.
fn required(section: &Section<'_, '_>, name: &str) -> bool {
    if !section.says(name) {
        section.missing(name, "true or false");
    }
    section.boolean(name).unwrap_or_default()
}

fn compliance(section: &Section<'_, '_>) -> Compliance {
    section.one("compliance").map_or_else(Compliance::default, |compliance| Compliance {
        regulations: compliance.texts("regulations"),
        statements: compliance.texts("statements"),
    })
}

fn documentation(section: &Section<'_, '_>) -> Documentation {
    let Some(documentation) = section.one("documentation") else {
        return Documentation::default();
    };
    let link = |link: Section<'_, '_>| Link {
        title: link.text("title").unwrap_or_default(),
        url: link.text("url").unwrap_or_default(),
    };
    Documentation {
        fields_url: documentation.text("fields_url"),
        examples_url: documentation.text("examples_url"),
        support_contact: documentation.text("support_contact"),
        links: documentation.many("link").into_iter().map(link).collect(),
    }
}

/// Reports what the model's own rules refuse, each at its place.
pub(super) fn check(section: &Section<'_, '_>, descriptor: &Descriptor, parts: &BTreeMap<String, usize>) {
    for flaw in descriptor.check() {
        // A draft may be read; publishing it is refused where it is published.
        if flaw.path == "status" {
            continue;
        }
        let offset = parts.get(&flaw.path).copied().unwrap_or(section.offset);
        let (expected, found) = match flaw.message.strip_prefix("expected ").map(|m| m.split_once("; found ")) {
            Some(Some((expected, found))) => (expected.to_owned(), found.to_owned()),
            Some(None) => (flaw.message["expected ".len()..].to_owned(), "nothing of the kind".into()),
            None => ("each name once, and only names that exist".to_owned(), flaw.message.clone()),
        };
        section.source.error(offset, &flaw.path, expected, found);
    }
}
