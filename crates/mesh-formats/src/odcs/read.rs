//! An ODCS document to a product, or to what it says of a product's port.

use mesh_model::{
    AttachmentPurpose, ContractRef, Dataset, Descriptor, Digest, Metric, OutputPort, PortKind, QualityRule,
    ServiceLevel, SourceFile,
};

use super::shapes::CONTRACT;
use super::{quality, schema, servers};
use crate::bitol;
use crate::names::map_name;
use crate::parsed::{AttachmentBody, Context, Product};
use crate::people::Person;
use crate::problem::{Problem, Severity};
use crate::yaml::{Check, Node, load, to_yaml};

const VERSIONS: [(&str, u16); 5] =
    [("v3.0.0", 300), ("v3.0.1", 301), ("v3.0.2", 302), ("v3.1.0", 310), ("v3.2.0", 320)];

/// What a contract says of the data behind a port.
#[derive(Debug)]
pub(crate) struct Contract {
    /// Its own version, as it writes it.
    pub(crate) version: String,
    /// Its tables.
    pub(crate) datasets: Vec<Dataset>,
    /// Its checks in SQL.
    pub(crate) quality_rules: Vec<QualityRule>,
    /// Its other checks.
    pub(crate) quality: Vec<Metric>,
    /// What it promises.
    pub(crate) sla: Vec<ServiceLevel>,
    /// A port for each of its servers; one when it names none.
    pub(crate) ports: Vec<OutputPort>,
    /// Whom it names.
    pub(crate) people: Vec<Person>,
    /// The contract without the people.
    pub(crate) public_text: String,
}

/// Reads a contract that a product refers to. Problems are pushed.
pub(crate) fn read_contract(text: &str, problems: &mut Vec<Problem>) -> Option<Contract> {
    let before = problems.len();
    let root = load(text, problems)?;
    checked(&root, problems)?;
    let refused = problems[before..].iter().any(|problem| problem.severity == Severity::Error);
    (!refused).then(|| contract(&root))
}

pub(super) fn checked<'n>(root: &'n Node, problems: &mut Vec<Problem>) -> Option<&'n str> {
    let (version, version_text) = bitol::declared_version(root, &VERSIONS, problems)?;
    Check { version, version_text, problems }.object(root, &CONTRACT, "");
    Some(version_text)
}

fn contract(root: &Node) -> Contract {
    let schema = schema::read(root.list("schema"));
    let people = bitol::people(root);
    let public_text = if people.is_empty() { String::new() } else { to_yaml(&root.public_json()) };
    Contract {
        version: root.text("version").unwrap_or_default().to_owned(),
        ports: ports(root, &schema),
        datasets: schema.datasets,
        quality_rules: schema.rules,
        quality: schema.metrics,
        sla: quality::service_levels(root.list("slaProperties")),
        people,
        public_text,
    }
}

fn ports(root: &Node, schema: &schema::Schema) -> Vec<OutputPort> {
    let reference = ContractRef {
        id: root.text("id").unwrap_or_default().to_owned(),
        version: root.text("version").unwrap_or_default().to_owned(),
        digest: None,
    };
    let first = root.list("schema").first();
    let topic = || {
        let topic = first.filter(|table| table.text("physicalType") == Some("topic"))?;
        topic.text("physicalName").or_else(|| topic.text("name")).map(ToOwned::to_owned)
    };
    let mut ports: Vec<OutputPort> = Vec::new();
    for server in root.list("servers") {
        let foreign = server.text("server").unwrap_or_default();
        let numbered = (2..).map(|number| format!("{foreign}-{number}"));
        let mut names = [foreign.to_owned()].into_iter().chain(numbered).map(|text| map_name(&text));
        let name = names.find(|name| !ports.iter().any(|port| port.name == *name)).expect("numbers don't end");
        let mut port = OutputPort::new(name, servers::kind_of(server));
        server.text("description").unwrap_or_default().clone_into(&mut port.description);
        port.format = server.text("format").map(ToOwned::to_owned);
        port.location = servers::location_of(server);
        port.protocol = server.text("type").map(ToOwned::to_owned);
        ports.push(port);
    }
    if ports.is_empty() {
        let kind = match first.and_then(|table| table.text("physicalType")).map(str::to_lowercase).as_deref() {
            Some("topic" | "stream") => PortKind::Stream,
            Some("table" | "view") => PortKind::Sql,
            _ => PortKind::File,
        };
        let foreign = root.text("name").or_else(|| root.text("id")).unwrap_or("contract");
        ports.push(OutputPort::new(map_name(foreign), kind));
    }
    for port in &mut ports {
        if port.kind == PortKind::Stream {
            port.topic = topic();
        }
        port.partition_by.clone_from(&schema.partition_by);
        port.contract = Some(reference.clone());
    }
    ports
}

/// Reads a contract that stands alone, as a product; at most one. Problems are pushed.
pub(crate) fn parse(text: &str, ctx: &mut Context<'_>, problems: &mut Vec<Problem>) -> Vec<Product> {
    let Some(root) = load(text, problems) else {
        return Vec::new();
    };
    let before = problems.len();
    let Some(version_text) = checked(&root, problems) else {
        return Vec::new();
    };
    let domain = bitol::domain(&root, ctx, problems);
    let (version, version_given) = bitol::version(&root, problems);
    let status = bitol::status(&root, problems);
    let refused = problems[before..].iter().any(|problem| problem.severity == Severity::Error);
    let (Some(domain), false) = (domain, refused) else {
        return Vec::new();
    };

    let contract = contract(&root);
    root.take_text("kind");
    let id = root.take_text("id").unwrap_or_default().to_owned();
    let named = match root.take_text("dataProduct") {
        Some(product) => Some(product),
        None => root.take_text("name"),
    };
    let (name, title) = bitol::identity(named.unwrap_or(&id));
    let mut descriptor = Descriptor::new(domain, name);
    descriptor.title = title;
    descriptor.version = version;
    descriptor.status = status;
    let format = format!("odcs/{}", version_text.trim_start_matches('v'));
    descriptor.source = Some(SourceFile { format, id: Some(id) });
    descriptor.description = bitol::description(&root);
    descriptor.tags = bitol::tags(&root);
    descriptor.documentation.links = bitol::links(&root);
    descriptor.owner.support = bitol::support(&root);
    descriptor.owner.team = bitol::team(&root, &descriptor);
    descriptor.retention_period = retention(root.list("slaProperties"));
    descriptor.datasets = contract.datasets;
    descriptor.quality_rules = contract.quality_rules;
    descriptor.quality = contract.quality;
    descriptor.sla = contract.sla;
    descriptor.outputs = contract.ports;

    let mut product = Product::new(descriptor, version_given);
    // The contract is the file itself, which is attached as the original; where that is private, what is left of it
    // without the people is attached for everybody.
    let digest = if contract.people.is_empty() {
        Digest::of(text.as_bytes())
    } else {
        let (purpose, body) = (AttachmentPurpose::Contract, contract.public_text.into_bytes());
        let name = format!("{}.odcs.yaml", product.descriptor.name);
        product.attach(AttachmentBody::public(name, "application/yaml", purpose, body))
    };
    for contract in product.descriptor.outputs.iter_mut().filter_map(|port| port.contract.as_mut()) {
        contract.digest = Some(digest);
    }
    product.attach_people(contract.people, ctx);
    bitol::apply_own_properties(&root, &mut product.descriptor, problems);
    bitol::keep_rest(&root, "odcs", &mut product.descriptor, problems);
    vec![product]
}

/// How long data is kept, such as `3 years`.
fn retention(properties: &[Node]) -> Option<String> {
    let property = properties.iter().find(|property| property.text("property") == Some("retention"))?;
    let unit = quality::unit(property.text("unit").unwrap_or_default());
    Some(format!("{} {unit}", property.text("value")?).trim_end().to_owned())
}
