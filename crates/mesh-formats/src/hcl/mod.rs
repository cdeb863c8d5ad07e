//! HCL product files: `resource "data_product" "name" { … }`, as the guide writes them.
//!
//! | file | does |
//! |---|---|
//! | [`table`] | knows every name; reading, warnings and `docs/product-file.md` come from it |
//! | [`scan`] | looks for depth and templates before anything recurses |
//! | [`parse`] | text to tree |
//! | [`section`] | one block's body, read by name |
//! | [`read`], [`ports`], [`promises`], [`sealed`] | body to descriptor |
//! | [`write`](self::write), [`layout`] | descriptor to text |
//! | [`reference`](self::reference) | the table as documentation |

mod layout;
mod parse;
mod places;
mod ports;
mod promises;
mod read;
mod reference;
mod scan;
mod sealed;
mod section;
mod source;
mod table;
mod value;
mod write;

pub use reference::reference_markdown;
pub(crate) use write::write;

use hcl_edit::Span;
use hcl_edit::structure::{Block, BlockLabel, Body, Structure};
use mesh_model::{AttachmentPurpose, SourceFile};

use crate::format::Format;
use crate::parsed::{Context, Parsed, Product};
use crate::people::original;
use crate::problem::{Problem, Problems};
use read::Resource;
use section::Section;
use source::Source;

/// Reads the products of a file. `bytes` is the file, `text` the same without a byte order mark.
///
/// # Errors
/// All [`Problems`] of the file at once, unless its syntax is broken: then those up to there.
pub(crate) fn parse(text: &str, bytes: &[u8], ctx: &mut Context<'_>) -> Result<Parsed, Problems> {
    let scanned = match scan::scan(text) {
        Ok(scanned) => scanned,
        Err(fault) => {
            let place = crate::problem::place(text, fault.offset);
            return Err(Problem::error(place, "", fault.expected, fault.found).into());
        }
    };
    let source = Source::new(text, scanned.stand_in);
    let (body, faults) = parse::parse(&scanned.text);
    for fault in scanned.faults.into_iter().chain(faults) {
        source.error(fault.offset, "", fault.expected, fault.found);
    }
    let resources = body.as_ref().map_or_else(Vec::new, |body| resources(&source, body, ctx));

    let errors = source.errors.take();
    if !errors.is_empty() {
        return Err(Problems::sorted(errors));
    }
    Ok(Parsed { products: products(resources, text, bytes, ctx), warnings: Problems::sorted(source.warnings.take()).0 })
}

/// Reads the file's data products, and reports what else stands beside them.
fn resources(source: &Source<'_>, body: &Body, ctx: &mut Context<'_>) -> Vec<Resource> {
    const EXPECTED: &str = "resource \"data_product\" \"name\" { … }";
    let mut resources = Vec::new();
    let mut seen = 0;
    for structure in body {
        let offset = structure.span().map_or(0, |span| span.start);
        match structure {
            Structure::Attribute(attribute) => {
                source.error(offset, "", EXPECTED, format!("`{} = …`", value::excerpt(attribute.key.as_str())));
            }
            Structure::Block(block) => match (block.ident.as_str(), block.labels.first().map(BlockLabel::as_str)) {
                ("resource", Some("data_product")) => {
                    seen += 1;
                    resources.extend(resource(source, block, offset, ctx));
                }
                ("resource", kind) => {
                    let found = format!("a resource '{}', left out", value::excerpt(kind.unwrap_or_default()));
                    source.warning(offset, "", EXPECTED, found);
                }
                ("variable" | "locals" | "data" | "module" | "output", _) => {
                    let found =
                        format!("`{}`: product files have no variables, functions or modules", block.ident.as_str());
                    source.error(offset, "", EXPECTED, found);
                }
                (other, _) => source.error(offset, "", EXPECTED, format!("a block `{}`", value::excerpt(other))),
            },
        }
    }
    if seen == 0 {
        source.error(0, "", EXPECTED, "no data product");
    }
    resources
}

fn resource(source: &Source<'_>, block: &Block, offset: usize, ctx: &mut Context<'_>) -> Option<Resource> {
    if let Some(label) = block.labels.get(2) {
        let offset = label.span().map_or(offset, |span| span.start);
        source.error(offset, "resource", "two labels", format!("the label \"{}\"", value::excerpt(label.as_str())));
    }
    let label =
        block.labels.get(1).map(|label| (source.plain(label.as_str()), label.span().map_or(offset, |span| span.start)));
    // What these hold is one product's; opening the section adds to them.
    source.extensions.take();
    source.parts.take();
    let section = Section::open(source, "", String::new(), offset, label, &block.body);
    let resource = read::resource(&section, ctx)?;
    // Attachments that this file brings are added later; what the model says of those that it names holds already.
    read::check(&section, &resource.descriptor, &source.parts.borrow());
    Some(resource)
}

/// Adds the attachments: people, contracts, and the file itself unless it is an export that nobody edited.
fn products(resources: Vec<Resource>, text: &str, bytes: &[u8], ctx: &mut Context<'_>) -> Vec<Product> {
    let names_people = resources.iter().any(|resource| !resource.people.is_empty());
    let alone = resources.len() == 1;
    let mut file = None;
    let mut products = Vec::new();
    for resource in resources {
        let mut product = Product::new(resource.descriptor, resource.version_given);
        if !(resource.sealed && alone && sealed::unedited(text, &product.descriptor)) {
            if resource.sealed {
                sealed::forget_original(&mut product.descriptor);
                product.descriptor.source = Some(hcl_source());
            }
            let file = file.get_or_insert_with(|| original(bytes, Format::Hcl.media_type(), names_people, ctx));
            product.attach(file.clone());
        }
        for contract in resource.contracts {
            product.attach(contract);
        }
        if !resource.people.is_empty() {
            // Those that a `sealed` block names are superseded.
            product.descriptor.attachments.retain(|known| known.purpose != AttachmentPurpose::People);
        }
        product.attach_people(resource.people, ctx);
        products.push(product);
    }
    products
}

fn hcl_source() -> SourceFile {
    SourceFile { format: Format::Hcl.as_str().into(), id: None }
}
