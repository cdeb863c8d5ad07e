//! What goes into the index: a product as of the version to show.

use mesh_model::{Descriptor, LedgerIndex, UnixMs};

use crate::Lifecycle;

/// A product as of the version to show: the highest active one, else the highest.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// That version.
    pub descriptor: &'a Descriptor,
    /// Where it stands.
    pub status: Lifecycle,
    /// Where it was sealed.
    pub ledger_index: LedgerIndex,
    /// When it was sealed, as the leader stamped it.
    pub stamp_unix_ms: UnixMs,
    /// Texts of it that lie in attachments; searched, not shown. The first [`Entry::OVERFLOW_BYTES`] count.
    pub overflow_text: &'a [String],
}

impl Entry<'_> {
    /// How much overflowed text of one product is searched, in bytes.
    pub const OVERFLOW_BYTES: usize = 16 * 1024 * 1024;
}
