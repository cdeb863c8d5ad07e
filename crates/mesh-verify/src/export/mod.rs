//! The export format: one text for one ledger. The crate's page draws it.

mod header;
mod lines;
mod manifest;
mod reader;
mod writer;

pub use header::Header;
pub use lines::MAX_LINE_BYTES;
pub use reader::{ExportReader, Item};
pub use writer::{ExportWriter, WriteError, write_export};

use mesh_tlog::{Hash, leaf_hash};

/// The first line.
pub const FORMAT: &str = "datamesh-ledger-export 1";

/// Leaf lines under one digest of the manifest.
pub const CHUNK_LINES: u64 = 256;

/// The line of a leaf, without its newline.
fn leaf_line(index: u64, bytes: &[u8]) -> (String, Hash) {
    let hash = leaf_hash(bytes);
    (format!("leaf {index} {hash} {}", base64(bytes)), hash)
}

/// The line of a checkpoint, without its newline.
fn checkpoint_line(note: &[u8]) -> String {
    format!("checkpoint {}", base64(note))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The bytes of canonical base64.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
