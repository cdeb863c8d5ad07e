//! A file in, products or all errors out.

use mesh_model::limits;

use crate::format::Format;
use crate::parsed::{Context, Parsed};
use crate::problem::{Problem, Problems, place};

/// Reads a product file of any format.
///
/// # Errors
/// All [`Problems`] of the file: too large, not UTF-8, of no known format, or whatever its format finds.
pub fn parse(bytes: &[u8], ctx: &mut Context<'_>) -> Result<Parsed, Problems> {
    if bytes.len() > limits::PRODUCT_FILE_BYTES {
        let expected = format!("a file of at most {} bytes", limits::PRODUCT_FILE_BYTES);
        return Err(Problem::error((0, 0), "", expected, format!("{} bytes", bytes.len())).into());
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = &bytes[..error.valid_up_to()];
            let place = place(std::str::from_utf8(good).expect("checked up to there"), good.len());
            let found = format!("the byte 0x{:02x}", bytes[error.valid_up_to()]);
            return Err(Problem::error(place, "", "UTF-8 text", found).into());
        }
    };
    // A byte order mark is no content; the original keeps it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match Format::detect(ctx.file_name, text) {
        Some(Format::Hcl) => crate::hcl::parse(text, bytes, ctx),
        Some(format @ (Format::Odps | Format::Odcs | Format::OpenDataRegistry)) => {
            crate::yaml_file::parse(format, text, bytes, ctx)
        }
        None => {
            let expected = "an HCL file (*.hcl), or YAML with `kind: DataProduct`, `kind: DataContract` or the keys of \
                            the Open Data Registry";
            Err(Problem::error((0, 0), "", expected, "none of these").into())
        }
    }
}
