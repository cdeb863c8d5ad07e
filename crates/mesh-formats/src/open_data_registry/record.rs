//! One record to one product.

use mesh_model::{Descriptor, DomainName, JsonText, Link, ServiceLevel, SourceFile, SupportChannel};
use serde_json::Value;

use super::addresses::{json_without_emails, urls, without_emails};
use super::outputs;
use crate::names::{map_name, organisation_name};
use crate::parsed::{Context, Product};
use crate::people::Person;
use crate::problem::{Problem, Severity};
use crate::yaml::{Check, Node, Object, Shape, load, optional, path_of, required};

/// A record of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRecord {
    /// The product that it describes.
    pub product: Product,
    /// What it says about its end, where it calls itself deprecated; may be empty.
    pub deprecated: Option<String>,
    /// Who manages it, as it writes it, without e-mail addresses.
    pub managed_by: String,
    /// The manager's page, where it names one.
    pub manager_url: Option<String>,
}

/// Longest text that says how often a port changes; longer ones are only in the service level.
const FREQUENCY_BYTES: usize = 40;
/// Most bytes of JSON in one extension.
const EXTENSION_BYTES: usize = 16 * 1024;

static RESOURCE: Object = Object {
    fields: &[
        required("Description", Shape::Scalar),
        optional("ARN", Shape::Scalar),
        optional("Host", Shape::Scalar),
        required("Region", Shape::Scalar),
        required("Type", Shape::Scalar),
        optional("RequesterPays", Shape::Scalar),
        optional("AccountRequired", Shape::Scalar),
        optional("ControlledAccess", Shape::Scalar),
        optional("Explore", Shape::Any),
    ],
    more: None,
};

/// A record. The registry's own schema asks for more (dates of entry, word lists) than its records have.
static RECORD: Object = Object {
    fields: &[
        required("Name", Shape::Scalar),
        required("Description", Shape::Scalar),
        required("Documentation", Shape::Scalar),
        required("Contact", Shape::Scalar),
        required("ManagedBy", Shape::Scalar),
        required("UpdateFrequency", Shape::Scalar),
        required("Tags", Shape::List(&Shape::Scalar)),
        required("License", Shape::Scalar),
        required("Resources", Shape::List(&Shape::Map(&RESOURCE))),
        optional("Deprecated", Shape::Scalar),
        optional("DeprecatedNotice", Shape::Scalar),
        optional("Citation", Shape::Scalar),
        optional("Collabs", Shape::Any),
        optional("ADXCategories", Shape::Any),
        optional("RegistryEntryAdded", Shape::Scalar),
        optional("RegistryEntryLastModified", Shape::Scalar),
        optional("DataAtWork", Shape::Open),
    ],
    more: None,
};

/// Reads a record; at most one product. Problems are pushed.
pub(crate) fn parse(text: &str, ctx: &mut Context<'_>, problems: &mut Vec<Problem>) -> Vec<Product> {
    read_record(text, ctx, problems).into_iter().map(|record| record.product).collect()
}

/// Reads a record with what an importer needs beside the product. Problems are pushed; `None` when one is an error.
pub fn read_record(text: &str, ctx: &mut Context<'_>, problems: &mut Vec<Problem>) -> Option<RegistryRecord> {
    let before = problems.len();
    let root = load(text, problems)?;
    Check { version: 0, version_text: "the registry", problems }.object(&root, &RECORD, "");
    if problems[before..].iter().any(|problem| problem.severity == Severity::Error) {
        return None;
    }
    let mut reader = Reader { root: &root, people: Vec::new() };
    let raw_manager = root.text("ManagedBy").unwrap_or_default();
    let managed_by = reader.text("ManagedBy");
    let domain = match ctx.domain {
        Some(domain) => domain.clone(),
        None => DomainName::from(map_name(&organisation_name(raw_manager))),
    };
    let stem = ctx.file_name.rsplit_once('.').map_or(ctx.file_name, |(stem, _)| stem);
    let mut descriptor = Descriptor::new(domain, map_name(stem));
    descriptor.source = Some(SourceFile { format: "open-data-registry".into(), id: Some(stem.to_owned()) });
    descriptor.title = reader.text("Name");
    descriptor.description = reader.text("Description");
    descriptor.license = Some(reader.text("License")).filter(|license| !license.is_empty());
    for tag in root.list("Tags").iter().filter_map(Node::as_text) {
        if !descriptor.tags.iter().any(|known| known == tag) {
            descriptor.tags.push(tag.to_owned());
        }
    }
    let team = organisation_name(&managed_by);
    descriptor.owner.team = if team.is_empty() { descriptor.domain.to_string() } else { team };
    descriptor.owner.support = reader.support();
    reader.frequency_and_outputs(&mut descriptor, problems);
    descriptor.documentation.links = reader.links();
    if let Some(url) = urls(raw_manager).into_iter().next() {
        descriptor.documentation.links.push(Link { title: descriptor.owner.team.clone(), url });
    }
    reader.extensions(&mut descriptor, problems);
    let deprecated = root.text("Deprecated").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let notice = reader.text("DeprecatedNotice");

    let mut product = Product::new(descriptor, false);
    product.attach_people(reader.people, ctx);
    Some(RegistryRecord {
        product,
        deprecated: deprecated.then_some(notice),
        managed_by,
        manager_url: urls(raw_manager).into_iter().next(),
    })
}

struct Reader<'n> {
    root: &'n Node,
    people: Vec<Person>,
}

impl Reader<'_> {
    fn text(&mut self, key: &str) -> String {
        self.public(self.root.text(key).unwrap_or_default().trim(), key)
    }

    /// The text without e-mail addresses, which become people named in the field.
    fn public(&mut self, text: &str, field: &str) -> String {
        let (text, emails) = without_emails(text);
        self.named_in(field, emails);
        text
    }

    fn named_in(&mut self, field: &str, emails: Vec<String>) {
        for email in emails {
            let role = Some(format!("named in {field}"));
            let person = Person { email: Some(email), role, ..Person::default() };
            if !self.people.contains(&person) {
                self.people.push(person);
            }
        }
    }

    fn support(&mut self) -> Vec<SupportChannel> {
        let text = self.root.text("Contact").unwrap_or_default().trim();
        let channel = |address: String, description: &str| SupportChannel {
            channel: "url".into(),
            address,
            description: description.to_owned(),
            response_time: None,
        };
        let urls = urls(text);
        let (_, emails) = without_emails(text);
        // A host without a scheme is an address as well; any other text without one may be somebody's name.
        let host = urls.is_empty() && emails.is_empty() && text.contains('.') && !text.contains(char::is_whitespace);
        if host {
            return vec![channel(text.to_owned(), "")];
        }
        if !text.is_empty() && (urls.is_empty() || !emails.is_empty()) {
            let mut person = Person { role: Some("contact".into()), ..Person::default() };
            person.email = emails.first().cloned();
            person.details.insert("contact".into(), text.into());
            self.people.push(person);
        }
        let prose = if emails.is_empty() && urls.first().is_some_and(|url| url != text) { text } else { "" };
        let prose = |at: usize| if at == 0 { prose } else { "" };
        urls.into_iter().enumerate().map(|(at, url)| channel(url, prose(at))).collect()
    }

    fn frequency_and_outputs(&mut self, descriptor: &mut Descriptor, problems: &mut Vec<Problem>) {
        let frequency = self.text("UpdateFrequency");
        let Some(resources) = self.root.get("Resources") else {
            return;
        };
        let mut outputs = outputs::read(resources, problems);
        for port in &mut outputs.ports {
            port.description = self.public(&port.description, "Resources");
            let short = (1..=FREQUENCY_BYTES).contains(&frequency.len()) && !frequency.contains('\n');
            port.frequency = short.then(|| frequency.clone());
        }
        if !frequency.is_empty() {
            descriptor.sla.push(ServiceLevel {
                name: "freshness".into(),
                target: None,
                percentile: None,
                measured: String::new(),
                description: frequency,
            });
        }
        descriptor.outputs = outputs.ports;
        descriptor.storage.residency = outputs.regions;
        descriptor.access.mode = Some(outputs.access.to_owned());
        if let Some(rest) = outputs.rest {
            self.extension("Resources", rest, descriptor, problems);
        }
    }

    fn links(&mut self) -> Vec<Link> {
        let link = |title: &str, url: String| Link { title: title.to_owned(), url };
        let documentation = self.root.text("Documentation").unwrap_or_default();
        let mut links: Vec<_> = urls(documentation).into_iter().map(|url| link("Documentation", url)).collect();
        let citation = self.root.text("Citation").unwrap_or_default().trim().to_owned();
        links.extend(urls(&citation).into_iter().map(|url| link("Citation", url)));
        if !citation.is_empty() && urls(&citation).first() != Some(&citation) {
            let mut person = Person { role: Some("cited".into()), ..Person::default() };
            person.details.insert("citation".into(), citation.into());
            self.people.push(person);
        }
        let Some(work) = self.root.get("DataAtWork") else {
            return links;
        };
        for section in work.entries() {
            // Some records write `- ~` for an empty list.
            for item in section.node.items().iter().filter(|item| !item.entries().is_empty()) {
                let title = self.public(item.text("Title").unwrap_or_default().trim(), "DataAtWork");
                let named = format!("{}: {title}", section.key.trim_end_matches('s'));
                for key in ["URL", "NotebookURL"] {
                    if let Some(url) = item.text(key) {
                        links.push(link(&named, self.public(url.trim(), "DataAtWork")));
                    }
                }
                let (author, page) = (item.text("AuthorName"), item.text("AuthorURL"));
                if author.or(page).is_some() {
                    let name = author.unwrap_or_default().trim().to_owned();
                    let mut person = Person { name, role: Some("author".into()), ..Person::default() };
                    person.details.insert("of".into(), title.into());
                    if let Some(page) = page {
                        person.details.insert("url".into(), page.into());
                    }
                    self.people.push(person);
                }
            }
        }
        links
    }

    /// What no field above holds: other keys, prose around the documentation's URL, services of tutorials.
    fn extensions(&mut self, descriptor: &mut Descriptor, problems: &mut Vec<Problem>) {
        const HELD: [&str; 11] = [
            "Name",
            "Description",
            "Contact",
            "ManagedBy",
            "UpdateFrequency",
            "Tags",
            "License",
            "Resources",
            "Citation",
            "DataAtWork",
            "Documentation",
        ];
        let documentation = self.root.text("Documentation").unwrap_or_default().trim();
        if urls(documentation).first().is_none_or(|url| url != documentation) && !documentation.is_empty() {
            self.extension("Documentation", documentation.into(), descriptor, problems);
        }
        let mut services = serde_json::Map::new();
        let tutorials = self.root.get("DataAtWork").map_or(&[][..], |work| work.list("Tutorials"));
        for tutorial in tutorials {
            if let (Some(url), Some(used)) = (tutorial.text("URL"), tutorial.get("Services")) {
                services.insert(url.to_owned(), used.to_json());
            }
        }
        if !services.is_empty() {
            self.extension("Services", services.into(), descriptor, problems);
        }
        let root = self.root;
        for entry in root.entries().iter().filter(|entry| !HELD.contains(&entry.key.as_str())) {
            self.extension(&entry.key, entry.node.to_json(), descriptor, problems);
        }
    }

    fn extension(&mut self, key: &str, value: Value, descriptor: &mut Descriptor, problems: &mut Vec<Problem>) {
        let mut emails = Vec::new();
        let text = JsonText::new(&json_without_emails(value, &mut emails));
        self.named_in(key, emails);
        if text.as_str().len() > EXTENSION_BYTES {
            let place = self.root.get(key).map_or((0, 0), Node::place);
            let expected = format!("at most {EXTENSION_BYTES} bytes of what a descriptor has no field for");
            let found = format!("{} bytes, which only the attached original keeps", text.as_str().len());
            problems.push(Problem::warning(place, key, expected, found));
            return;
        }
        descriptor.extensions.insert(path_of("odr", key), text);
    }
}
