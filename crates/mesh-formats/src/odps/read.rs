//! An ODPS document to a product.

use mesh_model::{ContractRef, Descriptor, InputPort, Name, OutputPort, PortKind, ProductType, Source, SourceFile};

use super::contracts;
use super::shapes::PRODUCT;
use crate::bitol;
use crate::names::map_name;
use crate::parsed::{Context, Product};
use crate::problem::{Problem, Severity};
use crate::yaml::{Check, Node, load};

const VERSIONS: [(&str, u16); 3] = [("v0.9.0", 90), ("v1.0.0", 100), ("v1.1.0", 110)];

/// Reads a document; at most one product. Problems are pushed.
pub(crate) fn parse(text: &str, ctx: &mut Context<'_>, problems: &mut Vec<Problem>) -> Vec<Product> {
    let Some(root) = load(text, problems) else {
        return Vec::new();
    };
    let Some((number, version_text)) = bitol::declared_version(&root, &VERSIONS, problems) else {
        return Vec::new();
    };
    let before = problems.len();
    Check { version: number, version_text, problems }.object(&root, &PRODUCT, "");
    let domain = bitol::domain(&root, ctx, problems);
    let (version, version_given) = bitol::version(&root, problems);
    let status = bitol::status(&root, problems);
    let refused = problems[before..].iter().any(|problem| problem.severity == Severity::Error);
    let (Some(domain), false) = (domain, refused) else {
        return Vec::new();
    };

    let id = root.take_text("id").unwrap_or_default();
    root.take_text("kind");
    let (name, title) = bitol::identity(root.take_text("name").unwrap_or(id));
    let mut descriptor = Descriptor::new(domain, name);
    descriptor.title = title;
    descriptor.version = version;
    descriptor.status = status;
    let format = format!("odps/{}", version_text.trim_start_matches('v'));
    descriptor.source = Some(SourceFile { format, id: Some(id.to_owned()) });
    descriptor.description = bitol::description(&root);
    descriptor.product_type = product_type(&root);
    descriptor.tags = bitol::tags(&root);
    descriptor.documentation.links = bitol::links(&root);
    descriptor.owner.support = bitol::support(&root);
    descriptor.owner.team = bitol::team(&root, &descriptor);
    let mut people = bitol::people(&root);
    inputs(&root, &mut descriptor);
    outputs(&root, &mut descriptor);

    let mut product = Product::new(descriptor, version_given);
    people.extend(contracts::attach(&root, &mut product, ctx, problems));
    product.attach_people(people, ctx);
    bitol::apply_own_properties(&root, &mut product.descriptor, problems);
    bitol::keep_rest(&root, "odps", &mut product.descriptor, problems);
    vec![product]
}

fn product_type(root: &Node) -> Option<ProductType> {
    let text = root.text("type")?;
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let (product_type, written) = match letters.as_str() {
        "sourcealigned" | "source" => (ProductType::SourceAligned, "source-aligned"),
        "aggregate" => (ProductType::Aggregate, "aggregate"),
        "consumeraligned" | "consumer" => (ProductType::ConsumerAligned, "consumer-aligned"),
        _ => return None,
    };
    root.take_same("type", written);
    Some(product_type)
}

fn inputs(root: &Node, descriptor: &mut Descriptor) {
    for port in root.list("inputPorts") {
        let foreign = port.text("name").unwrap_or_default();
        let taken: Vec<_> = descriptor.inputs.iter().map(|port| &port.name).collect();
        let name = port_name(foreign, port.text("version"), &taken);
        let origin = port.text("contractId").unwrap_or(foreign);
        // What looks like a product id but is none is a system outside, as anything else.
        let source = Source::parse(origin).unwrap_or_else(|_| Source::External(origin.to_owned()));
        port.take_same("name", name.as_str());
        port.take_same("contractId", &source.to_string());
        descriptor.inputs.push(InputPort {
            name,
            source,
            frequency: None,
            required: false,
            description: String::new(),
        });
    }
}

fn outputs(root: &Node, descriptor: &mut Descriptor) {
    for port in root.list("outputPorts") {
        let foreign = port.text("name").unwrap_or_default();
        let version = port.text("version");
        let taken: Vec<_> = descriptor.outputs.iter().map(|port| &port.name).collect();
        let name = port_name(foreign, version, &taken);
        port.take_same("name", name.as_str());
        let kind = port.text("type").map_or(PortKind::File, kind_of);
        port.take_same("type", kind.as_str());
        let mut output = OutputPort::new(name, kind);
        port.take_text("description").unwrap_or_default().clone_into(&mut output.description);
        if let Some(id) = port.take_text("contractId") {
            let version = port.take_text("version").unwrap_or_default().to_owned();
            output.contract = Some(ContractRef { id: id.to_owned(), version, digest: None });
        }
        descriptor.outputs.push(output);
    }
}

/// The port's name; where another port has it already, with its version, and then with a number.
fn port_name(foreign: &str, version: Option<&str>, taken: &[&Name]) -> Name {
    let versioned = version.map(|version| format!("{foreign}-v{}", version.trim_start_matches('v')));
    let numbered = (2..).map(|number| format!("{foreign}-{number}"));
    let mut candidates = [foreign.to_owned()].into_iter().chain(versioned).chain(numbered).map(|text| map_name(&text));
    candidates.find(|name| !taken.contains(&name)).expect("numbers don't end")
}

/// The kind of door that a port's type, or a server's, stands for.
pub(super) fn kind_of(text: &str) -> PortKind {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["topic", "stream", "kafka", "event", "queue", "kinesis", "pubsub"]) {
        PortKind::Stream
    } else if has(&["api", "rest", "graphql", "grpc", "http"]) {
        PortKind::Api
    } else if has(&["table", "view", "sql", "database", "warehouse"]) {
        PortKind::Sql
    } else if has(&["batch"]) {
        PortKind::Batch
    } else {
        PortKind::File
    }
}
