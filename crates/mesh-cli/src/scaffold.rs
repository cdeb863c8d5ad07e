//! Product folders made from templates: descriptor, contract and README of a product that validates as it is.

use mesh_model::{DomainName, Name};

/// What kind of output port a new product starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Template {
    /// Files at intervals.
    Batch,
    /// Messages as they happen.
    Stream,
    /// Request and response.
    Api,
    /// Tables to query.
    Sql,
}

/// Where a new product's data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Alignment {
    /// From a system of the domain, as it is there.
    SourceAligned,
    /// From several products, put together.
    Aggregate,
    /// From products, as some consumers need it.
    ConsumerAligned,
}

const PRODUCT: &str = include_str!("../templates/product.hcl");
const CONTRACT: &str = include_str!("../templates/contract.odcs.yaml");
const README: &str = include_str!("../templates/README.md");
const EXAMPLE: &str = include_str!("../templates/example.csv");
const CHECK: &str = include_str!("../templates/check.sh");

/// The descriptor's file name; the others stand beside it.
pub(crate) const PRODUCT_FILE: &str = "product.hcl";
/// The contract's file name.
pub(crate) const CONTRACT_FILE: &str = "contract.odcs.yaml";
/// The README's file name.
pub(crate) const README_FILE: &str = "README.md";

/// A file of the folder, with its text.
pub(crate) type NewFile = (&'static str, String);

/// The files of a new product.
pub(crate) fn files(
    template: Template,
    alignment: Alignment,
    domain: &DomainName,
    name: &Name,
    owner: &str,
) -> Vec<NewFile> {
    let (port, output, frequency, freshness, physical) = match template {
        Template::Batch => ("batch", include_str!("../templates/output/batch.hcl"), "daily", "1 day", "file"),
        Template::Stream => ("stream", include_str!("../templates/output/stream.hcl"), "streaming", "1 min", "topic"),
        Template::Api => ("api", include_str!("../templates/output/api.hcl"), "streaming", "15 min", "object"),
        Template::Sql => ("sql", include_str!("../templates/output/sql.hcl"), "hourly", "1 h", "table"),
    };
    let (kind, input) = match alignment {
        Alignment::SourceAligned => ("source-aligned", include_str!("../templates/input/source-aligned.hcl")),
        Alignment::Aggregate => ("aggregate", include_str!("../templates/input/aggregate.hcl")),
        Alignment::ConsumerAligned => ("consumer-aligned", include_str!("../templates/input/consumer-aligned.hcl")),
    };
    let title = title_of(name);
    let fill = |text: &str| {
        text.replace("{{output}}", output.trim_end())
            .replace("{{input}}", input.trim_end())
            .replace("{{type}}", kind)
            .replace("{{port}}", port)
            .replace("{{domain}}", domain.as_str())
            .replace("{{name}}", name.as_str())
            .replace("{{owner}}", owner)
            .replace("{{title}}", &title)
            .replace("{{frequency}}", frequency)
            .replace("{{freshness}}", freshness)
            .replace("{{physical}}", physical)
    };
    vec![
        (PRODUCT_FILE, fill(PRODUCT)),
        (CONTRACT_FILE, fill(CONTRACT)),
        (README_FILE, fill(README)),
        ("example.csv", EXAMPLE.to_owned()),
        ("check.sh", fill(CHECK)),
    ]
}

/// The README of a folder whose descriptor came from elsewhere.
pub(crate) fn readme(domain: &DomainName, name: &Name, owner: &str) -> String {
    let filled = files(Template::Batch, Alignment::SourceAligned, domain, name, owner);
    filled.into_iter().find(|(file, _)| *file == README_FILE).expect("every template has a README").1
}

/// `customer_profile` as `Customer profile`.
fn title_of(name: &Name) -> String {
    let words = name.as_str().replace(['_', '-'], " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// Why an owner can't stand in the files as given.
pub(crate) fn check_owner(owner: &str) -> Result<(), String> {
    let quoted = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$' | '%' | '{' | '}');
    if owner.trim().is_empty() || owner.contains(quoted) {
        return Err(format!("the owner is {owner:?}; expected a team's name without quotes, braces, $, % and \\"));
    }
    Ok(())
}
