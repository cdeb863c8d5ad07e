//! Resources of a record as output ports.

use mesh_model::{Name, OutputPort, PortKind};
use serde_json::{Map, Value};

use crate::names::map_name;
use crate::problem::Problem;
use crate::yaml::Node;

/// The ports, and what the resources say beyond them.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub(super) ports: Vec<OutputPort>,
    /// Regions in the order in which they come first.
    pub(super) regions: Vec<String>,
    /// `{"all": {…}, "each": {port: {…}}}`: what all resources share, and what each says differently.
    pub(super) rest: Option<Value>,
    /// `controlled`, `account` or `open`, whichever asks most.
    pub(super) access: &'static str,
}

/// Reads the resources.
pub(super) fn read(resources: &Node, problems: &mut Vec<Problem>) -> Outputs {
    let mut outputs = Outputs { access: "open", ..Outputs::default() };
    let mut rests: Vec<(Name, Map<String, Value>)> = Vec::new();
    for (at, resource) in resources.items().iter().enumerate() {
        let port = port(resource, at, &outputs.ports, problems);
        if let Some(region) =
            resource.text("Region").filter(|region| !outputs.regions.iter().any(|known| known == region))
        {
            outputs.regions.push(region.to_owned());
        }
        let account = resource.text("AccountRequired").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        if resource.get("ControlledAccess").is_some() {
            outputs.access = "controlled";
        } else if account && outputs.access == "open" {
            outputs.access = "account";
        }
        let rest =
            resource.entries().iter().filter(|entry| !matches!(entry.key.as_str(), "Description" | "ARN" | "Type"));
        rests.push((port.name.clone(), rest.map(|entry| (entry.key.clone(), entry.node.to_json())).collect()));
        outputs.ports.push(port);
    }
    outputs.rest = folded(rests);
    outputs
}

fn port(resource: &Node, at: usize, ports: &[OutputPort], problems: &mut Vec<Problem>) -> OutputPort {
    let arn = resource.text("ARN").map(str::trim).filter(|arn| !arn.is_empty());
    let host = resource.text("Host").map(str::trim).filter(|host| !host.is_empty());
    // arn:partition:service:region:account:resource
    let inner = arn.map(|arn| arn.splitn(6, ':').nth(5).unwrap_or(arn));
    let resource_type = resource.text("Type").unwrap_or_default();
    let (kind, protocol) = match resource_type {
        "S3 Bucket" => (PortKind::File, Some("s3")),
        "SNS Topic" => (PortKind::Stream, Some("sns")),
        "CloudFront Distribution" => (PortKind::File, Some("https")),
        _ => (PortKind::File, None),
    };
    if protocol.is_none() {
        let place = resource.get("Type").map_or(resource.place(), Node::place);
        let found = format!("'{resource_type}', read as files");
        let expected = "S3 Bucket, SNS Topic or CloudFront Distribution";
        problems.push(Problem::warning(place, format!("Resources[{at}].Type"), expected, found));
    }
    let foreign = inner.or(host).map_or_else(|| format!("resource-{}", at + 1), ToOwned::to_owned);
    let numbered = (2..).map(|number| format!("{foreign}-{number}"));
    let mut names =
        [foreign.trim_end_matches(['/', '*']).to_owned()].into_iter().chain(numbered).map(|text| map_name(&text));
    let name = names.find(|name| !ports.iter().any(|port| port.name == *name)).expect("numbers don't end");
    let mut port = OutputPort::new(name, kind);
    resource.text("Description").unwrap_or_default().trim().clone_into(&mut port.description);
    port.protocol = protocol.map(ToOwned::to_owned);
    port.location = arn.or(host).map(ToOwned::to_owned);
    if kind == PortKind::Stream {
        port.topic = inner.map(ToOwned::to_owned);
    }
    port
}

fn folded(rests: Vec<(Name, Map<String, Value>)>) -> Option<Value> {
    let (_, first) = rests.first()?;
    let shared = |key: &String, value: &Value| rests.iter().all(|(_, rest)| rest.get(key) == Some(value));
    let all: Map<_, _> = first
        .iter()
        .filter(|(key, value)| shared(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut each = Map::new();
    for (name, mut rest) in rests {
        rest.retain(|key, _| !all.contains_key(key));
        if !rest.is_empty() {
            each.insert(name.to_string(), rest.into());
        }
    }
    let parts = [("all", all), ("each", each)].into_iter().filter(|(_, part)| !part.is_empty());
    let folded: Map<_, _> = parts.map(|(key, part)| (key.to_owned(), Value::from(part))).collect();
    (!folded.is_empty()).then(|| folded.into())
}
