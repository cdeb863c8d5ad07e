//! The contracts of output ports, where they lie beside the product's file.

use mesh_model::{AttachmentPurpose, PortKind};

use crate::odcs;
use crate::parsed::{AttachmentBody, Context, Product};
use crate::people::Person;
use crate::problem::Problem;
use crate::yaml::Node;

/// Reads each port's contract, attaches it and lets it fill the product. Returns the people that the contracts name.
///
/// A contract that names people is attached twice: whole and private, and without them for everybody.
pub(super) fn attach(
    root: &Node,
    product: &mut Product,
    ctx: &mut Context<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Person> {
    let mut people = Vec::new();
    for (at, port) in root.list("outputPorts").iter().enumerate() {
        let Some(reference) = port.get("contractId") else {
            continue;
        };
        let Some(file) = reference.as_str().filter(|id| is_file_name(id)).map(|id| format!("{id}.odcs.yaml")) else {
            continue;
        };
        let Some(bytes) = (ctx.load)(&file) else {
            continue;
        };
        let path = format!("outputPorts[{at}].contractId ({file})");
        let Some(contract) = read(&bytes, &path, reference, problems) else {
            continue;
        };

        let wanted = port.text("version").unwrap_or_default();
        if !wanted.is_empty() && contract.version != wanted {
            let found = format!("version {} in {file}", contract.version);
            problems.push(Problem::warning(
                reference.place(),
                path,
                format!("version {wanted} of the contract"),
                found,
            ));
        }
        let purpose = AttachmentPurpose::Contract;
        let public = if contract.people.is_empty() {
            bytes
        } else {
            let whole = AttachmentBody::private(file.clone(), "application/yaml", purpose, bytes, (ctx.salt)());
            product.attach(whole);
            contract.public_text.clone().into_bytes()
        };
        let digest = product.attach(AttachmentBody::public(file, "application/yaml", purpose, public));
        people.extend(contract.people.iter().filter(|person| !people.contains(*person)).cloned().collect::<Vec<_>>());

        let named_type = port.get("type").is_some();
        fill(product, at, contract, named_type);
        if let Some(reference) = &mut product.descriptor.outputs[at].contract {
            reference.digest = Some(digest);
        }
    }
    people
}

/// A contract's id may be any text; only a plain one is the name of a file beside this one.
fn is_file_name(id: &str) -> bool {
    !id.starts_with('.') && id.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) && !id.is_empty()
}

/// The contract; its problems stand at the place that refers to it, with their own place in the path.
fn read(bytes: &[u8], path: &str, reference: &Node, problems: &mut Vec<Problem>) -> Option<odcs::Contract> {
    let mut own = Vec::new();
    let contract = if let Ok(text) = std::str::from_utf8(bytes) {
        odcs::read_contract(text, &mut own)
    } else {
        own.push(Problem::error((0, 0), "", "UTF-8 text", "other bytes"));
        None
    };
    problems.extend(own.into_iter().map(|problem| Problem {
        path: match problem.line {
            0 => format!("{path}: {}", problem.path),
            line => format!("{path}:{line}: {}", problem.path),
        },
        line: reference.line,
        column: reference.column,
        ..problem
    }));
    contract
}

/// What the contract says of the data goes to the product; what it says of the place goes to the port.
fn fill(product: &mut Product, at: usize, contract: odcs::Contract, named_type: bool) {
    let descriptor = &mut product.descriptor;
    let port_name = descriptor.outputs[at].name.clone();
    // Two contracts may use the same word for different things: the later one gets the port's name before it.
    let own = |name: &str, known: bool| {
        if known { format!("{port_name}.{name}") } else { name.to_owned() }
    };
    let mut names = Vec::new();
    for mut dataset in contract.datasets {
        let same = descriptor.datasets.iter().find(|known| known.name == dataset.name);
        if same != Some(&dataset) {
            dataset.name = own(&dataset.name, same.is_some());
        }
        names.push(dataset.name.clone());
        if !descriptor.datasets.iter().any(|known| known.name == dataset.name) {
            descriptor.datasets.push(dataset);
        }
    }
    for mut rule in contract.quality_rules {
        rule.name = own(&rule.name, descriptor.quality_rules.iter().any(|known| known.name == rule.name));
        if !descriptor.quality_rules.iter().any(|known| known.name == rule.name) {
            descriptor.quality_rules.push(rule);
        }
    }
    descriptor.quality.extend(contract.quality);
    descriptor.sla.extend(contract.sla);
    let port = &mut descriptor.outputs[at];
    port.datasets = names;
    if let [server] = contract.ports.as_slice() {
        if !named_type && port.kind == PortKind::File {
            port.kind = server.kind;
        }
        port.format.clone_from(&server.format);
        port.location.clone_from(&server.location);
        port.protocol.clone_from(&server.protocol);
        port.topic.clone_from(&server.topic);
        port.partition_by.clone_from(&server.partition_by);
    }
}
