//! A file in one of the three YAML formats in, products or all errors out.

use mesh_model::ProductStatus;

use crate::format::Format;
use crate::parsed::{Context, Parsed, Product};
use crate::people::original;
use crate::problem::{Problem, Problems, Severity};
use crate::{odcs, odps, open_data_registry};

/// Reads the product of a file. `bytes` is the file, `text` the same without a byte order mark.
///
/// # Errors
/// All [`Problems`] of the file at once, unless its syntax is broken: then those up to there.
pub(crate) fn parse(format: Format, text: &str, bytes: &[u8], ctx: &mut Context<'_>) -> Result<Parsed, Problems> {
    let mut problems = Vec::new();
    let mut products = match format {
        Format::Odps => odps::parse(text, ctx, &mut problems),
        Format::Odcs => odcs::parse(text, ctx, &mut problems),
        Format::OpenDataRegistry => open_data_registry::parse(text, ctx, &mut problems),
        Format::Hcl => unreachable!("HCL has a reader of its own"),
    };
    for product in &products {
        check(product, &mut problems);
    }
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Problems::sorted(errors));
    }
    for product in &mut products {
        let names_people = product.descriptor.owner.people.is_some();
        let file = original(bytes, format.media_type(), names_people, ctx);
        product.attach(file);
    }
    Ok(Parsed { products, warnings: Problems::sorted(warnings).0 })
}

/// What the model asks for and the format does not, such as names that stand there once.
fn check(product: &Product, problems: &mut Vec<Problem>) {
    // Whether a draft may be sealed is asked when it is published, not when it is read.
    let mut descriptor = product.descriptor.clone();
    descriptor.status = ProductStatus::Active;
    for flaw in descriptor.check() {
        problems.push(Problem::error(
            (0, 0),
            format!("the product's {}", flaw.path),
            "what the model takes",
            flaw.message,
        ));
    }
}
