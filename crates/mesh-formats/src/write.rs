//! Products out again, in the formats that people write.

use mesh_model::Descriptor;

use crate::format::Format;

/// Why a descriptor cannot be written in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// An extension nests deeper than a product file may.
    #[error("expected extensions of at most {limit} brackets inside each other, found one more")]
    Nesting {
        /// The limit.
        limit: usize,
    },
    /// An object among the extensions has more keys than a product file may.
    #[error("expected at most {limit} keys in one object among the extensions, found {found}")]
    Keys {
        /// The limit.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// The format is only read.
    #[error("expected a format that is written (hcl, odps, odcs), found {0}")]
    ReadOnly(Format),
}

/// Writes a descriptor. Parts that overflowed have to be put back first ([`restore`](crate::restore)), else they are
/// only named.
///
/// # Errors
/// [`WriteError`] says what the format cannot take.
pub fn write(descriptor: &Descriptor, format: Format) -> Result<String, WriteError> {
    match format {
        Format::Hcl => crate::hcl::write(descriptor),
        Format::Odps => Ok(crate::odps::write(descriptor)),
        Format::Odcs => Ok(crate::odcs::write(descriptor)),
        Format::OpenDataRegistry => Err(WriteError::ReadOnly(format)),
    }
}
