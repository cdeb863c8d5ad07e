//! Input and output ports, and the contracts of the latter.

use mesh_model::{AttachmentPurpose, ContractRef, Digest, InputPort, Name, OutputPort, PortKind, Source as Supply};

use super::read::parse_name;
use super::section::Section;
use super::value;
use crate::format::top_level;
use crate::names::map_name;
use crate::parsed::{AttachmentBody, Context};

/// The input ports.
pub(super) fn inputs(section: &Section<'_, '_>) -> Vec<InputPort> {
    let mut ports = Vec::new();
    for input in section.many("input") {
        if !input.says("source") {
            input.missing("source", "a product of this mesh or a system outside");
        }
        let supply = input.parsed("source", Supply::parse);
        let name = match (input.name_at(), &supply) {
            (Some((text, offset)), _) => parse_name(input.source, offset, &input.at("name"), &text),
            (None, Some(supply)) => Some(input_name(supply)),
            (None, None) => None,
        };
        let port = |name, source| InputPort {
            name,
            source,
            frequency: input.text("frequency"),
            required: input.boolean("required").unwrap_or(false),
            description: input.text("description").unwrap_or_default(),
        };
        // Reads the rest in any case, so that its errors are found.
        let port = port(
            name.clone().unwrap_or_else(|| PortKind::File.name()),
            supply.clone().unwrap_or(Supply::External(String::new())),
        );
        if name.is_some() && supply.is_some() {
            input.source.part(format!("inputs[{}].name", ports.len()), input.offset);
            ports.push(port);
        }
    }
    ports
}

/// What an input without a label is called: its product, or its system, mapped to a name.
pub(super) fn input_name(supply: &Supply) -> Name {
    match supply {
        Supply::Product { product, .. } => map_name(&product.to_string()),
        Supply::External(text) => map_name(text),
    }
}

/// What an output port without a label is called.
trait KindName {
    fn name(self) -> Name;
}

impl KindName for PortKind {
    fn name(self) -> Name {
        Name::parse(self.as_str()).expect("kinds are names")
    }
}

/// The output ports, in the file's order.
pub(super) fn outputs(
    section: &Section<'_, '_>,
    ctx: &mut Context<'_>,
    contracts: &mut Vec<AttachmentBody>,
) -> Vec<OutputPort> {
    let mut ports = Vec::new();
    for group in section.many("output") {
        for (word, output) in group.each("output.*") {
            let kind = PortKind::ALL.into_iter().find(|kind| kind.as_str() == word).expect("the table lists the kinds");
            let name = match output.name_at() {
                Some((text, offset)) => parse_name(output.source, offset, &output.at("name"), &text),
                None => Some(kind.name()),
            };
            output.source.part(format!("outputs[{}].name", ports.len()), output.offset);
            output.source.part(format!("outputs[{}].datasets", ports.len()), output.offset);
            let mut port = OutputPort::new(name.unwrap_or_else(|| kind.name()), kind);
            port.enabled = output.boolean("enabled").unwrap_or(true);
            port.description = output.text("description").unwrap_or_default();
            port.format = output.text("format");
            port.location = output.text("location");
            port.protocol = output.text("protocol");
            port.partition_by = output.texts("partition_by");
            port.rate_limit = output.number("rate_limit");
            port.topic = output.text("topic");
            port.schema_registry = output.boolean("schema_registry");
            port.frequency = output.text("frequency");
            port.classification = output.text("classification");
            port.datasets = output.texts("datasets");
            port.contract = output.one("contract").map(|block| contract(&block, ctx, contracts));
            ports.push(port);
        }
    }
    ports
}

/// A contract. Without a digest, its file is read, attached and referred to; one that names people is attached
/// privately.
fn contract(section: &Section<'_, '_>, ctx: &mut Context<'_>, contracts: &mut Vec<AttachmentBody>) -> ContractRef {
    let mut contract = ContractRef {
        id: section.text("id").unwrap_or_default(),
        version: section.text("version").unwrap_or_default(),
        digest: section.parsed("digest", |text| Digest::parse(text).map_err(|_| "64 lower-case hexadecimal digits")),
    };
    let Some((file, offset)) = section.text_at("file") else {
        return contract;
    };
    if section.says("digest") {
        return contract;
    }
    let Some(body) = (ctx.load)(&file) else {
        let found = format!("no file \"{}\"", value::excerpt(&file));
        section.source.error(offset, &section.at("file"), "a contract's file beside this one", found);
        return contract;
    };
    if body.len() > mesh_model::limits::ATTACHMENT_BYTES {
        let expected = format!("a contract of at most {} bytes", mesh_model::limits::ATTACHMENT_BYTES);
        section.source.error(offset, &section.at("file"), expected, body.len().to_string());
        return contract;
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    if contract.id.is_empty() {
        contract.id = top_level(&text, "id").unwrap_or_default();
    }
    if contract.version.is_empty() {
        contract.version = top_level(&text, "version").unwrap_or_default();
    }
    let known = contracts.iter().find(|known| known.body == body).map(|known| known.attachment.digest);
    contract.digest = known.or_else(|| {
        let names_people = top_level(&text, "team").is_some();
        let (media_type, purpose) = ("application/yaml", AttachmentPurpose::Contract);
        let attached = if names_people {
            AttachmentBody::private(file, media_type, purpose, body, (ctx.salt)())
        } else {
            AttachmentBody::public(file, media_type, purpose, body)
        };
        let digest = attached.attachment.digest;
        contracts.push(attached);
        Some(digest)
    });
    contract
}
